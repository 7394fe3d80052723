import * as ChildProcess from "node:child_process"
import { Effect, type Scope } from "effect"
import * as Prepare from "./prepare.ts"
import type { Request, Response } from "./Rpc.ts"

/** A contender in a process of its own, ended with its scope. */
export interface Child {
  readonly name: string
  readonly pid: number
  readonly request: <A = unknown>(method: string, argument?: unknown) => Effect.Effect<A, Error>
}

export interface Options {
  readonly nodeOptions?: ReadonlyArray<string>
  /** The compiled worker. Default: this package's own. */
  readonly worker?: string
}

/** Starts a worker and waits until it has imported and connected what it needs. */
export const start = (
  name: string,
  environment: object,
  options: Options = {}
): Effect.Effect<Child, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const process_ = yield* Effect.acquireRelease(
      Effect.sync(() =>
        ChildProcess.fork(options.worker ?? Prepare.worker, [name, JSON.stringify(environment)], {
          // Not what this process runs with: the workers are plain JavaScript.
          execArgv: ["--expose-gc", ...(options.nodeOptions ?? [])],
          stdio: ["ignore", "ignore", "pipe", "ipc"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let log = ""
    process_.stderr?.on("data", (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4000)
    })
    const waiting = new Map<number, (response: Response) => void>()
    let gone: Response | undefined
    process_.on("message", (response: Response) => {
      waiting.get(response.id)?.(response)
      waiting.delete(response.id)
    })
    process_.on("exit", (code, signal) => {
      gone = { id: -1, error: `the process of ${name} ended (${code ?? signal})\n${log}` }
      for (const resume of waiting.values()) resume(gone)
    })
    const answer = (id: number, send: () => void) =>
      Effect.callback<unknown, Error>((resume) => {
        const take = ({ error, value }: Response) =>
          resume(error === undefined ? Effect.succeed(value) : Effect.fail(new Error(`${name}: ${error}`)))
        if (gone !== undefined) return take(gone)
        waiting.set(id, take)
        send()
      })
    let ids = 0
    const started = answer(0, () => {})
    yield* started
    return {
      name,
      pid: process_.pid ?? 0,
      request: <A>(method: string, argument?: unknown) =>
        Effect.suspend(() => {
          const id = ++ids
          const request: Request = { id, method, argument }
          // Only the contender's own task knows what it answers.
          return answer(id, () => process_.send(request)) as Effect.Effect<A, Error>
        })
    }
  })
