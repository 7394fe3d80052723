import * as Fs from "node:fs"
import { Config, Context, Effect, Layer } from "effect"

/**
 * A file that every process appends to, a line at once. A line that is written survives the process,
 * however that ends: so the diary is what happened, whatever Redis and this library say of it.
 */
export class Diary extends Context.Service<
  Diary,
  { readonly note: (...words: ReadonlyArray<string | number>) => Effect.Effect<void> }
>()("worker/Diary") {}

/** Nanoseconds since the machine was started, the same in every process. */
export const now = (): bigint => process.hrtime.bigint()

/** Names this process and its run of a task. */
export const makeRun = (): string => `${process.pid}.${now()}`

/** The diary that DIARY names. Without one, nothing is written. */
export const layer = Layer.effect(
  Diary,
  Effect.gen(function* () {
    const path = yield* Config.String("DIARY").pipe(Config.withDefault(""))
    if (path === "") return { note: () => Effect.void }
    const file = yield* Effect.acquireRelease(
      Effect.sync(() => Fs.openSync(path, "a")),
      (file) => Effect.sync(() => Fs.closeSync(file))
    )
    return {
      note: (...words: ReadonlyArray<string | number>) =>
        Effect.sync(() => {
          Fs.writeSync(file, `${now()} ${process.pid} ${words.join(" ")}\n`)
        })
    }
  })
)
