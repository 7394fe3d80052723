import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { FetchHttpClient, HttpRouter } from "effect/http"
import { Otlp } from "effect/observability"
import { definedMetrics } from "effect-ioredis/dispatch"
import * as PrometheusNames from "effect-ioredis/PrometheusNames"
import { outage } from "../support/AllMetrics.ts"

const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

/** A receiver of OTLP, and what it was sent. */
const receiver = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly bodies: ReadonlyArray<unknown>; readonly close: () => void }>(
    (resume) => {
      const bodies: Array<unknown> = []
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          if (request.url === "/v1/metrics") bodies.push(JSON.parse(Buffer.concat(chunks).toString()))
          response.end("{}")
        })
      })
      server.listen(0, "127.0.0.1", () => {
        // It listens on TCP.
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, bodies, close: () => server.close() }))
      })
    }
  ),
  ({ close }) => Effect.sync(close)
)

interface Sent {
  readonly name: string
  readonly unit: string
  readonly histogram?: { readonly dataPoints: ReadonlyArray<{ readonly explicitBounds: ReadonlyArray<number> }> }
}

const metricsOf = (body: unknown): ReadonlyArray<Sent> =>
  (
    body as { resourceMetrics: ReadonlyArray<{ scopeMetrics: ReadonlyArray<{ metrics: ReadonlyArray<Sent> }> }> }
  ).resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))

describe("OTLP", () => {
  it.effect("is told each metric under its id and in its unit", () =>
    Effect.gen(function* () {
      const { bodies, url } = yield* receiver
      // What it has not sent yet it sends when its scope closes.
      const exporting = Otlp.layerJson({ baseUrl: url, resource: { serviceName: "shop" } }).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
      yield* outage(Effect.scoped(Layer.build(exporting)))
      const sent = metricsOf(bodies.at(-1))
      const units = new Map(definedMetrics().map(({ id, unit }) => [id, unit]))
      const ours = sent.filter(({ name }) => units.has(name))
      assert.isAtLeast(ours.length, 30)
      for (const { name, unit } of ours) assert.strictEqual(unit, units.get(name), name)
      const operation = ours.find(({ name }) => name === "db.client.operation.duration")
      assert.strictEqual(operation?.unit, "s")
      assert.includeMembers([...(operation?.histogram?.dataPoints[0]?.explicitBounds ?? [])], [0.001, 0.005, 0.01, 10])
    }).pipe(Effect.scoped, alone)
  )
})

describe("Prometheus", () => {
  it.effect("is told names with their units, by one line of a program", () =>
    Effect.gen(function* () {
      const web = HttpRouter.toWebHandler(PrometheusNames.layerHttp(), { disableLogger: true })
      const context = yield* Effect.context<never>()
      const response = yield* outage(
        Effect.promise(() => web.handler(new Request("http://localhost/metrics"), context as never))
      )
      const text = yield* Effect.promise(() => response.text())
      for (const line of [
        "# TYPE db_client_operation_duration_seconds histogram",
        "# TYPE redis_client_circuit_transitions_total counter",
        "# TYPE redis_client_circuit_open_duration_seconds gauge",
        "# TYPE cache_memory_size_bytes gauge",
        "# TYPE cache_requests_total counter"
      ]) {
        assert.include(text, `${line}\n`)
      }
      assert.match(text, /^redis_client_connection_events_total\{.*redis_client_connection_reason="Refused"\} \d+$/m)
      assert.notInclude(text, "unit=")
      yield* Effect.promise(() => web.dispose())
    }).pipe(alone)
  )
})
