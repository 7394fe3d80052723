import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { Effect, Schema } from "effect"
import * as Actor from "../replay/Actor.ts"

const program = fileURLToPath(new URL("./program.ts", import.meta.url))

/** Starts a process that has a cache and should print nothing; it is ended with the scope. */
export const start = Effect.fnUntraced(function* (settings: Readonly<Record<string, string>>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(process.execPath, ["--import", "tsx", program], {
        env: { ...process.env, NODE_NO_WARNINGS: "1", ...settings },
        stdio: ["pipe", "pipe", "pipe", "pipe"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
    })
  }
  const closed = once(child, "close")
  const lines = createInterface({ input: child.stdio[3] as Readable })[Symbol.asyncIterator]() // a pipe, as spawned
  const answer = Effect.flatMap(
    Effect.promise(() => lines.next()),
    ({ done, value }) =>
      done === true
        ? Effect.die(new Error(`the process ended without an answer: ${printed}`))
        : Effect.orDie(Schema.decodeEffect(Actor.ReplyLine)(value))
  )
  yield* answer
  const actor: Actor.Actor = (command) =>
    Effect.andThen(
      Effect.sync(() => child.stdin?.write(`${JSON.stringify(command)}\n`)),
      answer
    )
  return {
    actor,
    /** Ends it, and gives what it ever printed. */
    end: Effect.suspend(() => {
      child.stdin?.end()
      return Effect.map(
        Effect.promise(() => closed),
        () => printed
      )
    })
  }
})
