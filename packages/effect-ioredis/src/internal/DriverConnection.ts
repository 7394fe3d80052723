/**
 * A `RedisConnection` on one ioredis client, which is connected once and does nothing by itself.
 *
 * **Details**
 *
 * The driver's queue is where a reply meets its command, so it must never be out of step with the
 * server. `ReplyFrames` sees each chunk before the driver's decoder does and knows how many
 * commands are in its queue: the chunk is cut before the first reply that nobody asked for and
 * before the first byte that is no RESP2, and the connection ends there.
 *
 * Commands that a loss fails stay in the driver's queue, so that what is left of a chunk still has
 * somebody to go to; what is settled already takes no notice.
 *
 * From the first SUBSCRIBE on, a `PushReceiver` stands first in the queue and tells pushes from
 * replies, of which there may then be any number.
 */
import { Effect, Result } from "effect"
import { Command, type Redis } from "ioredis"
import type { Socket } from "node:net"
import { make, type RedisCommand, type Reply } from "../RedisCommand.ts"
import type { Push, RedisConnection, ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import { type DriverReply, toReply } from "./DriverReply.ts"
import * as DriverError from "./DriverError.ts"
import { encode } from "./encode.ts"
import { Outgoing } from "./Outgoing.ts"
import { PushReceiver } from "./PushReceiver.ts"
import { ReplyFrames } from "./ReplyFrames.ts"
import * as Subscriptions from "./Subscriptions.ts"
import { tell } from "./tell.ts"

export interface DriverConnectionOptions {
  readonly redis: Redis
  readonly socket: Socket
  readonly maxReplyBytes: number
  /** Sets whether errors show what scripts raise as it is. */
  readonly showScriptErrors: boolean
  /** Hears what callbacks threw. */
  readonly onDefect: (defect: unknown) => void
}

export class DriverConnection implements RedisConnection {
  readonly onDefect: (defect: unknown) => void
  readonly showScriptErrors: boolean
  readonly #redis: Redis
  readonly #socket: Socket
  readonly #frames: ReplyFrames
  readonly #listeners = new Set<(error: RedisError.RedisConnectionError) => void>()
  // The driver's own reader of chunks.
  #decode: ((chunk: Buffer) => void) | undefined
  #reported: unknown
  #lost: RedisError.RedisConnectionError | undefined
  readonly #outgoing: Outgoing
  readonly #pushListeners = new Set<(push: Push) => void>()
  #receiver: PushReceiver | undefined
  #activity = 0

  constructor({ maxReplyBytes, onDefect, redis, showScriptErrors, socket }: DriverConnectionOptions) {
    this.onDefect = onDefect
    this.showScriptErrors = showScriptErrors
    this.#redis = redis
    this.#socket = socket
    this.#frames = new ReplyFrames(maxReplyBytes)
    this.#outgoing = new Outgoing(redis, socket)
    // Both stay for good: an `error` event without a listener ends the process or is printed.
    socket.on("error", this.#fail)
    redis.on("error", this.#fail)
    socket.on("end", this.#end)
    socket.on("close", this.#end)
  }

  /** Takes the place of the driver's reader. To be called before the first byte can have come. */
  readonly begin = (): void => {
    // The driver's reader is its only listener for data.
    this.#decode = this.#socket.listeners("data")[0] as (chunk: Buffer) => void
    this.#socket.on("data", this.#receive)
    this.#socket.off("data", this.#decode)
  }

  readonly submit = (command: RedisCommand, onReply: (result: ReplyResult) => void): void => {
    // A socket may refuse to be written to a moment before it says that it is closed.
    if (this.#lost !== undefined || !this.#socket.writable) {
      this.#refuse(command, onReply)
      return
    }
    // The driver throws where a command is longer than a string can be. Nothing is written then.
    try {
      const sending = new Sending(command, onReply, this)
      if (Subscriptions.concerns(command)) this.#receiver ??= PushReceiver.install(this.#redis, this)
      this.#outgoing.expect(command.args.length)
      this.#redis.sendCommand(sending, this.#outgoing)
    } catch (error) {
      process.nextTick(() => tell(onReply, Result.fail(notSent(command, error)), this.onDefect))
    }
  }

  // Replies come in order: the last one says that all have come.
  readonly drain: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.inFlight() === 0) return resume(Effect.void)
    this.submit(ping, () => resume(Effect.void))
  })

  readonly isOpen = (): boolean => this.#lost === undefined

  readonly inFlight = (): number => {
    if (this.#lost !== undefined) return 0
    return this.#redis.commandQueue.length - (this.#receiver === undefined ? 0 : 1)
  }

  readonly activity = (): number => this.#activity

  readonly onLoss = (listener: (error: RedisError.RedisConnectionError) => void): (() => void) => {
    if (this.#lost !== undefined) {
      tell(listener, this.#lost, this.onDefect)
      return () => {}
    }
    // One listener may be given twice.
    const own = (error: RedisError.RedisConnectionError) => listener(error)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  readonly onPush = (listener: (push: Push) => void): (() => void) => {
    if (this.#lost !== undefined) return () => {}
    const own = (push: Push) => listener(push)
    this.#pushListeners.add(own)
    return () => this.#pushListeners.delete(own)
  }

  /** Tells the listeners of a push. */
  readonly push = (push: Push): void => {
    for (const listener of this.#pushListeners) tell(listener, push, this.onDefect)
  }

  readonly destroy = (error: RedisError.RedisConnectionError): void => this.#lose(error)

  /**
   * Ends the connection because of a reply that cannot be taken; the command that it was for is the
   * first to fail.
   */
  readonly breakAt = (sending: Sending | undefined, error: unknown): void =>
    this.#lose(lossBy(this.#reported ?? error), sending)

  #lose(error: RedisError.RedisConnectionError, first?: Sending): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    this.#socket.destroy()
    first?.lose(error)
    for (const { command } of this.#redis.commandQueue.toArray()) {
      if (command === this.#receiver) continue
      // Nothing else is ever in the queue, for the driver's handshake is empty.
      const sending = command as Sending
      sending.lose(error)
    }
    for (const listener of this.#listeners) tell(listener, error, this.onDefect)
    this.#listeners.clear()
    this.#pushListeners.clear()
  }

  readonly #receive = (chunk: Buffer): void => {
    if (this.#lost !== undefined) return
    this.#activity++
    const expected = this.#receiver === undefined ? this.#redis.commandQueue.length : Number.POSITIVE_INFINITY
    const accepted = this.#frames.accept(chunk, expected)
    if (accepted > 0) this.#decode?.(accepted === chunk.length ? chunk : chunk.subarray(0, accepted))
    if (this.#frames.fault !== undefined) this.#lose(lossBy(coded("ERR_REDIS_PROTOCOL", this.#frames.fault)))
  }

  readonly #fail = (error: unknown): void => {
    this.#reported ??= error
    this.#lose(lossBy(this.#reported))
  }

  readonly #end = (): void => this.#fail(coded("ECONNRESET", "the server ended the connection"))

  #refuse(command: RedisCommand, onReply: (result: ReplyResult) => void): void {
    const loss = this.#lost ?? lossBy(this.#reported)
    const error = RedisError.connectionError(command.name, loss.reason, "never", loss.cause)
    process.nextTick(() => tell(onReply, Result.fail(error), this.onDefect))
  }
}

/** A command from its sending to its reply. */
class Sending extends Command {
  readonly command: RedisCommand
  readonly connection: DriverConnection
  readonly #onReply: (result: ReplyResult) => void
  #settled = false

  constructor(command: RedisCommand, onReply: (result: ReplyResult) => void, connection: DriverConnection) {
    // By a name the driver would choose how to take the reply, and throw where it is not like that.
    super("")
    this.command = command
    this.connection = connection
    this.#onReply = onReply
    // The driver's channel of traces would be given a promise that is never settled.
    this.isTraced = true
    // The driver calls these two with the reply.
    this.resolve = settleWithReply
    this.reject = settleWithError
  }

  override toWritable(): string | Buffer {
    return encode(this.command)
  }

  /** Tells the result, unless one was told before. */
  settle(result: ReplyResult): void {
    if (this.#settled) return
    this.#settled = true
    tell(this.#onReply, result, this.connection.onDefect)
  }

  lose(loss: RedisError.RedisConnectionError): void {
    this.settle(Result.fail(RedisError.connectionError(this.command.name, loss.reason, "unknown", loss.cause)))
  }
}

function settleWithReply(this: Sending, reply: DriverReply): void {
  let taken: Reply
  // What is decoded here has passed `ReplyFrames`: what may still throw is a lack of memory.
  try {
    taken = toReply(reply, this.command.reply)
  } catch (error) {
    this.connection.breakAt(this, error)
    return
  }
  this.settle(Result.succeed(taken))
}

function settleWithError(this: Sending, error: Error): void {
  if (error.name !== "ReplyError") {
    this.connection.breakAt(this, error)
    return
  }
  const { args, errors, name } = this.command
  const { showScriptErrors } = this.connection
  // Arguments are taken out of the message by these.
  Object.assign(error, { command: { name, args } })
  this.settle(Result.fail(DriverError.classify(error, { command: name, errors, showScriptErrors })))
}

// The promise that the driver would make for each command is asked for by nobody.
Object.defineProperty(Sending.prototype, "initPromise", { value: () => {} })

const ping = make("PING")

const lossBy = (error: unknown): RedisError.RedisConnectionError =>
  RedisError.connectionError("CONNECT", DriverError.reasonOf(error) ?? "Reset", "never", DriverError.redact(error))

// By its code it is known that the message quotes no data.
const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code })

const notSent = ({ name }: RedisCommand, error: unknown) =>
  new RedisError.RedisOperationError({
    command: name,
    code: "ARGUMENT",
    message: `${name} was not sent: its arguments are too large`,
    cause: DriverError.redact(error)
  })
