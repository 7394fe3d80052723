import { Data, Effect, Random, Schedule, Schema, Semaphore } from "effect"
import { Redis } from "ioredis"
import * as Process from "../chaos/Process.ts"
import * as RedisServer from "../support/RedisServer.ts"
import { stored } from "../support/Stored.ts"
import * as TcpProxy from "../support/TcpProxy.ts"
import type * as Fault from "./Fault.ts"
import { type Command, CommandLine, type Report, ReportLine } from "./Protocol.ts"
import * as Register from "./Register.ts"

/** How long a round lasts and what it is made of. Times are in milliseconds. */
export interface Settings {
  readonly millis: number
  readonly faults: ReadonlyArray<Fault.Fault>
  readonly fault: number
  readonly calm: number
  readonly maxStaleness: number
  /** Puts stand-ins that ignore notices in the place of the processes' caches. Default: false. */
  readonly isDeaf?: boolean
}

/** What came of it. */
export interface Figures {
  faults: number
  reads: number
  near: number
  fellBack: number
  writes: number
  stale: Array<Register.Stale & { readonly fault: string }>
  contradicted: Array<string>
  /** The oldest answer: how long ago it had been replaced, in milliseconds. */
  oldest: number
  loopDelay: number
  /** After which memory went on to answer nothing, although everything was well. */
  readonly notNear: Array<string>
}

const workers = ["a", "b"] as const
const writers = [...workers, "m"]
const keys = 40

/** Lets one fault follow the other under load, in a random order, until the time is up. */
export const play = Effect.fnUntraced(function* (settings: Settings) {
  // A replica gets its copy at once, not when more replicas may have come.
  const config = ["repl-diskless-sync-delay 0"]
  const [server, other] = [yield* RedisServer.make({ config }), yield* RedisServer.make({ config })]
  const proxies = yield* Effect.forEach(workers, () => TcpProxy.make(server.port))
  const processes = yield* Effect.forEach(
    workers,
    (worker, index) =>
      Process.start({
        name: `process ${worker}`,
        file: "../near/Worker.ts",
        env: environment(worker, proxies[index], settings)
      }),
    { concurrency: "unbounded" }
  )
  const tell = (command: Command) =>
    Effect.flatMap(Schema.encodeEffect(CommandLine)(command), (line) =>
      Effect.forEach(processes, (process) => process.ask(line, ReportLine), { concurrency: "unbounded" })
    ).pipe(Effect.orDie)

  const register = Register.make()
  const figures: Figures = {
    ...{ faults: 0, reads: 0, near: 0, fellBack: 0, writes: 0, oldest: 0, loopDelay: 0 },
    ...{ stale: [], contradicted: [], notNear: [] }
  }
  const writer = yield* makeWriter(server.port, register)

  // Judges what was read since the last time, and tells how much of it memory answered.
  const judge = (fault: string) =>
    Effect.map(tell({ _tag: "Report" }), (reports) => {
      const all = reports.filter((one) => one !== null)
      for (const { acknowledged } of all) for (const stamp of acknowledged) register.acknowledge(stamp)
      for (const report of all) add(figures, report)
      const seen = all.flatMap((report) => report.seen)
      for (const read of seen) figures.oldest = Math.max(figures.oldest, register.ageOf(read).age)
      for (const stale of Register.staleOf(register, seen, settings.maxStaleness))
        figures.stale.push({ ...stale, fault })
      return Math.min(...all.map(({ near }) => near))
    })

  const world: Fault.World = {
    server,
    other,
    proxies,
    block: (millis) => tell({ _tag: "Block", millis }),
    flush: writer.flush(server.cli("FLUSHALL")),
    rollBack: (act) =>
      Effect.gen(function* () {
        yield* judge("before older data")
        const done = yield* act
        // What was read meanwhile may be either.
        yield* tell({ _tag: "Report" })
        register.forget()
        return done
      }),
    pids: processes.map(({ pid }) => pid)
  }

  yield* Effect.sleep(settings.calm + 500)
  yield* judge("nothing")
  const until = performance.now() + settings.millis
  let left: ReadonlyArray<Fault.Fault> = []
  while (performance.now() < until) {
    if (left.length === 0) left = yield* Random.shuffle(settings.faults).pipe(Effect.map((all) => Array.from(all)))
    const [fault, ...rest] = left
    left = rest
    if (fault === undefined) break
    yield* fault.inject(world)
    yield* Effect.sleep(settings.fault)
    yield* fault.heal(world)
    // A link is made again after a while, and a circuit is probed.
    yield* Effect.sleep(settings.calm)
    yield* judge(fault.name)
    const near = Effect.flatMap(Effect.sleep(settings.calm), () => judge(`after ${fault.name}`))
    if ((yield* Effect.repeat(near, { until: (count) => count > 0, times: 10 })) === 0) figures.notNear.push(fault.name)
    figures.faults++
  }
  figures.writes += writer.writes()
  return figures
}, Effect.scoped)

const environment = (worker: string, proxy: TcpProxy.TcpProxy | undefined, settings: Settings) => ({
  NEAR_PORT: String(proxy?.port),
  NEAR_WORKER: worker,
  NEAR_WRITERS: writers.join(),
  NEAR_KEYS: String(keys),
  NEAR_READS: "800",
  NEAR_WRITES: "20",
  NEAR_MAX_STALENESS: String(settings.maxStaleness),
  NEAR_DEAF: String(settings.isDeaf ?? false)
})

const add = (figures: Figures, { acknowledged, contradicted, fellBack, loopDelay, near, reads }: Report): void => {
  figures.reads += reads
  figures.near += near
  figures.fellBack += fellBack
  figures.writes += acknowledged.length
  figures.contradicted.push(...contradicted)
  figures.loopDelay = Math.max(figures.loopDelay, loopDelay)
}

/** Writes straight into Redis, one version of a key after the other on one connection. */
const makeWriter = Effect.fnUntraced(function* (port: number, register: Register.Register) {
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const made = new Redis({
        port,
        maxRetriesPerRequest: 0,
        retryStrategy: () => 50,
        autoResendUnfulfilledCommands: false
      })
      // What it loses is not acknowledged.
      made.on("error", () => {})
      return made
    }),
    (redis) => Effect.sync(() => redis.disconnect())
  )
  const versions = Array.from({ length: keys }, () => 0)
  const raise = (key: number): number => {
    const version = (versions[key] ?? 0) + 1
    versions[key] = version
    return version
  }
  let writes = 0
  const write = (key: number): Effect.Effect<void> =>
    Effect.tryPromise(async () => {
      const version = raise(key)
      const redisKey = `cache:texts:v1:=m-${key}`
      await redis.set(redisKey, stored(redisKey, String(version), { writtenAt: Date.now(), life: 3_600_000 }))
      writes++
      register.acknowledge({ key: `m-${key}`, version, at: now() })
    }).pipe(Effect.ignore)
  // Each has keys of its own, so that no two writes of a key are on their way.
  const fibers = 4
  const turns = yield* Semaphore.make(fibers)
  for (let fiber = 0; fiber < fibers; fiber++) {
    const one = Effect.flatMap(Random.nextIntBetween(0, keys / fibers - 1), (index) =>
      turns.withPermits(1)(write(index * fibers + fiber))
    )
    yield* Effect.forkScoped(Effect.repeat(one, Schedule.spaced("60 millis")))
  }
  return {
    writes: () => writes,
    /** Every key is gone, which is a write as any other. No other one is on its way meanwhile. */
    flush: <A, E>(flushing: Effect.Effect<A, E>) =>
      turns.withPermits(fibers)(
        Effect.map(flushing, () => {
          const at = now()
          for (const key of versions.keys()) register.acknowledge({ key: `m-${key}`, version: raise(key), at })
        })
      )
  }
})

const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Every promise that was broken, in a plain sentence each. */
export const broken = (figures: Figures, maxStaleness: number): ReadonlyArray<string> => {
  const says = (isBroken: boolean, what: string) => (isBroken ? [what] : [])
  const [stale] = figures.stale
  return [
    ...says(figures.near === 0 || figures.writes === 0, "Memory answered nothing, so nothing is proven."),
    ...says(
      stale !== undefined,
      `${figures.stale.length} versions were read ${maxStaleness} ms or longer after they had been replaced, such as ${JSON.stringify(stale)}.`
    ),
    ...says(
      figures.contradicted.length > 0,
      `${figures.contradicted.length} reads contradict what the process had had acknowledged, such as ${figures.contradicted[0]}.`
    ),
    ...says(figures.notNear.length > 0, `Nothing was near again after: ${figures.notNear.join(", ")}.`)
  ]
}

export const summary = (figures: Figures): string =>
  `${figures.faults} faults, ${figures.reads} reads, of which memory answered ${figures.near} in front of Redis and ${figures.fellBack} in its place, ` +
  `${figures.writes} acknowledged writes; ${figures.stale.length} stale, ${figures.contradicted.length} contradicted; the oldest answer had been replaced ` +
  `${Math.round(figures.oldest)} ms ago; the event loop was ${Math.round(figures.loopDelay)} ms late at most`

export class PromiseBroken extends Data.TaggedError("PromiseBroken")<{ readonly message: string }> {}
