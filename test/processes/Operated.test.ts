import { fileURLToPath } from "node:url"
import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { HttpClientResponse } from "effect/http"
import * as Service from "../../examples/job-matcher/src/demo/Service.ts"
import * as RedisCluster from "../support/RedisCluster.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as Wait from "../support/Wait.ts"

const services = Layer.mergeAll(NodeServices.layer, NodeHttpClient.layerNodeHttpOptions({ keepAlive: true }))

const clusterMain = fileURLToPath(new URL("../../examples/cluster/src/main.ts", import.meta.url))

/** One of our examples, and the server of it that is to be killed. */
const subjects = {
  "the job matcher": Effect.gen(function* () {
    const server = yield* RedisServer.make()
    const service = yield* Service.start({ REDIS_URL: server.url, CACHE_RESET_TIMEOUT: "1" })
    return { service, server }
  }),
  "the job matcher on a cluster": Effect.gen(function* () {
    const cluster = yield* RedisCluster.make({ requireFullCoverage: false })
    const seeds = cluster.nodes().map(({ port }) => `127.0.0.1:${port}`)
    const service = yield* Service.start(
      { REDIS_CLUSTER_NODES: seeds.join(","), CACHE_RESET_TIMEOUT: "1" },
      clusterMain
    )
    return { service, server: cluster.node(0) }
  })
}

const Check = Schema.Struct({ status: Schema.String, cause: Schema.optional(Schema.String) })
const HealthBody = Schema.Struct({ status: Schema.String, checks: Schema.Record(Schema.String, Schema.Array(Check)) })

const healthOf = ({ client }: Service.Service) =>
  client
    .get("/health", { headers: { connection: "close" } })
    .pipe(
      Effect.flatMap(HttpClientResponse.filterStatusOk),
      Effect.flatMap(HttpClientResponse.schemaBodyJson(HealthBody))
    )

/** The sum of the series of a metric that have all of these labels. */
const metricOf = Effect.fnUntraced(function* ({ client }: Service.Service, name: string, ...labels: Array<string>) {
  const response = yield* client.get("/metrics", { headers: { connection: "close" } })
  return (yield* response.text)
    .split("\n")
    .filter((line) => /^[a-z_]+/.exec(line)?.[0] === name && labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
})

// Of so many that each master of a cluster has some.
const paths = Array.from({ length: 30 }, (_, n) => `/match?candidate=c${n}&skills=effect,redis&location=Berlin`)

const askAll = ({ client }: Service.Service) =>
  Effect.forEach(
    paths,
    (path) =>
      client
        .get(path, { headers: { connection: "close" } })
        .pipe(Effect.flatMap(HttpClientResponse.filterStatusOk), Effect.asVoid),
    { concurrency: 10, discard: true }
  )

describe("whoever operates an example", { timeout: 120_000 }, () => {
  for (const [name, start] of Object.entries(subjects)) {
    it.live(`of ${name} sees that its Redis was killed, why, who answers, and that it is over`, () =>
      Effect.gen(function* () {
        const { server, service } = yield* start
        const redis = Effect.map(healthOf(service), ({ checks }) => checks.redis?.[0])
        yield* askAll(service)
        yield* Wait.until(
          "Redis answers what it was given",
          Effect.andThen(
            askAll(service),
            Effect.map(metricOf(service, "cache_requests_total", 'cache_source="redis"'), (hits) => hits >= 30)
          )
        )
        assert.strictEqual((yield* redis)?.status, "pass")
        assert.strictEqual(yield* metricOf(service, "redis_client_circuit_open_duration_seconds"), 0)

        yield* server.kill
        yield* Wait.until(
          "the circuit opens",
          Effect.andThen(
            askAll(service),
            Effect.map(metricOf(service, "redis_client_circuit_open_duration_seconds"), (open) => open > 0)
          )
        )
        const fallbacks = metricOf(service, "cache_requests_total", 'cache_source="fallback"')
        const before = yield* fallbacks
        yield* askAll(service)
        assert.isAbove(yield* fallbacks, before)
        const failed = 'redis_client_connection_event="failed"'
        const refused = metricOf(
          service,
          "redis_client_connection_events_total",
          failed,
          'redis_client_connection_reason="Refused"'
        )
        yield* Wait.until(
          "it says why",
          Effect.map(refused, (times) => times > 0)
        )
        assert.deepInclude(yield* redis, { status: "warn", cause: "Refused" })
        for (const probe of ["/live", "/ready"]) {
          assert.strictEqual((yield* service.client.get(probe, { headers: { connection: "close" } })).status, 200)
        }

        yield* server.start
        yield* Wait.until(
          "Redis is in use again",
          Effect.map(redis, (found) => found?.status === "pass")
        )
        yield* Wait.until(
          "the circuit closes",
          Effect.andThen(
            askAll(service),
            Effect.map(metricOf(service, "redis_client_circuit_open_duration_seconds"), (open) => open === 0)
          )
        )
      }).pipe(Effect.provide(services), Effect.scoped)
    )
  }
})
