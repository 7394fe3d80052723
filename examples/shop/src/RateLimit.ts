import { Config, Context, Duration, Effect, Layer, Metric, Schema } from "effect"
import { RedisClient, RedisCommand, RedisScript, Settings } from "effect-ioredis"
import { TooManyRequests } from "./Problem.ts"

/** Counts the calls of a fixed window, which begins with the first, and tells what is left of it. */
export const count = RedisScript.make({
  lua: `local calls = redis.call("INCR", KEYS[1])
        if calls == 1 then redis.call("PEXPIRE", KEYS[1], ARGV[1]) end
        return { calls, redis.call("PTTL", KEYS[1]) }`,
  keys: ({ key }: { readonly key: string; readonly millis: number }) => [key],
  args: ({ millis }) => [millis],
  decode: RedisCommand.decoder(Schema.Tuple([Schema.Int, Schema.Int]))
})

/** Whether a limit was looked at: `not enforced` while Redis does not answer. */
export type Verdict = "enforced" | "not enforced"

/**
 * Bounds how often something is done, over all processes.
 *
 * It fails open, by choice: while Redis is away everybody is let in, because a shop that turns all
 * its customers away is worse than one that is asked too often. The answer says so in a header, and
 * a metric counts it. Where it guards something dearer, fail closed: let the error through.
 */
export class RateLimit extends Context.Service<
  RateLimit,
  { readonly check: (who: string) => Effect.Effect<Verdict, TooManyRequests> }
>()("shop/RateLimit") {
  /** Allows SHOP_RATE_LIMIT calls (default: 5) in ten seconds. */
  static readonly layer = Layer.effect(
    RateLimit,
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      const { limit } = yield* settings
      const counted = redis.eval(count)
      const check = Effect.fnUntraced(
        function* (who: string) {
          const [calls, left] = yield* counted(
            { key: `rate:${who}`, millis: window },
            { operationTimeout: "200 millis" }
          )
          if (calls > limit) return yield* new TooManyRequests({ retryAfter: Duration.millis(left) })
          return "enforced" as const
        },
        Effect.catchIf(
          (error) => error._tag !== "TooManyRequests",
          () => Effect.as(Metric.update(failedOpen, 1), "not enforced" as const)
        )
      )
      return RateLimit.of({ check })
    })
  )
}

const Limit = Schema.Int.check(Schema.isGreaterThan(0)).annotate({
  expected: "a whole number above zero",
  example: "5"
})

const settings = Settings.all({ limit: Config.schema(Limit, "SHOP_RATE_LIMIT").pipe(Config.withDefault(5)) })

const window = Duration.toMillis("10 seconds")

const failedOpen = Metric.counter("shop_rate_limit_failed_open_total", {
  description: "Calls that were let in because Redis did not answer",
  incremental: true
})
