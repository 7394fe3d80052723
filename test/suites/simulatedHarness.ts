import { Effect, Layer, Redacted, type Scope } from "effect"
import type { RedisConnector } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { Harness } from "./redisConnection.ts"

type Connector = RedisConnector.RedisConnector["Service"]

/** A simulated server, and a connector to it that may be put behind another one. */
export const simulatedHarness = <E>(
  behind: (connector: Connector) => Effect.Effect<Connector, E, Scope.Scope> = Effect.succeed
) =>
  Layer.effect(
    Harness,
    Effect.gen(function* () {
      const redis = yield* SimulatedRedis.make({ password: "secret", users: { alice: "secret" } })
      const deaf = yield* redis.server({ host: "deaf", port: 6379 })
      yield* deaf.inject(Fault.refuse)
      return {
        connector: yield* behind(redis.connector),
        address: redis.address,
        login: { password: Redacted.make("secret") },
        deaf: deaf.address,
        unknown: { host: "redis.invalid", port: 6379 },
        encrypted: undefined,
        clients: redis.connections,
        kill: redis.inject(Fault.refuse),
        start: redis.heal,
        freeze: redis.inject(Fault.freeze),
        thaw: redis.heal,
        cutNextReply: redis.inject(Fault.cut({ executed: true, at: () => true })),
        waitFor: (condition) =>
          Effect.repeat(Effect.andThen(TestClock.adjust("10 millis"), holds(condition)), {
            until: (held) => held,
            times: 1000
          }).pipe(Effect.flatMap((held) => (held ? Effect.void : Effect.die("it never came to that")))),
        pause: TestClock.adjust("50 millis")
      }
    })
  )

const holds = (condition: (() => boolean) | Effect.Effect<boolean>): Effect.Effect<boolean> =>
  typeof condition === "function" ? Effect.sync(condition) : condition
