import { createInterface } from "node:readline"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Schema, Stream } from "effect"
import * as Actor from "./Actor.ts"

/** An actor in a Node process of its own, told what to do line by line. It ends with its input. */
const program = Effect.gen(function* () {
  const port = yield* Config.Port("REPLAY_PORT")
  const replay = yield* Config.Literals(["ifUnchanged", "latest", "invalidate", "overwrite"], "REPLAY_MODE")
  const timeout = yield* Config.Int("REPLAY_TIMEOUT")
  const actor = yield* Actor.make({ port, replay, timeout })
  yield* Console.log("ready")
  yield* Stream.fromAsyncIterable(createInterface({ input: process.stdin }), String).pipe(
    Stream.mapEffect((line) => Schema.decodeEffect(Actor.CommandLine)(line)),
    Stream.mapEffect(actor),
    Stream.mapEffect((reply) => Schema.encodeEffect(Actor.ReplyLine)(reply)),
    Stream.runForEach((line) => Console.log(line))
  )
})

program.pipe(Effect.scoped, NodeRuntime.runMain)
