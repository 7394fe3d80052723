import * as ChildProcess from "node:child_process"
import { Effect } from "effect"

/** Runs a program to its end and gives what it wrote to stdout. The failure holds the end of what it wrote to stderr. */
export const run = (
  program: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> }
): Effect.Effect<string, Error> =>
  Effect.callback((resume, signal) => {
    const env = { ...process.env, ...options.env }
    const settings = { cwd: options.cwd, env, signal, maxBuffer: 64 * 1024 * 1024 }
    ChildProcess.execFile(program, args, settings, (error, stdout, stderr) =>
      resume(
        error === null
          ? Effect.succeed(stdout.trim())
          : Effect.fail(
              new Error(`${program} ${args.join(" ")} failed:\n${`${stdout}\n${stderr}`.trim().slice(-2000)}`)
            )
      )
    )
  })
