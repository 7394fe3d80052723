import { Effect } from "effect"
import type * as Resp from "../support/Resp.ts"
import * as Connect from "../support/Connect.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as QueueStore from "../../packages/effect-ioredis-tasks/src/internal/QueueStore.ts"
import type { Settlement } from "../../packages/effect-ioredis-tasks/src/internal/scripts/work.ts"
import * as StoredTask from "../../packages/effect-ioredis-tasks/src/internal/StoredTask.ts"
import { median } from "../../bench/src/Figure.ts"

/** What taking costs, with few and with many tasks waiting. Times are microseconds of Redis' own. */
export interface Million {
  readonly waiting: number
  readonly fewUsec: number
  /** How many times as much it costs with many. */
  readonly ratio: number
  /** Milliseconds that `inspect` took Redis at most, of a hundred. */
  readonly inspectMillis: number
  /** Milliseconds that a PING of another connection took at most meanwhile. */
  readonly pingMillis: number
  readonly bytesEach: number
}

/**
 * Measures rounds that settle ten tasks and take ten, each after ten more were put there: with few and with many by turns,
 * for a machine may be twice as slow a moment later, so that only what was measured together is compared.
 */
export const play = Effect.fnUntraced(function* (waiting: number) {
  const few = yield* queueOf()
  const many = yield* queueOf()
  const { server, store } = many
  const empty = Number(yield* info(server, "memory", "used_memory"))
  for (let from = 0; from < waiting; from += 20_000) yield* many.fill(1e9 + from, 20_000)
  const full = Number(yield* info(server, "memory", "used_memory"))
  const costs: Array<number> = []
  const ratios: Array<number> = []
  for (const queue of [few, many]) yield* queue.rounds(500)
  for (let turn = 0; turn < 21; turn++) {
    const cost = yield* few.cost
    costs.push(cost)
    ratios.push((yield* many.cost) / cost)
  }

  yield* server.cli("CONFIG", "SET", "slowlog-log-slower-than", 0, "slowlog-max-len", 1000)
  yield* server.cli("SLOWLOG", "RESET")
  const pinging = yield* Connect.client({ port: server.port })
  let pingMillis = 0
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.suspend(() => {
        const from = performance.now()
        return Effect.map(pinging.get("nothing"), () => {
          pingMillis = Math.max(pingMillis, performance.now() - from)
        })
      })
    )
  )
  for (let time = 0; time < 100; time++) yield* store.inspect
  const million: Million = {
    waiting: (yield* store.inspect).normal,
    fewUsec: median(costs),
    ratio: median(ratios),
    inspectMillis: longestIn(yield* server.cli("SLOWLOG", "GET", 1000)) / 1000,
    pingMillis,
    bytesEach: (full - empty) / waiting
  }
  return million
})

// A queue on a server of its own.
const queueOf = Effect.fnUntraced(function* () {
  const server = yield* RedisServer.make()
  const client = yield* Connect.client({ port: server.port })
  const store = QueueStore.make(client, "tasks", "many", { remember: 86_400_000, resultLife: 0 })
  const fill = (from: number, count: number) => server.cli("EVAL", filling, 0, base, from, count, content)

  let next = 0
  let call = 0
  let settlements: ReadonlyArray<Settlement> = []
  const rounds = Effect.fnUntraced(function* (count: number) {
    for (let round = 0; round < count; round++) {
      yield* fill(next, 10)
      next += 10
      const asked = { worker: "w", call: ++call, lease: 30_000, want: 10, rate: { limit: 0, window: 0 }, settlements }
      const { taken } = yield* store.work(asked)
      if (taken.length !== 10) return yield* Effect.die(new Error(`${taken.length} were taken instead of ten`))
      const ending = { token: `w:${call}`, kind: "done", delay: 0, value: "" } as const
      settlements = taken.map(({ id }) => ({ id, ...ending }))
    }
  })
  // What a round costs Redis: EVALSHA is what the library sends, and EVAL what fills.
  const cost = Effect.gen(function* () {
    yield* server.cli("CONFIG", "RESETSTAT")
    yield* rounds(600)
    return Number(/cmdstat_evalsha:.*?usec_per_call=([\d.]+)/.exec(yield* infoText(server, "commandstats"))?.[1])
  })
  return { server, store, fill, rounds, cost }
})

const base = "tasks:{many}:"

const content = StoredTask.write({
  name: "step",
  version: 1,
  offer: "o",
  payload: { order: 123456, text: "a".repeat(60) }
})

// Puts tasks where an offer does.
const filling = `
local base, from, count, content = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local now = redis.call("TIME")[1] .. "000"
for n = from, from + count - 1 do
  local id = string.format("step:%.0f", n)
  redis.call("HSET", base .. "tasks", id, now .. " 0 1 " .. content)
  redis.call("RPUSH", base .. "waiting:normal", id)
end`

const infoText = (server: RedisServer.RedisServer, section: string) => Effect.map(server.cli("INFO", section), String)

const info = (server: RedisServer.RedisServer, section: string, field: string) =>
  Effect.map(infoText(server, section), (text) => new RegExp(`^${field}:(.*)\\r?$`, "m").exec(text)?.[1])

// An entry is: number, time, microseconds, command.
const longestIn = (log: Resp.Reply): number =>
  Math.max(
    0,
    ...(Array.isArray(log) ? log : []).flatMap((entry) =>
      Array.isArray(entry) && Array.isArray(entry[3]) && entry[3][0] === "EVALSHA" ? [Number(entry[2])] : []
    )
  )
