import * as Path from "node:path"
import { Duration, Effect, Fiber, Random, Schedule } from "effect"
import * as RedisServer from "../../../../test/support/RedisServer.ts"
import type { Fate } from "../Parcel.ts"
import { idOf, parcelOf } from "../Plan.ts"
import * as Crew from "./Crew.ts"
import * as Entries from "./Entries.ts"
import * as History from "./History.ts"
import type { Evidence } from "./Ledger.ts"
import * as Script from "./Script.ts"

/** What is played. */
export interface Settings {
  readonly parcels: number
  readonly perSecond: number
  readonly workers: number
  readonly concurrency: number
  readonly leaseSeconds: number
  readonly resetTimeoutSeconds: number
  /** About how many seconds there are between two workers that are killed or stand still. */
  readonly killEvery: number
  /** The share of them that stand still, for a second longer than their lease. */
  readonly stopShare: number
  readonly steps: ReadonlyArray<Script.Step>
  /** For how many seconds, after everything was offered, it is waited for what is left. */
  readonly longest: number
  /** Another worker, and more settings for it. */
  readonly program?: URL | undefined
  readonly settings?: Crew.Settings | undefined
}

/** How far it is. */
export interface View {
  readonly headline: string
  readonly isUp: boolean
  readonly killed: number
  readonly gone: ReadonlyMap<number, number>
  readonly entries: Entries.Entries
}

/** What was played, and what it left. */
export interface Played extends Evidence {
  readonly killed: number
  readonly log: ReadonlyArray<string>
}

/** Redis as it has to be where nothing may be lost. Its file is never shortened, for it is the witness. */
export const redisConfig = [
  "appendonly yes",
  "appendfsync always",
  "auto-aof-rewrite-percentage 0",
  "maxmemory-policy noeviction"
]

/** Offers parcels, kills workers, kills and freezes Redis, and waits until every parcel has had its end. */
export const play = Effect.fnUntraced(function* <E, R>(
  settings: Settings,
  show: (view: () => View) => Effect.Effect<void, E, R>
) {
  const redis = yield* RedisServer.make({ config: redisConfig })
  const diary = Path.join(redis.dir, "diary")
  const environment = {
    REDIS_URL: redis.url,
    DIARY: diary,
    CACHE_RESET_TIMEOUT: String(settings.resetTimeoutSeconds)
  }
  const crew = yield* Crew.make(
    settings.workers,
    {
      ...environment,
      ...settings.settings,
      WORKER_CONCURRENCY: String(settings.concurrency),
      WORKER_LEASE: `${settings.leaseSeconds} seconds`,
      WORKER_DRAIN: "1 second"
    },
    settings.program
  )
  let headline = "Redis is up"
  let isUp = true
  yield* show(() => ({ headline, isUp, killed: crew.killed(), gone: crew.gone, entries: Entries.read(diary) }))

  yield* until(() => Entries.read(diary).works.size >= settings.workers)
  const producing = yield* Crew.start(Crew.producer, {
    ...environment,
    PARCELS: String(settings.parcels),
    PER_SECOND: String(settings.perSecond)
  })
  yield* until(() => Entries.read(diary).offers.length > 0)
  const stops = { seconds: settings.leaseSeconds + 1, share: settings.stopShare }
  const killing = yield* Random.nextBetween(settings.killEvery * 0.5, settings.killEvery * 1.5).pipe(
    Effect.flatMap((seconds) => Effect.sleep(Duration.seconds(seconds))),
    Effect.andThen(Effect.suspend(() => crew.disturbOne((pid) => Entries.read(diary).works.has(pid), stops))),
    Effect.forever,
    Effect.forkScoped
  )
  const outages = yield* Script.play(redis, settings.steps, (next, up) =>
    Effect.sync(() => {
      headline = next
      isUp = up
    })
  )
  const plan = new Map<string, Fate>(
    Array.from({ length: settings.parcels }, (_, number) => [idOf(number), parcelOf(number).fate])
  )
  headline = "Redis is up, and workers are still killed"
  yield* producing.exitCode
  yield* Fiber.interrupt(killing)
  headline = "Everything was offered"
  const isOver = () => {
    const settled = new Set(History.read(redis.dir, "parcels").settlements.map(({ id }) => id))
    return [...plan.keys()].every((id) => settled.has(id))
  }
  yield* Effect.timeoutOption(until(isOver), Duration.seconds(settings.longest))
  const played: Played = {
    plan,
    entries: Entries.read(diary),
    history: History.read(redis.dir, "parcels"),
    gone: crew.gone,
    outages,
    stops: crew.stops,
    killed: crew.killed(),
    log: yield* crew.log
  }
  return played
})

const until = (condition: () => boolean) =>
  Effect.repeat(Effect.sync(condition), { until: (holds) => holds, schedule: Schedule.spaced("50 millis") })
