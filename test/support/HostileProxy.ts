import * as Net from "node:net"
import { Effect, type Scope } from "effect"
import * as FreePort from "./FreePort.ts"

/** What a hostile proxy does to the replies of a real server. */
export type Mischief =
  /** Nothing: what has been done to a connection before stays done. */
  | "none"
  /** Bytes that are no reply, between two replies or inside one. */
  | "garbage"
  /** A nil that nobody asked for. */
  | "nil"
  /** A value that nobody asked for: one that the server has sent before, so another key's. */
  | "value"
  /** Every reply a byte at a time. */
  | "trickle"
  /** A reply that is announced to be huge, and does not come. */
  | "huge"
  /** Numbers and lengths that are none. */
  | "numbers"
  /** A reply left out or doubled. */
  | "step"
  /** A reply put off until after the next one. */
  | "swap"
  /** An error that quotes a value. */
  | "error"

export const mischiefs: ReadonlyArray<Mischief> = [
  "garbage",
  "nil",
  "value",
  "trickle",
  "huge",
  "numbers",
  "step",
  "swap",
  "error"
]

export interface HostileProxy {
  /** Connect to 127.0.0.1 at this port. */
  readonly port: number
  /** From here on, on every connection. */
  readonly set: (mischief: Mischief) => Effect.Effect<void>
  /** How many replies were tampered with so far. */
  readonly tampered: () => number
}

/** Stands before a server of 127.0.0.1 and is gone, with its connections, when its scope closes. */
export const make = Effect.fnUntraced(function* (
  targetPort: number,
  /** One reply in so many is tampered with. */
  oneIn = 40
): Effect.fn.Return<HostileProxy, FreePort.FreePortError, Scope.Scope> {
  const port = yield* FreePort.make
  const sockets = new Set<Net.Socket>()
  const state: State = { mischief: "none", tampered: 0, oneIn, lastValue: Buffer.from("$1\r\nx\r\n") }
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
    const tamper = makeTamper(state, client)
    let received: Buffer = Buffer.alloc(0)
    upstream.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (let end = replyEnd(received, 0); end !== undefined; end = replyEnd(received, 0)) {
        tamper(received.subarray(0, end))
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
  return {
    port,
    set: (mischief) =>
      Effect.sync(() => {
        state.mischief = mischief
      }),
    tampered: () => state.tampered
  }
})

interface State {
  mischief: Mischief
  tampered: number
  readonly oneIn: number
  lastValue: Buffer
}

// Passes the replies of one connection on, one by one and in order.
const makeTamper = (state: State, client: Net.Socket) => {
  const trickling: Array<number> = []
  let putOff: Buffer | undefined
  const timer = setInterval(() => {
    // Once it is over, the rest comes at once.
    const bytes = trickling.splice(0, state.mischief === "trickle" ? 1 : trickling.length)
    if (bytes.length > 0) client.write(Buffer.from(bytes))
  }, 5)
  client.on("close", () => clearInterval(timer))
  const write = (...parts: ReadonlyArray<Buffer>) => {
    for (const part of parts) {
      if (trickling.length > 0) trickling.push(...part)
      else client.write(part)
    }
  }
  // What is sent in the place of a reply.
  const instead = (mischief: Exclude<Mischief, "none">, reply: Buffer): ReadonlyArray<Buffer> => {
    const { lastValue } = state
    switch (mischief) {
      case "garbage":
        return oneOf(garbage(reply, lastValue))
      case "nil":
        return [Buffer.from("$-1\r\n"), reply]
      case "value":
        return [lastValue, reply]
      case "trickle":
        trickling.push(...reply)
        return []
      case "huge":
        return [Buffer.from(oneOf(hugeLengths)), reply]
      case "numbers":
        return [Buffer.from(oneOf(noNumbers)), reply]
      case "step":
        return oneOf([[], [reply, reply]])
      case "swap":
        putOff = reply
        return []
      case "error":
        return [Buffer.from(`-ERR ${lastValue.toString("latin1").replaceAll(/[\r\n]+/g, " ")}\r\n`)]
    }
  }
  return (reply: Buffer): void => {
    const { mischief } = state
    if (reply[0] === dollar && reply.length > 50) state.lastValue = Buffer.from(reply)
    const afterwards = putOff === undefined ? [] : [putOff]
    putOff = undefined
    if (mischief === "none" || Math.random() * state.oneIn >= 1) {
      write(reply, ...afterwards)
      return
    }
    state.tampered++
    write(...instead(mischief, reply), ...afterwards)
  }
}

const garbage = (reply: Buffer, lastValue: Buffer): ReadonlyArray<ReadonlyArray<Buffer>> => {
  const half = Math.floor(reply.length / 2)
  const noise = Buffer.from(Array.from({ length: 20 }, () => Math.floor(Math.random() * 256)))
  return [
    [noise, reply],
    [reply.subarray(0, half), noise, reply.subarray(half)],
    [Buffer.from("?what\r\n"), reply],
    [crlf, reply],
    [lastValue.subarray(5), reply]
  ]
}

const oneOf = <A>(all: readonly A[]): A => {
  // The index is within the array.
  return all[Math.floor(Math.random() * all.length)] as A
}

const hugeLengths = ["$536870911\r\n", "*1000000\r\n", "$99999999999999\r\n", "*4294967295\r\n"]

const noNumbers = [":1e9\r\n", ":12abc\r\n", ":99999999999999999999999\r\n", "$abc\r\n", "$-7\r\n", "*-5\r\n"]

const crlf = Buffer.from("\r\n")
const dollar = "$".charCodeAt(0)

// Where the reply that starts at `offset` ends, in RESP2 or RESP3; nothing while it is incomplete.
const replyEnd = (buffer: Buffer, offset: number): number | undefined => {
  const lineEnd = buffer.indexOf("\r\n", offset)
  if (lineEnd === -1) return undefined
  const type = String.fromCharCode(buffer[offset] ?? 0)
  const next = lineEnd + 2
  const length = Number(buffer.toString("latin1", offset + 1, lineEnd))
  if ("$=!".includes(type)) {
    const end = length < 0 ? next : next + length + 2
    return end <= buffer.length ? end : undefined
  }
  if (!"*~>%".includes(type)) return next
  let end: number | undefined = next
  for (let left = type === "%" ? length * 2 : length; left > 0 && end !== undefined; left--) end = replyEnd(buffer, end)
  return end
}
