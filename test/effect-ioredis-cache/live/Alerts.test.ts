import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { alerts } from "../../../scripts/operations/alerts.ts"
import * as Promtool from "../../support/Promtool.ts"

const promtool = Promtool.find()
const file = resolve("packages/effect-ioredis-cache/operations/alerts.yml")
const folder = mkdtempSync(join(tmpdir(), "effect-ioredis-alerts-"))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Values every 15 seconds, as promtool writes them: `0+15x40` begins at 0 and grows by 15 forty times. */
type Values = Readonly<Record<string, string>>

interface Case {
  readonly alert: string
  readonly fires: Values
  /** When it fires, in minutes. */
  readonly at: number
  readonly silent: Values
}

const client = 'job="shop", instance="a", redis_client_name="redis"'
const cache = 'job="shop", instance="a", cache_name="redis"'
const failed = (reason: string) =>
  `redis_client_connection_events_total{${client}, redis_client_connection_event="failed", redis_client_connection_reason="${reason}"}`
const errors = (type: string) => `redis_client_errors_total{${client}, error_type="${type}"}`
const requests = (result: string, source: string, name = "redis") =>
  `cache_requests_total{job="shop", instance="a", cache_name="${name}", cache_region="users", cache_result="${result}", cache_source="${source}"}`
const gets = (le: string) => `cache_operation_duration_seconds_bucket{${cache}, cache_operation="get", le="${le}"}`
const delays = (le: string) => `redis_client_event_loop_delay_seconds_bucket{${client}, le="${le}"}`
const patience = `cache_patience_seconds{${cache}}`

const slowReads = {
  [gets("0.5")]: "0+90x200",
  [gets("1")]: "0+100x200",
  [gets("+Inf")]: "0+100x200",
  [patience]: "1x200"
}
const blocked = { [delays("0.1")]: "0+5x200", [delays("1")]: "0+10x200", [delays("+Inf")]: "0+10x200" }

const cases: ReadonlyArray<Case> = [
  {
    alert: "RedisCircuitOpen",
    fires: { [`redis_client_circuit_open_duration_seconds{${client}}`]: "0x4 0+15x20" },
    at: 3,
    silent: { [`redis_client_circuit_open_duration_seconds{${client}}`]: "0 15 30 45 60 0x100" }
  },
  {
    alert: "RedisNotConnected",
    fires: {
      [`redis_client_connections{${client}}`]: "1x4 0x40",
      [`redis_client_connections_wanted{${client}}`]: "1x50"
    },
    at: 3,
    silent: {
      [`redis_client_connections{${client}}`]: "1x4 0 0 1x40",
      [`redis_client_connections_wanted{${client}}`]: "1x50"
    }
  },
  {
    alert: "RedisCannotLogIn",
    fires: { [failed("Auth")]: "0x4 0+20x40" },
    at: 6,
    silent: { [failed("Auth")]: "0x4 1x40", [failed("Refused")]: "0+20x44" }
  },
  {
    alert: "RedisManyRetries",
    fires: {
      [`redis_client_retries_total{${client}, db_operation_name="GET"}`]: "0+20x100",
      [`db_client_operation_duration_seconds_count{${client}, db_operation_name="GET"}`]: "0+100x100"
    },
    at: 12,
    silent: {
      [`redis_client_retries_total{${client}, db_operation_name="GET"}`]: "0x20 100x80",
      [`db_client_operation_duration_seconds_count{${client}, db_operation_name="GET"}`]: "0+100x100"
    }
  },
  {
    alert: "RedisRefusesCommands",
    fires: { [errors("OOM")]: "0x4 1+5x40" },
    at: 6,
    silent: { [errors("READONLY")]: "0x4 3x40", [errors("WRONGTYPE")]: "0+9x44" }
  },
  { alert: "EventLoopBusy", fires: blocked, at: 12, silent: { ...blocked, [delays("0.1")]: "0+9.5x200" } },
  {
    alert: "CacheWaitsForRedis",
    fires: { ...slowReads, [delays("0.1")]: "0+10x200", [delays("+Inf")]: "0+10x200" },
    at: 12,
    // The process is busy, and Redis is not to blame.
    silent: { ...slowReads, ...blocked }
  },
  {
    alert: "CacheRunsOnMemory",
    fires: { [requests("hit", "redis")]: "0+10x100", [requests("hit", "fallback")]: "0+20x100" },
    at: 7,
    silent: { [requests("hit", "redis")]: "0+20x100", [requests("hit", "memory", "memory")]: "0+200x100" }
  },
  {
    alert: "CacheHitRatioHalved",
    fires: {
      [requests("hit", "redis")]: "0+90x240 21600+20x120",
      [requests("miss", "redis")]: "0+10x240 2400+80x120"
    },
    at: 85,
    silent: {
      [requests("hit", "redis")]: "0+90x240 21600+60x120",
      [requests("miss", "redis")]: "0+10x240 2400+40x120"
    }
  },
  {
    alert: "CacheValuesUnreadable",
    fires: { [`cache_unreadable_total{${cache}, cache_region="users"}`]: "0+1x100" },
    at: 17,
    // A rolling release of ten minutes.
    silent: { [`cache_unreadable_total{${cache}, cache_region="users"}`]: "0+1x36 36x64" }
  },
  {
    alert: "CacheMemoryTooSmall",
    fires: {
      [`cache_memory_evictions_total{${cache}}`]: "0+10x100",
      [`cache_memory_entries{${cache}}`]: "400x100",
      [`cache_memory_limit{${cache}}`]: "1000x100"
    },
    at: 12,
    silent: {
      [`cache_memory_evictions_total{${cache}}`]: "0+10x100",
      [`cache_memory_entries{${cache}}`]: "1000x100",
      [`cache_memory_limit{${cache}}`]: "1000x100"
    }
  },
  {
    alert: "CacheJournalNearlyFull",
    fires: {
      [`cache_journal_deferred{${cache}}`]: "10x20",
      [`cache_journal_limit{${cache}}`]: "1000x20",
      [`cache_journal_size_bytes{${cache}}`]: "900x20",
      [`cache_journal_size_limit_bytes{${cache}}`]: "1000x20"
    },
    at: 2,
    silent: {
      [`cache_journal_deferred{${cache}}`]: "800x20",
      [`cache_journal_limit{${cache}}`]: "1000x20",
      [`cache_journal_size_bytes{${cache}}`]: "700x20",
      [`cache_journal_size_limit_bytes{${cache}}`]: "1000x20"
    }
  },
  {
    alert: "CacheRegionGivenUp",
    fires: { [`cache_journal_overflows_total{${cache}}`]: "0x4 1x40" },
    at: 3,
    // A count that is first seen at one has not grown, so it has to be there at 0.
    silent: { [`cache_journal_overflows_total{${cache}}`]: "_x4 1x40" }
  }
]

const firing = (alert: string) => `ALERTS{alertname="${alert}", alertstate="firing"}`

const isFiring = (alert: string) => `count(${firing(alert)}) or vector(0)`

// At any time, also where it has ended since.
const everFired = (alert: string) => `count(count_over_time(${firing(alert)}[3h])) or vector(0)`

const testOf = (values: Values, expr: string, at: number, wanted: number) => ({
  interval: "15s",
  input_series: Object.entries(values).map(([series, values]) => ({ series, values })),
  promql_expr_test: [{ expr, eval_time: `${at}m`, exp_samples: [{ labels: "{}", value: wanted }] }]
})

const runTests = (name: string, tests: ReadonlyArray<unknown>) => {
  const tested = join(folder, `${name}.yml`)
  writeFileSync(tested, JSON.stringify({ rule_files: [file], evaluation_interval: "15s", tests }))
  return Promtool.run(promtool ?? "", ["test", "rules", tested])
}

describe.skipIf(promtool === undefined)("the alerts, before promtool", () => {
  it("are rules", () => {
    const { said, status } = Promtool.run(promtool ?? "", ["check", "rules", file])
    assert.strictEqual(status, 0, said)
    assert.include(said, `${alerts().length} rules found`)
  })

  it("have a case each", () => {
    assert.deepStrictEqual(
      cases.map(({ alert }) => alert).sort(),
      alerts()
        .map(({ name }) => name)
        .sort()
    )
  })

  for (const { alert, at, fires, silent } of cases) {
    it(`${alert} fires when it should, and not when it nearly should`, () => {
      const { said, status } = runTests(alert, [
        testOf(fires, isFiring(alert), at, 1),
        testOf(silent, everFired(alert), at + 5, 0)
      ])
      assert.strictEqual(status, 0, said)
      // It is looked at whether there is one.
      assert.notStrictEqual(runTests(alert, [testOf(fires, everFired(alert), at + 5, 0)]).status, 0)
    })
  }
})
