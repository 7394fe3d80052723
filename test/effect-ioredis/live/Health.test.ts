import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { HttpClient, HttpRouter } from "effect/http"
import { IoredisConnector, RedisClient, RedisHealth, RedisTopology } from "effect-ioredis"
import * as Health from "effect-ioredis/Health"
import * as HealthHttp from "effect-ioredis/HealthHttp"
import * as RedisCluster from "../../support/RedisCluster.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

/** The health of a client, as a program composes it. */
const healthOf = (topology: RedisTopology.RedisTopology) =>
  Effect.map(
    Layer.build(
      Layer.effect(Health.Health, Health.make([Health.redis({ critical: true })])).pipe(
        Layer.provide(RedisHealth.layer()),
        Layer.provideMerge(RedisClient.layer({ topology, requireReady: true })),
        Layer.provide(IoredisConnector.layer())
      )
    ),
    (context) => ({
      health: Effect.provide(Health.Health, context),
      redis: Effect.provide(RedisClient.RedisClient, context)
    })
  )

const conditionOf = (report: Health.Report): Health.Condition => report.parts[0]?.condition ?? Health.up

const causeOf = (report: Health.Report): string => {
  const condition = conditionOf(report)
  return condition._tag === "Up" ? "Up" : condition.cause
}

const atLocalhost = ({ port }: { readonly port: number }) => RedisTopology.server({ host: "127.0.0.1", port })

const becomes = (asked: Effect.Effect<Health.Report>, cause: string) =>
  Wait.timed(
    Wait.until(
      `the cause is ${cause}`,
      Effect.map(asked, (report) => causeOf(report) === cause)
    )
  )

// What is promised, and what a busy machine may add to it.
const soon = 3000 + 250

describe("the health of a real Redis", () => {
  for (const [how, ask] of [
    ["unasked", (health: Health.Health) => health.report],
    ["when it is asked", (health: Health.Health) => health.check]
  ] as const) {
    it.live(`says Auth within three seconds of its coming back with a password, ${how}, and Up when that is gone`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make()
        const given = yield* healthOf(atLocalhost(server))
        const health = yield* given.health
        const { breaker } = yield* given.redis
        assert.strictEqual((yield* health.check).status, "healthy")
        yield* server.kill
        yield* becomes(ask(health), "Refused")
        yield* breaker.trip
        const locked = yield* RedisServer.make({ port: server.port, password: "sesame" })
        const { millis } = yield* becomes(ask(health), "Auth")
        assert.isBelow(millis, soon)
        assert.strictEqual((yield* health.report).status, "unhealthy")
        assert.strictEqual((yield* breaker.state)._tag, "Open")
        yield* locked.cli("CONFIG", "SET", "requirepass", "")
        yield* becomes(ask(health), "Up")
        assert.strictEqual((yield* breaker.state)._tag, "Closed")
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
    )
  }

  it.live("says Auth when a password is set while it runs and the connections are lost", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const given = yield* healthOf(atLocalhost(server))
      const health = yield* given.health
      assert.strictEqual((yield* health.check).status, "healthy")
      yield* server.cli("CONFIG", "SET", "requirepass", "sesame")
      yield* (yield* given.redis).reconnect
      const { millis } = yield* becomes(health.check, "Auth")
      assert.isBelow(millis, soon)
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )

  it.live("says that it was killed, and that it stands still, and that it is back", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const health = yield* (yield* healthOf(atLocalhost(server))).health
      assert.strictEqual((yield* health.check).status, "healthy")
      yield* server.freeze
      const frozen = yield* Wait.timed(health.check)
      assert.include(["NoReply", "Stalled", "Timeout"], causeOf(frozen.value))
      assert.isBelow(frozen.millis, soon)
      yield* server.thaw
      yield* becomes(health.check, "Up")
      yield* server.kill
      yield* becomes(health.check, "Refused")
      assert.strictEqual((yield* health.report).status, "unhealthy")
      yield* server.start
      yield* becomes(health.check, "Up")
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )

  it.live("is answered by its routes in their time while it stands still, and HEAD as GET", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const Routes = HealthHttp.layer().pipe(
        Layer.provide(Health.layer([Health.redis({ critical: true })])),
        Layer.provide(RedisHealth.layer()),
        Layer.provide(RedisClient.layer({ topology: atLocalhost(server), requireReady: true })),
        Layer.provide(IoredisConnector.layer())
      )
      const Served = HttpRouter.serve(Routes, { disableListenLog: true, disableLogger: true })
      const context = yield* Layer.build(Layer.provideMerge(Served, NodeHttpServer.layerTest))
      const client = Context.get(context, HttpClient.HttpClient)
      const statusOf = (path: string) => Effect.map(client.get(path), ({ status }) => status)
      const becomesReady = (status: number) =>
        Wait.until(
          `ready answers ${status}`,
          Effect.map(statusOf("/ready"), (is) => is === status)
        )
      yield* becomesReady(200)
      yield* server.freeze
      yield* becomesReady(503)
      for (const [path, status] of [
        ["/live", 200],
        ["/ready", 503],
        ["/health", 503]
      ] as const) {
        const { millis, value } = yield* Wait.timed(client.head(path))
        assert.deepStrictEqual([value.status, yield* value.text], [status, ""])
        assert.deepInclude(value.headers, { "cache-control": "no-store", "content-type": "application/health+json" })
        assert.isBelow(millis, 800 + 250)
      }
      yield* server.thaw
      yield* becomesReady(200)
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )

  it.live(
    "is degraded while one master of a cluster is down, and names its slots",
    () =>
      Effect.gen(function* () {
        const cluster = yield* RedisCluster.make({ replicas: 0, requireFullCoverage: false })
        const seeds = cluster.nodes().map(({ port }) => ({ host: "127.0.0.1", port }))
        const health = yield* (yield* healthOf(RedisTopology.cluster({ seeds }))).health
        assert.strictEqual((yield* health.check).status, "healthy")
        const lost = cluster.node(0)
        yield* lost.kill
        yield* becomes(health.check, "Refused")
        const report = yield* health.check
        assert.strictEqual(report.status, "degraded")
        const condition = conditionOf(report)
        const components = condition._tag === "Up" ? [] : condition.components
        assert.deepStrictEqual(
          components?.map(({ name, slots }) => [name.endsWith(`:${lost.port}`), slots]),
          [[true, [[0, 5460]]]]
        )
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([]))),
    { timeout: 60_000 }
  )
})
