import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as FreePort from "../../support/FreePort.ts"

const start = fileURLToPath(new URL("../../../examples/shop/src/start.ts", import.meta.url))
const workspace = fileURLToPath(new URL("../../..", import.meta.url))

/** The shop as a shell starts it, and what it has printed once it is open. */
const open = Effect.gen(function* () {
  const port = yield* FreePort.make
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(process.execPath, ["--import", "tsx", start], {
        cwd: workspace,
        env: { ...process.env, PORT: String(port) },
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGTERM"))
  )
  const printed = yield* Deferred.make<string>()
  let output = ""
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString()
    if (output.includes("Ctrl-C closes")) Deferred.doneUnsafe(printed, Effect.succeed(output))
  })
  const gone = once(child, "close")
  const guide = yield* Deferred.await(printed)
  return { child, guide, ended: Effect.promise(() => gone) }
})

const shell = (line: string) =>
  Effect.promise(() => promisify(ChildProcess.exec)(line, { timeout: 20_000 })).pipe(Effect.map(({ stdout }) => stdout))

const isRunning = (pid: number) => Effect.sync(() => ChildProcess.spawnSync("kill", ["-0", String(pid)]).status === 0)

describe("the shop's one command", () => {
  it.live(
    "prints lines that work, and leaves nothing behind although somebody listens",
    () =>
      Effect.gen(function* () {
        const { child, ended, guide } = yield* open
        const lines = Array.from(guide.matchAll(/^ {2}(curl .*)$/gm), ([, line = ""]) => line.replace(/ +#.*$/, ""))
        const pids = Array.from(guide.matchAll(/kill -STOP (\d+)/g), ([, pid]) => Number(pid))
        assert.strictEqual(lines.length, 8, guide)
        assert.strictEqual(pids.length, 2, guide)
        const directory = (yield* shell("mktemp -d")).trim()
        yield* Effect.addFinalizer(() => Effect.asVoid(shell(`rm -r ${directory}`)))
        for (const line of lines.filter((line) => !line.includes(" -N "))) {
          yield* shell(`cd ${directory} && ${line.replace("curl", "curl -sSf")}`)
        }
        const live = lines.find((line) => line.includes(" -N ")) ?? ""
        const listening = yield* Effect.forkChild(shell(live.replace("curl", "curl -sS")))
        yield* shell(`${live.replace("curl", "curl -sS")} | head -n 1`)
        child.kill("SIGTERM")
        yield* ended
        for (const pid of pids) assert.isFalse(yield* isRunning(pid), `${pid} runs`)
        // curl fails for an answer that is cut off.
        assert.include(yield* Fiber.join(listening), "event: prices")
      }).pipe(Effect.scoped),
    120_000
  )
})
