import { Duration, Effect, Latch, Option, Random, Schedule, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import * as Checker from "./Checker.ts"
import type { Recorder } from "./Recorder.ts"

/** What one process does all the time. */
export interface Load {
  readonly worker: string
  readonly fibers: number
  /** Calls a second, of all fibers together. */
  readonly rate: number
  readonly ownKeys: number
  readonly sharedKeys: number
}

const Own = Schema.Struct({ key: Schema.Int, version: Schema.Int, text: Schema.String })

/** `at` is the writer's monotonic time, which is that of every process of the machine. */
const Shared = Schema.Struct({ worker: Schema.String, at: Schema.Finite })

const text = "x".repeat(120)

/** The region of the keys that one worker alone writes. */
export const ownRegion = (worker: string) => `own-${worker}`

/**
 * Steady traffic: every fiber makes one call after the other, each due at a fixed time.
 *
 * Three of four calls are of keys that this process alone writes, and are checked; the others are of keys that every worker writes.
 */
export const make = Effect.fnUntraced(function* (load: Load, recorder: Recorder) {
  const own = yield* Cache.region({ name: ownRegion(load.worker), version: 1, key: Schema.Int, value: Own })
  const shared = yield* Cache.region({ name: "shared", version: 1, key: Schema.Int, value: Shared })
  const checker = Checker.make(load.ownKeys)
  const lookedUp = new Map<number, Array<{ readonly start: number; end: number }>>()
  const sharedWritten = new Map<number, number>()
  const gate = yield* Latch.make(false)
  let counts = newCounts()

  const check = (operation: string, key: number, floor: number, found: Option.Option<typeof Own.Type>) => {
    counts.reads++
    if (Option.isNone(found) || !Checker.contradicts(floor, key, found.value)) return
    counts.contradicted++
    if (counts.contradicted > 5) return
    recorder.contradiction({
      operation,
      key,
      returned: found.value.version,
      acknowledged: floor,
      at: recorder.now()
    })
  }

  // A call may wait for a lookup that began before it, and beside which another has begun since: the time that any of them took.
  const lookupTime = (key: number) => (start: number, end: number) => {
    let covered = start
    let total = 0
    for (const run of lookedUp.get(key) ?? []) {
      const until = Math.min(end, run.end)
      total += Math.max(0, until - Math.max(covered, run.start))
      covered = Math.max(covered, until)
    }
    return total
  }

  const lookup = (key: number) =>
    Effect.suspend(() => {
      const value = { key, version: checker.latest(key), text }
      const run = { start: recorder.now(), end: Number.POSITIVE_INFINITY }
      // In the order in which they began. Older ones are long over.
      lookedUp.set(key, [...(lookedUp.get(key) ?? []).slice(-9), run])
      return Effect.as(Effect.sleep("15 millis"), value).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            run.end = recorder.now()
          })
        )
      )
    })

  const read = (key: number) =>
    Effect.suspend(() => {
      const floor = checker.floor(key)
      return Effect.map(recorder.call({ operation: "get", isRead: true }, own.get(key)), (found) =>
        check("get", key, floor, found)
      )
    })

  const readMany = (keys: ReadonlyArray<number>) =>
    Effect.suspend(() => {
      const floors = keys.map(checker.floor)
      return Effect.map(recorder.call({ operation: "getMany", isRead: true }, own.getMany(keys)), (found) =>
        keys.forEach((key, index) => {
          check("getMany", key, floors[index] ?? 0, found[index] ?? Option.none())
        })
      )
    })

  const readOrSet = (key: number) =>
    Effect.suspend(() => {
      const floor = checker.floor(key)
      return Effect.map(
        recorder.call({ operation: "getOrSet", isRead: true }, own.getOrSet(key, lookup(key)), lookupTime(key)),
        (value) => check("getOrSet", key, floor, Option.some(value))
      )
    })

  // The order of two writes of one key is that of their versions only if nothing comes between a version and its call: a fiber that has just
  // yielded is not made to yield again for long enough.
  const write = (operation: "set" | "remove", key: number, shortLived: boolean) =>
    Effect.andThen(
      Effect.yieldNow,
      Effect.suspend(() => {
        const version = checker.write(key)
        const asked =
          operation === "remove"
            ? own.remove(key)
            : own.set(key, { key, version, text }, shortLived ? { timeToLive: "2 seconds" } : {})
        return Effect.map(recorder.call({ operation, isRead: false }, asked), (outcome) => {
          counts[outcome]++
          if (outcome !== "Rejected") checker.acknowledge(key, version)
        })
      })
    )

  const callShared = (key: number, dice: number) => {
    const stamp = () => ({ worker: load.worker, at: recorder.now() })
    if (dice < 0.25) {
      return Effect.suspend(() => {
        const value = stamp()
        const asked = dice < 0.05 ? shared.remove(key) : shared.set(key, value)
        return Effect.map(recorder.call({ operation: "shared write", isRead: false }, asked), () => {
          sharedWritten.set(key, Math.max(value.at, sharedWritten.get(key) ?? 0))
        })
      })
    }
    return Effect.suspend(() => {
      const floor = sharedWritten.get(key) ?? 0
      const asked = dice < 0.5 ? Effect.map(shared.getOrSet(key, Effect.sync(stamp)), Option.some) : shared.get(key)
      return Effect.map(recorder.call({ operation: "shared read", isRead: true }, asked), (found) => {
        counts.sharedReads++
        if (Option.isSome(found) && found.value.at < floor) counts.sharedOlder++
      })
    })
  }

  const one = Effect.gen(function* () {
    const [scope, what, skew, luck] = [yield* Random.next, yield* Random.next, yield* Random.next, yield* Random.next]
    // Few keys are used often, most of them seldom.
    const pick = (keys: number) => Math.min(keys - 1, Math.floor(keys * skew ** 2))
    yield* gate.await
    if (scope < 0.25) return yield* callShared(pick(load.sharedKeys), what)
    const key = pick(load.ownKeys)
    if (what < 0.45) return yield* read(key)
    if (what < 0.52) return yield* readMany(Array.from({ length: 5 }, (_, step) => (key + step * 7) % load.ownKeys))
    if (what < 0.72) return yield* readOrSet(key)
    return yield* write(what < 0.92 ? "set" : "remove", key, luck < 0.1)
  })

  // Whole milliseconds: a timer wakes at whole ones, and Schedule.fixed takes one that woke early for a new window.
  const period = Duration.millis(Math.round((1000 * load.fibers) / load.rate))
  yield* Effect.forEach(
    Array.from({ length: load.fibers }, (_, index) => index),
    (index) =>
      one.pipe(
        // Half a million defects would say no more than the count of them.
        Effect.ignoreCause,
        Effect.repeat(Schedule.fixed(period)),
        // Each in its turn from the first call on, or they would all call at once every period.
        Effect.delay(Duration.times(period, index / load.fibers)),
        (fiber) => Effect.andThen(gate.await, fiber),
        Effect.forkScoped
      ),
    { discard: true }
  )

  return {
    resume: Effect.asVoid(gate.open),
    /** No new calls, and those under way have their answers. */
    pause: Effect.andThen(
      gate.close,
      Effect.suspend(() => (recorder.running() === 0 ? Effect.void : Effect.fail("running"))).pipe(
        Effect.retry({ schedule: Schedule.spaced("10 millis"), times: 800 }),
        Effect.ignore
      )
    ),
    /** Reads every key of its own once more. */
    readAll: Effect.forEach(chunks(load.ownKeys, 50), readMany, { discard: true }),
    sharedNow: Effect.map(Effect.forEach(chunks(load.sharedKeys, 50), shared.getMany), (found) =>
      found.flat().map((value, key) => ({
        written: sharedWritten.get(key) ?? 0,
        read: Option.isSome(value) ? value.value.at : 0
      }))
    ),
    /** The version that Redis may hold of a key, or a newer one. */
    floor: checker.floor,
    takeCounts: () => {
      const taken = counts
      counts = newCounts()
      return taken
    }
  }
})

const newCounts = () => ({
  reads: 0,
  contradicted: 0,
  sharedReads: 0,
  sharedOlder: 0,
  Applied: 0,
  Deferred: 0,
  Rejected: 0
})

const chunks = (keys: number, size: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: Math.ceil(keys / size) }, (_, chunk) =>
    Array.from({ length: Math.min(size, keys - chunk * size) }, (_, index) => chunk * size + index)
  )
