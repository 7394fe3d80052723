import { Duration, Effect, Latch, Option, Random, Schedule, Schema } from "effect"
import type { Cache } from "effect-ioredis-cache"
import * as CheckedRegion from "./CheckedRegion.ts"
import * as Features from "./Features.ts"
import * as Known from "./Known.ts"
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

/** `at` is the writer's monotonic time, which is that of every process of the machine. No two values are the same. */
const Shared = Schema.Struct({ worker: Schema.String, at: Schema.Finite, number: Schema.Int })

const idOf = ({ number, worker }: typeof Shared.Type) => `${worker}${number}`

const newBroughtBack = (): { own: number; foreign: Array<number> } => ({ own: 0, foreign: [] })

const clearedKeys = 20
const clearsPerSecond = 2

/**
 * Steady traffic: every fiber makes one call after the other, each due at a fixed time.
 *
 * Three of four calls are of keys that this process alone writes, and are checked; some of these are in a region that is cleared now and then.
 * The others are of keys that every worker writes: of these, no read may bring back what the process knew before its last acknowledged write.
 */
export const make = Effect.fnUntraced(function* (
  load: Load,
  caches: readonly [Cache.Cache, ...ReadonlyArray<Cache.Cache>],
  recorder: Recorder
) {
  const checkedOf = (what: string, keys: number) =>
    Effect.forEach(Features.replays, (replay) =>
      CheckedRegion.make({ name: `${what}-${replay}-${load.worker}`, keys, replay }, caches, recorder)
    )
  const own = yield* checkedOf("own", Math.ceil(load.ownKeys / Features.replays.length))
  const cleared = yield* checkedOf("cleared", clearedKeys)
  const sharedRegions = yield* Effect.forEach(caches, (cache) =>
    cache.region({ name: "shared", version: 1, key: Schema.Int, value: Shared })
  )
  const sharedFirst = yield* caches[0].region({ name: "shared", version: 1, key: Schema.Int, value: Shared })
  const sharedWritten = new Map<number, number>()
  const known = Known.make()
  const gate = yield* Latch.make(false)
  let broughtBack = newBroughtBack()
  const counts = { sharedReads: 0, sharedOlder: 0 }
  let stamps = 0

  const checkShared = (key: number, floor: number, value: typeof Shared.Type) => {
    if (known.contradicts(floor, key, idOf(value))) {
      if (value.worker === load.worker) broughtBack.own++
      else if (broughtBack.foreign.length < 1000) broughtBack.foreign.push(recorder.now())
    }
    known.learn(key, idOf(value))
  }

  const callShared = (key: number, dice: number, luck: number) => {
    const shared = sharedRegions[Math.floor(luck * sharedRegions.length)] ?? sharedFirst
    const stamp = () => ({ worker: load.worker, at: recorder.now(), number: ++stamps })
    if (dice < 0.25) {
      // As in a checked region, nothing comes between what is written down of a write and its call.
      const write = Effect.suspend(() => {
        const value = stamp()
        const mark = known.ask()
        if (dice >= 0.05) known.learn(key, idOf(value))
        const asked = dice < 0.05 ? shared.remove(key) : shared.set(key, value)
        return Effect.map(recorder.call({ operation: "shared write", isRead: false }, asked), (outcome) => {
          if (outcome === "Rejected") return
          known.acknowledge(key, mark)
          sharedWritten.set(key, Math.max(value.at, sharedWritten.get(key) ?? 0))
        })
      })
      return Effect.andThen(Effect.yieldNow, write)
    }
    return Effect.suspend(() => {
      const written = sharedWritten.get(key) ?? 0
      const floor = known.floor(key)
      const lookup = Effect.sync(() => {
        const value = stamp()
        known.learn(key, idOf(value))
        return value
      })
      const asked = dice < 0.5 ? Effect.map(shared.getOrSet(key, lookup), Option.some) : shared.get(key)
      return Effect.map(recorder.call({ operation: "shared read", isRead: true }, asked), (found) => {
        counts.sharedReads++
        if (Option.isNone(found)) return
        if (found.value.at < written) counts.sharedOlder++
        checkShared(key, floor, found.value)
      })
    })
  }

  const callChecked = (region: CheckedRegion.CheckedRegion, key: number, dice: number, luck: number) => {
    if (dice < 0.45) return region.read(key)
    if (dice < 0.52) {
      return region.readMany(Array.from({ length: 5 }, (_, step) => (key + step * 7) % region.keys.length))
    }
    if (dice < 0.7) return region.readOrSet(key)
    if (dice < 0.73) return region.touch(key)
    return region.write(dice < 0.92 ? "set" : "remove", key, luck < 0.1)
  }

  const one = Effect.gen(function* () {
    const [scope, what, skew, luck] = [yield* Random.next, yield* Random.next, yield* Random.next, yield* Random.next]
    const replay = yield* Random.nextIntBetween(0, Features.replays.length - 1)
    // Few keys are used often, most of them seldom.
    const pick = (keys: number) => Math.min(keys - 1, Math.floor(keys * skew ** 2))
    yield* gate.await
    const [ownRegion, clearedRegion] = [own[replay], cleared[replay]]
    if (ownRegion === undefined || clearedRegion === undefined) return
    if (scope < clearsPerSecond / load.rate) return yield* clearedRegion.clear
    if (scope < 0.25) return yield* callShared(pick(load.sharedKeys), what, luck)
    const region = scope < 0.35 ? clearedRegion : ownRegion
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

  const checked = [...own, ...cleared]

  return {
    /** The regions whose every read is checked. */
    checked,
    resume: Effect.asVoid(gate.open),
    /** No new calls, and those in progress have their answers. */
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
    sharedNow: Effect.map(Effect.forEach(chunks(load.sharedKeys, 50), sharedFirst.getMany), (found) =>
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
      const takenBack = broughtBack
      broughtBack = newBroughtBack()
      return {
        broughtBack: takenBack,
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
