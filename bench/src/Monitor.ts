import * as Net from "node:net"
import { Effect } from "effect"

/** Counts what clients send to a server, without what scripts call there. */
export const make = (port: number) =>
  Effect.gen(function* () {
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => Net.connect(port, "127.0.0.1")),
      (socket) => Effect.sync(() => socket.destroy())
    )
    let sent = 0
    let rest = ""
    yield* Effect.callback<void>((resume) => {
      socket.on("data", (chunk) => {
        const lines = (rest + chunk.toString("latin1")).split("\r\n")
        rest = lines.pop() ?? ""
        for (const line of lines) {
          if (line === "+OK") resume(Effect.void)
          else if (!/^\+[\d.]+ \[\d+ lua\]/.test(line)) sent++
        }
      })
      socket.write("MONITOR\r\n")
    })
    return { sent: () => sent }
  })
