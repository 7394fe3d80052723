import { fileURLToPath } from "node:url"
import { Effect, Random, Ref, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as Diary from "../Diary.ts"
import type { Absence } from "./Ledger.ts"

/** Worker processes, each of which is replaced by another when it is gone. */
export interface Crew {
  /**
   * Kills one of those that work (SIGKILL), or lets it stand still for so many seconds (SIGSTOP), in
   * so large a share. It is drawn at random, and left alone where fewer than two others work.
   */
  readonly disturbOne: (isWorking: (pid: number) => boolean, stops: Stops) => Effect.Effect<void>
  /** When each process was gone, in milliseconds since the machine was started. */
  readonly gone: ReadonlyMap<number, number>
  /** How many were killed from here. The others ended by themselves. */
  readonly killed: () => number
  /** When which process stood still. */
  readonly stops: ReadonlyArray<Absence>
  /** The last lines that they logged. */
  readonly log: Effect.Effect<ReadonlyArray<string>>
}

/** For how long workers stand still, and how many of those that are disturbed. */
export interface Stops {
  readonly seconds: number
  readonly share: number
}

/** Settings of a program, as its environment has them. */
export type Settings = Readonly<Record<string, string>>

/** A program of this example, as a process of its own, which is told to end when the scope closes. */
export const start = (program: URL, settings: Settings) =>
  ChildProcess.make(process.execPath, ["--import", "tsx", fileURLToPath(program)], {
    env: { ...withoutSettings, ...settings },
    extendEnv: true,
    stdin: "ignore",
    forceKillAfter: "10 seconds"
  })

/** Keeps so many workers for as long as the scope is open. */
export const make = Effect.fnUntraced(function* (size: number, settings: Settings, program = worker) {
  const log = yield* Ref.make<ReadonlyArray<string>>([])
  const pids = new Set<number>()
  const gone = new Map<number, number>()
  const stops: Array<Absence> = []
  const scope = yield* Effect.scope
  let killed = 0

  const one = Effect.gen(function* () {
    const child = yield* start(program, settings)
    pids.add(child.pid)
    yield* child.all.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.runForEach((line) => Ref.update(log, (lines) => [...lines.slice(-199), line])),
      Effect.ignore,
      Effect.forkScoped
    )
    yield* Effect.exit(child.exitCode)
    gone.set(child.pid, Number(Diary.now()) / 1e6)
    pids.delete(child.pid)
  }).pipe(Effect.scoped)

  for (let place = 0; place < size; place++) yield* Effect.forkScoped(Effect.forever(one))
  // The next one may be disturbed meanwhile.
  const stop = (pid: number, seconds: number) =>
    Effect.gen(function* () {
      const from = Number(Diary.now()) / 1e6
      pids.delete(pid)
      process.kill(pid, "SIGSTOP")
      yield* Effect.sleep(`${seconds} seconds`)
      process.kill(pid, "SIGCONT")
      pids.add(pid)
      stops.push({ name: "stopped", pid, from, until: Number(Diary.now()) / 1e6 })
    }).pipe(
      Effect.onInterrupt(() => Effect.sync(() => process.kill(pid, "SIGCONT"))),
      Effect.forkIn(scope),
      Effect.asVoid
    )

  const crew: Crew = {
    disturbOne: Effect.fnUntraced(function* (isWorking, { seconds, share }) {
      const working = [...pids].filter(isWorking)
      const pid = working[yield* Random.nextIntBetween(0, Math.max(1, working.length))]
      if (pid === undefined || working.length < 3) return
      if ((yield* Random.next) < share) return yield* stop(pid, seconds)
      process.kill(pid, "SIGKILL")
      killed++
    }),
    gone,
    killed: () => killed,
    stops,
    log: Ref.get(log)
  }
  return crew
})

/** The programs of this example. */
export const worker = new URL("../worker.ts", import.meta.url)
export const producer = new URL("../producer.ts", import.meta.url)

// What the shell happens to hold about some other Redis is none of the demo's.
const withoutSettings = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith("REDIS_") || name.startsWith("CACHE_"))
    .map((name) => [name, undefined])
)
