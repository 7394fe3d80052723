import type { Redis } from "ioredis"
import type { RedisCommand } from "../RedisCommand.ts"
import type { Push } from "../RedisConnection.ts"
import type { DriverReply } from "./DriverReply.ts"
import { pushOf, Subscriptions } from "./Subscriptions.ts"

/** Describes what a receiver tells its connection. */
export interface Receiving {
  readonly push: (push: Push) => void
  /** Ends the connection because of something that answers no command. */
  readonly breakAt: (sending: undefined, error: unknown) => void
}

/**
 * Stands first in the driver's queue of a connection that subscribes, takes all that comes, and
 * hands replies to the commands behind it.
 *
 * The driver gives each reply to whoever is first and takes that out of its queue. So the receiver
 * goes back to the front each time, before anybody is told: the queue never runs empty, which would
 * have the driver throw where nobody can catch it.
 */
export class PushReceiver {
  readonly name = ""
  readonly args = []
  readonly #queue: Redis["commandQueue"]
  readonly #connection: Receiving
  readonly #item: QueueItem
  readonly #subscriptions = new Subscriptions()

  constructor(redis: Redis, connection: Receiving) {
    this.#queue = redis.commandQueue
    this.#connection = connection
    this.#item = { command: this, stream: redis.stream, select: 0 }
  }

  /** Puts one before the commands that are in flight: they are answered first, as ever. */
  static install(redis: Redis, connection: Receiving): PushReceiver {
    const receiver = new PushReceiver(redis, connection)
    redis.commandQueue.unshift(receiver.#item)
    return receiver
  }

  /** Is called by the driver with what comes. */
  resolve(reply: DriverReply): void {
    const next = this.#next()
    const meaning = this.#subscriptions.take(reply, next?.command)
    if (meaning === "Answer") this.#queue.shift()
    this.#queue.unshift(this.#item)
    if (meaning === "Push") this.#push(reply)
    else if (meaning === "Answer") next?.resolve(reply)
    else if (meaning === "Nonsense") this.#connection.breakAt(undefined, nobodyAsked())
  }

  /** Is called by the driver with an error reply, and with what else its queue ends by. */
  reject(error: Error): void {
    if (error.name !== "ReplyError") {
      this.#connection.breakAt(undefined, error)
      return
    }
    const next = this.#next()
    this.#subscriptions.fail()
    this.#queue.shift()
    this.#queue.unshift(this.#item)
    if (next === undefined) this.#connection.breakAt(undefined, nobodyAsked())
    else next.reject(error)
  }

  #push(reply: DriverReply): void {
    let push: Push
    // What may throw is a lack of memory, as with a reply.
    try {
      push = pushOf(reply)
    } catch (error) {
      this.#connection.breakAt(undefined, error)
      return
    }
    this.#connection.push(push)
  }

  #next(): Waiting | undefined {
    // Nothing but commands of the connection is in its queue.
    return this.#queue.peekFront()?.command as Waiting | undefined
  }
}

type QueueItem = Parameters<Redis["commandQueue"]["push"]>[0]

interface Waiting {
  readonly command: RedisCommand
  readonly resolve: (reply: DriverReply) => void
  readonly reject: (error: Error) => void
}

const nobodyAsked = (): Error =>
  Object.assign(new Error("Redis sent a reply that nobody asked for"), { code: "ERR_REDIS_PROTOCOL" })
