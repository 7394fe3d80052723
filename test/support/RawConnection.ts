import { Effect, type Scope } from "effect"
import { connect } from "node:net"
import { Network } from "../../packages/effect-ioredis/src/testing/internal/Network.ts"
import type { Server } from "../../packages/effect-ioredis/src/testing/internal/Server.ts"
import * as Timers from "../../packages/effect-ioredis/src/testing/internal/Timers.ts"
import * as Wire from "../../packages/effect-ioredis/src/testing/internal/Wire.ts"
import * as Resp from "./Resp.ts"

/** A connection below every adapter, whose answers are all that a server has said. */
export interface RawConnection {
  /** Sends a line. Answers come in the order of the lines. */
  readonly submit: (line: Line, onAnswer: (answer: Answer) => void) => void
}

/** A command and its arguments. Texts are UTF-8. */
export type Line = readonly [name: Word, ...args: ReadonlyArray<Word>]
export type Word = string | Uint8Array

/**
 * A whole answer. Its first character says what it is, as Redis does it: `+` a status, `-` an error, `:` an integer and
 * `$` bytes, one character each. Nil is `null`.
 */
export type Answer = string | null | ReadonlyArray<Answer>

/** Sends lines at once, and gives their answers. */
export const send = (connection: RawConnection, lines: ReadonlyArray<Line>): Effect.Effect<ReadonlyArray<Answer>> =>
  Effect.callback((resume) => {
    const answers: Array<Answer> = []
    for (const line of lines) {
      connection.submit(line, (answer) => {
        answers.push(answer)
        if (answers.length === lines.length) resume(Effect.succeed(answers))
      })
    }
  })

/** Connects to a real server. */
export const real = (port: number): Effect.Effect<RawConnection, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => connect(port, "127.0.0.1").setNoDelay()),
      (socket) => Effect.sync(() => socket.destroy())
    ),
    (socket) => {
      const waiting: Array<(answer: Answer) => void> = []
      let received = Buffer.alloc(0)
      socket.on("data", (chunk) => {
        received = Buffer.concat([received, chunk])
        let position = 0
        for (let found = decode(received, 0); found !== undefined; found = decode(received, position)) {
          position = found.next
          waiting.shift()?.(found.answer)
        }
        received = received.subarray(position)
      })
      // A server that has ended the connection answers no more.
      const end = (error?: Error) => {
        for (const onAnswer of waiting.splice(0)) onAnswer(`the connection was lost: ${error?.message ?? "ended"}`)
      }
      socket.on("error", end)
      socket.on("end", end)
      return {
        submit: (line, onAnswer) => {
          waiting.push(onAnswer)
          socket.write(Resp.encode(line))
        }
      }
    }
  )

/** Makes a simulated server. It ends with the scope. */
export const simulatedServer: Effect.Effect<Server, never, Scope.Scope> = Effect.gen(function* () {
  const network = new Network(yield* Timers.make, {}, () => {})
  yield* Effect.addFinalizer(() => Effect.sync(() => network.close()))
  return network.default
})

/** Connects to a simulated server. */
export const simulated = (server: Server): RawConnection => {
  // The first answer is that to the login.
  const waiting: Array<(answer: Answer) => void> = [() => {}]
  const end = () => {
    for (const onAnswer of waiting.splice(0)) onAnswer("the connection was lost: ended")
  }
  const socket = server.open({ reply: (wire) => waiting.shift()?.(ofWire(wire)), push: () => {}, closed: end })
  const write: RawConnection["submit"] = ([name, ...args], onAnswer) => {
    waiting.push(onAnswer)
    const packet = { _tag: "Command", name: Buffer.from(name).toString(), args: args.map(Wire.encode) } as const
    if (socket === undefined) end()
    else server.write(socket, packet)
  }
  const login = { username: undefined, password: undefined, db: 0, clientName: "" }
  if (socket !== undefined) server.write(socket, { _tag: "Login", login })
  return { submit: write }
}

/** What a simulated server would send. */
const ofWire = (wire: Wire.Wire): Answer => {
  if (wire === null) return null
  if (typeof wire === "string") return `+${wire}`
  if (typeof wire === "number" || typeof wire === "bigint") return `:${wire}`
  if (wire instanceof Uint8Array) return `$${Buffer.from(wire).toString("latin1")}`
  if (wire instanceof Wire.ErrorReply) return `-${wire.message}`
  return wire.map(ofWire)
}

interface Decoded {
  readonly answer: Answer
  readonly next: number
}

// The answer that begins at a place, unless it has not come whole.
const decode = (bytes: Buffer, start: number): Decoded | undefined => {
  const end = bytes.indexOf("\r\n", start)
  if (end === -1) return undefined
  const next = end + 2
  // What an error quotes is cut wherever it is too long, also amid a character.
  const line = bytes.toString("utf8", start, end)
  if (!line.startsWith("$") && !line.startsWith("*")) return { answer: line, next }
  const length = Number(line.slice(1))
  if (length < 0) return { answer: null, next }
  if (line.startsWith("*")) return decodeItems(bytes, next, length)
  const after = next + length + 2
  return bytes.length < after ? undefined : { answer: `$${bytes.toString("latin1", next, next + length)}`, next: after }
}

const decodeItems = (bytes: Buffer, start: number, length: number): Decoded | undefined => {
  const items: Array<Answer> = []
  let next = start
  while (items.length < length) {
    const item = decode(bytes, next)
    if (item === undefined) return undefined
    items.push(item.answer)
    next = item.next
  }
  return { answer: items, next }
}
