import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schema } from "effect"
import { RedisCommand, type RedisError } from "effect-ioredis"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as JsonCodec from "../../packages/effect-ioredis-cache/src/internal/JsonCodec.ts"
import {
  type Cancel,
  type Done,
  type FoundThere,
  type TierRegion,
  Version,
  Write
} from "../../packages/effect-ioredis-cache/src/internal/CacheTier.ts"
import * as RedisTier from "../../packages/effect-ioredis-cache/src/internal/RedisTier.ts"
import * as StoredValue from "../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"
import { payloadOf, stored } from "../support/Stored.ts"
import { noRetry, type Server, set, withRedis } from "../support/VirtualRedis.ts"

/** What a test does with the tier of one region. */
interface Harness {
  readonly tier: RedisTier.RedisTier<string>
  readonly server: Server
  readonly problems: ReadonlyArray<string>
  /** What the server holds under a key. */
  readonly peek: (key: string) => Effect.Effect<string | undefined>
}

const withTier = (
  body: (harness: Harness) => Effect.Effect<void, unknown>,
  region: Partial<TierRegion<string>> = {},
  options: RedisTier.TierOptions<string> = {}
) =>
  withRedis(noRetry, { scripts })((redis, server) =>
    Effect.scoped(
      Effect.gen(function* () {
        // What was written at the beginning of time is old.
        yield* TestClock.adjust("1 hour")
        const problems: Array<string> = []
        const tiers = yield* RedisTier.make(redis)
        const tier = tiers<string>(
          {
            name: "texts",
            keyspace: "texts:",
            codec: JsonCodec.make(Schema.String),
            longestLife: 60_000,
            staleFor: 0,
            refreshes: false,
            replay: "ifUnchanged",
            removedFor: 0,
            tags: false,
            maxBytes: 1000,
            onUnreadable: (_, problem) => problems.push(problem),
            ...region
          },
          options
        )
        yield* body({ tier, server, problems, peek: (key) => server.peek(key) })
      })
    )
  )

const always = { isCurrent: () => true }

/** Waits for a call of the tier while the server answers. */
const ended = <A>(start: (done: Done<A, RedisError.RedisError>) => Cancel) =>
  Effect.gen(function* () {
    const exits: Array<Exit.Exit<A, RedisError.RedisError>> = []
    start((exit) => exits.push(exit))
    yield* TestClock.adjust(10)
    return exits[0] ?? assert.fail("it still waits")
  })

const answer = <A>(start: (done: Done<A, RedisError.RedisError>) => Cancel) =>
  Effect.flatMap(ended(start), (exit) => exit)

const write = (key: string, value: string) => new Write(key, value, JSON.stringify(value), 10_000)

describe("RedisTier", () => {
  const ours = stored("texts:a", '"1"')
  const rows: ReadonlyArray<
    readonly [
      what: string,
      held: string,
      value: string | undefined,
      problems: number,
      replaceable: boolean,
      stays: boolean
    ]
  > = [
    ["a value of ours", ours, "1", 0, false, true],
    ["a value that is fresh no longer", stored("texts:a", '"1"', { life: 1000 }), undefined, 0, true, true],
    ["what is not ours", "hello", undefined, 1, true, true],
    ["a value of another key", stored("texts:b", '"1"'), undefined, 1, true, true],
    ["a value of another shape", stored("texts:a", "5"), undefined, 1, true, true],
    ["a broken value of ours", stored("texts:a", '"1'), undefined, 1, false, false]
  ]
  for (const [what, held, value, problems, replaceable, stays] of rows) {
    it.effect(`${what} is ${value === undefined ? "a miss" : "a hit"}${stays ? "" : ", and is removed"}`, () =>
      withTier((h) =>
        Effect.gen(function* () {
          yield* h.server.execute(set("texts:a", held))
          const found = yield* answer<FoundThere<string>>((done) => h.tier.get("texts:a", always, done))
          assert.strictEqual(found.hit?.value, value)
          assert.strictEqual(h.problems.length, problems)
          const replaces = replaceable
            ? { start: Uint8Array.from(Buffer.from(held).subarray(0, 64)), length: held.length }
            : undefined
          assert.deepStrictEqual(found.replaces, replaces)
          assert.strictEqual(yield* h.peek("texts:a"), stays ? held : undefined)
        })
      )
    )
  }

  it.effect("a key of another Redis type is a miss that a fill may not replace by comparing", () =>
    withTier((h) =>
      Effect.gen(function* () {
        yield* h.server.execute(RedisCommand.make("LPUSH", ["texts:a", "1"]))
        const found = yield* answer<FoundThere<string>>((done) => h.tier.get("texts:a", always, done))
        assert.isUndefined(found.hit)
        assert.strictEqual(found.replaces?.start.length, 0)
        assert.deepStrictEqual(h.problems, ["it is of another Redis type"])
      })
    )
  )

  it.effect("what may not be believed is a miss, and a life beyond the region's is cut to that", () =>
    withTier(
      (h) =>
        Effect.gen(function* () {
          for (const key of ["texts:a", "texts:b"]) yield* h.server.execute(set(key, stored(key, '"1"')))
          const keys = ["texts:b", "texts:absent", "texts:a"]
          const found = yield* answer<ReadonlyArray<FoundThere<string>>>((done) =>
            h.tier.getMany(keys, () => true, done)
          )
          assert.deepStrictEqual(
            found.map(({ hit }) => hit && [hit.value, hit.timeToLive, hit.lifeThere]),
            [["1", 60_000, Number.POSITIVE_INFINITY], undefined, undefined]
          )
        }),
      {},
      { believes: (key) => key !== "texts:a" }
    )
  )

  it.effect("what a nearer store holds of the same write is not decoded, where it may be believed", () => {
    const same = stored("texts:a", '"1"')
    const stampOf = (held: string) => held.slice(...StoredValue.offsets.stamp)
    return withTier(
      (h) =>
        Effect.gen(function* () {
          const unbelieved = stored("texts:unbelieved", '"1"')
          const keys = ["texts:a", "texts:copy", "texts:unbelieved"]
          for (const [index, held] of [same, same, unbelieved].entries()) {
            yield* h.server.execute(set(keys[index] ?? "", held))
          }
          const found = yield* answer<ReadonlyArray<FoundThere<string>>>((done) =>
            h.tier.getMany(keys, () => true, done)
          )
          assert.deepStrictEqual(
            found.map(({ hit }) => hit && [hit.value, hit.timeToLive, hit.bytes, hit.version.stamp]),
            [["held", 60_000, 7, stampOf(same)], undefined, undefined]
          )
          assert.deepStrictEqual(h.problems, ["it was written under another key"])
        }),
      {},
      {
        believes: (key) => key !== "texts:unbelieved",
        kept: () => ({ value: "held", bytes: 7, version: new Version(stampOf(same), 0) })
      }
    )
  })

  it.effect("what something newer has overtaken is not sent, and costs the others nothing", () =>
    withTier((h) =>
      Effect.gen(function* () {
        const writes = [write("texts:a", "1"), write("texts:b", "1")]
        const outcomes = yield* answer((done) => h.tier.setMany(writes, (index) => index === 1, done))
        assert.deepStrictEqual(outcomes, ["Deferred", "Applied"])
        assert.isUndefined(yield* h.peek("texts:a"))
        assert.strictEqual(payloadOf((yield* h.peek("texts:b")) ?? ""), '"1"')
      })
    )
  )

  it.effect("whoever writes is told of what Redis refused, and nothing is kept for later", () =>
    withTier((h) =>
      Effect.gen(function* () {
        yield* h.server.inject(Fault.error("TRYAGAIN"))
        for (const call of [
          ended((done) => h.tier.set(write("texts:a", "1"), always, done)),
          ended((done) => h.tier.remove(["texts:a"], () => true, done))
        ]) {
          assert.isTrue(Exit.isFailure(yield* call))
        }
        yield* h.server.heal
        yield* TestClock.adjust("1 minute")
        assert.isUndefined(yield* h.peek("texts:a"))
      })
    )
  )

  it.effect("clears all of its region, and nothing else", () =>
    withTier((h) =>
      Effect.gen(function* () {
        for (const key of ["texts:a", "texts:b", "others:a"]) yield* h.server.execute(set(key, "1"))
        assert.strictEqual(yield* h.tier.clear, "Applied")
        assert.deepStrictEqual(
          [yield* h.peek("texts:a"), yield* h.peek("texts:b"), yield* h.peek("others:a")],
          [undefined, undefined, "1"]
        )
      })
    )
  )
})
