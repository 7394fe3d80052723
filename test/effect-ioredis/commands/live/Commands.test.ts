import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "effect-ioredis"
import { commandSuite, realCommandSuite } from "../../../suites/commands/index.ts"
import type { Provide } from "../../../suites/commands/Row.ts"
import * as RedisServer from "../../../support/RedisServer.ts"

const provide: Provide = (test) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      yield* Effect.provide(test, Redis.layer({ url, requireReady: true }))
    })
  )

describe("Typed commands on a real Redis", () => {
  commandSuite(provide)
  realCommandSuite(provide)
})
