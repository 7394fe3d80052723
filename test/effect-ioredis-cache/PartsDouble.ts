import { Clock, Context, Effect, Exit, Schema } from "effect"
import type { WriteOutcome } from "effect-ioredis-cache/Cache"
import type {
  CacheTier,
  Current,
  Done,
  Found,
  Write
} from "../../packages/effect-ioredis-cache/src/internal/CacheTier.ts"
import { unwrap } from "../../packages/effect-ioredis-cache/src/internal/Wrapped.ts"
import * as Encoding from "../../packages/effect-ioredis-cache/src/internal/Encoding.ts"
import { unswitched } from "../../packages/effect-ioredis-cache/src/internal/Observation.ts"
import * as Recorder from "../../packages/effect-ioredis-cache/src/internal/Recorder.ts"
import type { RegionParts } from "../../packages/effect-ioredis-cache/src/internal/RegionParts.ts"
import * as Sequences from "../../packages/effect-ioredis-cache/src/internal/Sequences.ts"
import * as SharedLookups from "../../packages/effect-ioredis-cache/src/internal/SharedLookups.ts"
import * as Tagging from "../../packages/effect-ioredis-cache/src/internal/tags/Tagging.ts"
import * as Tokens from "../../packages/effect-ioredis-cache/src/internal/tags/Tokens.ts"
import * as Verification from "../../packages/effect-ioredis-cache/src/internal/tags/Verification.ts"

/** A call of the tier that has not ended. */
interface Pending {
  readonly what: string
  readonly isCurrent: () => boolean
  readonly end: (value: never) => void
}

/** A region of texts of at most 10 characters, on a tier in the hands of a test. */
export const make = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const definition = {
    name: "texts",
    version: 1,
    key: Schema.String.check(Schema.isMaxLength(10)),
    value: Schema.String.check(Schema.isMaxLength(10))
  }
  const counters = new Recorder.Counters()
  const order = Sequences.make().join(() => {})
  const open = new Set<Sequences.Watch>()
  const counted = (watch: Sequences.Watch): Sequences.Watch => {
    open.add(watch)
    const end = () => {
      open.delete(watch)
      watch.end()
    }
    return { isCurrent: () => watch.isCurrent(), end }
  }
  const sequences: Sequences.Member = {
    ...order,
    watch: (key) => counted(order.watch(key)),
    intend: (key) => counted(order.intend(key)),
    intendAll: () => counted(order.intendAll())
  }
  const calls: Array<string> = []
  const pending: Array<Pending> = []
  const rejected: Array<string> = []
  const known = new Map<string, string>()
  const state = { atOnce: false, cancelled: 0 }

  const nameOf = (key: string) => key.slice(key.lastIndexOf("=") + 1)
  const start = (what: string, isCurrent: () => boolean, done: Done<never, never>) => {
    calls.push(what)
    pending.push({ what, isCurrent, end: (value) => done(Exit.succeed(value)) })
    return () => {
      state.cancelled++
    }
  }
  const read = (what: string) => (key: string, current: Current, done: Done<Found<string>, never>) =>
    start(`${what} ${nameOf(key)}`, () => current.isCurrent(), done)
  const entry = ({ key, value }: Write<string>) => `${nameOf(key)}=${unwrap(value)}`
  const first = (isCurrent: (index: number) => boolean) => () => isCurrent(0)
  const within = (timeLeft: number | undefined) => (timeLeft === undefined ? "" : ` within ${timeLeft}`)
  const listed = (all: ReadonlyArray<string>) => (all.length > 5 ? String(all.length) : all.join(" "))

  const tier: CacheTier<string, never> = {
    known: (key) => {
      const value = known.get(nameOf(key))
      return value === undefined ? undefined : { hit: { value }, source: "memory" }
    },
    get: read("get"),
    peek: read("peek"),
    getMany: (keys, isCurrent, done) => start(`getMany ${listed(keys.map(nameOf))}`, first(isCurrent), done),
    answersAt: () => (state.atOnce ? 0 : undefined),
    setAtOnce: (write) => {
      calls.push(`setAtOnce ${entry(write)}`)
      return "Deferred"
    },
    set: (write, current, done) => start(`set ${entry(write)}`, () => current.isCurrent(), done),
    setMany: (writes, isCurrent, done, timeLeft) =>
      start(`setMany ${listed(writes.map(entry))}${within(timeLeft)}`, first(isCurrent), done),
    remove: (keys, isCurrent, done, timeLeft) =>
      start(`remove ${listed(keys.map(nameOf))}${within(timeLeft)}`, first(isCurrent), done),
    now: () => 0,
    fill: ({ write }, isCurrent, done) => start(`fill ${entry(write)}`, isCurrent, done),
    touch: (key, timeToLive, done) => start(`touch ${nameOf(key)} for ${timeToLive}`, () => true, done),
    clear: Effect.callback<WriteOutcome>((resume) => {
      start("clear", () => true, resume)
    }),
    glance: () => undefined,
    stale: () => undefined,
    lifeOf: () => ({ timeToLive: 0, origin: undefined }),
    replacedBy: (key, done) => start(`replacedBy ${nameOf(key)}`, () => true, done)
  }
  const tokens = Tokens.lazily<never>(() => {
    throw new Error("nothing here has tags")
  })
  const parts: RegionParts<string, string, never> = {
    observer: {
      attributes: { "cache.name": "double", "cache.region": "texts" },
      ...unswitched,
      clock: Context.get(context, Clock.Clock)
    },
    encoding: Encoding.make(definition, "5 minutes", "cache:", context),
    recorder: Recorder.make("texts", counters, context),
    tier,
    sequences,
    lookups: SharedLookups.make("texts", scope, sequences.watch),
    tagging: Tagging.make(tokens, undefined),
    verification: Verification.make({ tokens, tier, ofRegion: undefined, patience: undefined, now: () => 0 }),
    reject: ({ message }) => Effect.sync(() => void rejected.push(message))
  }
  /** Ends the oldest call of the tier that has not ended, and says whether it was current. */
  const end = (value: unknown): boolean => {
    const call = pending.shift()
    const isCurrent = call?.isCurrent() === true
    call?.end(value as never) // Each call has an answer of its own type, which the test knows.
    return isCurrent
  }
  return { parts, calls, rejected, counters, known, state, end, held: () => open.size }
})
