import * as Net from "node:net"
import { Effect, type Scope } from "effect"
import * as FreePort from "./FreePort.ts"
import * as Resp from "./Resp.ts"

/** A server that has no time for more than so many commands a second: they wait for each other, whoever sent them. */
export interface BusyProxy {
  /** Connect to 127.0.0.1 at this port. */
  readonly port: number
  /** Takes so many commands a second from now on. */
  readonly capacity: (perSecond: number) => Effect.Effect<void>
  /** Commands that clients have sent so far. */
  readonly commands: Effect.Effect<number>
  /** Waits until it is no longer behind. */
  readonly idle: Effect.Effect<void>
}

/** Stands before a server of 127.0.0.1 and is gone, with its connections, when its scope closes. */
export const make = Effect.fnUntraced(function* (
  targetPort: number
): Effect.fn.Return<BusyProxy, FreePort.FreePortError, Scope.Scope> {
  const port = yield* FreePort.make
  const sockets = new Set<Net.Socket>()
  let perCommand = 0
  let commands = 0
  // When all that has come will have been done.
  let busyUntil = 0
  const behind = () => Math.max(0, busyUntil - performance.now())
  const server = Net.createServer({ noDelay: true }, (client) => {
    const upstream = Net.connect({ host: "127.0.0.1", port: targetPort, noDelay: true })
    const counter = Resp.makeCommandCounter()
    const waiting: Array<{ readonly chunk: Buffer; readonly due: number }> = []
    let timer: NodeJS.Timeout | undefined
    const pump = (): void => {
      timer = undefined
      while (waiting[0] !== undefined && waiting[0].due <= performance.now())
        upstream.write(waiting.shift()?.chunk ?? "")
      if (waiting[0] !== undefined) timer = setTimeout(pump, Math.ceil(waiting[0].due - performance.now()))
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      // "close" follows, and says it all.
      socket.on("error", () => {})
      socket.on("close", () => {
        clearTimeout(timer)
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on("data", (chunk: Buffer) => {
      const before = counter.commands()
      counter.push(chunk)
      const count = counter.commands() - before
      commands += count
      busyUntil = performance.now() + behind() + count * perCommand
      waiting.push({ chunk, due: busyUntil })
      if (timer === undefined) pump()
    })
    upstream.pipe(client)
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
  return {
    port,
    capacity: (perSecond) =>
      Effect.sync(() => {
        perCommand = 1000 / perSecond
      }),
    commands: Effect.sync(() => commands),
    idle: Effect.suspend(() => Effect.sleep(behind()))
  }
})
