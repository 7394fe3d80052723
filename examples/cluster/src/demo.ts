import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import * as RedisCluster from "../../../test/support/RedisCluster.ts"
import * as Load from "../../job-matcher/src/demo/Load.ts"
import * as Stage from "../../job-matcher/src/demo/Stage.ts"
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
  const stage = yield* Stage.make
  const { print, style } = stage

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

  yield* Stage.end(stage, {
    table: Report.table(run, style),
    verdict: Report.verdict(run),
    summary: Report.summary(run),
    logged: { by: "the two processes", lines: run.log }
  })
})

demo.pipe(Effect.provide(Stage.services), NodeRuntime.runMain)
