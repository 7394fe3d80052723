import type { Client } from "./Command.ts"
import type { Reach } from "./PubSub.ts"
import { bytesOf } from "./RedisStore.ts"
import type { Timers } from "./Timers.ts"

/** Holds what a client is told of, by the beginnings of keys, and what it is still to be told. */
export interface Tracked {
  /** The CLIENT ID of the connection that is told, if it is another one. */
  readonly redirect: number | undefined
  readonly prefixes: ReadonlyMap<string, Set<string>>
}

/**
 * Tells clients which keys have changed, as CLIENT TRACKING with BCAST does.
 *
 * A server tells at the end of a cycle, in which it serves whoever has sent something: what it
 * answers in that cycle leaves before. That everything may have changed is told at once.
 */
export class Tracking {
  readonly #timers: Timers
  readonly #reach: Reach
  #isScheduled = false

  constructor(timers: Timers, reach: Reach) {
    this.#timers = timers
    this.#reach = reach
  }

  /** Tells whether anybody is told. */
  isOn(): boolean {
    for (const { tracked } of this.#reach.clients()) if (tracked !== undefined) return true
    return false
  }

  /** A key of any database has changed. */
  touched(key: string): void {
    let isTold = false
    for (const { tracked } of this.#reach.clients()) {
      for (const [prefix, keys] of tracked?.prefixes ?? []) {
        if (!key.startsWith(prefix)) continue
        keys.add(key)
        isTold = true
      }
    }
    if (!isTold || this.#isScheduled) return
    this.#isScheduled = true
    this.#timers.soon(() => this.#endCycle())
  }

  /** Everything may have changed. */
  flushed(): void {
    for (const client of this.#reach.clients()) {
      if (client.tracked !== undefined) this.#tell(client, client.tracked, null)
    }
  }

  #endCycle(): void {
    this.#isScheduled = false
    for (const client of this.#reach.clients()) {
      const { tracked } = client
      for (const keys of tracked?.prefixes.values() ?? []) {
        if (tracked !== undefined && keys.size > 0) this.#tell(client, tracked, Array.from(keys).sort().map(bytesOf))
        keys.clear()
      }
    }
  }

  // Whoever is subscribed to anything at all is told.
  #tell(client: Client, { redirect = client.id }: Tracked, keys: ReadonlyArray<Buffer> | null): void {
    const target = Array.from(this.#reach.clients()).find(({ id }) => id === redirect)
    if (target === undefined || !target.subscriptions.isAny) return
    this.#reach.push(target, ["message", "__redis__:invalidate", keys])
  }
}
