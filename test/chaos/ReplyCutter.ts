import * as Net from "node:net"
import { Effect } from "effect"
import { TcpProxyError } from "../support/TcpProxy.ts"

/**
 * Listens on a port, forwards to another, and cuts each connection in the middle of a reply: once it has carried so many bytes of replies, the
 * next chunk goes out without its end. Gone with its scope, and its connections with it.
 */
export const make = (options: { readonly port: number; readonly target: number; readonly afterBytes: number }) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Net.Server; readonly close: () => void }, TcpProxyError>((resume) => {
      const sockets = new Set<Net.Socket>()
      const keep = (socket: Net.Socket) => {
        sockets.add(socket)
        // "close" follows, and says it all.
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
        return socket
      }
      const server = Net.createServer({ noDelay: true }, (accepted) => {
        const client = keep(accepted)
        const upstream = keep(Net.connect({ host: "127.0.0.1", port: options.target, noDelay: true }))
        let carried = 0
        client.pipe(upstream)
        upstream.on("data", (chunk: Buffer) => {
          carried += chunk.length
          if (carried < options.afterBytes) return void client.write(chunk)
          // A reply ends with \r\n: without its last three bytes the last one is incomplete, whatever it is.
          upstream.destroy()
          client.end(chunk.subarray(0, chunk.length - 3))
        })
        client.on("close", () => upstream.destroy())
        upstream.on("close", () => client.end())
      })
      const close = () => {
        server.close()
        for (const socket of sockets) socket.destroy()
      }
      server.once("error", (error) => resume(Effect.fail(new TcpProxyError({ message: error.message }))))
      server.listen({ host: "127.0.0.1", port: options.port, exclusive: true }, () =>
        resume(Effect.succeed({ server, close }))
      )
    }),
    ({ close }) => Effect.sync(close)
  )
