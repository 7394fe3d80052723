import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Data, Effect } from "effect"
import * as RedisServer from "../support/RedisServer.ts"
import * as TcpProxy from "../support/TcpProxy.ts"
import type { Fault, World } from "./Fault.ts"

/** A program with a Redis of its own, which one fault will befall. */
export interface Subject {
  /** The job that Prometheus knows it by. */
  readonly job: string
  readonly fault: Fault
  readonly world: World
  /** Where its metrics are. */
  readonly target: string
}

/** A program did not start. */
export class SubjectError extends Data.TaggedError("SubjectError")<{ readonly message: string }> {}

const program = fileURLToPath(new URL("./Program.ts", import.meta.url))

/** Starts Redis, the link to it and the program. */
export const make = Effect.fnUntraced(function* (fault: Fault) {
  const server = yield* RedisServer.make(fault.server)
  const link = yield* TcpProxy.make(server.port)
  const login = fault.server?.users === undefined ? "" : "app:secret@"
  const settings = { maxReserved: 0, ...fault.program, url: `redis://${login}127.0.0.1:${link.port}` }
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(process.execPath, ["--import", "tsx", program, JSON.stringify(settings)], {
        stdio: ["pipe", "pipe", "inherit"]
      })
    ),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const gone = once(child, "exit")
        child.kill("SIGKILL")
        await gone
      })
  )
  // A write to a program that has ended is no news: Prometheus misses it as well.
  child.stdin.on("error", () => {})
  const port = yield* Effect.promise(() =>
    once(createInterface({ input: child.stdout }), "line").then(([line]) => String(line))
  ).pipe(
    Effect.timeout("2 minutes"),
    Effect.mapError(() => new SubjectError({ message: `The program of "${fault.name}" did not start` }))
  )
  const tell: World["tell"] = (habit, on) =>
    Effect.sync(() => void child.stdin.write(`${habit} ${on ? "on" : "off"}\n`))
  return { job: fault.name, fault, world: { server, link, tell }, target: `127.0.0.1:${port}` } satisfies Subject
})
