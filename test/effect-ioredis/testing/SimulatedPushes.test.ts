import { Effect, Layer } from "effect"
import { RedisCommand } from "effect-ioredis"
import { Fault, SimulatedRedis, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { Harness, pushesSuite } from "../../suites/pushes.ts"

const simulated = Layer.effect(
  Harness,
  Effect.gen(function* () {
    const redis = yield* SimulatedRedis.make()
    const master = yield* redis.server({ host: "master", port: 6379 })
    const last = (fault: Fault.Fault) =>
      Effect.flatMap(redis.clients, (clients) => redis.inject(fault, { connection: clients.at(-1) }))
    return {
      connector: redis.connector,
      address: redis.address,
      execute: executeOn(redis),
      master: { address: master.address, execute: executeOn(master) },
      allow: ({ channels, denied }) =>
        redis.setAccess({ channels: channels?.split(" "), denied: denied === undefined ? [] : [denied] }),
      reload: Effect.andThen(redis.save, redis.reload),
      evict: redis.evict,
      freeze: redis.inject(Fault.freeze),
      thaw: redis.heal,
      last: {
        cut: last(Fault.cut({ executed: false })),
        freeze: last(Fault.freeze),
        thaw: last(Fault.none),
        mute: last(Fault.mute)
      },
      clients: redis.connections,
      waitFor: (condition) =>
        Effect.repeat(Effect.andThen(TestClock.adjust("10 millis"), holds(condition)), {
          until: (held) => held,
          times: 1000
        }).pipe(Effect.flatMap((held) => (held ? Effect.void : Effect.die("it never came to that")))),
      pause: TestClock.adjust("50 millis")
    }
  })
)

const executeOn =
  ({ execute }: SimulatedServer.SimulatedServer): Harness["execute"] =>
  (name, ...args) =>
    Effect.orDie(execute(RedisCommand.make(name, args)))

const holds = (condition: (() => boolean) | Effect.Effect<boolean>): Effect.Effect<boolean> =>
  typeof condition === "function" ? Effect.sync(condition) : condition

pushesSuite("SimulatedRedis", simulated)
