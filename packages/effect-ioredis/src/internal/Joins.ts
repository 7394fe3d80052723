import { Result } from "effect"
import * as RedisCommand from "../RedisCommand.ts"
import type { RedisConnection } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { Cancel, Done } from "./Attempts.ts"

/**
 * Reads of many callers as one command: the gets of one tick go out as an MGET for each connection, at most `maxKeys` of them together.
 *
 * To the breaker, the deadline and the retries a join is one call. Each caller may leave by himself; when all have, it is given up. One reply
 * that refuses the whole of it (NOPERM for one key) has each sent singly.
 */
export interface Joins {
  /** `bytes` is about how long the value will be: a long one does not hold up many others. */
  readonly get: (key: string, read: { readonly bytes: number; readonly operationTimeout: number }, done: Read) => Cancel
  /** Sends what waits for the end of the tick, so that what is sent next comes after it. */
  readonly flush: () => void
}

type Read = Done<RedisCommand.Reply>

export const make = (
  connectionOf: (key: string) => RedisConnection,
  send: (
    command: RedisCommand.RedisCommand,
    call: { readonly on: RedisConnection; readonly operationTimeout: number },
    done: Read
  ) => Cancel
): Joins => {
  const open = new Map<RedisConnection, Join>()
  let scheduled = false

  const flush = (): void => {
    scheduled = false
    for (const join of open.values()) close(join)
  }

  const close = (join: Join): void => {
    open.delete(join.on)
    const readers = join.present === join.readers.length ? join.readers : join.readers.filter(({ done }) => done)
    const [first] = readers
    if (first === undefined) return
    join.cancel =
      readers.length === 1
        ? send(RedisCommand.make("GET", [first.key], asBytes), join, (result) => first.done?.(result))
        : send(
            RedisCommand.make(
              "MGET",
              readers.map(({ key }) => key),
              asBytes
            ),
            join,
            (result) => deliver(join, readers, result)
          )
  }

  const deliver = (
    join: Join,
    readers: ReadonlyArray<Reader>,
    result: Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>
  ): void => {
    if (Result.isFailure(result)) {
      const refused = isRefusal(result.failure)
      for (const reader of readers) {
        if (!refused) reader.done?.(result)
        else if (reader.done) reader.cancel = send(RedisCommand.make("GET", [reader.key], asBytes), join, reader.done)
      }
      return
    }
    const replies = Array.isArray(result.success) ? result.success : []
    for (let index = 0; index < readers.length; index++) {
      readers[index]?.done?.(Result.succeed(replies[index] ?? null))
    }
  }

  const leave = (join: Join, reader: Reader): void => {
    if (reader.done === undefined) return
    reader.done = undefined
    reader.cancel?.()
    join.present--
    if (join.present === 0) join.cancel?.()
  }

  const joinFor = (key: string, operationTimeout: number): Join => {
    const on = connectionOf(key)
    const known = open.get(on)
    if (known !== undefined && known.operationTimeout === operationTimeout) return known
    if (known !== undefined) close(known)
    const join = new Join(on, operationTimeout)
    open.set(on, join)
    if (!scheduled) queueMicrotask(flush)
    scheduled = true
    return join
  }

  return {
    get: (key, { bytes, operationTimeout }, done) => {
      const join = joinFor(key, operationTimeout)
      const reader = new Reader(key, done)
      join.readers.push(reader)
      join.present++
      join.bytes += bytes
      if (join.readers.length >= maxKeys || join.bytes >= maxBytes) close(join)
      return () => leave(join, reader)
    },
    flush: () => {
      if (open.size > 0) flush()
    }
  }
}

// Classes for what `Deadlines` says of things in flight.
class Join {
  readonly on: RedisConnection
  readonly operationTimeout: number
  readonly readers = [] as Reader[]
  present = 0
  bytes = 0
  cancel: Cancel | undefined = undefined

  constructor(on: RedisConnection, operationTimeout: number) {
    this.on = on
    this.operationTimeout = operationTimeout
  }
}

class Reader {
  readonly key: string
  done: Read | undefined
  cancel: Cancel | undefined = undefined

  constructor(key: string, done: Read) {
    this.key = key
    this.done = done
  }
}

const asBytes = { reply: "bytes" } as const

const maxKeys = 64

const maxBytes = 64 * 1024

const isRefusal = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" &&
  RedisError.outcome(error) === "success" &&
  !RedisError.isRetryable(error, "read")
