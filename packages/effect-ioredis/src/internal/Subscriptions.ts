import { type Argument, make, type RedisCommand, type Reply } from "../RedisCommand.ts"
import type { Push } from "../RedisConnection.ts"
import { type DriverReply, toReply } from "./DriverReply.ts"

/**
 * Says what came from the server: a push, a part of the answer to the next command, the last or
 * only part of it, or nothing that can be taken.
 */
export type Meaning = "Push" | "Part" | "Answer" | "Nonsense"

/**
 * What a RESP2 connection is subscribed to, by which pushes are told from replies.
 *
 * RESP2 marks no push: it is an array like any other. But a server sends one only to a connection
 * that is subscribed, and no command that such a connection takes has a reply that looks like one.
 * SUBSCRIBE and its like are answered once for each channel, by its name and in the order of the
 * arguments; UNSUBSCRIBE without arguments once for each channel that there is, at least once.
 */
export class Subscriptions {
  readonly #names = { channel: new Set<string>(), pattern: new Set<string>(), shardChannel: new Set<string>() }
  // How many channels the next command has been answered for.
  #answered = 0

  /** Tells what a reply is that is no error, where `next` is the command to be answered. */
  take(reply: DriverReply, next: RedisCommand | undefined): Meaning {
    const told: ReadonlyArray<DriverReply> = Array.isArray(reply) ? reply : []
    const kind = told[0] instanceof Uint8Array ? told[0].toString() : ""
    if (this.#isActive() && told.length === pushLengths.get(kind)) return "Push"
    const verb = next && verbs.get(next.name)
    if (next !== undefined && verb !== undefined && kind.toUpperCase() === next.name) {
      const name = nameOf(told[1])
      const expected = next.args[this.#answered]
      if (expected === undefined || nameOf(expected) === name) return this.#learn(name, next, verb)
    }
    // A shard channel ends by itself when its slot leaves the server.
    if (kind === "sunsubscribe" && this.#names.shardChannel.delete(nameOf(told[1]))) return "Push"
    if (next === undefined || verb !== undefined) return "Nonsense"
    if (next.name === "RESET") for (const names of Object.values(this.#names)) names.clear()
    return "Answer"
  }

  /** Forgets what the next command was answered: it failed. */
  fail(): void {
    this.#answered = 0
  }

  #learn(name: string, { args }: RedisCommand, { ends, family }: Verb): Meaning {
    const names = this.#names[family]
    if (ends) names.delete(name)
    else names.add(name)
    this.#answered++
    const isLast = args.length === 0 ? names.size === 0 : this.#answered === args.length
    if (!isLast) return "Part"
    this.#answered = 0
    return "Answer"
  }

  #isActive(): boolean {
    const { channel, pattern, shardChannel } = this.#names
    return channel.size + pattern.size + shardChannel.size > 0
  }
}

/** Tells whether a command subscribes its connection to something, or ends that. */
export const concerns = ({ kind, name }: RedisCommand): boolean => kind === "connection" && verbs.has(name)

/** What listeners are told of a push: kind and channels as text, and the payload as bytes. */
export const pushOf = (reply: DriverReply): Push => {
  const parts = toReply(reply, ofBytes, false) as ReadonlyArray<Reply> // `take` has said that it is one.
  return parts.map((part, index) =>
    part instanceof Uint8Array && index < parts.length - 1 ? Buffer.from(part).toString() : part
  )
}

const ofBytes = make("SUBSCRIBE", [], { reply: "bytes" })

// The number of parts that a push of each kind has.
const pushLengths: ReadonlyMap<string, number> = new Map([
  ["message", 3],
  ["smessage", 3],
  ["pmessage", 4]
])

interface Verb {
  readonly family: "channel" | "pattern" | "shardChannel"
  readonly ends: boolean
}

const verbs: ReadonlyMap<string, Verb> = new Map([
  ["SUBSCRIBE", { family: "channel", ends: false }],
  ["PSUBSCRIBE", { family: "pattern", ends: false }],
  ["SSUBSCRIBE", { family: "shardChannel", ends: false }],
  ["UNSUBSCRIBE", { family: "channel", ends: true }],
  ["PUNSUBSCRIBE", { family: "pattern", ends: true }],
  ["SUNSUBSCRIBE", { family: "shardChannel", ends: true }]
])

// Names are compared byte by byte. What UNSUBSCRIBE answers where there is nothing to end has none.
const nameOf = (name: Argument | DriverReply | undefined): string =>
  Buffer.from(name instanceof Uint8Array ? name : String(name ?? "")).toString("latin1")
