import * as Net from "node:net"
import { Effect, Option, type Scope } from "effect"
import * as FreePort from "./FreePort.ts"
import * as Resp from "./Resp.ts"

/** Changes one whole reply, as it goes over the wire. */
export type Rewrite = (reply: string) => string

/** A server that says something else than it is: each of its replies goes through a function. */
export interface RewritingProxy {
  /** Connect to 127.0.0.1 at this port. */
  readonly port: number
}

/** Stands before a server of 127.0.0.1 and is gone, with its connections, when its scope closes. */
export const make = Effect.fnUntraced(function* (
  targetPort: number,
  rewrite: Rewrite
): Effect.fn.Return<RewritingProxy, FreePort.FreePortError, Scope.Scope> {
  const port = yield* FreePort.make
  const sockets = new Set<Net.Socket>()
  const server = Net.createServer({ noDelay: true }, (client) => {
    const upstream = Net.connect({ host: "127.0.0.1", port: targetPort, noDelay: true })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      // "close" follows, and says it all.
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    let received: Buffer = Buffer.alloc(0)
    upstream.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (let reply = Resp.decode(received); Option.isSome(reply); reply = Resp.decode(received)) {
        const [, end] = reply.value
        client.write(rewrite(received.toString("latin1", 0, end)), "latin1")
        received = received.subarray(end)
      }
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resume(Effect.void))
    }),
    () =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )
  return { port }
})

/** INFO says another release. */
export const release =
  (version: string): Rewrite =>
  (reply) => {
    if (!reply.includes("redis_version:")) return reply
    const text = reply.slice(reply.indexOf("\r\n") + 2, -2).replace(/redis_version:\S+/, `redis_version:${version}`)
    return `$${text.length}\r\n${text}\r\n`
  }

/** TIME is so many seconds ahead. */
export const clockAhead =
  (seconds: number): Rewrite =>
  (reply) =>
    reply.replace(/^\*2\r\n\$10\r\n(\d{10})\r\n/, (_, now) => `*2\r\n$10\r\n${Number(now) + seconds}\r\n`)
