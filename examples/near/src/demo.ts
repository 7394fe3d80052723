import { fileURLToPath } from "node:url"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Data, Effect, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as RedisServer from "../../../test/support/RedisServer.ts"
import * as Delays from "./Delays.ts"

// Two processes that share a private Redis, and nothing else.
const demo = Effect.gen(function* () {
  const redis = yield* RedisServer.make()
  yield* start("writer", redis.url)
  const reader = yield* start("reader", redis.url)
  const lines = yield* reader.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runCollect)
  const line = lines.at(-1) ?? (yield* new NoReport({ message: "the reader ended without a report" }))
  const report = yield* Schema.decodeEffect(Schema.fromJsonString(Delays.Report))(line)
  yield* Console.log(
    [
      `One process wrote a price 50 times a second, the other read it ${report.reads} times:`,
      `${report.fromMemory} of these reads were answered from its memory.`,
      `A new price was seen after ${show(report.p50)} ms (p50), ${show(report.p99)} ms (p99);`,
      `${show(report.p99OfRedis)} ms (p99) without the time for which the reader was late itself.`,
      line
    ].join("\n")
  )
}).pipe(Effect.scoped, Effect.timeout("1 minute"))

class NoReport extends Data.TaggedError("NoReport")<{ readonly message: string }> {}

const show = (millis: number): string => millis.toFixed(1)

const start = (program: "writer" | "reader", url: string) =>
  ChildProcess.make(process.execPath, ["--import", "tsx", fileURLToPath(new URL(`./${program}.ts`, import.meta.url))], {
    env: { REDIS_URL: url },
    extendEnv: true,
    stdin: "ignore",
    stderr: "inherit",
    forceKillAfter: "5 seconds"
  })

demo.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
