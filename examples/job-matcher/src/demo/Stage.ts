import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { Config, Data, Effect, Layer, type PlatformError, Runtime, Stdio, Terminal } from "effect"
import { Jobs } from "../Jobs.ts"
import * as Style from "./Style.ts"

/** What a demo prints on. */
export interface Stage {
  /** Somebody watches, so that lines may be drawn anew. */
  readonly live: boolean
  readonly style: Style.Style
  readonly print: (...lines: ReadonlyArray<string>) => Effect.Effect<void, PlatformError.PlatformError>
}

export const make = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const live = yield* (yield* Stdio.Stdio).stdoutIsTerminal
  const noColor = yield* Config.String("NO_COLOR").pipe(Config.withDefault(""))
  const stage: Stage = {
    live,
    style: Style.make(live && noColor === ""),
    print: (...lines) => terminal.display(lines.map((line) => `${line}\n`).join(""))
  }
  return stage
})

/** What is said at the end of a demo, and what the processes logged, which is shown only where a promise was broken. */
export interface Ending {
  readonly table: ReadonlyArray<string>
  readonly verdict: ReadonlyArray<{ readonly kept: boolean; readonly says: string }>
  readonly summary: unknown
  readonly logged: { readonly by: string; readonly lines: ReadonlyArray<string> }
}

/** Ends a demo, and fails if a promise was broken. */
export const end = Effect.fnUntraced(function* ({ print, style }: Stage, { logged, summary, table, verdict }: Ending) {
  yield* print("", ...table, "")
  yield* print(...verdict.map(({ kept, says }) => `${kept ? style.green("✔") : style.red("✘")} ${says}`), "")
  const broken = verdict.some(({ kept }) => !kept)
  if (broken) yield* print(`What ${logged.by} logged:`, ...logged.lines, "")
  yield* print(JSON.stringify(summary))
  if (broken) return yield* new PromiseBroken()
})

class PromiseBroken extends Data.TaggedError("PromiseBroken") {
  // The verdict has been printed, and its JSON is to be the last line.
  override readonly [Runtime.errorReported] = false
}

/** What a demo needs to run. */
export const services = Layer.mergeAll(
  NodeServices.layer,
  // In turn, so that no connection is idle so long that the service closes it just when the next request goes out.
  NodeHttpClient.layerNodeHttpOptions({ keepAlive: true, scheduling: "fifo" }),
  Jobs.layer
)
