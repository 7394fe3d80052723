import { fileURLToPath } from "node:url"
import { type Cause, Data, Effect, Queue, Ref, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"

/** The process ended, or did not answer. Its last words are in the message. */
export class ProcessError extends Data.TaggedError("ProcessError")<{ readonly message: string }> {}

/**
 * A Node process of its own that is sent lines and answers each with one. It ends with its input, so also when this process is killed, and is
 * ended by its id when the scope closes.
 */
export const start = Effect.fnUntraced(function* (options: {
  readonly name: string
  readonly file: string
  readonly env: Readonly<Record<string, string>>
  readonly nodeOptions?: ReadonlyArray<string>
  /** How many of its last lines on stderr are kept. Default: 200. */
  readonly keptLines?: number
}) {
  const commands = yield* Queue.unbounded<string, Cause.Done>()
  const replies = yield* Queue.unbounded<string>()
  const child = yield* ChildProcess.make(
    process.execPath,
    [...(options.nodeOptions ?? []), "--import", "tsx", fileURLToPath(new URL(options.file, import.meta.url))],
    {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: { ...withoutSettings, ...options.env },
      extendEnv: true,
      stdin: Stream.encodeText(Stream.fromQueue(commands)),
      forceKillAfter: "5 seconds"
    }
  )
  const log = yield* Ref.make<ReadonlyArray<string>>([])
  yield* child.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => Queue.offer(replies, line)),
    Effect.ignore,
    Effect.forkScoped
  )
  yield* child.stderr.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => Ref.update(log, (lines) => [...lines.slice(1 - (options.keptLines ?? 200)), line])),
    Effect.ignore,
    Effect.forkScoped
  )
  const failed = (what: string) =>
    Effect.flatMap(Ref.get(log), (lines) =>
      Effect.fail(
        new ProcessError({ message: [`${options.name} ${what}. Its last words:`, ...lines.slice(-15)].join("\n  ") })
      )
    )
  const died = Effect.exit(child.exitCode).pipe(
    // What it said last may still be on its way.
    Effect.andThen(Effect.sleep("200 millis")),
    Effect.andThen(failed("ended before it was told to"))
  )
  const nextLine = Queue.take(replies).pipe(
    Effect.timeoutOrElse({ duration: "40 seconds", orElse: () => failed("did not answer") }),
    Effect.raceFirst(died)
  )
  yield* nextLine
  return {
    pid: child.pid,
    /** Fails when the process ends before it is told to. */
    died,
    log: Ref.get(log),
    ask: <A>(line: string, reply: Schema.Codec<A, string>) =>
      Effect.andThen(Queue.offer(commands, `${line}\n`), Effect.flatMap(nextLine, Schema.decodeEffect(reply)))
  }
})

export type Process = Effect.Success<ReturnType<typeof start>>

// What the shell happens to hold about some other Redis is none of a measurement's.
const withoutSettings = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith("REDIS_URL") || name.startsWith("CACHE_"))
    .map((name) => [name, undefined])
)
