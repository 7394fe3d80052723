import { Clock, type Duration, Effect, Schedule, Schema } from "effect"
import * as RedisServer from "../support/RedisServer.ts"
import * as TcpProxy from "../support/TcpProxy.ts"
import type { Fault, World } from "./Fault.ts"
import * as Process from "./Process.ts"
import { type Command, CommandLine, type Marks, type Observed, ObservedLine } from "./Protocol.ts"

/** How long each phase lasts, and how much there is to do. */
export interface Settings {
  readonly calm: Duration.Input
  readonly fault: Duration.Input
  readonly after: Duration.Input
  readonly workers: ReadonlyArray<string>
  readonly fibers: number
  readonly rate: number
  readonly ownKeys: number
  readonly sharedKeys: number
  readonly patienceMillis: number
  readonly resetTimeoutMillis: number
  /** How many connections the client of a process has, and how many caches stand on it. */
  readonly connections: number
  readonly caches: number
  /** The caches of a process stand on a client each, which breaks what is promised of one client. Default: false. */
  readonly areClientsApart?: boolean
}

/** What all workers saw of one fault. */
export interface Outcome {
  readonly fault: Fault
  readonly marks: Marks
  readonly workers: ReadonlyArray<Observed>
}

/** Plays the faults one after the other, under the load of two or more processes. */
export const play = Effect.fnUntraced(function* (
  faults: ReadonlyArray<Fault>,
  settings: Settings,
  tell: (line: string) => Effect.Effect<unknown>
) {
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  // A replica gets its copy at once, not when more replicas may have come.
  const config = ["repl-diskless-sync-delay 0"]
  const server = yield* RedisServer.make({ config })
  const other = yield* RedisServer.make({ config })
  const proxy = yield* TcpProxy.make(server.port)
  const world: World = { server, other, proxy }
  const workers = yield* Effect.forEach(
    settings.workers,
    (worker) =>
      Process.start({
        name: `worker ${worker}`,
        file: "./Worker.ts",
        env: {
          CHAOS_PORT: String(proxy.port),
          CHAOS_CONNECTIONS: String(settings.connections),
          CHAOS_CACHES: String(settings.caches),
          CHAOS_CLIENTS_APART: String(settings.areClientsApart ?? false),
          CHAOS_PATIENCE_MS: String(settings.patienceMillis),
          CHAOS_RESET_TIMEOUT_MS: String(settings.resetTimeoutMillis),
          CHAOS_WORKER: worker,
          CHAOS_FIBERS: String(settings.fibers),
          CHAOS_RATE: String(settings.rate),
          CHAOS_OWN_KEYS: String(settings.ownKeys),
          CHAOS_SHARED_KEYS: String(settings.sharedKeys)
        }
      }),
    { concurrency: "unbounded" }
  )

  const tellAll = (command: Command) =>
    Effect.flatMap(Schema.encodeEffect(CommandLine)(command), (line) =>
      Effect.forEach(workers, (worker) => worker.ask(line, ObservedLine), { concurrency: "unbounded" })
    )

  // All fibers begin at once, which is no steady traffic yet.
  const resume = Effect.andThen(tellAll({ _tag: "Resume" }), Effect.sleep("400 millis"))

  const answers = Effect.retry(server.cli("PING"), { schedule: Schedule.spaced("5 millis"), times: 2000 })

  yield* resume
  // What a process does first takes longer than anything later: the just-in-time compiler is not what is measured.
  yield* Effect.sleep(settings.calm)

  const outcomes = yield* Effect.forEach(
    faults,
    Effect.fnUntraced(function* (fault) {
      yield* tell(`${fault.title}: ${fault.says}`)
      const start = now()
      if (fault.prepare !== undefined) yield* fault.prepare(world)
      yield* Effect.sleep(settings.calm)
      const struck = now()
      yield* fault.instant === true
        ? fault.inject(world)
        : Effect.raceFirst(Effect.andThen(fault.inject(world), Effect.never), Effect.sleep(settings.fault))
      yield* fault.heal(world)
      yield* answers
      const healed = now()
      yield* Effect.sleep(settings.after)
      const marks: Marks = { start, fault: struck, healed, end: now() }
      yield* tellAll({ _tag: "Pause" })
      // A client knows nothing of what another one has cleared, and may write it again.
      const awaitsClears = fault.forgetsClears !== true && settings.areClientsApart !== true
      const observed = yield* tellAll({ _tag: "Report", marks, awaitsClears })
      yield* resume
      const outcome: Outcome = { fault, marks, workers: observed.filter((one) => one !== null) }
      return outcome
    })
  )
  return { outcomes, logs: yield* Effect.forEach(workers, ({ log }) => log) }
}, Effect.scoped)
