import { Result, type Tracer } from "effect"
import type { Cancel, Done } from "../dispatch.ts"
import * as RedisCommand from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import { tell } from "./tell.ts"

/**
 * Reads of many callers as one command: the gets of one tick go out as an MGET for each connection,
 * at most `maxKeys` of them together.
 *
 * To the breaker, the deadline and the retries a join is one call. Each caller may leave by
 * himself; when all have, it is given up. One reply that refuses the whole of it (NOPERM for one
 * key) has each sent singly.
 */
export interface Joins {
  /**
   * `bytes` is about how long the value will be: a long one does not hold up many others. `span` is
   * the one on whose behalf it is read.
   */
  readonly get: (
    key: string,
    read: { readonly bytes: number; readonly timeout: number; readonly span: Tracer.Span | undefined },
    done: Read
  ) => Cancel
  /** Sends what waits for the end of the tick, so that what is sent next comes after it. */
  readonly flush: () => void
}

type Read = Done<RedisCommand.Reply>

/** `placeOf` says which keys may be read together. */
export const make = (
  placeOf: (key: string) => unknown,
  send: (command: RedisCommand.RedisCommand, timeout: number, spans: ReadonlyArray<Tracer.Span>, done: Read) => Cancel,
  onDefect: (defect: unknown) => void
): Joins => {
  const open = new Map<unknown, Join>()
  let scheduled = false

  const flush = (): void => {
    scheduled = false
    for (const join of open.values()) close(join)
  }

  const close = (join: Join): void => {
    open.delete(join.place)
    const readers = join.present === join.readers.length ? join.readers : join.readers.filter(({ done }) => done)
    const [first] = readers
    if (first === undefined) return
    const spans = join.isTraced ? readers.flatMap(({ span }) => span ?? []) : nobody
    join.cancel =
      readers.length === 1
        ? send(get(first.key), join.timeout, spans, (result) => first.done?.(result))
        : send(mget(readers), join.timeout, spans, (result) => deliver(join, readers, result))
  }

  const deliver = (join: Join, readers: ReadonlyArray<Reader>, result: ReplyResult): void => {
    if (Result.isFailure(result)) {
      const refused = refusesOneKey(result.failure)
      for (const reader of readers) {
        if (!refused) answer(reader, result)
        else if (reader.done) {
          reader.cancel = send(get(reader.key), join.timeout, reader.span ? [reader.span] : nobody, reader.done)
        }
      }
      return
    }
    const replies = Array.isArray(result.success) ? result.success : []
    for (let index = 0; index < readers.length; index++) {
      const reader = readers[index]
      if (reader !== undefined) answer(reader, Result.succeed(replies[index] ?? null))
    }
  }

  const answer = (reader: Reader, result: ReplyResult): void => {
    if (reader.done !== undefined) tell(reader.done, result, onDefect)
  }

  const leave = (join: Join, reader: Reader): void => {
    if (reader.done === undefined) return
    reader.done = undefined
    reader.cancel?.()
    join.present--
    if (join.present === 0) join.cancel?.()
  }

  const joinFor = (key: string, timeout: number): Join => {
    const place = placeOf(key)
    const known = open.get(place)
    if (known !== undefined && known.timeout === timeout) return known
    if (known !== undefined) close(known)
    const join = new Join(place, timeout)
    open.set(place, join)
    if (!scheduled) queueMicrotask(flush)
    scheduled = true
    return join
  }

  return {
    get: (key, { bytes, span, timeout }, done) => {
      const join = joinFor(key, timeout)
      const reader = new Reader(key, span, done)
      if (span !== undefined) join.isTraced = true
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
  readonly place: unknown
  readonly timeout: number
  readonly readers = [] as Reader[]
  present = 0
  bytes = 0
  /** Says whether some of it is read on behalf of spans. */
  isTraced = false
  cancel: Cancel | undefined = undefined

  constructor(place: unknown, timeout: number) {
    this.place = place
    this.timeout = timeout
  }
}

class Reader {
  readonly key: string
  readonly span: Tracer.Span | undefined
  done: Read | undefined
  cancel: Cancel | undefined = undefined

  constructor(key: string, span: Tracer.Span | undefined, done: Read) {
    this.key = key
    this.span = span
    this.done = done
  }
}

/** The command that reads one key, as bytes. */
export const get = (key: string): RedisCommand.RedisCommand => RedisCommand.make("GET", Array.of(key), asBytes)

/** The command that reads the first bytes of one key. */
export const getFirst = (key: string, bytes: number): RedisCommand.RedisCommand =>
  RedisCommand.make("GETRANGE", Array.of(key, "0", String(bytes - 1)), asBytes)

const mget = (readers: ReadonlyArray<Reader>) =>
  RedisCommand.make(
    "MGET",
    readers.map(({ key }) => key),
    asBytes
  )

const nobody: ReadonlyArray<Tracer.Span> = []

const asBytes = { reply: "bytes" } as const

const maxKeys = 64

const maxBytes = 64 * 1024

// Such a reply is about one of the keys, and says nothing of the others.
const refusesOneKey = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" &&
  RedisError.outcome(error) === "success" &&
  !RedisError.isRetryable(error, "read")
