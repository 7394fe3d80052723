import { NodeRuntime } from "@effect/platform-node"
import { Effect, Option } from "effect"
import * as RedisServer from "../../../test/support/RedisServer.ts"
import * as Load from "./demo/Load.ts"
import * as Play from "./demo/Play.ts"
import * as Report from "./demo/Report.ts"
import * as Script from "./demo/Script.ts"
import * as Service from "./demo/Service.ts"
import * as Stage from "./demo/Stage.ts"

// Short, so that a minute holds two outages: the library's default is 30 s. Everything else is left at its default.
const resetTimeoutMs = 1_000

const demo = Effect.gen(function* () {
  const stage = yield* Stage.make
  const { live, print, style } = stage

  yield* print("", style.bold("A job matcher whose Redis dies"), "")
  const run = yield* Effect.scoped(
    Effect.gen(function* () {
      const redis = yield* RedisServer.make().pipe(
        Effect.asSome,
        Effect.catchTag("MissingProgram", (error) =>
          Effect.as(print(style.yellow(`${error.message}\nWithout it the service runs on memory.`), ""), Option.none())
        )
      )
      const service = yield* Service.start({
        CACHE_RESET_TIMEOUT: String(resetTimeoutMs / 1000),
        ...(Option.isSome(redis) ? { REDIS_URL: redis.value.url } : {})
      })
      const questions = yield* Load.makeQuestions(400)
      yield* print(
        `Service  ${service.url}, a process of its own`,
        `Redis    ${Option.match(redis, { onNone: () => "none", onSome: ({ url }) => `${url}, a private one` })}`,
        `Load     about ${Load.perSecond} requests a second, ${questions.length} different ones; what no cache can answer takes about 80 ms`,
        ""
      )
      const script = Option.match(redis, { onNone: () => Script.withoutRedis, onSome: Script.make })
      const seen = yield* Play.play({ script, service, questions, live, style }).pipe(Effect.raceFirst(service.died))
      return { ...seen, resetTimeoutMs, log: yield* service.log }
    })
  )

  yield* Stage.end(stage, {
    table: Report.table(run, style),
    verdict: Report.verdict(run),
    summary: Report.summary(run),
    logged: { by: "the service", lines: run.log }
  })
})

demo.pipe(Effect.provide(Stage.services), NodeRuntime.runMain)
