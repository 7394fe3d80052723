import * as Net from "node:net"
import { Effect, type Scope } from "effect"
import * as FreePort from "./FreePort.ts"
import * as Resp from "./Resp.ts"

/** A server that says what it likes. */
export interface HostileServer {
  /** Connect to 127.0.0.1 at this port. */
  readonly port: number
  /** Clients that are connected now. */
  readonly open: () => number
  /** Whole commands that have come so far, over all connections. */
  readonly commands: () => number
  /** Says something to every client that is connected, whether it asked or not. */
  readonly say: (bytes: string | Uint8Array) => Effect.Effect<void>
}

export interface Options {
  /** What it says to each new connection before that has asked for anything. */
  readonly greeting?: string | undefined
  /** Whether it hangs up after the greeting. */
  readonly hangUp?: boolean | undefined
  /** What it says to each command after the login; nothing where it returns `undefined`. */
  readonly answer?: (index: number) => string | Uint8Array | undefined
  /** What it says to each command of the login. Default: `+OK`. */
  readonly login?: string | undefined
  /** How many commands are the login. Default: 1, for a connection without a password. */
  readonly loginCommands?: number | undefined
  /** One byte at a time, each so many milliseconds after the one before. */
  readonly byteEvery?: number | undefined
}

/** Listens on 127.0.0.1 and is gone, with its connections, when its scope closes. */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<HostileServer, FreePort.FreePortError, Scope.Scope> {
  const port = yield* FreePort.make
  const sockets = new Map<Net.Socket, (bytes: string | Uint8Array) => void>()
  const loginCommands = options.loginCommands ?? 1
  let commands = 0
  const server = Net.createServer({ noDelay: true }, (socket) => {
    const counter = Resp.makeCommandCounter()
    const say =
      options.byteEvery === undefined
        ? (bytes: string | Uint8Array) => void socket.write(bytes)
        : trickler(socket, options.byteEvery)
    let answered = 0
    sockets.set(socket, say)
    socket.on("close", () => sockets.delete(socket))
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => {
      const before = counter.commands()
      counter.push(chunk)
      commands += counter.commands() - before
      for (; answered < counter.commands(); answered++) {
        const reply =
          answered < loginCommands ? (options.login ?? "+OK\r\n") : options.answer?.(answered - loginCommands)
        if (reply !== undefined) say(reply)
      }
    })
    if (options.greeting !== undefined) say(options.greeting)
    if (options.hangUp === true) socket.end()
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resume(Effect.void))
    }),
    () =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets.keys()) socket.destroy()
      })
  )
  return {
    port,
    open: () => sockets.size,
    commands: () => commands,
    say: (bytes) =>
      Effect.sync(() => {
        for (const say of sockets.values()) say(bytes)
      })
  }
})

// Says what it is given one byte after the other.
const trickler = (socket: Net.Socket, millis: number) => {
  const waiting: Array<number> = []
  const timer = setInterval(() => {
    const byte = waiting.shift()
    if (byte !== undefined) socket.write(Uint8Array.of(byte))
  }, millis)
  socket.on("close", () => clearInterval(timer))
  return (bytes: string | Uint8Array) => void waiting.push(...Buffer.from(bytes))
}
