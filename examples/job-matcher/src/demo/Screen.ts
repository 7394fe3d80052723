import { Clock, Effect, Schedule, Terminal } from "effect"
import type { Stats } from "../Status.ts"
import { count, path } from "./Report.ts"
import type { Style } from "./Style.ts"

/** All that is shown while the demo runs. */
export interface View {
  /** Such as `Redis was killed (SIGKILL)`. */
  readonly headline: string
  readonly redis: "up" | "down" | "none"
  readonly stats: typeof Stats.Type
  readonly requests: number
  readonly answered: number
  readonly errors: number
  /** In this phase. */
  readonly slowestMs: number
}

/** Shows `view` until the scope closes: one block that is redrawn on a terminal, else a line a second. */
export const show = Effect.fnUntraced(function* (options: {
  readonly view: Effect.Effect<View, unknown>
  readonly live: boolean
  readonly style: Style
}) {
  const terminal = yield* Terminal.Terminal
  const started = yield* Clock.currentTimeMillis
  const perSecond = makeRates()
  let drawn = 0

  const draw = Effect.gen(function* () {
    const view = yield* options.view
    const at = (yield* Clock.currentTimeMillis) - started
    const rates = perSecond(at, view)
    if (!options.live) return yield* terminal.display(`${line(view, rates, at)}\n`)
    const lines = block(view, rates, at, options.style)
    const up = drawn === 0 ? "" : `\u001b[${drawn}A`
    drawn = lines.length
    yield* terminal.display(`${up}${lines.map((text) => `\u001b[2K${text}\n`).join("")}`)
  })

  if (options.live) {
    // No cursor and no wrapping while the block is redrawn: a narrow window cuts lines off instead of losing count of them.
    yield* Effect.acquireRelease(terminal.display("\u001b[?25l\u001b[?7l"), () =>
      Effect.ignore(Effect.andThen(Effect.ignore(draw), terminal.display("\u001b[?7h\u001b[?25h")))
    )
  }
  yield* draw.pipe(
    Effect.repeat(Schedule.fixed(options.live ? "200 millis" : "1 second")),
    Effect.ignore,
    Effect.forkScoped
  )
})

interface Rates {
  readonly answers: number
  readonly redis: number
  readonly memory: number
  readonly lookups: number
}

/** Rates over the last second or so. */
const makeRates = () => {
  let samples: ReadonlyArray<{ readonly at: number; readonly view: View }> = []
  return (at: number, view: View): Rates => {
    samples = [...samples.filter((sample) => sample.at >= at - 1_100), { at, view }]
    const first = samples[0] ?? { at, view }
    const rate = (of: (view: View) => number) =>
      at === first.at ? 0 : Math.round(((of(view) - of(first.view)) * 1000) / (at - first.at))
    return {
      answers: rate((view) => view.answered),
      redis: rate((view) => view.stats.redisHits),
      memory: rate((view) => view.stats.memoryHits),
      lookups: rate((view) => view.stats.lookups)
    }
  }
}

const block = (view: View, rates: Rates, at: number, style: Style): ReadonlyArray<string> => {
  const light = { up: style.green("●"), down: style.red("●"), none: style.yellow("●") }[view.redis]
  const state = view.stats.breaker.at(-1)
  const colour = state === "Closed" ? style.green : state === "Open" ? style.red : style.yellow
  const field = (name: string) => style.dim(name.padEnd(10))
  const number = (n: number) => style.bold(count(n).padStart(5))
  return [
    "",
    `  ${light} ${style.bold(view.headline.padEnd(66))}${style.dim(clock(at))}`,
    "",
    `    ${field("breaker")}${colour((state ?? "none").padEnd(10))}${style.dim(path(view.stats.breaker))}`,
    `    ${field("answers/s")}${number(rates.answers)}    from Redis ${number(rates.redis)}    from memory ${number(rates.memory)}    looked up ${number(rates.lookups)}`,
    `    ${field("slowest")}${style.bold(view.slowestMs.toFixed(0).padStart(5))} ms in this phase`,
    `    ${field("so far")}${number(view.requests)} requests, ${count(view.answered)} answered right, ${(view.errors === 0 ? style.green : style.red)(`${count(view.errors)} errors`)}`,
    ""
  ]
}

const line = (view: View, rates: Rates, at: number): string =>
  [
    clock(at),
    view.headline.padEnd(32),
    (view.stats.breaker.at(-1) ?? "none").padEnd(8),
    `${pad(rates.answers)}/s`,
    `redis ${pad(rates.redis)}`,
    `memory ${pad(rates.memory)}`,
    `lookups ${pad(rates.lookups)}`,
    `slowest ${pad(Math.round(view.slowestMs))} ms`,
    `errors ${view.errors}`
  ].join("  ")

const pad = (n: number) => String(n).padStart(4)

const clock = (ms: number) => {
  const seconds = Math.floor(ms / 1000)
  return [Math.floor(seconds / 60), seconds % 60].map((n) => String(n).padStart(2, "0")).join(":")
}
