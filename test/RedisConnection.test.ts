import { Clock, Effect, Layer, Schedule } from "effect"
import { IoredisConnection } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { Harness, redisConnectionSuite } from "./suites/redisConnection.ts"
import * as RedisServer from "./support/RedisServer.ts"
import * as TcpProxy from "./support/TcpProxy.ts"

const simulated = Layer.effect(
  Harness,
  Effect.gen(function* () {
    const server = yield* SimulatedRedis.make()
    return {
      connect: server.connect,
      kill: server.inject(Fault.refuse),
      start: server.heal,
      freeze: server.inject(Fault.freeze),
      thaw: server.heal,
      cutNextReply: server.inject(Fault.cut({ executed: true, at: () => true })),
      waitFor: (condition) =>
        Effect.repeat(TestClock.adjust("10 millis"), { until: condition, times: 1000 }).pipe(
          Effect.andThen(Effect.suspend(() => (condition() ? Effect.void : Effect.die("it never came to that"))))
        ),
      pause: TestClock.adjust("50 millis")
    }
  })
)

// Behind a proxy, which can cut a reply; on the real clock.
const real = Layer.effect(
  Harness,
  Effect.gen(function* () {
    const server = yield* RedisServer.make()
    const proxy = yield* TcpProxy.make(server.port)
    return {
      connect: (options = {}) => IoredisConnection.make({ ...options, port: proxy.port, closeTimeout: "50 millis" }),
      kill: Effect.andThen(proxy.refuse, server.kill),
      start: Effect.orDie(Effect.andThen(server.start, proxy.listen)),
      freeze: Effect.orDie(server.freeze),
      thaw: Effect.orDie(server.thaw),
      cutNextReply: proxy.cutAfterNextRequest,
      waitFor: (condition) =>
        Effect.suspend(() => (condition() ? Effect.void : Effect.fail("not yet"))).pipe(
          Effect.retry(Schedule.spaced("2 millis")),
          Effect.timeout("10 seconds"),
          Effect.orDie
        ),
      pause: Effect.sleep("50 millis")
    }
  })
).pipe(Layer.provideMerge(Layer.succeed(Clock.Clock, Clock.Clock.defaultValue())))

redisConnectionSuite("SimulatedRedis", simulated)
redisConnectionSuite("ioredis and a real server", real)
