import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Net from "node:net"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"

/** The demo as a shell starts it: in a process group of its own, to which Ctrl-C goes. */
const start = Effect.gen(function* () {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(process.execPath, ["--import", "tsx", demo], {
        cwd: workspace,
        detached: true,
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGTERM"))
  )
  const loaded = yield* Deferred.make<void>()
  let output = ""
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString()
    if (output.includes("each second")) Deferred.doneUnsafe(loaded, Effect.void)
  })
  const gone = once(child, "close")
  return {
    underLoad: Deferred.await(loaded),
    interrupt: Effect.sync(() => process.kill(-Number(child.pid), "SIGINT")),
    ended: Effect.map(
      Effect.promise(() => gone),
      ([code]) => ({ code: Number(code), output })
    )
  }
})

const demo = fileURLToPath(new URL("../../../examples/cluster/src/demo.ts", import.meta.url))
const workspace = fileURLToPath(new URL("../../..", import.meta.url))

/** Where the masters, the promoted replica and the two processes listened. */
const portsIn = (output: string) =>
  Array.from(new Set(Array.from(output.matchAll(/(?:\b[ABC] |127\.0\.0\.1:|port )(\d+)/g), ([, port]) => Number(port))))

const isFree = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = Net.connect({ host: "127.0.0.1", port })
    socket.once("connect", () => resume(Effect.succeed(false)))
    socket.once("error", () => resume(Effect.succeed(true)))
    return Effect.sync(() => socket.destroy())
  })

// Several times what it takes on a machine that does nothing else.
const timeout = 120_000

describe("the demo of a cluster", () => {
  it.live(
    "kills a master under load, finds every promise kept, and leaves nothing behind",
    () =>
      Effect.gen(function* () {
        const { code, output } = yield* Effect.flatMap(start, ({ ended }) => ended)
        assert.strictEqual(code, 0, output)
        assert.strictEqual(output.match(/^✔/gm)?.length, 6, output)
        assert.strictEqual(portsIn(output).length, 6, output)
        for (const port of portsIn(output)) assert.isTrue(yield* isFree(port), `something listens on ${port}`)
      }).pipe(Effect.scoped),
    timeout
  )

  it.live(
    "ends on Ctrl-C, and leaves nothing behind",
    () =>
      Effect.gen(function* () {
        const { ended, interrupt, underLoad } = yield* start
        yield* underLoad
        yield* interrupt
        const { code, output } = yield* ended
        assert.notStrictEqual(code, 0)
        assert.strictEqual(portsIn(output).length, 5, output)
        for (const port of portsIn(output)) assert.isTrue(yield* isFree(port), `something listens on ${port}`)
      }).pipe(Effect.scoped),
    timeout
  )
})
