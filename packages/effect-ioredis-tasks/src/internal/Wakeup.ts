import { Effect, Latch, Option } from "effect"
import { RedisClient, RedisReservation } from "effect-ioredis"
import { Lists } from "effect-ioredis/commands"
import type { Dispatch } from "effect-ioredis/dispatch"
import { inBackground } from "./inBackground.ts"
import { isOutage } from "./isOutage.ts"
import * as Monotonic from "./Monotonic.ts"
import { longestIdle } from "./scripts/lua.ts"

/** Waits, while its worker is idle, until there may be something to do. */
export interface Wakeup {
  /**
   * Says that the worker found nothing, and in how many milliseconds there is something for
   * certain.
   */
  readonly idle: (due: number | undefined) => void
  /** Says that it has enough to do. */
  readonly busy: () => void
  /** Waits at the queue whenever the worker is idle. */
  readonly run: Effect.Effect<never>
}

/** How long an idle worker waits at most that keeps such leases. */
export const longestOf = (lease: number): number => Math.min(longestIdle, lease / 2)

/**
 * Waits on a connection of its own at the list that offers wake workers by, and asks every second
 * where it has none. It asks again after `longest` milliseconds whatever it has heard, for a
 * wake-up is lost with a worker that dies.
 */
export const make = (
  client: RedisClient.RedisClient,
  dispatch: Dispatch,
  key: string,
  longest: number,
  look: () => void
): Wakeup => {
  const isIdle = Latch.makeUnsafe()
  let until = 0
  const now = () => Monotonic.millis(dispatch.clock)
  // There may be none to spare for as long as the program goes on.
  const withoutOne = Effect.forever(Effect.andThen(Effect.sleep("1 second"), Effect.sync(look)))
  const reserving = Effect.provideService(
    RedisReservation.reserve({ key, waitToSend: longest, operationTimeout: longest }),
    RedisClient.RedisClient,
    client
  )
  const asleep = Effect.as(Effect.sleep(1), Option.none())
  const waiting = Effect.gen(function* () {
    const reserved = yield* Effect.raceFirst(reserving, withoutOne)
    while (true) {
      yield* isIdle.await
      const left = Math.max(1, Math.ceil(Math.min(longest, until - now())))
      // Redis ends a wait up to a tenth of a second later than it was told.
      const woken = left === 1 ? yield* asleep : yield* reserved.run(Lists.blpop([key], left))
      // A worker that has found enough to do meanwhile was woken in the place of one that waits.
      if (Option.isSome(woken) && !isIdle.isOpen()) yield* reserved.run(Lists.rpush(key, ["1"]))
      isIdle.closeUnsafe()
      look()
    }
  }).pipe(Effect.scoped)
  return {
    idle: (due = longest) => {
      until = now() + due
      isIdle.openUnsafe()
    },
    busy: () => {
      isIdle.closeUnsafe()
    },
    run: waiting.pipe(
      // The worker looks for itself: Redis may be there again, or let nobody wait.
      Effect.catch((error) =>
        Effect.andThen(Effect.sleep(isOutage(error) ? "100 millis" : "1 second"), Effect.sync(look))
      ),
      Effect.forever,
      inBackground(dispatch)
    )
  }
}
