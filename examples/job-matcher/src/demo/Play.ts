import { Array as Arr, Deferred, Duration, Effect, Fiber, Ref, Schedule } from "effect"
import * as Load from "./Load.ts"
import type { Phase, Run } from "./Report.ts"
import * as Screen from "./Screen.ts"
import type { Script } from "./Script.ts"
import type { Service } from "./Service.ts"
import type { Style } from "./Style.ts"
import * as Tally from "./Tally.ts"

/** Plays the script while the service is under load, shows it, and says what came of it. */
export const play = Effect.fnUntraced(function* (options: {
  readonly script: Script
  readonly service: Service
  readonly questions: Load.Questions
  readonly live: boolean
  readonly style: Style
}) {
  const { service } = options
  const parts = Arr.map(options.script, (step) => ({ step, tally: Tally.make() }))
  const current = yield* Ref.make(parts[0])
  const stop = yield* Deferred.make<void>()

  const load = yield* Load.run({
    client: service.client,
    questions: options.questions,
    tally: Effect.map(Ref.get(current), ({ tally }) => tally),
    stop: Deferred.await(stop)
  }).pipe(Effect.forkScoped)

  yield* Screen.show({
    live: options.live,
    style: options.style,
    view: Effect.gen(function* () {
      const { step, tally } = yield* Ref.get(current)
      return {
        headline: step.headline,
        redis: step.redis,
        stats: yield* service.stats,
        ...Tally.total(parts.map((part) => part.tally)),
        slowestMs: Tally.slowest(tally)
      }
    })
  })

  const phases = yield* Effect.forEach(
    parts,
    Effect.fnUntraced(function* (part) {
      const { name, does, seconds, endsOutage } = part.step
      const before = yield* service.stats
      yield* Ref.set(current, part)
      yield* does
      const [recoveredMs] = yield* Effect.all(
        [
          endsOutage === true ? recovery(service, before.redisHits, seconds) : Effect.undefined,
          Effect.sleep(Duration.seconds(seconds))
        ],
        { concurrency: "unbounded" }
      )
      const phase: Phase = { name, tally: part.tally, before, after: yield* service.stats, recoveredMs }
      return phase
    })
  )
  yield* Deferred.succeed(stop, undefined)
  yield* Fiber.join(load)
  const run: Omit<Run, "resetTimeoutMs"> = { phases, breaker: (yield* service.stats).breaker }
  return run
})

/** Milliseconds until the circuit is closed and Redis serves again: more than `redisHits`, the hits of the outage's end. */
const recovery = (service: Service, redisHits: number, seconds: number) =>
  service.stats.pipe(
    Effect.repeat({
      schedule: Schedule.spaced("20 millis"),
      until: (stats) => stats.breaker.at(-1) === "Closed" && stats.redisHits > redisHits
    }),
    // Not within the phase is too late anyway.
    Effect.timeoutOption(Duration.seconds(seconds)),
    Effect.timed,
    Effect.map(([took]) => Duration.toMillis(took))
  )
