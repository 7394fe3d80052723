import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RedisCommand } from "effect-ioredis"
import { patient } from "../../../packages/effect-ioredis/src/internal/persistence/RedisService.ts"

describe("A command that waits for ever", () => {
  const given: Array<string> = []
  const replies: Array<RedisCommand.Reply> = []
  const run = patient(<A>({ args, decode, name }: RedisCommand.RedisCommand<A>) =>
    Effect.suspend(() => {
      given.push([name, ...args].join(" "))
      return Effect.orDie(Effect.fromResult(decode(replies.shift() ?? null)))
    })
  )

  it.effect("is asked again after nil, and others are asked as they are", () =>
    Effect.gen(function* () {
      replies.push(null, null, ["jobs", "one"])
      assert.deepStrictEqual(yield* run(RedisCommand.make("BLPOP", ["jobs", "0"])), ["jobs", "one"])
      assert.isNull(yield* run(RedisCommand.make("BLPOP", ["jobs", "0.5"])))
      assert.isNull(yield* run(RedisCommand.make("WAIT", [1, 0])))
      const asked = ["BLPOP jobs 10", "BLPOP jobs 10", "BLPOP jobs 10", "BLPOP jobs 0.5", "WAIT 1 0"]
      assert.deepStrictEqual(given, asked)
    })
  )
})
