import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import type { RuntimeSettings } from "effect-ioredis"
import * as Load from "../../examples/job-matcher/src/demo/Load.ts"
import * as Service from "../../examples/job-matcher/src/demo/Service.ts"
import * as Tally from "../../examples/job-matcher/src/demo/Tally.ts"
import { Jobs } from "../../examples/job-matcher/src/Jobs.ts"
import * as BusyProxy from "../support/BusyProxy.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as Wait from "../support/Wait.ts"

const services = Layer.mergeAll(
  NodeServices.layer,
  // Without `keepAlive`: between two loads the service would close connections that are used again at that moment.
  NodeHttpClient.layerNodeHttpOptions({ keepAlive: false }),
  Jobs.layer
)

// Redis has time for 100 commands a second. 70 are asked for as a rule, then twice as many.
const [capacity, usual] = [100, 70]

/** Its circuit stays closed, as it does by default where `patience` is below `commandTimeout`: Redis is slow, not dead. */
const settings = { circuit: { failureThreshold: 10_000 } }
const rule = { load: { enabled: true, from: 20, upTo: 60 } }

/** A job matcher of its own, whose Redis knows all the answers, and what becomes of it as the load doubles. */
const measure = Effect.fnUntraced(function* (document: RuntimeSettings.Document) {
  const server = yield* RedisServer.make()
  const proxy = yield* BusyProxy.make(server.port)
  const service = yield* Service.start({
    REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
    REDIS_SETTINGS: JSON.stringify(document),
    CACHE_SOCKET_TIMEOUT_MS: "300"
  })
  const questions = yield* Load.makeQuestions(20)
  const ask = ({ query }: Load.Question) => Effect.flatMap(Load.toRequest(query), service.client.execute)
  yield* Effect.forEach(questions, ask, { concurrency: "unbounded" })
  yield* Wait.until(
    "Redis has all of them",
    Effect.map(server.cli("DBSIZE"), (size) => size === questions.length)
  )
  yield* proxy.capacity(capacity)

  const load = Effect.fnUntraced(function* (rate: number, seconds: number) {
    const tally = Tally.make()
    const count = Effect.all({ stats: service.stats, commands: proxy.commands })
    const before = yield* count
    yield* Load.run({
      client: service.client,
      questions,
      rate,
      concurrency: 1_000,
      tally: Effect.succeed(tally),
      stop: Effect.sleep(Duration.seconds(seconds))
    })
    const after = yield* count
    assert.deepStrictEqual(tally.errors, [])
    assert.strictEqual(after.stats.breaker.join(), "Closed")
    return {
      requests: tally.requests,
      "p50 (ms)": Math.round(Tally.percentile(tally, 0.5)),
      "p99 (ms)": Math.round(Tally.percentile(tally, 0.99)),
      "attempts for a request": share(after.commands - before.commands, tally),
      "from Redis": share(after.stats.redisHits - before.stats.redisHits, tally)
    }
  })
  const before = yield* load(usual, 3)
  const doubled = yield* load(2 * usual, 6)
  // What was sent is done at some time, whether or not somebody still waits for it.
  yield* proxy.idle
  return { before, doubled, afterwards: yield* load(usual, 3) }
}, Effect.scoped)

const share = (count: number, { requests }: Tally.Tally) => Math.round((100 * count) / requests) / 100

describe("the job matcher under load", { timeout: 240_000 }, () => {
  it.live("answers sooner by the load rule while its load is doubled, and asks Redis no more often", () =>
    Effect.gen(function* () {
      const without = yield* measure(settings)
      const withRule = yield* measure({ ...settings, ...rule })
      console.log(`Redis has time for ${capacity} commands a second, and is asked for ${2 * usual}:`)
      console.table({ "without the rule": without.doubled, "with it": withRule.doubled })
      assert.isBelow(withRule.doubled["p99 (ms)"], 0.75 * without.doubled["p99 (ms)"])
      assert.isAbove(without.doubled["attempts for a request"], 1.1)
      assert.isBelow(withRule.doubled["attempts for a request"], 1.05)
      // It does nothing before, and lets go afterwards.
      for (const { before, afterwards } of [without, withRule]) {
        assert.isAbove(before["from Redis"], 0.9)
        assert.isAbove(afterwards["from Redis"], 0.9)
      }
    }).pipe(Effect.provide(services))
  )
})
