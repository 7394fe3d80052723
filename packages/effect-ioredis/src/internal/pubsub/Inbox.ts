import { type Cause, DateTime, Effect, Exit, Latch } from "effect"
import type { Gap, Message } from "../../RedisPubSub.ts"
import type { RedisCommandError } from "../../RedisError.ts"

/**
 * What a subscriber has not taken yet: messages, and where some are missing, in their order.
 *
 * **Details**
 *
 * It holds so many messages and no more. What comes while it is full is counted and dropped, and
 * stands in it as one gap behind those that it holds. Gaps of one kind in a row become one, and
 * beyond a hundred all that follow.
 *
 * That the subscription begins is a gap too, and takes no message's place.
 *
 * Invariant: messages are dropped only while it holds as many as it may.
 */
export class Inbox {
  readonly #capacity: number
  readonly #now: () => number
  readonly #onGap: (reason: Gap["reason"]) => void
  #held: Array<Message | Gap> = []
  /** How much it may hold until somebody takes it. */
  #room: number
  #dropped: { readonly since: number; missed: number } | undefined
  /** Says since when it has held something that nobody has taken. */
  #heldSince = 0
  #end: Exit.Exit<never, RedisCommandError> | undefined
  readonly #arrived = Latch.makeUnsafe()

  /** `onGap` is told each time that messages may be missing. */
  constructor(capacity: number, now: () => number, onGap: (reason: Gap["reason"]) => void = ignore) {
    this.#capacity = capacity
    this.#room = capacity
    this.#now = now
    this.#onGap = onGap
  }

  /** Takes a message that was published after a moment, or drops it. */
  offer(message: Message, since: number): void {
    if (this.#dropped !== undefined) this.#dropped.missed++
    else if (this.#held.length < this.#room) this.#hold(message)
    else {
      this.#dropped = { since, missed: 1 }
      this.#onGap("Overflow")
    }
  }

  /** Says that messages come from now on, which were waited for since a moment. Nothing is lost. */
  begin(since: number): void {
    this.#room++
    this.#hold(gapOf("Subscribed", since, this.#now(), undefined))
  }

  /** Says that messages since a moment may be missing. */
  miss(reason: Gap["reason"], since: number): void {
    this.#closeOverflow()
    this.#onGap(reason)
    this.#hold(gapOf(reason, since, this.#now(), undefined))
  }

  /** Tells how far its consumer is behind. */
  backlog(): Backlog {
    const held = this.#held.length
    return {
      dropped: this.#dropped?.missed ?? 0,
      lag: held === 0 ? 0 : this.#now() - this.#heldSince,
      share: held / this.#capacity
    }
  }

  /** Ends what is taken, after all that it holds. */
  fail(cause: Cause.Cause<RedisCommandError>): void {
    this.#end = Exit.failCause(cause)
    this.#arrived.openUnsafe()
  }

  /** Waits until there is something, and takes all of it. */
  readonly take: Effect.Effect<ReadonlyArray<Message | Gap>, RedisCommandError> = Effect.suspend(() => {
    this.#closeOverflow()
    const held = this.#held
    this.#held = []
    this.#room = this.#capacity
    this.#arrived.closeUnsafe()
    if (held.length > 0) return Effect.succeed(held)
    return this.#end ?? Effect.andThen(this.#arrived.await, this.take)
  })

  #closeOverflow(): void {
    const dropped = this.#dropped
    this.#dropped = undefined
    if (dropped !== undefined) this.#hold(gapOf("Overflow", dropped.since, this.#now(), dropped.missed))
  }

  #hold(one: Message | Gap): void {
    const last = this.#held.at(-1)
    if (one._tag === "Gap" && last?._tag === "Gap" && this.#areOne(last, one)) {
      this.#held[this.#held.length - 1] = merged(last, one)
    } else {
      if (last === undefined) this.#heldSince = this.#now()
      this.#held.push(one)
    }
    this.#arrived.openUnsafe()
  }

  // Who takes nothing while the connection is lost again and again is told less exactly in the end.
  #areOne(last: Gap, next: Gap): boolean {
    return last.reason === next.reason || this.#held.length >= this.#capacity + mostGaps
  }
}

/** How far a consumer is behind. */
export interface Backlog {
  /** Counts the messages that were dropped since it was full. */
  readonly dropped: number
  /** Says for how many milliseconds nothing was taken although there was something. */
  readonly lag: number
  /** Says how full it is, from 0 to 1, or a little more where gaps stand in it too. */
  readonly share: number
}

const mostGaps = 100

const merged = (one: Gap, next: Gap): Gap => ({
  ...next,
  since: one.since,
  missed: one.missed === undefined || next.missed === undefined ? undefined : one.missed + next.missed
})

const gapOf = (reason: Gap["reason"], since: number, until: number, missed: number | undefined): Gap => ({
  _tag: "Gap",
  reason,
  since: DateTime.makeUnsafe(since),
  until: DateTime.makeUnsafe(until),
  missed
})

const ignore = () => {}
