import { Effect, Exit, Fiber, Schedule } from "effect"
import type { SubjectCache } from "./Subject.ts"

/** What the cache's callers saw. */
export interface CacheFigures {
  readonly calls: number
  /** Calls that were not answered, which only a defect or an interruption can be. */
  readonly failed: number
  readonly patienceMillis: number
  readonly longestMillis: number
  /** Reads that gave an older version than this process had written. */
  readonly older: number
}

/** The journal's promise is kept where nothing is left in it and no older version is held or read. */
export interface JournalFigures {
  readonly keys: number
  readonly left: number
  /** How long after the load had ended the journal was empty. */
  readonly emptyAfterMillis: number
  readonly olderInRedis: number
  readonly olderRead: number
}

export interface CacheLoad {
  /** Gives every key a version, a batch after the other. */
  readonly writeAll: (version: number) => Effect.Effect<void>
  readonly stop: Effect.Effect<CacheFigures>
  /** Waits until the journal is empty, then looks at what is held and read. */
  readonly judge: (
    held: (redisKeys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string | null>>
  ) => Effect.Effect<JournalFigures>
}

const batch = 50

// Long enough to tell what is late from what is never sent.
const longestReplay = 35_000

/** Reads keys at random, 50 a second, while versions are written on request. */
export const start = Effect.fnUntraced(function* (cache: SubjectCache, count: number) {
  const keys = Array.from({ length: count }, (_, index) => `k${index}`)
  const written = new Map<string, number>()
  let calls = 0
  let longest = 0
  let failed = 0
  let older = 0
  const timed = <A>(call: Effect.Effect<A>) =>
    Effect.suspend(() => {
      const began = performance.now()
      return Effect.onExit(call, (exit) =>
        Effect.sync(() => {
          const took = performance.now() - began
          calls++
          longest = Math.max(longest, took)
          if (Exit.isFailure(exit)) failed++
        })
      )
    })

  const writeAll = Effect.fnUntraced(function* (version: number) {
    for (let from = 0; from < count; from += batch) {
      const some = keys.slice(from, from + batch)
      yield* timed(cache.set(some, version))
      for (const key of some) written.set(key, version)
      yield* Effect.sleep("5 millis")
    }
  })
  const read = Effect.suspend(() => {
    const key = keys[Math.floor(Math.random() * count)] ?? ""
    const floor = written.get(key)
    return Effect.map(timed(cache.get(key)), (version) => {
      if (version !== undefined && floor !== undefined && version < floor) older++
    })
  })
  const reading = yield* Effect.forkScoped(
    Effect.repeat(Effect.forkScoped(Effect.exit(read)), Schedule.spaced("20 millis"))
  )

  const judge = Effect.fnUntraced(function* (
    held: (redisKeys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string | null>>
  ) {
    const began = performance.now()
    while (cache.journal() > 0 && performance.now() - began < longestReplay) yield* Effect.sleep("20 millis")
    const emptyAfterMillis = performance.now() - began
    const stored = yield* held(keys.map(cache.redisKey))
    const isOlder = (version: number | undefined, key: string) =>
      version !== undefined && version < (written.get(key) ?? 0)
    const readNow = yield* Effect.forEach(keys, cache.get, { concurrency: batch })
    return {
      keys: count,
      left: cache.journal(),
      emptyAfterMillis,
      olderInRedis: keys.filter((key, index) => isOlder(cache.versionIn(stored[index] ?? null), key)).length,
      olderRead: keys.filter((key, index) => isOlder(readNow[index], key)).length
    }
  })
  const load: CacheLoad = {
    writeAll,
    stop: Effect.map(Fiber.interrupt(reading), () => ({
      calls,
      failed,
      patienceMillis: cache.patienceMillis,
      longestMillis: longest,
      older
    })),
    judge
  }
  return load
})
