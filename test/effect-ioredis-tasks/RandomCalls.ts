import { type Effect, Result } from "effect"
import type { RedisError } from "effect-ioredis"
import type * as QueueStore from "../../packages/effect-ioredis-tasks/src/internal/QueueStore.ts"
import {
  type Call,
  type Settlement,
  tokenOf,
  type Worked
} from "../../packages/effect-ioredis-tasks/src/internal/scripts/work.ts"
import type { Draw } from "../model/Draw.ts"

// Random calls of the scripts of a queue. Each time is some hours, so that what a call does never hangs on how long
// the calls before it have taken.

export const hour = 3_600_000

type Store = QueueStore.QueueStore
type Answer = Result.Result<unknown, RedisError.RedisCommandError>

/** One call, which is made of each side. */
export interface RandomCall {
  readonly title: string
  readonly make: (store: Store) => Effect.Effect<unknown, RedisError.RedisCommandError>
  /** Is told what one side has answered. */
  readonly answered?: ((answer: Answer) => void) | undefined
}

/** Time moves on by so many hours. */
export interface Moved {
  readonly hours: number
}

interface Held {
  readonly id: string
  readonly token: string
}

type Asked = Omit<Call, "keys" | "remember" | "resultLife">

const ids = ["a", "b", "c", "d", "e", "f", "ü ☃", "𝒳", "", " ", "a:1", "{b}", "0", "line\r\n\0end", "__proto__", "%d"]

/** Draws calls, one after the other: what is drawn next hangs on what was answered. */
export const draws = (draw: Draw): (() => RandomCall | Moved) => {
  const { below, chance, one } = draw
  // A rate of several tasks does not divide an hour, as that of a program seldom does.
  const rate = one([
    { limit: 0, window: 0 },
    { limit: 0, window: 0 },
    { limit: 3, window: hour },
    { limit: 7, window: 2 * hour }
  ])
  const workers = ["w", "v:2", "ж"]
  const numbers = new Map(workers.map((worker) => [worker, 0]))
  const last = new Map<string, Asked>()
  const held = new Map(workers.map((worker): readonly [string, Array<Held>] => [worker, []]))
  let offers = 0
  let offered: Parameters<Store["offer"]>[0] | undefined

  const id = () => one(ids)
  const text = () => one(["", "plain", "a\0b", '{"_tag":"Success","value":"ü"}', `"q" \\ / \0 ${"x".repeat(120)}`])
  const heldBy = (worker: string) => held.get(worker) ?? []
  // Some that another has, some that nobody has.
  const bogus = (): Held => ({
    id: id(),
    token: one([...workers.flatMap(heldBy).map(({ token }) => token), "w:1", "nobody", "x"])
  })

  const offer = (): RandomCall => {
    const isAgain = offered !== undefined && chance(0.2)
    const content = chance(0.05) ? text() : `{"offer":${++offers},"payload":"${text().slice(0, 4)}ü"}`
    const next =
      isAgain && offered !== undefined
        ? offered
        : {
            id: id(),
            content,
            priority: one([0, 1, 1, 2] as const),
            delay: one([0, 0, 0, hour, 2 * hour]),
            life: one([0, 0, 0, hour, 3 * hour])
          }
    offered = next
    return { title: `offer ${JSON.stringify(next)}`, make: (store) => store.offer(next) }
  }

  const settlementOf = ({ id, token }: Held): Settlement => ({
    id,
    token,
    kind: one(["done", "done", "cancelled", "retry", "retry", "back", "lost", "undecided", "dead", "gone"]),
    delay: one([0, 0, hour, 3 * hour]),
    value: text()
  })

  const work = (): RandomCall => {
    const worker = one(workers)
    const known = last.get(worker)
    if (known !== undefined && chance(0.15)) return call(known)
    const number = (numbers.get(worker) ?? 0) + 1
    numbers.set(worker, number)
    const settled = chance(0.6) ? heldBy(worker).filter(() => chance(0.5)) : []
    const others = chance(0.2) ? [bogus(), ...settled.slice(0, 1)] : []
    return call({
      worker,
      call: chance(0.03) ? Math.max(1, number - 2) : number,
      lease: one([hour, 2 * hour, 5 * hour]),
      want: one([0, 1, 1, 2, 5]),
      rate,
      settlements: [...settled, ...others].map(settlementOf)
    })
  }
  const call = (asked: Asked): RandomCall => ({
    title: `work ${JSON.stringify(asked)}`,
    make: (store) => store.work(asked),
    answered: (answer) => {
      last.set(asked.worker, asked)
      if (Result.isFailure(answer)) return
      // It is what `work` decodes.
      const { taken } = answer.success as Worked
      const left = new Set(asked.settlements.map(({ id }) => id))
      const kept = heldBy(asked.worker).filter(({ id }) => !left.has(id) || chance(0.1))
      const token = tokenOf(asked)
      const fresh = taken.filter(({ id }) => !kept.some((one) => one.id === id && one.token === token))
      held.set(asked.worker, [...kept, ...fresh.map(({ id }) => ({ id, token }))])
    }
  })

  const renew = (): RandomCall => {
    const renewed = [...heldBy(one(workers)), ...(chance(0.3) ? [bogus()] : [])]
    const lease = one([hour, 3 * hour])
    return {
      title: `renew ${JSON.stringify(renewed)} for ${lease}`,
      make: (store) => store.renew({ lease, held: renewed })
    }
  }

  const tell = (): RandomCall => {
    const told = { ...one([...heldBy(one(workers)), bogus()]), progress: text() }
    return { title: `tell ${JSON.stringify(told)}`, make: (store) => store.tell(told) }
  }

  const ofId = (name: "cancel" | "look"): RandomCall => {
    const chosen = id()
    return { title: `${name} ${JSON.stringify(chosen)}`, make: (store) => store[name](chosen) }
  }

  const replay = (): RandomCall => {
    const chosen = ids.filter(() => chance(0.4))
    return { title: `replay ${JSON.stringify(chosen)}`, make: (store) => store.replay(chosen) }
  }

  const letters = (): RandomCall => {
    const page = { offset: below(3), limit: one([1, 2, 100]) }
    return { title: `letters ${JSON.stringify(page)}`, make: (store) => store.letters(page) }
  }

  const lead = (): RandomCall => {
    const candidacy = { process: one(["p", "ü"]), lease: one([hour, 2 * hour]), known: below(3), enqueued: below(5) }
    return { title: `lead ${JSON.stringify(candidacy)}`, make: (store) => store.lead("nightly", candidacy) }
  }

  return () =>
    one([
      ...[offer, offer, offer, offer, offer, work, work, work, work, work, work, renew, tell, replay, letters, lead],
      () => ofId("cancel"),
      () => ofId("look"),
      (): RandomCall => ({ title: "inspect", make: (store) => store.inspect }),
      (): Moved => ({ hours: one([1, 1, 2, 3]) })
    ])()
}
