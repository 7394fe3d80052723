import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer } from "effect"
import { Redis } from "effect-ioredis"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as Diary from "./Diary.ts"
import { queue } from "./Parcel.ts"
import * as Warehouse from "./Warehouse.ts"

// Works on parcels until the process is told to end (SIGTERM), and then for at most WORKER_DRAIN.
const settings = Config.all({
  concurrency: Config.Int("WORKER_CONCURRENCY").pipe(Config.withDefault(10)),
  lease: Config.Duration("WORKER_LEASE").pipe(Config.withDefault("30 seconds")),
  drain: Config.Duration("WORKER_DRAIN").pipe(Config.withDefault("10 seconds"))
})

const worker = Layer.unwrap(Effect.map(settings, (options) => TaskWorker.layer(Warehouse.handlers, options)))

worker.pipe(
  Layer.provide(TaskQueue.layer(queue)),
  Layer.provide(Redis.layerFromEnv()),
  Layer.tap(() => Effect.flatMap(Diary.Diary, ({ note }) => note("works"))),
  Layer.provide(Diary.layer),
  Layer.launch,
  NodeRuntime.runMain
)
