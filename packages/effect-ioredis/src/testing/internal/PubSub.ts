import type { Push } from "../../RedisConnection.ts"
import type { Client } from "./Command.ts"
import * as Glob from "./Glob.ts"
import { bytesOf } from "./RedisStore.ts"

/** Holds what a client hears of. Names are binary: one character per byte. */
export class Subscriptions {
  readonly channels = new Set<string>()
  readonly patterns = new Set<string>()
  readonly shardChannels = new Set<string>()

  /** Counts what SUBSCRIBE and PSUBSCRIBE have subscribed to, or SSUBSCRIBE. */
  countOf(kind: Kind): number {
    return kind === "shardChannels" ? this.shardChannels.size : this.channels.size + this.patterns.size
  }

  /** Says whether there are any at all. */
  get isAny(): boolean {
    return this.channels.size + this.patterns.size + this.shardChannels.size > 0
  }
}

/** Names the kinds of what a client hears of. */
export type Kind = "channels" | "patterns" | "shardChannels"

/** Describes how a server reaches its clients. */
export interface Reach {
  readonly clients: () => Iterable<Client>
  readonly push: (client: Client, push: Push) => void
}

/** Passes on what is published on one server. */
export class PubSub {
  readonly #reach: Reach

  constructor(reach: Reach) {
    this.#reach = reach
  }

  /** Tells whoever has subscribed, and how often that was. */
  publish(channel: string, payload: Buffer): number {
    let told = 0
    const tell = (client: Client, push: Push): void => {
      told++
      this.#reach.push(client, push)
    }
    const clients = Array.from(this.#reach.clients())
    const name = bytesOf(channel).toString()
    for (const client of clients) {
      if (client.subscriptions.channels.has(channel)) tell(client, ["message", name, payload])
    }
    for (const client of clients) {
      for (const pattern of client.subscriptions.patterns) {
        if (Glob.matches(pattern)(channel)) tell(client, ["pmessage", bytesOf(pattern).toString(), name, payload])
      }
    }
    return told
  }

  /** Tells whoever has subscribed to a shard channel, and how many those were. */
  publishToShard(channel: string, payload: Buffer): number {
    const told = Array.from(this.#reach.clients()).filter(({ subscriptions }) =>
      subscriptions.shardChannels.has(channel)
    )
    for (const client of told) this.#reach.push(client, ["smessage", bytesOf(channel).toString(), payload])
    return told.length
  }

  /** Ends the subscriptions to shard channels that are another server's now, and says so. */
  leave(isLost: (channel: string) => boolean): void {
    for (const client of Array.from(this.#reach.clients())) {
      const { shardChannels } = client.subscriptions
      for (const channel of Array.from(shardChannels).filter(isLost)) {
        shardChannels.delete(channel)
        this.#reach.push(client, ["sunsubscribe", bytesOf(channel).toString(), shardChannels.size])
      }
    }
  }

  /** Counts who has subscribed to each channel by its name. */
  channels(kind: "channels" | "shardChannels"): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { subscriptions } of this.#reach.clients()) {
      for (const channel of subscriptions[kind]) counts.set(channel, (counts.get(channel) ?? 0) + 1)
    }
    return counts
  }

  /** Counts the patterns that somebody has subscribed to. */
  patterns(): number {
    return new Set(Array.from(this.#reach.clients(), ({ subscriptions }) => Array.from(subscriptions.patterns)).flat())
      .size
  }
}
