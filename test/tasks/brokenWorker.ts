import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer } from "effect"
import { Redis, RedisClient, RedisScript } from "effect-ioredis"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as Diary from "../../examples/worker/src/Diary.ts"
import { queue } from "../../examples/worker/src/Parcel.ts"
import * as Warehouse from "../../examples/worker/src/Warehouse.ts"
import * as Variant from "./Variant.ts"

// None of them can be interrupted, so that a worker which stood still settles what another has.
const handlers = Warehouse.handlers.map((handler) => ({
  ...handler,
  run: (...args: Parameters<typeof handler.run>) => Effect.uninterruptible(handler.run(...args))
}))

/** The worker of the example, whose scripts VARIANT breaks on purpose. */
const broken = Layer.effect(
  RedisClient.RedisClient,
  Effect.gen(function* () {
    const client = yield* RedisClient.RedisClient
    const { from, to } = Variant.of(yield* Config.String("VARIANT"))
    const breakIn: RedisClient.RedisClient["eval"] = (script) =>
      client.eval(RedisScript.make({ ...script, lua: script.lua.replace(from, to) }))
    return { ...client, eval: breakIn }
  })
)

TaskWorker.layer(handlers, { lease: "2 seconds", drain: "1 second" }).pipe(
  Layer.provide(TaskQueue.layer(queue)),
  Layer.provide(Layer.provide(broken, Redis.layerFromEnv())),
  Layer.tap(() => Effect.flatMap(Diary.Diary, ({ note }) => note("works"))),
  Layer.provide(Diary.layer),
  Layer.launch,
  NodeRuntime.runMain
)
