import { Duration, Effect, Latch, Option, Random, Schedule, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import * as CheckedRegion from "./CheckedRegion.ts"
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

/** `at` is the writer's monotonic time, which is that of every process of the machine. */
const Shared = Schema.Struct({ worker: Schema.String, at: Schema.Finite })

const clearedKeys = 20
const clearsPerSecond = 2

/**
 * Steady traffic: every fiber makes one call after the other, each due at a fixed time.
 *
 * Three of four calls are of keys that this process alone writes, and are checked; some of these are in a region that is cleared now and then.
 * The others are of keys that every worker writes.
 */
export const make = Effect.fnUntraced(function* (load: Load, recorder: Recorder) {
  const own = yield* CheckedRegion.make({ name: `own-${load.worker}`, keys: load.ownKeys }, recorder)
  const cleared = yield* CheckedRegion.make({ name: `cleared-${load.worker}`, keys: clearedKeys }, recorder)
  const shared = yield* Cache.region({ name: "shared", version: 1, key: Schema.Int, value: Shared })
  const sharedWritten = new Map<number, number>()
  const gate = yield* Latch.make(false)
  const counts = { sharedReads: 0, sharedOlder: 0 }

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

  const callChecked = (region: CheckedRegion.CheckedRegion, key: number, dice: number, luck: number) => {
    if (dice < 0.45) return region.read(key)
    if (dice < 0.52) {
      return region.readMany(Array.from({ length: 5 }, (_, step) => (key + step * 7) % region.keys.length))
    }
    if (dice < 0.72) return region.readOrSet(key)
    return region.write(dice < 0.92 ? "set" : "remove", key, luck < 0.1)
  }

  const one = Effect.gen(function* () {
    const [scope, what, skew, luck] = [yield* Random.next, yield* Random.next, yield* Random.next, yield* Random.next]
    // Few keys are used often, most of them seldom.
    const pick = (keys: number) => Math.min(keys - 1, Math.floor(keys * skew ** 2))
    yield* gate.await
    if (scope < clearsPerSecond / load.rate) return yield* cleared.clear
    if (scope < 0.25) return yield* callShared(pick(load.sharedKeys), what)
    const region = scope < 0.35 ? cleared : own
    return yield* callChecked(region, pick(region.keys.length), what, luck)
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

  const checked = [own, cleared]

  return {
    /** The regions whose every read is checked. */
    checked,
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
    readAll: Effect.forEach(
      checked.flatMap((region) => chunks(region.keys.length, 50).map((keys) => region.readMany(keys))),
      (reading) => reading,
      { discard: true }
    ),
    sharedNow: Effect.map(Effect.forEach(chunks(load.sharedKeys, 50), shared.getMany), (found) =>
      found.flat().map((value, key) => ({
        written: sharedWritten.get(key) ?? 0,
        read: Option.isSome(value) ? value.value.at : 0
      }))
    ),
    takeCounts: () => {
      const taken = checked.map((region) => region.takeCounts())
      const sum = (of: (one: (typeof taken)[number]) => number) => taken.reduce((total, one) => total + of(one), 0)
      const { sharedOlder, sharedReads } = counts
      counts.sharedReads = 0
      counts.sharedOlder = 0
      return {
        reads: sum((one) => one.reads),
        contradicted: sum((one) => one.contradicted),
        writes: {
          applied: sum(({ writes }) => writes.Applied),
          deferred: sum(({ writes }) => writes.Deferred),
          rejected: sum(({ writes }) => writes.Rejected)
        },
        clears: { applied: sum(({ clears }) => clears.Applied), deferred: sum(({ clears }) => clears.Deferred) },
        sharedReads,
        sharedOlder
      }
    }
  }
})

const chunks = (keys: number, size: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: Math.ceil(keys / size) }, (_, chunk) =>
    Array.from({ length: Math.min(size, keys - chunk * size) }, (_, index) => chunk * size + index)
  )
