/**
 * The tokens of the tags of one cache: read, made and replaced.
 *
 * **Details**
 *
 * A token stands under a key of its own, as a value of a region that only this module knows. So
 * everything that is promised of values is promised of tokens: in an outage memory and the journal
 * have them, an invalidation that Redis has not confirmed is replayed, and of two the later one
 * stays.
 *
 * A tag whose token is not there has none: its values are misses until one is made, which is never
 * one that was there before. So what Redis evicts costs misses and revives nothing. A replay leaves
 * it absent too, for what was evicted may have been another's newer token.
 */
import { Effect, Exit, Option, Schema } from "effect"
import type { WriteOutcome } from "../../Cache.ts"
import { type CacheTier, type Cancel, type Done, exitOf, type Found, type TierRegion, Write } from "../CacheTier.ts"
import * as Recent from "../Recent.ts"
import { removedMillis } from "../Regions.ts"
import * as JsonCodec from "../JsonCodec.ts"
import { fromCallback, startHolding, whileHeld } from "../RegionParts.ts"
import * as Sequences from "../Sequences.ts"
import { makeToken, type Tag, type TagId, type Token } from "./Tag.ts"

/** The tokens of the tags of one cache. */
export interface Tokens<out E> {
  /** Says what can be said of tokens without asking Redis, or nothing where one is not known. */
  readonly known: (ids: ReadonlyArray<TagId>) => Answers | undefined
  /**
   * Reads tokens. What is asked for in one tick is asked for once, by those who have about as long.
   * `timeLeft` is how many milliseconds Redis may take, where that is less than usual.
   */
  readonly read: (ids: ReadonlyArray<TagId>, done: Done<Answers, E>, timeLeft?: number) => Cancel
  /**
   * Reads the tokens for a write, and makes those that are missing. `timeLeft` is how many
   * milliseconds Redis may take for both; as long as it takes where there is none.
   */
  readonly obtain: (ids: ReadonlyArray<TagId>, timeLeft: number | undefined) => Effect.Effect<ReadonlyArray<Tag>, E>
  /** Gives a tag another token: no value that was written before has it. */
  readonly replace: (id: TagId) => Effect.Effect<WriteOutcome, E>
}

/** Tells what was found for each token. */
export type Answers = ReadonlyMap<TagId, Found<Token>>

/**
 * Gives the tokens for regions whose values may be that old, in milliseconds, or that ask Redis at
 * each read. Those of a near region are near themselves.
 */
export type TokensFor<out E> = (maxStaleness: number | undefined) => Tokens<E>

/** Describes what the tokens of a cache are made of. */
export interface CacheOptions<in out E> extends Omit<Options, "sequences"> {
  /** Makes the tier that they are kept in. */
  readonly tier: (region: TierRegion<Token>) => CacheTier<Token, E>
  /** Takes what is to be called when the cache closes. */
  readonly onClose: (leave: () => void) => void
}

/** The tokens of one cache. They are made when one is first wanted: most programs want none. */
export const ofCache = <E>({ onClose, tier, ...options }: CacheOptions<E>): TokensFor<E> => {
  const known = new Map<number | undefined, Tokens<E>>()
  const order = Sequences.make()
  const makeFor = (maxStaleness: number | undefined): Tokens<E> => {
    const kept = tier({ ...region, keyspace: options.keyspace, codec: JsonCodec.make(Schema.String), maxStaleness })
    const sequences = (kept.sequences ?? order).join((key) => kept.forget?.(key))
    onClose(sequences.leave)
    return make(kept, { ...options, sequences })
  }
  return (maxStaleness) => {
    const tokens = known.get(maxStaleness) ?? lazily(() => makeFor(maxStaleness))
    known.set(maxStaleness, tokens)
    return tokens
  }
}

const region = {
  name: "!tags",
  maxBytes: 100,
  longestLife: Number.POSITIVE_INFINITY,
  staleFor: 0,
  refreshes: false,
  replay: "latest",
  removedFor: removedMillis({ replay: "latest" }),
  leavesAbsent: true,
  tags: false,
  onUnreadable: () => {}
} as const

/** Describes what tokens are made of. */
interface Options {
  /** Says what the keys of the tokens begin with. */
  readonly keyspace: string
  /** Orders what is written under them. */
  readonly sequences: Sequences.Member
  /** Gives a number from 0 up to but not including 1. */
  readonly random: () => number
  /** The monotonic time in milliseconds. */
  readonly now: () => number
}

/** Makes the tokens of the cache that a tier is of. */
const make = <E>(tier: CacheTier<Token, E>, { keyspace, now, random, sequences }: Options): Tokens<E> => {
  const keyOf = (id: TagId): string => keyspace + id
  const writeOf = (id: TagId): Write<Token> => {
    const token = makeToken(random)
    return new Write(keyOf(id), token, JSON.stringify(token), lifeOfToken)
  }

  const known: Tokens<E>["known"] = (ids) => {
    const answers = new Map<TagId, Found<Token>>()
    for (const id of ids) {
      const found = tier.known(keyOf(id))
      if (found === undefined) return undefined
      answers.set(id, found)
    }
    return answers
  }

  const read = makeRead<E>({ tier, sequences, keyOf })

  const ask = (ids: ReadonlyArray<TagId>, timeLeft: TimeLeft): Effect.Effect<Answers, E> =>
    Effect.suspend(() => {
      const answers = known(ids)
      return answers === undefined
        ? fromCallback<Answers, E>((done) => read(ids, done, timeLeft()))
        : Effect.succeed(answers)
    })

  // Of several tokens that are made at once Redis takes one. Where it takes none, or does not say
  // so in time, memory has this.
  const create = (id: TagId, found: Found<Token> | undefined, timeLeft: TimeLeft): Effect.Effect<Token, E> =>
    Effect.suspend(() => {
      const write = writeOf(id)
      const fill = { write, beganAt: tier.now(write.key), lookupTime: 0, replaces: found?.replaces }
      const stored = whileHeld(
        () => sequences.watch(write.key),
        (watch) => fromCallback<WriteOutcome, E>((done) => tier.fill(fill, () => watch.isCurrent(), done))
      )
      return Effect.flatMap(within(stored, timeLeft()), (outcome) => {
        if (outcome === "Applied") return Effect.succeed(write.value)
        return outcome === undefined
          ? Effect.succeed(tier.glance(write.key)?.value ?? write.value)
          : Effect.map(ask([id], timeLeft), (answers) => answers.get(id)?.hit?.value ?? write.value)
      })
    })

  // A tag that writes use does not end: one command of each process for each day and tag.
  const extended = Recent.make<number>(rememberedTags)
  const extend = (id: TagId): void => {
    const at = now()
    if (at - (extended.get(id) ?? Number.NEGATIVE_INFINITY) < extensionInterval) return
    extended.add(id, at)
    tier.touch(keyOf(id), lifeOfToken, ignore)
  }

  const obtainOne = (id: TagId, found: Found<Token> | undefined, timeLeft: TimeLeft): Effect.Effect<Tag, E> => {
    const token = found?.hit?.value
    if (token === undefined) return Effect.map(create(id, found, timeLeft), (token) => ({ id, token }))
    extend(id)
    return Effect.succeed({ id, token })
  }

  return {
    known,
    read,
    obtain: (ids, given) =>
      Effect.suspend(() => {
        const until = given && now() + given
        const timeLeft = () => until && Math.max(1, until - now())
        return Effect.flatMap(ask(ids, timeLeft), (answers) =>
          Effect.forEach(ids, (id) => obtainOne(id, answers.get(id), timeLeft), { concurrency: "unbounded" })
        )
      }),
    replace: (id) =>
      Effect.suspend(() => {
        const write = writeOf(id)
        extended.add(id, now())
        const at = tier.answersAt(write.key)
        if (at !== undefined) {
          sequences.overtake(write.key)
          return exitOf[tier.setAtOnce(write, at)]
        }
        return whileHeld(
          () => sequences.intend(write.key),
          (intent) => fromCallback<WriteOutcome, E>((done) => tier.set(write, intent, done))
        )
      })
  }
}

// Those who have about as long ask together: nobody gives up more than half of his time.
const makeRead = <E>(store: Store<E>): Tokens<E>["read"] => {
  const gathering = new Map<number, Reading<E>>()
  return (ids, done, timeLeft = Number.POSITIVE_INFINITY) => {
    const size = Math.floor(Math.log2(timeLeft))
    const reading = gathering.get(size) ?? new Reading<E>()
    if (!gathering.has(size)) {
      gathering.set(size, reading)
      queueMicrotask(() => {
        gathering.delete(size)
        reading.start((ids, told, timeLeft) => readAll(store, ids, told, timeLeft))
      })
    }
    return reading.join(ids, done, timeLeft)
  }
}

type TimeLeft = () => number | undefined

// What it gives, or nothing where that takes longer.
const within = <A, E>(effect: Effect.Effect<A, E>, timeLeft: number | undefined): Effect.Effect<A | undefined, E> =>
  timeLeft === undefined ? effect : Effect.map(Effect.timeoutOption(effect, timeLeft), Option.getOrUndefined)

// Reads tokens, as any read of several keys is done.
const readAll = <E>(
  { keyOf, sequences, tier }: Store<E>,
  ids: ReadonlyArray<TagId>,
  done: Done<Answers, E>,
  timeLeft: number | undefined
): Cancel => {
  const keys = ids.map(keyOf)
  const told: Done<ReadonlyArray<Found<Token>>, E> = (exit) =>
    done(Exit.map(exit, (all) => new Map(all.map((found, index) => [ids[index] ?? "", found]))))
  return startHolding(keys, sequences.watch, (isCurrent, done) => tier.getMany(keys, isCurrent, done, timeLeft), told)
}

interface Store<out E> {
  readonly tier: CacheTier<Token, E>
  readonly sequences: Sequences.Member
  readonly keyOf: (id: TagId) => string
}

/** Makes tokens when one of them is first wanted. */
export const lazily = <E>(make: () => Tokens<E>): Tokens<E> => {
  let made: Tokens<E> | undefined
  const tokens = (): Tokens<E> => {
    made ??= make()
    return made
  }
  return {
    known: (ids) => tokens().known(ids),
    read: (ids, done, timeLeft) => tokens().read(ids, done, timeLeft),
    obtain: (ids, timeLeft) => Effect.suspend(() => tokens().obtain(ids, timeLeft)),
    replace: (id) => Effect.suspend(() => tokens().replace(id))
  }
}

/** Gathers what is asked for in one tick, and tells everyone who has not left. */
class Reading<E> {
  readonly #ids = new Set<TagId>()
  readonly #waiting = new Set<Done<Answers, E>>()
  #timeLeft = Number.POSITIVE_INFINITY
  #cancel: Cancel = ignore

  join(ids: ReadonlyArray<TagId>, done: Done<Answers, E>, timeLeft: number): Cancel {
    for (const id of ids) this.#ids.add(id)
    this.#timeLeft = Math.min(this.#timeLeft, timeLeft)
    // One function may wait twice.
    const own: Done<Answers, E> = (exit) => done(exit)
    this.#waiting.add(own)
    return () => {
      this.#waiting.delete(own)
      if (this.#waiting.size === 0) this.#cancel()
    }
  }

  start(readAll: (ids: ReadonlyArray<TagId>, done: Done<Answers, E>, timeLeft: number | undefined) => Cancel): void {
    if (this.#waiting.size === 0) return
    const told: Done<Answers, E> = (exit) => {
      for (const done of this.#waiting) done(exit)
    }
    this.#cancel = readAll(Array.from(this.#ids), told, Number.isFinite(this.#timeLeft) ? this.#timeLeft : undefined)
  }
}

const ignore = () => {}

// Whoever names tags after users has many that are used once. Their tokens end.
const lifeOfToken = 30 * 24 * 60 * 60 * 1000
const extensionInterval = 24 * 60 * 60 * 1000
const rememberedTags = 10_000
