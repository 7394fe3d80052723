import { Result } from "effect"
import type { Settlement, Worked } from "../../../packages/effect-ioredis-tasks/src/internal/scripts/work.ts"
import { tokenOf } from "../../../packages/effect-ioredis-tasks/src/internal/scripts/work.ts"
import * as Draw from "../../model/Draw.ts"
import { type Asked, Queue, type Seam } from "./Queue.ts"
import { Reference, Violation } from "./Reference.ts"

/**
 * Random histories of a queue: two or three workers, as bare callers of its scripts, and whoever offers, cancels,
 * pauses and replays. Each call may be lost before Redis has it, its reply may be lost, and it may reach Redis later
 * than calls that were made after it. Workers crash, and are suspended for so long that their leases lapse.
 *
 * A history is decided by its seed. To see one that failed, run it alone:
 *
 *     TASK_HISTORIES=1 TASK_SEED=<seed> npx vitest run test/effect-ioredis-tasks/model
 *
 * The message has all steps up to the one that went wrong. `TASK_HISTORIES=1000000` looks for rarer ones.
 */
export const run = (seed: number, seam?: Seam): string | undefined => {
  const history = new History(seed, seam)
  const result = Result.try(() => history.run())
  if (Result.isSuccess(result)) return undefined
  if (!(result.failure instanceof Violation)) throw result.failure
  return `seed ${seed}: ${result.failure.message}, after\n${history.log.join("\n")}`
}

interface InHand {
  readonly token: string
  readonly attempt: number
  readonly wasLost: boolean
  until: number
}

interface Worker {
  readonly name: string
  readonly inHand: Map<string, InHand>
  readonly settlements: Array<Settlement>
  calls: number
  /** Whose reply has not come. */
  asked: Asked | undefined
  /** When it was made first. */
  askedAt: number
  /** Until when it stands still. */
  suspendedUntil: number
}

/** What becomes of a call on its way. */
type Fate = "Answered" | "Unanswered" | "Lost" | "Late"

const mostSteps = 50

class History {
  readonly log: Array<string> = []
  readonly #draw: Draw.Draw
  readonly #queue: Queue
  readonly #reference: Reference
  readonly #ids: ReadonlyArray<string>
  readonly #lease: number
  readonly #mostAttempts: number
  readonly #rate: { readonly limit: number; readonly window: number }
  readonly #workers: Array<Worker> = []
  readonly #startedAt: number
  // Calls that Redis has not received, and may.
  #late: Array<() => unknown> = []
  #names = 0
  #offers = 0

  constructor(seed: number, seam: Seam | undefined) {
    const draw = Draw.make(seed)
    this.#draw = draw
    this.#queue = new Queue(seam)
    this.#reference = new Reference(this.#queue)
    this.#ids = ["a", "b", "c", "d", "e", "f"].slice(0, 2 + draw.below(5))
    this.#lease = draw.one([500, 1000, 3000])
    this.#mostAttempts = 1 + draw.below(4)
    this.#rate = draw.chance(0.3)
      ? { limit: 1 + draw.below(3), window: draw.one([700, 1000, 3000]) }
      : { limit: 0, window: 0 }
    for (let worker = 0; worker < 2 + draw.below(2); worker++) this.#workers.push(this.#newWorker())
    this.#startedAt = this.#queue.store.now
  }

  run(): void {
    for (let step = 0; step < mostSteps; step++) {
      this.#step()
      this.#reference.compare()
    }
    this.#end()
    this.#reference.compareTold()
  }

  // -----------------------------------------------------------------------------------------------
  // Steps
  // -----------------------------------------------------------------------------------------------

  #step(): void {
    const { below, chance, one } = this.#draw
    const step = below(100)
    if (step < 20) this.#offer()
    else if (step < 62) this.#act(one(this.#workers))
    else if (step < 82) this.#pass(one([1, 10, 100, this.#lease / 3, this.#lease, 2 * this.#lease]))
    else if (step < 86) this.#cancel()
    else if (step < 89) this.#crash()
    else if (step < 93) this.#suspend(one(this.#workers))
    else if (step < 95) this.#replay()
    else if (step < 97) this.#pause(!this.#reference.isPaused)
    else if (step < 98) this.#restart()
    else if (this.#late.length > 0) this.#arrive(chance(0.5))
  }

  #note(text: string): void {
    this.log.push(`${this.#queue.store.now - this.#startedAt} ms: ${text}`)
  }

  #offer(): void {
    const { chance, one } = this.#draw
    const offer = {
      id: one(this.#ids),
      content: `{"offer":${++this.#offers}}`,
      priority: one([0, 1, 1, 2] as const),
      delay: one([0, 0, 0, 100, 2 * this.#lease]),
      life: one([0, 0, 0, 0, 300, 4 * this.#lease])
    }
    const send = () => {
      const answer = this.#queue.offer(offer)
      this.#note(`offer ${JSON.stringify(offer)}: ${answer}`)
      this.#reference.offered(offer, answer)
    }
    const fate = this.#fate()
    if (fate !== "Lost" && fate !== "Late") send()
    // Who has no answer asks again.
    if (fate === "Unanswered" || fate === "Lost") send()
    if (fate === "Late" || (fate === "Lost" && chance(0.3))) this.#late.push(send)
  }

  #cancel(): void {
    const id = this.#draw.one(this.#ids)
    const answer = this.#queue.cancel(id)
    this.#note(`cancel ${id}: ${answer}`)
    this.#reference.cancelled(id, answer)
  }

  #replay(): void {
    const count = this.#queue.replay(this.#ids)
    this.#note(`replay ${count}`)
    this.#reference.replayed(this.#ids, count)
  }

  #pause(pauses: boolean): void {
    const { keys, store } = this.#queue
    this.#note(pauses ? "pause" : "resume")
    store.call(pauses ? "SET" : "UNLINK", keys.paused, ...(pauses ? [1] : []))
    this.#reference.isPaused = pauses
  }

  #pass(millis: number): void {
    this.#queue.store.now += Math.round(millis)
  }

  #crash(): void {
    const at = this.#draw.below(this.#workers.length)
    this.#note(`${this.#workers[at]?.name} crashes`)
    this.#workers[at] = this.#newWorker()
  }

  #suspend(worker: Worker): void {
    const millis = this.#draw.one([this.#lease / 2, this.#lease, 3 * this.#lease])
    worker.suspendedUntil = this.#queue.store.now + millis
    this.#note(`${worker.name} stands still for ${millis} ms`)
  }

  // Redis has its data again, and what was on its way to it is lost.
  #restart(): void {
    this.#note("Redis starts anew")
    this.#late = []
  }

  #arrive(isFirst: boolean): void {
    const [call] = this.#late.splice(isFirst ? 0 : this.#draw.below(this.#late.length), 1)
    call?.()
  }

  #fate(): Fate {
    return this.#draw.one(["Answered", "Answered", "Answered", "Answered", "Unanswered", "Lost", "Late"])
  }

  // -----------------------------------------------------------------------------------------------
  // Workers
  // -----------------------------------------------------------------------------------------------

  #newWorker(): Worker {
    const name = `w${++this.#names}`
    return { name, inHand: new Map(), settlements: [], calls: 0, asked: undefined, askedAt: 0, suspendedUntil: 0 }
  }

  #act(worker: Worker): void {
    if (worker.suspendedUntil > this.#queue.store.now) return
    // Whoever was suspended may settle before it notices, and so may a handler that cannot be interrupted.
    if (this.#draw.chance(0.7)) this.#leaveLapsed(worker)
    if (this.#draw.chance(0.25)) this.#renew(worker)
    else this.#round(worker, this.#draw.below(4), (id, hand) => this.#outcome(id, hand))
  }

  #leaveLapsed(worker: Worker): void {
    for (const [id, { token, until }] of worker.inHand) {
      if (until > this.#queue.store.now) continue
      worker.inHand.delete(id)
      worker.settlements.push({ id, token, kind: "lost", delay: 0, value: "" })
    }
  }

  // What has become of a task in hand by now, if anything.
  #outcome(id: string, { attempt, token, wasLost }: InHand): Settlement | undefined {
    const { chance, one } = this.#draw
    const value = `{"of":"${token}"}`
    // Whoever had it before was lost, or failed.
    if (attempt > this.#mostAttempts) return { id, token, kind: wasLost ? "gone" : "dead", delay: 0, value }
    if (chance(0.4)) return undefined
    const back = wasLost ? "undecided" : "back"
    const kind = one(["done", "done", "done", "retry", "retry", "retry", back, "dead"] as const)
    if (kind === "retry" && attempt === this.#mostAttempts) return { id, token, kind: "dead", delay: 0, value }
    const isAgain = kind === "retry" || kind === back
    return { id, token, kind, delay: isAgain ? one([0, 100, 2 * this.#lease]) : 0, value }
  }

  #round(
    worker: Worker,
    want: number,
    outcome: (id: string, hand: InHand) => Settlement | undefined,
    fate: Fate = this.#fate()
  ): void {
    for (const [id, hand] of worker.inHand) {
      const settlement = outcome(id, hand)
      if (settlement === undefined) continue
      worker.inHand.delete(id)
      worker.settlements.push(settlement)
    }
    const asked = worker.asked ?? {
      worker: worker.name,
      call: ++worker.calls,
      lease: this.#lease,
      want,
      rate: this.#rate,
      settlements: worker.settlements.splice(0)
    }
    const sentAt = this.#queue.store.now
    // What comes after a day Redis has forgotten: the tasks that it takes wait for another lease.
    if (worker.asked !== asked) worker.askedAt = sentAt
    const forgottenAt = worker.askedAt + 86_400_000
    const isOld = () => this.#queue.store.now >= forgottenAt
    worker.asked = asked
    if (fate === "Late") this.#late.push(() => isOld() || this.#execute(asked, "late, "))
    if (fate === "Lost" || fate === "Late") return
    const worked = this.#execute(asked, "")
    if (fate === "Unanswered") return
    worker.asked = undefined
    for (const { attempt, id, lease, wasLost } of worked.taken) {
      worker.inHand.set(id, { token: tokenOf(asked), attempt, wasLost, until: sentAt + lease })
    }
    this.#checkHands(worker)
  }

  #execute(asked: Asked, how: string): Worked {
    const { store } = this.#queue
    const before = this.#reference.isKnown(asked) ? store.fingerprint() : undefined
    const worked = this.#queue.work(asked)
    const settled = asked.settlements.map(
      ({ id, kind, token }, at) => `${id} of ${token} ${kind} ${!worked.refused.has(at)}`
    )
    const taken = worked.taken.map(({ attempt, id }) => `${id} (${attempt})`)
    this.#note(`${how}call ${tokenOf(asked)} wants ${asked.want}, settles [${settled}] and takes [${taken}]`)
    this.#reference.worked(asked, worked, before !== undefined && before !== store.fingerprint())
    return worked
  }

  // Whoever has heard all knows of all that is his. What has lapsed comes back from a call, too, that was made again
  // when Redis had forgotten it.
  #checkHands(worker: Worker): void {
    for (const [id, { place }] of this.#reference.tasks) {
      if (place._tag !== "Running" || !place.token.startsWith(`${worker.name}:`)) continue
      if (place.until <= this.#queue.store.now) continue
      if (worker.inHand.get(id)?.token === place.token) continue
      if (worker.settlements.some((one) => one.id === id && one.token === place.token)) continue
      throw new Violation(`${worker.name} has ${id} by ${place.token}, and does not know it`)
    }
  }

  #renew(worker: Worker): void {
    const held = Array.from(worker.inHand, ([id, { token }]) => ({ id, token }))
    const sentAt = this.#queue.store.now
    const send = () => {
      const holdings = this.#queue.renew({ lease: this.#lease, held })
      this.#note(`${worker.name} renews ${held.map(({ id, token }) => `${id} of ${token}`)}: ${holdings}`)
      this.#reference.renewed(this.#lease, held, holdings)
      return holdings
    }
    const fate = this.#fate()
    if (fate === "Late") this.#late.push(send)
    if (fate === "Lost" || fate === "Late") return
    const holdings = send()
    if (fate === "Unanswered") return
    for (const [at, { id, token }] of held.entries()) {
      const hand = worker.inHand.get(id)
      if (hand === undefined) continue
      if (holdings[at] === "Held") {
        hand.until = sentAt + this.#lease
        continue
      }
      worker.inHand.delete(id)
      if (holdings[at] === "Cancelled") {
        worker.settlements.push({ id, token, kind: "cancelled", delay: 0, value: `{"_tag":"Cancelled"}` })
      }
    }
  }

  // -----------------------------------------------------------------------------------------------
  // The end
  // -----------------------------------------------------------------------------------------------

  // Everything heals, and what is left is done.
  #end(): void {
    this.#note("everything heals")
    this.#pause(false)
    for (const call of this.#draw.some([...this.#late, () => {}], 0.7)) {
      call()
      this.#reference.compare()
    }
    this.#late = []
    const finish = (id: string, { token }: InHand): Settlement => ({ id, token, kind: "done", delay: 0, value: "{}" })
    for (let round = 0; round < 100; round++) {
      const left = Array.from(this.#reference.tasks.values()).filter(
        ({ place }) => place._tag === "Waiting" || place._tag === "Running"
      )
      if (left.length === 0) return
      // An idle worker asks twice in a lease.
      this.#pass(this.#lease / 2)
      for (const worker of this.#workers) {
        worker.suspendedUntil = 0
        this.#round(worker, 3, finish, "Answered")
        this.#reference.compare()
      }
    }
    throw new Violation("something is left that nobody works on")
  }
}
