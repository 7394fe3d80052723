/**
 * Leases: who holds the lease of a key looks its value up, and the other processes wait for that.
 *
 * **Details**
 *
 * A lease stands in Redis beside the value, under the token of its holder, and ends by itself soon
 * after a holder that was killed. Nothing is promised by it: where it can be neither taken nor
 * refused, each process looks the key up for itself.
 *
 * All of it is done by scripts. So a user who may run none takes no lease that he could not give
 * back.
 */
import { Clock, Effect, Result } from "effect"
import { type RedisCommand, RedisError, type RedisScript } from "effect-ioredis"
import type { Cancel, Dispatch, Done } from "effect-ioredis/dispatch"
import { leaseKey } from "./journal/commands.ts"
import * as Scripts from "./journal/scripts.ts"
import * as Sender from "./journal/Sender.ts"
import { now } from "./now.ts"

/** One lookup's lease of its key. */
export class Lease {
  /** Names the key that the lease stands under. */
  readonly key: string
  /** Tells its holder from all others. */
  readonly token: string
  /**
   * Says whose it is. `"Asked"`: Redis has not said so, and it may be held for this lookup. Only
   * `"Free"` leaves nothing to be given back.
   */
  state: "Free" | "Asked" | "Held" = "Free"

  constructor(key: string, token: string) {
    this.key = key
    this.token = token
  }

  /** Leaves it to the fill of the lookup to give it back, if it is held. */
  passOn(): Held | undefined {
    if (this.state !== "Held") return undefined
    this.state = "Free"
    return this
  }
}

/** A lease that is held, and that its fill gives back. */
export type Held = Pick<Lease, "key" | "token">

/** Tells whether a lease is held: by this lookup, or by another. `"Unknown"`: Redis did not say. */
export type Answer = "Held" | "Another's" | "Unknown"

/** Takes, renews and gives back the leases of one region. */
export interface Leases {
  /** The clock that their waits live on. */
  readonly clock: Clock.Clock
  /** The monotonic time of that clock in milliseconds. */
  readonly now: () => number
  /** The longest that a lookup waits for that of another process, in milliseconds. */
  readonly patience: number
  /** Tells whether leases are taken now. */
  readonly isOn: () => boolean
  /** Makes the lease of a rendered key, which is not taken yet. */
  readonly of: (rendered: string) => Lease
  /** Takes a lease that nobody holds. Redis may take so many milliseconds to answer. */
  readonly take: (lease: Lease, timeout: number) => Effect.Effect<Answer>
  /** Takes a lease from whoever holds it, whose value is not stored then. */
  readonly seize: (lease: Lease) => Effect.Effect<Answer>
  /** Renews a lease, if it may be held, while an Effect runs, which stays in its own fiber. */
  readonly whileRenewed: <A, E, R>(lease: Lease, use: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Gives a lease back, if it may be held. Nobody waits for that. */
  readonly giveBack: (lease: Lease) => void
}

/** Describes what the leases of one region are made with. */
export interface Options {
  readonly dispatch: Dispatch
  readonly keyspace: string
  /** In milliseconds. Default: that of a cache which says nothing else. */
  readonly patience: number | undefined
  /** Tells whether leases are taken now. Default: always. */
  readonly isOn?: (() => boolean) | undefined
  /** Gives a token that no other process and no other call gives. */
  readonly tokenOf: () => string
  /** Is told what came of asking for a lease. */
  readonly onAnswer?: ((answer: Answer) => void) | undefined
}

/** Makes the leases of one region. */
export const make = (options: Options): Leases => {
  const { dispatch, keyspace, onAnswer, tokenOf } = options
  const { clock } = dispatch
  // The others have half of their patience left when one ends that is not renewed any more.
  const patienceNow = () => options.patience ?? 1000
  const durationNow = () => Math.max(1, Math.floor(Math.min(patienceNow() / 2, longestDuration)))
  let deniedUntil = Number.NEGATIVE_INFINITY

  const start = (
    script: RedisScript.RedisScript,
    { key, token }: Lease,
    args: ReadonlyArray<number>,
    timeout: number,
    done: Done<RedisCommand.Reply>
  ): Cancel => {
    const command = Scripts.call(script, key, [token, ...args])
    const sending = { timeout, retry: script.kind === "repeatable", now: () => now(clock) }
    return Sender.send(dispatch, command, sending, (outcome) => {
      const isDenied = Result.isFailure(outcome) && Scripts.isDenied(command, outcome.failure)
      if (isDenied) deniedUntil = now(clock) + deniedPause
      done(outcome)
    })
  }

  const send = (...call: DropLast<Parameters<typeof start>>): Effect.Effect<Sender.Outcome> =>
    Effect.callback((resume) => {
      const cancel = start(...call, (outcome) => resume(Effect.succeed(outcome)))
      return Effect.sync(cancel)
    })

  const ask = (lease: Lease, timeout: number, seizes: boolean): Effect.Effect<Answer> =>
    Effect.suspend(() => {
      if (timeout <= 0 || now(clock) < deniedUntil) return unknown
      lease.state = "Asked"
      return Effect.map(send(Scripts.takeLease, lease, [durationNow(), seizes ? 1 : 0], timeout), (outcome) => {
        const answer = heard(lease, outcome)
        onAnswer?.(answer)
        return answer
      })
    })

  // What fails is tried again, because the lease may still be held. No renewal waits for an answer,
  // neither to the one before nor to the request for the lease, as Redis may take longer for that
  // than a lease lasts. One that is sent before the lease is known to be held may find none there
  // because it has come first.
  const renew = Effect.fnUntraced(function* (lease: Lease) {
    let isLost = false
    while (true) {
      const duration = durationNow()
      yield* Effect.sleep(duration / 3)
      if (isLost || lease.state === "Free") return
      const isHeld = lease.state === "Held"
      start(Scripts.renewLease, lease, [duration], duration, (outcome) => {
        if (isHeld && Result.isSuccess(outcome) && outcome.success === 0) isLost = true
      })
    }
  })

  return {
    clock,
    now: () => now(clock),
    get patience() {
      return patienceNow()
    },
    isOn: options.isOn ?? (() => true),
    of: (rendered) => new Lease(leaseKey({ keyspace }, rendered), tokenOf()),
    take: (lease, timeout) => ask(lease, timeout, false),
    seize: (lease) => ask(lease, durationNow(), true),
    // The lookup is known by its fiber, and so it keeps it.
    whileRenewed: (lease, use) =>
      Effect.flatMap(Effect.forkChild(Effect.provideService(renew(lease), Clock.Clock, clock)), (renewal) =>
        Effect.onExit(use, () => Effect.sync(() => renewal.interruptUnsafe()))
      ),
    giveBack: (lease) => {
      if (lease.state === "Free") return
      lease.state = "Free"
      start(Scripts.giveLeaseBack, lease, [], durationNow(), ignore)
    }
  }
}

const heard = (lease: Lease, outcome: Sender.Outcome): Answer => {
  if (Result.isFailure(outcome)) {
    if (RedisError.endOf(outcome) !== "doubtful") lease.state = "Free"
    return "Unknown"
  }
  lease.state = outcome.success === 1 ? "Held" : "Free"
  return lease.state === "Held" ? "Held" : "Another's"
}

type DropLast<A extends ReadonlyArray<unknown>> = A extends readonly [...infer Rest, unknown] ? Rest : never

const unknown: Effect.Effect<Answer> = Effect.succeed("Unknown")

const ignore = () => {}

// A patience without end must not make a lease without end.
const longestDuration = 10_000

const deniedPause = 30_000
