import { type Duration, Effect, FileSystem, Option, Result, Schedule, type Scope } from "effect"
import { parse } from "./parse.ts"

/** What a file says: a document, or why it is none. */
export type Reading = Result.Result<unknown, string>

/**
 * Reads a file as JSON. One that is not there is `None`.
 *
 * The text is read, and not the time of its last change: a file that is mounted from a cluster's
 * store changes by a link that leads elsewhere.
 */
export const read = (path: string): Effect.Effect<Option.Option<string>, string, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (files) => files.readFileString(path)).pipe(
    Effect.map(Option.some),
    Effect.catch((error) =>
      error.reason._tag === "NotFound"
        ? Effect.succeed(Option.none())
        : Effect.fail(`${path} could not be read (${error.reason._tag})`)
    )
  )

/**
 * Reads a file now and again every `interval`, and tells of each text that differs from the one
 * before. What could not be read is told of once.
 */
export const watch = Effect.fnUntraced(function* (
  path: string,
  interval: Duration.Input,
  first: Option.Option<string>,
  tell: (reading: Reading) => Effect.Effect<void>
): Effect.fn.Return<void, never, Scope.Scope | FileSystem.FileSystem> {
  let last: string | undefined = Option.getOrUndefined(first)
  const look = Effect.gen(function* () {
    const found = yield* Effect.result(read(path))
    const text = Result.isFailure(found) ? found.failure : Option.getOrElse(found.success, () => `${path} is gone`)
    if (text === last || (last === undefined && Result.isSuccess(found) && Option.isNone(found.success))) return
    last = text
    const isRead = Result.isSuccess(found) && Option.isSome(found.success)
    yield* tell(isRead ? parse(path, text) : Result.fail(text))
  })
  yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced(interval)))
})
