import type { SimulatedScript } from "effect-ioredis/testing"

/** The few commands that the scripts of queues call, on plain collections: a thousand histories take a second. */
export class Store {
  /** Milliseconds since 1970, by the server. */
  now = 1_700_000_000_000
  readonly hashes = new Map<string, Map<string, string>>()
  readonly lists = new Map<string, Array<string>>()
  readonly sorted = new Map<string, Map<string, number>>()
  readonly sets = new Map<string, Set<string>>()
  readonly strings = new Map<string, { readonly value: string; readonly expiresAt: number }>()
  /** What was published, of whatever channel. */
  readonly published: Array<string> = []

  readonly call: SimulatedScript.Call = (name, ...args) => {
    const command = this.#commands[name]
    if (command === undefined) throw new Error(`the store of the model does not know ${name}`)
    const [key = "", ...rest] = args.map(String)
    return command(key, rest)
  }

  /** All that it holds, to see whether anything has changed. */
  fingerprint(): string {
    const contents = [this.hashes, this.sorted, this.sets].map((all) =>
      Array.from<readonly [string, Iterable<unknown>]>(all).map(([key, kept]) => [key, Array.from(kept)])
    )
    return JSON.stringify([contents, Array.from(this.lists), Array.from(this.strings)])
  }

  hash(key: string): ReadonlyMap<string, string> {
    return this.hashes.get(key) ?? new Map()
  }

  list(key: string): ReadonlyArray<string> {
    return this.lists.get(key) ?? []
  }

  scores(key: string): ReadonlyMap<string, number> {
    return this.sorted.get(key) ?? new Map()
  }

  members(key: string): ReadonlySet<string> {
    return this.sets.get(key) ?? new Set()
  }

  #string(key: string): string | undefined {
    const entry = this.strings.get(key)
    if (entry === undefined || entry.expiresAt > this.now) return entry?.value
    this.strings.delete(key)
    return undefined
  }

  #range(key: string, [from = "0", to = "-1", ...words]: ReadonlyArray<string>): ReadonlyArray<string> {
    const entries = Array.from(this.scores(key)).toSorted(
      ([one, low], [other, high]) => low - high || (one < other ? -1 : 1)
    )
    const last = Number(to) < 0 ? entries.length + Number(to) : Number(to)
    const found = words.includes("BYSCORE")
      ? entries.filter(([, score]) => score <= Number(to)).slice(0, Number(words[words.indexOf("LIMIT") + 2]))
      : entries.slice(Number(from), last + 1)
    return found.flatMap(([member, score]) => (words.includes("WITHSCORES") ? [member, String(score)] : [member]))
  }

  // A collection without elements is none.
  #remove<Kept extends { readonly size: number; delete(item: string): boolean }>(
    all: Map<string, Kept>,
    key: string,
    items: ReadonlyArray<string>
  ): number {
    const kept = all.get(key)
    const removed = items.filter((item) => kept?.delete(item)).length
    if (kept?.size === 0) all.delete(key)
    return removed
  }

  #listAt(key: string): Array<string> {
    const list = this.lists.get(key) ?? []
    this.lists.set(key, list)
    return list
  }

  readonly #commands: Readonly<Record<string, (key: string, args: ReadonlyArray<string>) => SimulatedScript.Value>> = {
    TIME: () => [String(Math.floor(this.now / 1000)), String((this.now % 1000) * 1000)],
    EXISTS: (key, others) => {
      const kinds = [this.hashes, this.lists, this.sorted, this.sets]
      const exists = (key: string) => this.#string(key) !== undefined || kinds.some((all) => all.has(key))
      return [key, ...others].filter(exists).length
    },
    GET: (key) => this.#string(key) ?? null,
    SET: (key, [value = "", , life]) => {
      this.strings.set(key, {
        value,
        expiresAt: life === undefined ? Number.POSITIVE_INFINITY : this.now + Number(life)
      })
      return "OK"
    },
    PEXPIRE: () => 1,
    UNLINK: (key) => (this.strings.delete(key) ? 1 : 0),
    HGET: (key, [field = ""]) => this.hash(key).get(field) ?? null,
    HEXISTS: (key, [field = ""]) => (this.hash(key).has(field) ? 1 : 0),
    HSET: (key, [field = "", value = ""]) => {
      this.hashes.set(key, (this.hashes.get(key) ?? new Map<string, string>()).set(field, value))
      return 1
    },
    HDEL: (key, fields) => this.#remove(this.hashes, key, fields),
    LPUSH: (key, items) => this.#listAt(key).unshift(...items),
    RPUSH: (key, items) => this.#listAt(key).push(...items),
    LLEN: (key) => this.list(key).length,
    LINDEX: (key, [at]) => this.list(key).at(Number(at)) ?? null,
    LRANGE: (key, [from, to]) => this.list(key).slice(Number(from), Number(to) + 1),
    LPOP: (key, [count]) => {
      const list = this.lists.get(key)
      if (list === undefined) return null
      const popped = list.splice(0, Number(count))
      if (list.length === 0) this.lists.delete(key)
      return popped
    },
    RPOP: (key) => {
      const popped = this.lists.get(key)?.pop() ?? null
      if (this.list(key).length === 0) this.lists.delete(key)
      return popped
    },
    ZADD: (key, [score, member = ""]) => {
      this.sorted.set(key, (this.sorted.get(key) ?? new Map<string, number>()).set(member, Number(score)))
      return 1
    },
    ZREM: (key, members) => this.#remove(this.sorted, key, members),
    ZSCORE: (key, [member = ""]) => this.scores(key).get(member)?.toString() ?? null,
    ZCARD: (key) => this.scores(key).size,
    ZRANGE: (key, args) => this.#range(key, args),
    SADD: (key, [member = ""]) => {
      this.sets.set(key, (this.sets.get(key) ?? new Set<string>()).add(member))
      return 1
    },
    SREM: (key, members) => this.#remove(this.sets, key, members),
    SISMEMBER: (key, [member = ""]) => (this.members(key).has(member) ? 1 : 0),
    SPUBLISH: (_, [message = ""]) => {
      this.published.push(message)
      return 0
    }
  }
}
