import { Clock, Data, Effect } from "effect"
import * as Process from "../chaos/Process.ts"
import * as HostileProxy from "../support/HostileProxy.ts"
import * as RedisServer from "../support/RedisServer.ts"
import { marker, type Observed, ObservedLine } from "./Protocol.ts"

/** What came of a hostile server, in figures. */
export interface Figures {
  readonly calls: number
  readonly failed: number
  readonly wrong: number
  readonly tampered: number
  /** Lines of output, and those that show a key or a value. */
  readonly lines: number
  readonly telling: ReadonlyArray<string>
  /** Of the reads between the faults, the share that was answered without falling back on memory. */
  readonly fromRedis: number
  readonly rss: number
}

/** A healthy phase, monotonic milliseconds. */
interface Phase {
  readonly from: number
  readonly to: number
}

/**
 * Every mischief in turn, each for a third of its time, with a healthy phase after it. Fails when the process ends, which
 * is how a crash is seen.
 */
export const play = Effect.fnUntraced(function* (
  seconds: number,
  mischiefs: ReadonlyArray<HostileProxy.Mischief> = HostileProxy.mischiefs
) {
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const server = yield* RedisServer.make()
  const proxy = yield* HostileProxy.make(server.port)
  const worker = yield* Process.start({
    name: "the process under a hostile server",
    file: "../hostile/Worker.ts",
    env: { HOSTILE_PORT: String(proxy.port) },
    keptLines: Number.POSITIVE_INFINITY
  })
  const rounds = seconds < 30 ? 1 : 2
  const millis = (seconds * 1000) / rounds / mischiefs.length
  const healthy: Array<Phase> = []
  yield* Effect.sleep("1 second")
  for (let round = 0; round < rounds; round++) {
    for (const mischief of mischiefs) {
      yield* proxy.set(mischief)
      yield* Effect.sleep(millis / 3)
      yield* proxy.set("none")
      const from = now()
      yield* Effect.raceFirst(Effect.sleep((millis * 2) / 3), worker.died)
      healthy.push({ from, to: now() })
    }
  }
  const observed = yield* worker.ask("report", ObservedLine)
  const log = yield* worker.log
  const figures: Figures = {
    calls: observed.calls,
    failed: observed.failed,
    wrong: observed.wrong,
    tampered: proxy.tampered(),
    lines: log.length,
    telling: log.filter((line) => line.includes(marker)),
    fromRedis: shareFromRedis(observed, healthy),
    rss: observed.rss
  }
  return figures
}, Effect.scoped)

/** What a busy machine may add to the end of a fault, in milliseconds. */
const margin = 250

const shareFromRedis = ({ samples }: Observed, phases: ReadonlyArray<Phase>): number => {
  let fallbacks = 0
  let all = 0
  for (const { from, to } of phases) {
    const within = samples.filter(({ at }) => at >= from + margin && at <= to)
    const [first, last] = [within[0], within.at(-1)]
    if (first === undefined || last === undefined) continue
    fallbacks += last.fallbacks - first.fallbacks
    all += last.redis - first.redis + last.memory - first.memory + last.misses - first.misses
  }
  return all === 0 ? 0 : 1 - fallbacks / all
}

/** Every promise that was broken, in a plain sentence each. */
export const broken = (figures: Figures): ReadonlyArray<string> => {
  const says = (isBroken: boolean, what: string) => (isBroken ? [what] : [])
  return [
    ...says(figures.tampered === 0 || figures.calls === 0, "Nothing was tampered with, so nothing is proven."),
    ...says(figures.failed > 0, `${figures.failed} of ${figures.calls} calls of the cache failed.`),
    ...says(figures.wrong > 0, `${figures.wrong} of ${figures.calls} calls were given another key's value.`),
    ...says(
      figures.telling.length > 0,
      `${figures.telling.length} of ${figures.lines} lines of output show a key or a value, such as: ${figures.telling[0]?.slice(0, 300)}`
    ),
    ...says(
      figures.fromRedis < 0.5,
      `Between the faults only ${Math.round(figures.fromRedis * 100)} % of the reads came from Redis; half of them should.`
    )
  ]
}

export class PromiseBroken extends Data.TaggedError("PromiseBroken")<{ readonly message: string }> {}
