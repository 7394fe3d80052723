import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "effect-ioredis"
import { commandSuite } from "../../../suites/commands/index.ts"
import * as RedisServer from "../../../support/RedisServer.ts"

describe("Typed commands on a real Redis", () => {
  commandSuite((test) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* RedisServer.make()
        yield* Effect.provide(test, Redis.layer({ url, requireReady: true }))
      })
    )
  )
})
