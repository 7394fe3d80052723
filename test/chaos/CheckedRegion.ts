import { Effect, Option, Random, Schema } from "effect"
import type { Cache } from "effect-ioredis-cache"
import * as Checker from "./Checker.ts"
import * as Features from "./Features.ts"
import type { Recorder } from "./Recorder.ts"

const Value = Schema.Struct({ key: Schema.Int, version: Schema.Int, text: Schema.String })

const text = "x".repeat(120)

/**
 * A region that this process alone writes, and whose every read is compared with what it had acknowledged. Each call goes
 * through one of the caches at random: what one acknowledged, another may not contradict.
 */
export const make = Effect.fnUntraced(function* (
  { keys, name, replay }: { readonly name: string; readonly keys: number; readonly replay: Features.Replay },
  caches: ReadonlyArray<Cache.Cache>,
  recorder: Recorder
) {
  const regions = yield* Effect.forEach(caches, (cache) =>
    Effect.gen(function* () {
      const features = yield* Features.make(cache)
      const region = yield* cache.region({
        name,
        version: 1,
        key: Schema.Int,
        value: Value,
        replay: features.replay(replay)
      })
      return { region, touch: features.touch<number>(region) }
    })
  )
  const [first] = regions
  if (first === undefined) return yield* Effect.die(new Error("there is no cache"))
  const anyRegion = Effect.map(Random.nextIntBetween(0, regions.length - 1), (index) => regions[index] ?? first)
  const checker = Checker.make(keys)
  const all = Array.from({ length: keys }, (_, key) => key)
  const lookedUp = new Map<number, Array<{ readonly start: number; end: number }>>()
  let counts = newCounts()

  const check = (operation: string, key: number, floor: number, found: Option.Option<typeof Value.Type>) => {
    counts.reads++
    if (Option.isNone(found) || !Checker.contradicts(floor, key, found.value)) return
    counts.contradicted++
    if (counts.contradicted > 5) return
    recorder.contradiction({
      region: name,
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
    Effect.flatMap(anyRegion, ({ region }) => {
      const floor = checker.floor(key)
      return Effect.map(recorder.call({ operation: "get", isRead: true }, region.get(key)), (found) =>
        check("get", key, floor, found)
      )
    })

  const readMany = (some: ReadonlyArray<number>) =>
    Effect.flatMap(anyRegion, ({ region }) => {
      const floors = some.map(checker.floor)
      return Effect.map(recorder.call({ operation: "getMany", isRead: true }, region.getMany(some)), (found) =>
        some.forEach((key, index) => {
          check("getMany", key, floors[index] ?? 0, found[index] ?? Option.none())
        })
      )
    })

  const readOrSet = (key: number) =>
    Effect.flatMap(anyRegion, ({ region }) => {
      const floor = checker.floor(key)
      return Effect.map(
        recorder.call({ operation: "getOrSet", isRead: true }, region.getOrSet(key, lookup(key)), lookupTime(key)),
        (value) => check("getOrSet", key, floor, Option.some(value))
      )
    })

  // The order of two writes of one key is that of their versions only if nothing comes between a version and its call: a fiber that has just
  // yielded is not made to yield again for long enough.
  const write = (operation: "set" | "remove", key: number, shortLived: boolean) =>
    Effect.andThen(
      Effect.yieldNow,
      Effect.flatMap(anyRegion, ({ region }) => {
        const version = checker.write(key)
        const asked =
          operation === "remove"
            ? region.remove(key)
            : region.set(key, { key, version, text }, shortLived ? { timeToLive: "2 seconds" } : {})
        return Effect.map(recorder.call({ operation, isRead: false }, asked), (outcome) => {
          counts.writes[outcome === "Absent" ? "Applied" : outcome]++
          if (outcome !== "Rejected") checker.acknowledge(key, version)
        })
      })
    )

  // A write of every key at once, and ordered as one.
  const clear = Effect.andThen(
    Effect.yieldNow,
    Effect.flatMap(anyRegion, ({ region }) => {
      const versions = all.map(checker.write)
      return Effect.map(recorder.call({ operation: "clear", isRead: false }, region.clear), (outcome) => {
        counts.clears[outcome]++
        if (outcome === "Rejected") return
        for (const key of all) checker.acknowledgeClear(key, versions[key] ?? 0)
      })
    })
  )

  // It prolongs what is there, and so contradicts nothing. A build without it reads.
  const touch = (key: number) =>
    Effect.flatMap(anyRegion, ({ touch }) =>
      touch === undefined ? read(key) : Effect.asVoid(recorder.call({ operation: "touch", isRead: false }, touch(key)))
    )

  return {
    name,
    keys: all,
    /** The version that Redis may hold of a key, or a newer one. */
    floor: checker.floor,
    namedFloor: checker.namedFloor,
    read,
    readMany,
    readOrSet,
    write,
    touch,
    clear,
    takeCounts: () => {
      const taken = counts
      counts = newCounts()
      return taken
    }
  }
})

export type CheckedRegion = Effect.Success<ReturnType<typeof make>>

const newCounts = () => ({ reads: 0, contradicted: 0, writes: newOutcomes(), clears: newOutcomes() })

const newOutcomes = () => ({ Applied: 0, Deferred: 0, Rejected: 0 })
