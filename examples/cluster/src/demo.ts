import { NodeHttpClient, NodeRuntime, NodeServices } from "@effect/platform-node"
import { Config, Data, Effect, Layer, Runtime, Stdio, Terminal } from "effect"
import * as RedisCluster from "../../../test/support/RedisCluster.ts"
import * as Load from "../../job-matcher/src/demo/Load.ts"
import * as Style from "../../job-matcher/src/demo/Style.ts"
import { Jobs } from "../../job-matcher/src/Jobs.ts"
import * as Notes from "./demo/Notes.ts"
import * as Pair from "./demo/Pair.ts"
import * as Play from "./demo/Play.ts"
import * as Report from "./demo/Report.ts"
import * as Shards from "./demo/Shards.ts"
import * as Truth from "./demo/Truth.ts"
import * as Warm from "./demo/Warm.ts"

// The time after which the other masters take a silent one for dead. Redis' own default is 15 s.
const nodeTimeout = 2000

const demo = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const live = yield* (yield* Stdio.Stdio).stdoutIsTerminal
  const noColor = yield* Config.String("NO_COLOR").pipe(Config.withDefault(""))
  const style = Style.make(live && noColor === "")
  const print = (...lines: ReadonlyArray<string>) => terminal.display(lines.map((line) => `${line}\n`).join(""))

  yield* print("", style.bold("A job matcher on a cluster, one of whose masters dies"), "")
  const run = yield* Effect.scoped(
    Effect.gen(function* () {
      const cluster = yield* RedisCluster.make({ nodeTimeout, requireFullCoverage: false })
      const slots = yield* cluster.slotsOf(cluster.node(0))
      const pair = yield* Pair.start({
        CACHE_RESET_TIMEOUT: "1",
        // The seeds are replicas, so that whoever dies is none of them.
        REDIS_CLUSTER_NODES: [3, 4, 5].map((index) => `127.0.0.1:${cluster.node(index).port}`).join()
      })
      const questions = yield* Load.makeQuestions(240)
      const shards = Shards.split(new Set(slots), questions, 12)
      const notes = Notes.make(shards)
      const ports = [0, 1, 2].map((index) => `${"ABC"[index]} ${cluster.node(index).port}`).join(", ")
      yield* print(
        `Cluster   masters ${ports}, each with a replica; a master that is silent for ${nodeTimeout / 1000} s is replaced`,
        `Service   ${pair.each.map(({ url }) => url).join(" and ")}, two processes that know nothing of each other`,
        `Load      ${Play.rates.lost} questions a second of the keys of A, ${Play.rates.others} of B and C: ${questions.length} different ones, asked before;`,
        `          ${Notes.rate(notes)} notes a second, each written through one process and then read through both`,
        ""
      )
      yield* Warm.up(pair, questions)
      const seen = yield* Play.play({ cluster, slots, pair, shards, notes, style }).pipe(Effect.raceFirst(pair.died))
      const truth = yield* Truth.read(cluster, pair, notes)
      const logs = yield* Effect.forEach(pair.each, ({ log }) => log)
      return { ...seen, truth, log: logs.flat() }
    })
  )

  const verdict = Report.verdict(run)
  yield* print("", ...Report.table(run, style), "")
  yield* print(...verdict.map(({ kept, says }) => `${kept ? style.green("✔") : style.red("✘")} ${says}`), "")
  const broken = verdict.some(({ kept }) => !kept)
  if (broken) yield* print("What the two processes logged:", ...run.log, "")
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
