import { assert, it } from "@effect/vitest"
import { Clock, Effect, type Scope } from "effect"
import type { RemoveOutcome, WriteOutcome } from "effect-ioredis-cache/Cache"
import { type Version, Write } from "../../../packages/effect-ioredis-cache/src/internal/CacheTier.ts"
import { TestClock } from "effect/testing"
import type { RegionPolicy } from "../../../packages/effect-ioredis-cache/src/internal/journal/commands.ts"
import type { Fill } from "../../../packages/effect-ioredis-cache/src/internal/journal/Fill.ts"
import * as Journal from "../../../packages/effect-ioredis-cache/src/internal/journal/Journal.ts"
import { SetIntent } from "../../../packages/effect-ioredis-cache/src/internal/journal/Ledger.ts"
import * as StoredValue from "../../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"
import { DispatchDouble } from "./DispatchDouble.ts"

export const keyspace = "cache:texts:v1:"

/** One region of a journal on a double, and what a test does with it. */
export class Harness {
  readonly journal: Journal.Journal
  readonly region: Journal.RegionJournal
  readonly double: DispatchDouble
  readonly now: () => number
  #theirs = 0
  readonly memory: Map<string, Version>
  /** By how many milliseconds Redis' clock is behind. */
  readonly clock: { behind: number }

  constructor(
    journal: Journal.Journal,
    region: Journal.RegionJournal,
    double: DispatchDouble,
    now: () => number,
    clock: { behind: number },
    memory: Map<string, Version>
  ) {
    this.memory = memory
    this.clock = clock
    this.journal = journal
    this.region = region
    this.double = double
    this.now = now
  }

  readonly key = (name: string) => `${keyspace}=${name}`

  /** Starts a call and returns what it has been told so far. */
  start(begin: (done: Journal.Done<RemoveOutcome>) => unknown): ReadonlyArray<RemoveOutcome> {
    const told: Array<RemoveOutcome> = []
    begin((outcome) => told.push(outcome))
    this.check()
    return told
  }

  set(name: string, payload: string, timeToLive = 300_000) {
    const key = this.key(name)
    const life = { life: timeToLive, staleFor: 0, lookupTime: 0, expiresAt: this.region.now() + timeToLive }
    const intent = new SetIntent({ value: payload, payload, ...life })
    return this.start((done) => this.region.set(key, intent, 1000, done))
  }

  /** Writes as while the circuit is open: nothing is sent. */
  defer(name: string, payload: string, timeToLive = 300_000): WriteOutcome {
    const write = new Write(this.key(name), payload, payload, timeToLive)
    const outcome = this.region.defer(write, 0, this.region.now() + timeToLive)
    this.check()
    return outcome
  }

  remove(name: string) {
    return this.start((done) =>
      this.region.remove([this.key(name)], 1000, (outcomes) => {
        for (const outcome of outcomes) done(outcome)
      })
    )
  }

  touch(name: string, timeToLive: number) {
    return this.start((done) => this.region.touch(this.key(name), { timeToLive, staleFor: 0 }, 1000, done))
  }

  fill(name: string, payload: string, fields: Partial<Fill> = {}) {
    const fill = {
      key: this.key(name),
      payload,
      extension: "",
      timeToLive: 300_000,
      staleFor: 0,
      lookupTime: 0,
      beganAt: this.now(),
      found: undefined,
      isCurrent: () => true,
      onStored: (version: Version) => {
        this.memory.set(this.key(name), version)
      },
      ...fields
    }
    return this.start((done) => this.region.fill(fill, 1000, done))
  }

  /** The server that has a key. */
  serverOf(_key: string): DispatchDouble {
    return this.double
  }

  /** What Redis holds, whatever this process believes of it. */
  held(name: string): StoredValue.Read | undefined {
    const stored = this.serverOf(this.key(name)).find(this.key(name))
    return stored === undefined ? undefined : StoredValue.read(this.key(name), Buffer.from(stored.value, "latin1"))
  }

  payload(name: string): string | undefined {
    const held = this.held(name)
    return held?._tag === "Value" ? StoredValue.payloadText(held.stored, held.payloadOffset) : undefined
  }

  /** What a read of this process is answered with. */
  read(name: string): string | undefined {
    const key = this.key(name)
    const answer = this.region.isEmpty() ? undefined : this.region.answer(key)
    if (answer !== undefined) return answer._tag === "Set" ? String(answer.value) : undefined
    const held = this.held(name)
    if (held?._tag !== "Value" || !this.region.believes(key, held.header, true)) return undefined
    this.memory.set(key, { stamp: held.header.stamp, writtenAt: held.header.writtenAt })
    return StoredValue.payloadText(held.stored, held.payloadOffset)
  }

  /** Another process writes. */
  other(name: string, payload: string, fields: Partial<StoredValue.Fields> = {}): void {
    const stamp = `theirs${String(++this.#theirs).padStart(6, "-")}`
    const life = fields.life ?? 300_000
    const all = { kind: "set", stamp, writtenAt: this.now(), life, staleLife: life, lookupTime: 0, ...fields } as const
    const value = StoredValue.encodeText(this.key(name), all, payload)
    this.serverOf(this.key(name)).store.set(this.key(name), { value, expiresAt: this.now() + life })
  }

  otherRemoves(name: string): void {
    this.double.store.delete(this.key(name))
  }

  check(): void {
    assert.deepStrictEqual(this.journal.checkInvariants(), [])
  }

  /** The connection is lost before anything else was sent. */
  away(): void {
    this.double.lose()
    this.check()
  }

  /** Another session takes the place of one that is lost, on a server that answers. */
  reconnect(): void {
    this.away()
    this.double.isFrozen = false
    this.double.connect()
  }

  /** The connection is made again, and everything that it wakes is done. */
  readonly back = Effect.suspend(() => {
    this.double.connect()
    return this.settled
  })

  readonly settled = Effect.suspend(() =>
    Effect.map(TestClock.adjust("3 seconds"), () => {
      this.check()
    })
  )

  /** Sends what a frozen server does not answer, and stops waiting. */
  unanswered<A>(call: () => A): A {
    this.double.freeze()
    const result = call()
    this.double.giveUp()
    this.check()
    return result
  }
}

export interface HarnessOptions extends Journal.Options {
  readonly replay?: RegionPolicy["replay"]
  readonly removedFor?: number
  readonly info?: boolean
}

export const make = Effect.fnUntraced(function* (
  options: HarnessOptions = {}
): Effect.fn.Return<Harness, never, Scope.Scope> {
  yield* TestClock.adjust("1 hour")
  const clock = yield* Clock.Clock
  const redis = { behind: 0 }
  const now = () => clock.currentTimeMillisUnsafe() - redis.behind
  const double = new DispatchDouble({ now, info: options.info ?? true })
  const journal = yield* Journal.make(double, options)
  const { removedFor = 0, replay = "ifUnchanged" } = options
  const memory = new Map<string, Version>()
  const region = journal.region({ name: "texts", keyspace, replay, removedFor }, (key) => memory.get(key))
  return new Harness(journal, region, double, now, redis, memory)
})

/** A test of one region, of a journal of its own. */
export const history = (
  title: string,
  options: HarnessOptions,
  body: (h: Harness) => Effect.Effect<void, never, Scope.Scope>
): void => it.effect(title, () => Effect.scoped(Effect.flatMap(make(options), body)))
