import { Effect, Schedule, Terminal } from "effect"
import type { Style } from "../../../job-matcher/src/demo/Style.ts"
import type { View } from "./Round.ts"

/** Shows `view` until the scope closes: one block that is redrawn on a terminal, else a line a second. */
export const show = (live: boolean, style: Style) =>
  Effect.fnUntraced(function* (view: () => View) {
    const terminal = yield* Terminal.Terminal
    const began = performance.now()
    let drawn = 0
    const draw = Effect.suspend(() => {
      const at = clock(performance.now() - began)
      if (!live) return terminal.display(`${line(view(), at)}\n`)
      const lines = block(view(), at, style)
      const up = drawn === 0 ? "" : `\u001b[${drawn}A`
      drawn = lines.length
      return terminal.display(`${up}${lines.map((text) => `\u001b[2K${text}\n`).join("")}`)
    })
    yield* draw.pipe(Effect.repeat(Schedule.spaced(live ? "250 millis" : "1 second")), Effect.ignore, Effect.forkScoped)
  })

const line = (view: View, at: string): string => {
  const { begun, done, offered, running } = figures(view)
  return `${at}  ${view.headline.padEnd(42)}  offered ${pad(offered)}  begun ${pad(begun)}  running ${pad(running)}  done ${pad(done)}  workers killed ${view.killed}`
}

const block = (view: View, at: string, style: Style): ReadonlyArray<string> => {
  const { begun, done, offered, running } = figures(view)
  const field = (name: string, count: number) => `    ${style.dim(name.padEnd(16))}${style.bold(pad(count))}`
  return [
    "",
    `  ${view.isUp ? style.green("●") : style.red("●")} ${style.bold(view.headline.padEnd(56))}${style.dim(at)}`,
    "",
    `${field("offered", offered)}${field("begun", begun)}`,
    `${field("running", running)}${field("done", done)}`,
    field("workers killed", view.killed),
    ""
  ]
}

const figures = ({ entries: { offers, runs }, gone }: View) => ({
  offered: offers.length,
  begun: runs.length,
  running: runs.filter(({ ended, pid }) => ended === undefined && !gone.has(pid)).length,
  done: runs.filter(({ how }) => how === "done").length
})

const pad = (count: number): string => String(count).padStart(5)

const clock = (millis: number): string => {
  const seconds = Math.floor(millis / 1000)
  return [Math.floor(seconds / 60), seconds % 60].map((part) => String(part).padStart(2, "0")).join(":")
}
