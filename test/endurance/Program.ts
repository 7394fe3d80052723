import * as ChildProcess from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Data, Effect, Schema } from "effect"
import { type Counts, CountsLine } from "./Counts.ts"

const program = fileURLToPath(new URL("./load.ts", import.meta.url))

/** The program ended, or said something else than what it was asked for. */
export class ProgramEnded extends Data.TaggedError("ProgramEnded")<{ readonly message: string }> {}

/** Starts the program under load, which ends with the scope, and gives what asks it for its counts. */
export const start = Effect.fnUntraced(function* (port: number) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(process.execPath, ["--expose-gc", "--import", "tsx", program], {
        env: { ...process.env, ENDURANCE_PORT: String(port), NODE_NO_WARNINGS: "1" },
        stdio: ["pipe", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = Effect.flatMap(
    Effect.promise(() => lines.next()),
    ({ done, value }) =>
      done === true ? Effect.fail(new ProgramEnded({ message: "the program ended" })) : Effect.succeed(String(value))
  )
  while ((yield* line) !== "ready") {}
  const counts: Effect.Effect<Counts, ProgramEnded> = Effect.suspend(() => {
    child.stdin.write("\n")
    return Effect.flatMap(line, (line) =>
      Effect.mapError(
        Schema.decodeEffect(CountsLine)(line),
        () => new ProgramEnded({ message: `the program said: ${line}` })
      )
    )
  })
  return { counts }
})
