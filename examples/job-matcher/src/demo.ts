import { NodeHttpClient, NodeRuntime, NodeServices } from "@effect/platform-node"
import { Config, Data, Effect, Layer, Option, Runtime, Stdio, Terminal } from "effect"
import * as RedisServer from "../../../test/support/RedisServer.ts"
import * as Load from "./demo/Load.ts"
import * as Play from "./demo/Play.ts"
import * as Report from "./demo/Report.ts"
import * as Script from "./demo/Script.ts"
import * as Service from "./demo/Service.ts"
import * as Style from "./demo/Style.ts"
import { Jobs } from "./Jobs.ts"

// Short, so that a minute holds two outages: the library's default is 30 s. Everything else is left at its default.
const resetTimeoutMs = 1_000

const demo = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const live = yield* (yield* Stdio.Stdio).stdoutIsTerminal
  const noColor = yield* Config.String("NO_COLOR").pipe(Config.withDefault(""))
  const style = Style.make(live && noColor === "")
  const print = (...lines: ReadonlyArray<string>) => terminal.display(lines.map((line) => `${line}\n`).join(""))

  yield* print("", style.bold("A job matcher whose Redis dies"), "")
  const run = yield* Effect.scoped(
    Effect.gen(function* () {
      const redis = yield* RedisServer.make().pipe(
        Effect.asSome,
        Effect.catchTag("RedisBinaryError", (error) =>
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

  const verdict = Report.verdict(run)
  yield* print("", ...Report.table(run, style), "")
  yield* print(...verdict.map(({ kept, says }) => `${kept ? style.green("✔") : style.red("✘")} ${says}`), "")
  const broken = verdict.some(({ kept }) => !kept)
  if (broken) yield* print("What the service logged:", ...run.log, "")
  yield* print(JSON.stringify(Report.summary(run)))
  if (broken) return yield* new PromiseBroken()
})

class PromiseBroken extends Data.TaggedError("PromiseBroken") {
  // The verdict has been printed, and its JSON is to be the last line.
  override readonly [Runtime.errorReported] = false
}

const services = Layer.mergeAll(
  NodeServices.layer,
  // In turn, so that no connection is idle so long that the service closes it just when the next request goes out.
  NodeHttpClient.layerNodeHttpOptions({ keepAlive: true, scheduling: "fifo" }),
  Jobs.layer
)

demo.pipe(Effect.provide(services), NodeRuntime.runMain)
