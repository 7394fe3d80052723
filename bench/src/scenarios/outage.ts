import { Effect } from "effect"
import * as TcpProxy from "../../../test/support/TcpProxy.ts"
import type { SequenceDone } from "../Calls.ts"
import * as Child from "../Child.ts"
import * as Contenders from "../Contenders.ts"
import * as Figure from "../Figure.ts"
import type { Row } from "../Result.ts"
import type { Scenario } from "../Scenario.ts"

const { bentocache, cacheManager, cacheable, keyv, nodeRedis, ours, persistence, raw } = Contenders
const names = [
  ours,
  raw,
  "ioredis:failFast",
  nodeRedis,
  "node-redis:failFast",
  keyv,
  cacheManager,
  cacheable,
  "cacheable:nonBlocking",
  bentocache,
  "bentocache:tuned",
  persistence,
  "persistence:breaker"
]

const seconds = 5
const calls = { operation: "get", key: "job-", calls: 200, withinMillis: seconds * 1000 } as const

export const outage: Scenario = {
  name: "outage",
  title: `reads one after the other for up to ${seconds} s, on a Redis that was warm and then is killed, frozen or silent`,
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const proxy = yield* TcpProxy.make(server.port)
      const faults = [
        { name: "refused", begin: server.kill, end: server.start },
        { name: "frozen", begin: server.freeze, end: server.thaw },
        { name: "silent", begin: proxy.silent, end: proxy.pass }
      ]
      for (const fault of faults) {
        const rows = yield* Effect.scoped(
          Effect.gen(function* () {
            const port = fault.name === "silent" ? proxy.port : server.port
            const environment = { port, url: `redis://127.0.0.1:${port}` }
            const contenders = yield* Effect.all(names.map((name) => Child.start(name, environment)))
            for (const child of contenders) {
              yield* child.request("prepare", { operation: "get", size: "200 B", inFlight: 1 })
              yield* child.request("sequence", { ...calls, calls: 50 })
            }
            yield* fault.begin
            // Together: they mostly wait.
            return yield* Effect.forEach(contenders, measure, { concurrency: "unbounded" })
          })
        )
        yield* fault.end
        yield* emit({ name: `outage: ${fault.name}`, unit: "ms", baseline: "none", rows })
      }
    })
}

const measure = (child: Child.Child): Effect.Effect<Row, Error> =>
  Effect.map(child.request<SequenceDone>("sequence", calls), ({ isPending, millis, outcomes }) => {
    const contender = child.name
    const said = Object.entries(outcomes).map(([outcome, times]) => `${outcome} ${times}`)
    const pending = `pending over ${seconds} s`
    if (millis.length === 0) return { contender, figure: pending }
    const detail = {
      p99: Figure.percentile(millis, 0.99),
      max: isPending ? pending : Math.max(...millis),
      calls: said.join(", ")
    }
    return { contender, figure: Figure.make(millis), detail }
  })
