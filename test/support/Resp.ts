import { Data, Option, Predicate } from "effect"

/** A reply as Redis sent it (RESP2): bulk and simple strings are text, an error reply is a `ReplyError`. */
export type Reply = string | number | null | ReplyError | ReadonlyArray<Reply>

/** An error reply, whole: `WRONGTYPE Operation against …`. */
export class ReplyError extends Data.TaggedError("ReplyError")<{ readonly message: string }> {}

export const isReplyError = (u: unknown): u is ReplyError => Predicate.isTagged(u, "ReplyError")

/** One command as an array of bulk strings. */
export const encode = (args: ReadonlyArray<string | number | Uint8Array>): Buffer =>
  Buffer.concat([
    Buffer.from(`*${args.length}\r\n`),
    ...args.flatMap((arg) => {
      const bytes = typeof arg === "object" ? Buffer.from(arg) : Buffer.from(String(arg))
      return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")]
    })
  ])

/** The reply that starts at `offset` and where the next one starts, or none while it is incomplete. */
export const decode = (buffer: Buffer, offset = 0): Option.Option<readonly [reply: Reply, next: number]> => {
  const end = buffer.indexOf("\r\n", offset)
  if (end === -1) return Option.none()
  const line = buffer.toString("utf8", offset + 1, end)
  const next = end + 2
  switch (buffer.toString("latin1", offset, offset + 1)) {
    case "+":
      return Option.some([line, next])
    case "-":
      return Option.some([new ReplyError({ message: line }), next])
    case ":":
      return Option.some([Number(line), next])
    case "$": {
      const length = Number(line)
      if (length < 0) return Option.some([null, next])
      if (buffer.length < next + length + 2) return Option.none()
      return Option.some([buffer.toString("utf8", next, next + length), next + length + 2])
    }
    case "*": {
      const length = Number(line)
      if (length < 0) return Option.some([null, next])
      const replies: Array<Reply> = []
      let position = next
      while (replies.length < length) {
        const item = decode(buffer, position)
        if (Option.isNone(item)) return Option.none()
        replies.push(item.value[0])
        position = item.value[1]
      }
      return Option.some([replies, position])
    }
    default:
      return Option.some([new ReplyError({ message: `not RESP: ${JSON.stringify(line.slice(0, 40))}` }), buffer.length])
  }
}

/**
 * Counts the commands in a client's stream without keeping more than its unfinished line. `boundary` says whether the
 * last byte seen ended a command. What is not RESP (TLS, say) counts nothing and is always at a boundary.
 */
export interface CommandCounter {
  readonly push: (chunk: Uint8Array) => void
  readonly commands: () => number
  readonly boundary: () => boolean
}

export const makeCommandCounter = (): CommandCounter => {
  let commands = 0
  let resp = true
  let line = ""
  let skip = 0
  let args = 0

  const onLine = (text: string) => {
    const length = Number(text.slice(1))
    if (text[0] === "*" && args === 0) args = Math.max(length, 0)
    else if (text[0] === "$" && args > 0) {
      args--
      skip = length + 2
    } else resp = false
  }

  return {
    push: (chunk) => {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      let position = 0
      while (resp && position < bytes.length) {
        if (skip > 0) {
          const step = Math.min(skip, bytes.length - position)
          skip -= step
          position += step
          if (skip === 0 && args === 0) commands++
          continue
        }
        const end = bytes.indexOf(10, position)
        line += bytes.toString("latin1", position, end === -1 ? bytes.length : end + 1)
        position = end === -1 ? bytes.length : end + 1
        if (end !== -1) {
          onLine(line.trimEnd())
          line = ""
        } else if (line.length > 64) resp = false
      }
    },
    commands: () => commands,
    boundary: () => !resp || (skip === 0 && args === 0 && line === "")
  }
}
