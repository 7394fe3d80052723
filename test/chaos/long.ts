import * as Fs from "node:fs"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Clock, Config, Console, Data, Duration, Effect, Runtime, Schedule } from "effect"
import * as RedisServer from "../support/RedisServer.ts"
import * as TcpProxy from "../support/TcpProxy.ts"
import { LongLine } from "./LongProtocol.ts"
import * as LongReport from "./LongReport.ts"
import * as Process from "./Process.ts"

/** An outage of five minutes (`CHAOS_MINUTES`) under 10,000 writes a second; frozen, or with the argument `kill`, dead. */
const rate = 10_000
const keys = 200_000
const resetTimeoutMillis = 1000

const program = Effect.gen(function* () {
  const outage = Duration.minutes(yield* Config.Finite("CHAOS_MINUTES").pipe(Config.withDefault(5)))
  const how = process.argv[2] === "kill" ? "SIGKILL" : "SIGSTOP"
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const server = yield* RedisServer.make()
  const proxy = yield* TcpProxy.make(server.port)
  const worker = yield* Process.start({
    name: "the worker",
    file: "./LongWorker.ts",
    nodeOptions: ["--expose-gc"],
    env: {
      REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
      CACHE_RESET_TIMEOUT: String(resetTimeoutMillis / 1000),
      CHAOS_KEYS: String(keys),
      CHAOS_RATE: String(rate)
    }
  })
  const ask = (command: string) => worker.ask(command, LongLine)

  yield* Console.log(`A long outage: ${Duration.format(outage)} of ${how} under ${rate} writes a second`)
  yield* ask("start")
  // Until memory is full and the code compiled, the heap grows for reasons of its own.
  yield* Effect.sleep("20 seconds")
  const struck = now()
  yield* how === "SIGSTOP" ? server.freeze : Effect.andThen(proxy.refuse, server.kill)
  yield* Effect.sleep(outage)
  yield* how === "SIGSTOP" ? server.thaw : Effect.andThen(server.start, proxy.listen)
  yield* Effect.retry(server.cli("PING"), { schedule: Schedule.spaced("5 millis"), times: 2000 })
  const healed = now()
  yield* ask("healed")
  yield* Effect.sleep("15 seconds")
  const observed = yield* ask("report")
  if (observed === null) return yield* new PromiseBroken()

  const long: LongReport.Long = { how, rate, keys, resetTimeoutMillis, struck, healed, observed }
  const figures = LongReport.figures(long)
  const broken = LongReport.broken(figures, long)
  yield* Effect.sync(() => {
    Fs.writeFileSync("chaos-long-report.html", LongReport.html(long))
    Fs.writeFileSync(
      "chaos-long-report.json",
      `${JSON.stringify({ broken, figures, samples: observed.samples }, undefined, 2)}\n`
    )
  })
  yield* Console.log(["", ...LongReport.text(figures), ""].join("\n"))
  if (broken.length === 0) return yield* Console.log("✔ Every promise was kept. See chaos-long-report.html.")
  yield* Console.log([...broken.map((sentence) => `✘ ${sentence}`), "", "See chaos-long-report.html."].join("\n"))
  return yield* new PromiseBroken()
}).pipe(Effect.scoped)

class PromiseBroken extends Data.TaggedError("PromiseBroken") {
  // What is broken has been said.
  override readonly [Runtime.errorReported] = false
}

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
