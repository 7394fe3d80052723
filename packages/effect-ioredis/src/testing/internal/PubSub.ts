import type { Push } from "../../RedisConnection.ts"
import type { Client } from "./Command.ts"
import * as Glob from "./Glob.ts"
import { bytesOf } from "./RedisStore.ts"

/** Holds what a client hears of. Names are binary: one character per byte. */
export class Subscriptions {
  readonly channels = new Set<string>()
  readonly patterns = new Set<string>()

  get count(): number {
    return this.channels.size + this.patterns.size
  }
}

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

  /** Counts who has subscribed to each channel by its name. */
  channels(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { subscriptions } of this.#reach.clients()) {
      for (const channel of subscriptions.channels) counts.set(channel, (counts.get(channel) ?? 0) + 1)
    }
    return counts
  }

  /** Counts the patterns that somebody has subscribed to. */
  patterns(): number {
    return new Set(Array.from(this.#reach.clients(), ({ subscriptions }) => Array.from(subscriptions.patterns)).flat())
      .size
  }
}
