import { Effect, type Exit, Latch, Result } from "effect"
import type { WriteOptions } from "../Cache.ts"
import type { Encoding } from "./Encoding.ts"
import { type Absent, absent, type How, type Request } from "./LookupRuns.ts"
import type { Recorder } from "./Recorder.ts"
import type { SharedLookups } from "./SharedLookups.ts"

/** Gives the values of some keys, or of those among them that have one. */
export type LookupMany<Key, K extends Key, Value, E, R> = (
  missing: readonly [K, ...Array<K>]
) => Effect.Effect<Iterable<readonly [key: Key, value: Value]>, E, R>

/** Holds what a lookup of several keys needs of its region. */
export interface Environment<Key, Value> {
  readonly encoding: Pick<Encoding<Key, Value>, "key">
  readonly recorder: Recorder
  /** Runs lookups of several keys, each for as long as one of its parts waits. */
  readonly batches: SharedLookups
}

/**
 * One lookup of several keys. Each key is a part of it, and a shared lookup of its own to everybody
 * else. It runs when every part has come to where its value is looked up, and once.
 *
 * A key that is taken in after that is looked up by another one. Such is one whose expired value
 * had tags that were asked for first.
 */
export class BatchLookup<Key, K extends Key, Value, E, R> {
  readonly #environment: Environment<Key, Value>
  readonly #lookup: LookupMany<Key, K, Value, E, R>
  readonly #id = String(batches++)
  readonly #keys: Array<K> = []
  readonly #awaited = new Set<string>()
  readonly #complete = Latch.makeUnsafe(false)
  #isComplete = false
  /** Looks up the keys that come too late for this one. */
  #next: BatchLookup<Key, K, Value, E, R> | undefined
  #exit: Exit.Exit<ReadonlyMap<string, Value>, E> | undefined

  constructor(environment: Environment<Key, Value>, lookup: LookupMany<Key, K, Value, E, R>) {
    this.#environment = environment
    this.#lookup = lookup
  }

  /** Takes in a key, and gives the lookup of its value. */
  add(key: K, rendered: string): Effect.Effect<Value | Absent, E, R> {
    if (this.#isComplete) {
      this.#next ??= new BatchLookup(this.#environment, this.#lookup)
      return this.#next.add(key, rendered)
    }
    this.#keys.push(key)
    this.#awaited.add(rendered)
    return Effect.suspend(() => {
      this.arrive(rendered)
      return Effect.map(Effect.andThen(this.#complete.await, this.#result), (values) =>
        // `undefined` may be a value.
        values.has(rendered) ? (values.get(rendered) as Value) : absent
      )
    })
  }

  /** Waits for a key no longer. */
  arrive(rendered: string): void {
    if (!this.#awaited.delete(rendered)) {
      this.#next?.arrive(rendered)
      return
    }
    if (this.#awaited.size > 0) return
    this.#isComplete = true
    this.#complete.openUnsafe()
  }

  readonly #result = Effect.suspend((): Effect.Effect<ReadonlyMap<string, Value>, E, R> => {
    const { batches } = this.#environment
    return this.#exit ?? batches.join(this.#id, () => this.#run)
  })

  readonly #run = Effect.suspend((): Effect.Effect<ReadonlyMap<string, Value>, E, R> => {
    const { recorder } = this.#environment
    const [first, ...rest] = this.#keys
    // It is run for a key.
    const looked = Effect.suspend(() => this.#lookup([first as K, ...rest]))
    return Effect.onExit(recorder.lookup(Effect.map(looked, (entries) => this.#byRendered(entries))), (exit) =>
      Effect.sync(() => {
        this.#exit = exit
      })
    )
  })

  #byRendered(entries: Iterable<readonly [Key, Value]>): ReadonlyMap<string, Value> {
    const values = new Map<string, Value>()
    for (const [key, value] of entries) {
      const rendered = this.#environment.encoding.key("getOrSetMany", key)
      if (Result.isSuccess(rendered)) values.set(rendered.success, value)
    }
    return values
  }
}

/** One key of several that are looked up together. */
export class Part<Key, K extends Key, Value, E, R> implements Request<Key, Value, E, R> {
  readonly key: K
  readonly rendered: string
  readonly options: WriteOptions | undefined
  readonly askedAt: number
  readonly isPart = true
  isStale = false
  /** Its caller sees all parts together. */
  readonly seen = undefined
  readonly #missing: BatchLookup<Key, K, Value, E, R>
  readonly #due: BatchLookup<Key, K, Value, E, R>

  /** `missing` looks up what somebody waits for, and `due` what is refreshed. */
  constructor(
    key: K,
    rendered: string,
    options: WriteOptions | undefined,
    askedAt: number,
    missing: BatchLookup<Key, K, Value, E, R>,
    due: BatchLookup<Key, K, Value, E, R>
  ) {
    this.key = key
    this.rendered = rendered
    this.options = options
    this.askedAt = askedAt
    this.#missing = missing
    this.#due = due
  }

  begin(how: How): Effect.Effect<Value | Absent, E, R> {
    return this.#of(how).add(this.key, this.rendered)
  }

  abandon(how: How): void {
    this.#of(how).arrive(this.rendered)
  }

  /**
   * Lets nobody wait for this key any more, because its caller has left: its lookup may end before
   * it has begun, and others may wait for the rest.
   */
  leave(): void {
    this.abandon("fill")
    this.abandon("replace")
  }

  #of(how: How): BatchLookup<Key, K, Value, E, R> {
    return how === "fill" ? this.#missing : this.#due
  }
}

let batches = 0
