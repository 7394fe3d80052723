import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Redis, RedisClient, RedisCommand } from "effect-ioredis"
import { TaskQueue } from "effect-ioredis-tasks"
import { problemsOf } from "../../../packages/effect-ioredis-tasks/src/internal/storageWarning.ts"
import * as Captured from "../../support/Captured.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

const told = ({ logs }: Captured.Captured) => logs.filter((line) => line.includes("may lose tasks"))

/** Two queues on a server, and what is said of it once it has been asked. */
const said = (url: string, settings: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const captured = Captured.make()
    const queues = Layer.mergeAll(TaskQueue.layer({ name: "one" }), Layer.fresh(TaskQueue.layer({ name: "two" })))
    yield* Effect.gen(function* () {
      const client = yield* RedisClient.RedisClient
      yield* client.run(RedisCommand.make("CONFIG", ["SET", ...settings]))
      yield* Effect.scoped(
        Effect.andThen(
          Layer.build(queues),
          // What was asked before an answer to this has been answered.
          Wait.until(
            "it was asked",
            Effect.map(client.stats, ({ operations }) => operations >= 3)
          )
        )
      )
    }).pipe(Effect.provide(Redis.layer({ url }).pipe(Layer.provideMerge(captured.layer))))
    return told(captured)
  })

describe("What a queue says of its Redis", () => {
  it.live("is one line where it evicts or keeps nothing, and nothing where it does not", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const [line = "", ...more] = yield* said(url, ["maxmemory-policy", "allkeys-lru", "appendonly", "no", "save", ""])
      assert.deepStrictEqual(more, [])
      assert.include(line, "maxmemory-policy is allkeys-lru: it evicts tasks when memory is full, set noeviction")
      assert.include(line, "nothing is saved to disk")
      assert.deepStrictEqual(yield* said(url, ["maxmemory-policy", "noeviction", "save", "3600 1"]), [])
    }).pipe(Effect.scoped)
  )

  it("concerns tasks and results", () => {
    const storage = { policy: "noeviction", hasAppendOnlyFile: true, save: undefined }
    assert.deepStrictEqual(problemsOf(storage), [])
    assert.deepStrictEqual(problemsOf({ ...storage, policy: undefined, hasAppendOnlyFile: false }), [])
    assert.include(problemsOf({ ...storage, policy: "volatile-lru" }).join(), "it evicts results")
    assert.deepStrictEqual(problemsOf({ ...storage, hasAppendOnlyFile: false, save: "3600 1" }), [])
    assert.lengthOf(problemsOf({ policy: "allkeys-lfu", hasAppendOnlyFile: false, save: "" }), 2)
  })
})
