import * as Net from "node:net"
import { Effect, Option, type Scope } from "effect"
import * as FreePort from "./FreePort.ts"
import * as Resp from "./Resp.ts"

/**
 * When a server that lets clients log in ends their connections: a moment after it answered them first, when they first ask
 * for something, or after it answered a PING.
 */
export type Drops = "AtOnce" | "AtFirstCommand" | "AfterPing"

export interface DroppingServer {
  readonly port: number
  /** When the client first said something on each connection, in milliseconds. */
  readonly logins: () => ReadonlyArray<number>
  /** What came that belongs to no login, PING aside. */
  readonly commands: () => number
  /** PINGs that came. */
  readonly pings: () => number
}

/** A server in front of a real one, which answers the logins. It is gone with its scope. */
export const make = Effect.fnUntraced(function* (
  targetPort: number,
  drops: Drops
): Effect.fn.Return<DroppingServer, FreePort.FreePortError, Scope.Scope> {
  const port = yield* FreePort.make
  const counts = { commands: 0, pings: 0 }
  const logins: Array<number> = []
  const open = new Set<() => void>()
  const server = Net.createServer({ noDelay: true }, (client) => {
    const upstream = Net.connect({ host: "127.0.0.1", port: targetPort, noDelay: true })
    const drop = () => {
      open.delete(drop)
      client.destroy()
      upstream.destroy()
    }
    open.add(drop)
    for (const socket of [client, upstream]) {
      socket.on("error", () => {})
      socket.on("close", drop)
    }
    let received: Buffer = Buffer.alloc(0)
    let pinged = false
    let answered = false
    client.once("data", () => logins.push(performance.now()))
    client.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (;;) {
        const decoded = Resp.decode(received)
        if (Option.isNone(decoded)) return
        const [request, next] = decoded.value
        const name = (Array.isArray(request) ? String(request[0]) : "").toUpperCase()
        if (name === "PING") {
          counts.pings++
          pinged = true
        } else if (!ofLogin.has(name)) counts.commands++
        if (!ofLogin.has(name) && drops !== "AtOnce" && !(name === "PING" && drops === "AfterPing")) return drop()
        upstream.write(received.subarray(0, next))
        received = received.subarray(next)
      }
    })
    upstream.on("data", (chunk: Buffer) => {
      client.write(chunk)
      if (drops === "AtOnce" && !answered) setTimeout(drop, moment)
      if (drops === "AfterPing" && pinged && chunk.includes("PONG")) setTimeout(drop, 2)
      answered = true
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resume(Effect.void))
    }),
    () =>
      Effect.sync(() => {
        server.close()
        for (const drop of open) drop()
      })
  )
  return { port, logins: () => logins, commands: () => counts.commands, pings: () => counts.pings }
})

// Long enough for a login of several round trips.
const moment = 30

const ofLogin = new Set([
  "HELLO",
  "AUTH",
  "SELECT",
  "CLIENT",
  "INFO",
  "TIME",
  "ROLE",
  "SCRIPT",
  "COMMAND",
  "CONFIG",
  "READONLY"
])
