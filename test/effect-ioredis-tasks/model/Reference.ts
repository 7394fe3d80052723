import type { Offer } from "../../../packages/effect-ioredis-tasks/src/internal/scripts/offer.ts"
import type { Holding } from "../../../packages/effect-ioredis-tasks/src/internal/scripts/renew.ts"
import {
  type Settlement,
  tokenOf,
  type Taken,
  type Worked
} from "../../../packages/effect-ioredis-tasks/src/internal/scripts/work.ts"
import type { Asked, Queue } from "./Queue.ts"

/** What must not be, in a sentence. */
export class Violation extends Error {}

const fail = (message: string): never => {
  throw new Violation(message)
}

type Place =
  | { readonly _tag: "Waiting"; readonly due: number }
  | { readonly _tag: "Running"; readonly token: string; readonly until: number }
  | { readonly _tag: "Dead" }
  | { readonly _tag: "Over"; readonly how: "Done" | "Cancelled" | "Expired" }

interface Known {
  readonly offer: Offer
  expires: number
  place: Place
  /** How often it was begun, but for what was given back. */
  begun: number
  /** Whoever had it last was lost, and nobody has decided about it since. */
  wasLost: boolean
  isCancelling: boolean
  /** How often it was told to have ended. */
  ended: number
}

interface Answered {
  readonly call: number
  readonly token: string
  readonly worked: Worked
  /** Until when Redis knows of it. */
  readonly until: number
}

/**
 * What is true of the tasks of a queue. It follows each call that Redis executes, in one line for each rule, and
 * compares: what Redis answers, and what it holds afterwards.
 */
export class Reference {
  readonly tasks = new Map<string, Known>()
  readonly #calls = new Map<string, Answered>()
  readonly #begun: Array<number> = []
  readonly #queue: Queue
  /**
   * When each who was cut off had time to say what he has done, from which on all that has lapsed is given back, until
   * when nobody is cut off if no other is heard, and when that time was before.
   */
  #heard = { from: 0, until: 0, before: 0, forgotten: 0 }
  isPaused = false

  constructor(queue: Queue) {
    this.#queue = queue
  }

  get #now() {
    return this.#queue.store.now
  }

  offered(offer: Offer, answer: "Enqueued" | "Duplicate"): void {
    const known = this.tasks.get(offer.id)
    if (known === undefined) {
      const expires = offer.life === 0 ? Number.POSITIVE_INFINITY : this.#now + offer.life
      const place = { _tag: "Waiting", due: this.#now + offer.delay } as const
      this.tasks.set(offer.id, { offer, expires, place, begun: 0, wasLost: false, isCancelling: false, ended: 0 })
      if (answer !== "Enqueued") fail(`${offer.id} is new, and answered ${answer}`)
      return
    }
    const isOwn = known.offer.content === offer.content && known.place._tag !== "Over"
    if (answer !== (isOwn ? "Enqueued" : "Duplicate")) fail(`${offer.id} is known, and answered ${answer}`)
  }

  cancelled(id: string, answer: "Unknown" | "Over" | "Cancelling" | "Cancelled"): void {
    const known = this.tasks.get(id)
    const expected = ((): ReadonlyArray<string> => {
      if (known === undefined) return ["Unknown"]
      const { place } = known
      if (place._tag === "Over") return [place.how === "Cancelled" ? "Cancelled" : "Over"]
      return place._tag === "Running" ? ["Cancelling"] : ["Cancelled"]
    })()
    if (!expected.includes(answer)) fail(`to cancel ${id} was answered ${answer} instead of ${expected}`)
    if (known === undefined || known.place._tag === "Over") return
    if (known.place._tag === "Running") known.isCancelling = true
    else this.#over(known, "Cancelled")
  }

  replayed(ids: ReadonlyArray<string>, count: number): void {
    const dead = ids.flatMap((id) => this.tasks.get(id) ?? []).filter(({ place }) => place._tag === "Dead")
    for (const known of dead) {
      known.place = { _tag: "Waiting", due: this.#now }
      known.begun = 0
      known.expires = Number.POSITIVE_INFINITY
    }
    if (count !== dead.length) fail(`${count} were replayed of ${dead.length}`)
  }

  renewed(lease: number, held: ReadonlyArray<{ id: string; token: string }>, holdings: ReadonlyArray<Holding>): void {
    this.#hear(lease)
    for (const [at, { id, token }] of held.entries()) {
      const known = this.tasks.get(id)
      const holds = known?.place._tag === "Running" && known.place.token === token
      const expected = !holds ? "Lost" : known.isCancelling ? "Cancelled" : "Held"
      if (holdings[at] !== expected) fail(`the lease of ${id} by ${token} is ${holdings[at]}, and not ${expected}`)
      if (known !== undefined && holds) known.place = { _tag: "Running", token, until: this.#now + lease }
    }
  }

  /** Tells whether Redis has this call, or a later one, and remembers it. */
  isKnown({ call, worker }: Asked): boolean {
    const last = this.#calls.get(worker)
    return last !== undefined && call <= last.call && this.#now < last.until
  }

  /** `isChanged` says whether Redis holds something else than before. */
  worked(asked: Asked, worked: Worked, isChanged: boolean): void {
    const last = this.#calls.get(asked.worker)
    if (last !== undefined && this.isKnown(asked)) {
      if (isChanged) fail(`call ${tokenOf(asked)} was done again`)
      if (asked.call === last.call) this.#repeated(last, worked)
      return
    }
    const token = tokenOf(asked)
    this.#calls.set(asked.worker, { call: asked.call, worked, token, until: this.#now + 86_400_000 })
    for (const [at, settlement] of asked.settlements.entries()) this.#settled(settlement, !worked.refused.has(at))
    const lapsed = this.#hear(asked.lease)
    if (lapsed > this.#now) fail(`at ${this.#now} leases are over that last until ${lapsed}`)
    for (const known of this.tasks.values()) if (this.#hasLapsed(known, lapsed)) this.#again(known, this.#now, true)
    this.#taken(asked, worked.taken, token)
  }

  // After two thirds of a lease in which nobody was heard, each has a while to say what he has done.
  // What has lapsed by the time that is answered may be given back: each was left that time once.
  #hear(lease: number): number {
    if (this.#heard.forgotten <= this.#now) this.#heard = { from: 0, until: 0, before: 0, forgotten: 0 }
    if (this.#heard.until <= this.#now && this.#heard.from <= this.#now) {
      this.#heard.before = this.#heard.from
      this.#heard.from = this.#now + 1500
    }
    this.#heard.until = Math.ceil(this.#now + (lease * 2) / 3)
    this.#heard.forgotten = this.#now + 86_400_000
    return this.#heard.from <= this.#now ? this.#now : this.#heard.before
  }

  #repeated(last: { readonly worked: Worked; readonly token: string }, { refused, taken }: Worked): void {
    if (String([...refused]) !== String([...last.worked.refused]))
      fail(`${last.token} was told something else of what it settled`)
    const held = last.worked.taken.filter(({ id }) => this.#tokenOf(id) === last.token)
    const text = (tasks: Worked["taken"]) => String(tasks.map(({ id, wasLost }) => `${id} ${wasLost}`))
    if (text(taken) !== text(held)) {
      fail(`${last.token} was told of ${taken.map(({ id }) => id)} instead of ${held.map(({ id }) => id)}`)
    }
  }

  #tokenOf(id: string): string | undefined {
    const place = this.tasks.get(id)?.place
    return place?._tag === "Running" ? place.token : undefined
  }

  #settled({ delay, id, kind, token }: Settlement, wasSettled: boolean): void {
    const known = this.tasks.get(id)
    const has = this.#tokenOf(id) === token
    if (wasSettled && !has) fail(`${id} was settled by ${token}, and ${this.#tokenOf(id) ?? "nobody"} has it`)
    if (!wasSettled && has) fail(`${id} was not settled by ${token}, which has it`)
    if (known === undefined || !has) return
    if (kind === "back" || kind === "undecided" || kind === "gone") known.begun--
    if (kind === "done" || kind === "cancelled") this.#over(known, kind === "done" ? "Done" : "Cancelled")
    else if ((kind === "dead" || kind === "gone") && !known.isCancelling) {
      known.place = { _tag: "Dead" }
      known.ended++
    } else this.#again(known, this.#now + delay, kind === "lost" || kind === "undecided")
  }

  // What was to be cancelled is not begun again, nor is it a dead letter.
  #again(known: Known, due: number, wasLost: boolean): void {
    known.wasLost = wasLost
    if (known.isCancelling) this.#over(known, "Cancelled")
    else known.place = { _tag: "Waiting", due }
  }

  #over(known: Known, how: "Done" | "Cancelled" | "Expired"): void {
    known.place = { _tag: "Over", how }
    known.isCancelling = false
    known.ended++
  }

  #hasLapsed({ place }: Known, by: number): boolean {
    return place._tag === "Running" && place.until <= by
  }

  #mayBegin({ expires, place }: Known): boolean {
    return place._tag === "Waiting" && place.due <= this.#now && expires > this.#now
  }

  #taken({ lease, rate, want }: Asked, taken: ReadonlyArray<Taken>, token: string): void {
    if (taken.length > want) fail(`${token} took ${taken.length} where it wanted ${want}`)
    if (this.isPaused && taken.length > 0) fail(`${token} took from a queue that is paused`)
    for (const { attempt, id, wasLost } of taken) {
      const known = this.tasks.get(id) ?? fail(`${token} took ${id}, which nobody has offered`)
      if (!this.#mayBegin(known)) fail(`${token} took ${id}, which is ${JSON.stringify(known)}`)
      known.begun++
      if (attempt !== known.begun) fail(`${id} was begun ${known.begun} times, and not ${attempt}`)
      if (wasLost !== known.wasLost) fail(`${id} was lost: ${known.wasLost}, and not ${wasLost}`)
      known.wasLost = false
      known.place = { _tag: "Running", token, until: this.#now + lease }
      this.#begun.push(this.#now)
    }
    const recent = this.#begun.filter((at) => at > this.#now - rate.window).length
    if (rate.limit > 0 && recent > rate.limit) fail(`${recent} tasks were begun in ${rate.window} ms`)
    const left = Array.from(this.tasks.values()).filter((known) => this.#mayBegin(known))
    const isLimited = this.isPaused || (rate.limit > 0 && recent === rate.limit)
    if (left.length > 0 && taken.length < want && !isLimited)
      fail(`${token} left ${left[0]?.offer.id} although it wanted more`)
    const lowest = Math.max(...taken.map(({ id }) => this.tasks.get(id)?.offer.priority ?? 0))
    const passed = left.find(({ offer }) => taken.length > 0 && offer.priority < lowest)
    if (passed !== undefined) fail(`${token} took what comes after ${passed.offer.id}`)
  }

  /** Compares what Redis holds: each task in exactly one place, and nothing else anywhere. */
  compare(): void {
    const { keys, store } = this.#queue
    const tasks = store.hash(keys.tasks)
    const waiting = keys.waiting.flatMap((list) => store.list(list))
    const places = {
      Waiting: new Set(waiting),
      Delayed: store.scores(keys.delayed),
      Running: store.scores(keys.leases),
      Dead: store.scores(keys.dead)
    }
    if (places.Waiting.size !== waiting.length) fail(`a task waits twice: ${waiting}`)
    for (const id of tasks.keys()) if (!this.tasks.has(id)) fail(`Redis has ${id}, which nobody has offered`)
    for (const [id, known] of this.tasks) {
      const found = Object.entries(places).flatMap(([place, ids]) => (ids.has(id) ? [place] : []))
      const isExpired = known.place._tag === "Waiting" && known.expires <= this.#now && !tasks.has(id)
      if (isExpired) this.#over(known, "Expired")
      const { place } = known
      // What was cancelled while it waited is removed when it is met.
      const isLeft = place._tag === "Over" && tasks.get(id) === ""
      const allowed = isLeft ? ["Waiting"] : this.#placesOf(place)
      if (found.length > 1 || !allowed.includes(found[0] ?? "Nowhere")) {
        fail(`${id} is at ${found.join(" and ") || "no place"}, and ought to be at ${allowed.join(" or ")}`)
      }
      if (place._tag !== "Over" && (tasks.get(id) ?? "") === "") fail(`${id} is not over, and what it is was lost`)
      const attempts = store.hash(keys.attempts).get(id)
      const owner = place._tag === "Running" ? `:${place.token}` : known.wasLost ? ":lost" : ""
      const expected = `${known.begun}${owner}`
      if (place._tag === "Over" ? attempts !== undefined : (attempts ?? "0") !== expected) {
        fail(`of ${id} Redis knows ${attempts}, and not ${expected}`)
      }
      if (store.hash(keys.causes).has(id) !== (place._tag === "Dead")) fail(`${id} has a cause, or has none`)
      if (store.members(keys.cancelled).has(id) !== known.isCancelling) fail(`${id} is to be cancelled, or is not`)
      if (place._tag === "Over" && !store.scores(keys.over).has(id)) fail(`${id} is over, and forgotten`)
    }
  }

  #placesOf(place: Place): ReadonlyArray<string> {
    if (place._tag === "Over") return ["Nowhere"]
    if (place._tag !== "Waiting") return [place._tag]
    return place.due > this.#now ? ["Delayed"] : ["Delayed", "Waiting"]
  }

  /** Compares what was told: each end of a task once. */
  compareTold(): void {
    const told = this.#queue.store.published.flatMap((message): ReadonlyArray<string> => JSON.parse(message))
    for (const [id, { ended }] of this.tasks) {
      const times = told.filter((one) => one === id).length
      if (times !== ended) fail(`${id} has ended ${ended} times, and was told of ${times} times`)
    }
  }
}
