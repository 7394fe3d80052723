import * as ChildProcess from "node:child_process"
import * as Net from "node:net"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Closed, closeTimeout, patience } from "../support/ClosingStates.ts"
import * as FreePort from "../support/FreePort.ts"
import * as RedisServer from "../support/RedisServer.ts"

/** What a busy machine may add to any deadline. */
const margin = 250

const listen = (onConnection: (socket: Net.Socket) => void) =>
  Effect.flatMap(FreePort.make, (port) =>
    Effect.acquireRelease(
      Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
        const sockets = new Set<Net.Socket>()
        const server = Net.createServer((socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
          onConnection(socket)
        })
        const close = () => {
          server.close()
          for (const socket of sockets) socket.destroy()
        }
        server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resume(Effect.succeed({ port, close })))
      }),
      ({ close }) => Effect.sync(close)
    )
  )

// A frozen server whose queue of connections is full: the kernel answers no further one.
const makeBlackHole = Effect.gen(function* () {
  const server = yield* RedisServer.make({ config: ["tcp-backlog 1"] })
  yield* server.freeze
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      Array.from({ length: 4 }, () => {
        const socket = Net.connect({ host: "127.0.0.1", port: server.port })
        socket.on("error", () => {})
        return socket
      })
    ),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => void socket.destroy()))
  )
  return server.port
})

const run = Effect.gen(function* () {
  const server = yield* RedisServer.make()
  const mute = yield* listen((socket) => void socket.resume())
  const program = fileURLToPath(new URL("../support/ClosingStates.ts", import.meta.url))
  const args = [server.port, yield* server.pid, mute.port, yield* makeBlackHole, yield* FreePort.make]
  const output = yield* Effect.callback<string>((resume, signal) => {
    ChildProcess.execFile(
      process.execPath,
      ["--import", "tsx", program, ...args.map(String)],
      { timeout: 100_000, signal },
      (error, stdout, stderr) =>
        resume(error === null ? Effect.succeed(stdout) : Effect.die(new Error(`${error.message}\n${stdout}${stderr}`)))
    )
  })
  const closed: ReadonlyArray<Closed> = JSON.parse(output.trim().split("\n").at(-1) ?? "")
  return closed
})

describe("closing, in every state", { timeout: 120_000 }, () => {
  it.live("takes closeTimeout at most, leaves nothing open, and lets calls in flight keep their patience", () =>
    Effect.gen(function* () {
      const broken = (yield* run).flatMap(({ after, before, calls, closing, state }) => {
        const slowest = Math.max(0, ...calls.map((millis) => millis ?? Number.POSITIVE_INFINITY))
        return [
          ...(closing > closeTimeout + margin ? [`${state}: closing took ${Math.round(closing)} ms`] : []),
          ...(slowest > patience + margin ? [`${state}: a call in flight took ${Math.round(slowest)} ms`] : []),
          ...(before.join() === after.join() ? [] : [`${state}: ${before.join()} became ${after.join()}`])
        ]
      })
      assert.deepStrictEqual(broken, [])
    })
  )
})
