import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { RedisClient } from "effect-ioredis"
import { Lists } from "effect-ioredis/commands"
import * as Dispatch from "effect-ioredis/dispatch"
import * as Wakeup from "../../packages/effect-ioredis-tasks/src/internal/Wakeup.ts"
import { pass, test } from "./harness.ts"

/** A worker's wait, and how often it was told to look. */
const start = Effect.gen(function* () {
  const client = yield* RedisClient.RedisClient
  const looks = { count: 0 }
  const wakeup = Wakeup.make(client, Dispatch.of(client), "wake", 15_000, () => looks.count++)
  yield* Effect.forkScoped(wakeup.run)
  return { looks, wakeup }
})

const wakeOne = Effect.flatMap(RedisClient.RedisClient, ({ run }) => run(Lists.rpush("wake", ["1"])))
const left = Effect.flatMap(RedisClient.RedisClient, ({ run }) => run(Lists.llen("wake")))

describe("an idle worker", () => {
  test("looks once it is woken, and after the longest time that it waits", () =>
    Effect.gen(function* () {
      const { looks, wakeup } = yield* start
      wakeup.idle(undefined)
      yield* pass(1)
      yield* wakeOne
      yield* pass(1)
      assert.deepStrictEqual([looks.count, yield* left], [1, 0])
      wakeup.idle(undefined)
      yield* pass(14)
      assert.strictEqual(looks.count, 1)
      yield* pass(1.1)
      assert.strictEqual(looks.count, 2)
    }))

  test("that has enough to do by then passes on what woke it", () =>
    Effect.gen(function* () {
      const [full, other] = [yield* start, yield* start]
      full.wakeup.idle(undefined)
      yield* pass(1)
      full.wakeup.busy()
      other.wakeup.idle(undefined)
      yield* pass(1)
      // Whoever has waited longest is woken.
      yield* wakeOne
      yield* pass(1)
      assert.deepStrictEqual([other.looks.count, yield* left], [1, 0])
    }))

  test("leaves it there where nobody else waits, and goes on with it when it is idle again", () =>
    Effect.gen(function* () {
      const { looks, wakeup } = yield* start
      wakeup.idle(undefined)
      yield* pass(1)
      wakeup.busy()
      yield* wakeOne
      yield* pass(60)
      const before = looks.count
      assert.strictEqual(yield* left, 1)
      wakeup.idle(undefined)
      yield* pass(1)
      assert.deepStrictEqual([looks.count - before, yield* left], [1, 0])
    }))
})
