/** The command line: `effect-ioredis doctor [url]`. */
import { Argument, CliOutput, Command, Flag, TerminalCapabilities } from "effect/cli"
import { Clock, Console, Context, Effect, Option, Runtime, Schema, Terminal } from "effect"
import { Report, Use } from "../Report.ts"
import { diagnose } from "./diagnose.ts"
import { collect } from "./facts/collect.ts"
import { render } from "./render.ts"
import * as Settings from "./settings.ts"

/** Ends the process with a code, and says nothing more. */
export class Exit extends Schema.TaggedError<Exit>()("Exit", {
  /** 1: something is wrong with this Redis. 2: the doctor could not look. */
  code: Schema.Literals([1, 2])
}) {
  override readonly [Runtime.errorReported] = false
  override get [Runtime.errorExitCode](): number {
    return this.code
  }
}

/** The process that runs the command line. */
export class Process extends Context.Service<
  Process,
  {
    /** The release of this package. */
    readonly version: string
    /** The moment at which the process began, in milliseconds: its start counts as well. */
    readonly started: number
  }
>()("effect-ioredis-cli/Process") {}

const doctor = Command.make(
  "doctor",
  {
    // It may hold a password, which no message may quote.
    url: Argument.Redacted("url").pipe(
      Argument.withDescription("redis://host:port or rediss://host:port. Default: what the environment says"),
      Argument.optional
    ),
    use: Flag.Literals("use", Use.literals).pipe(
      Flag.withDescription("What this Redis is for: a cache may lose values, durable data may not"),
      Flag.withDefault("cache" as const)
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the report as JSON, for scripts"),
      Flag.withDefault(false)
    ),
    timeout: Flag.Finite("timeout").pipe(
      Flag.withDescription("Seconds after which it ends, whatever the servers do"),
      Flag.withSchema(Schema.Finite.check(Schema.isBetween({ minimum: 0.5, maximum: 600 }))),
      Flag.withDefault(10)
    ),
    queue: Flag.String("queue").pipe(
      Flag.withDescription("A queue of tasks to look at, or several: mails, shop:mails. Default: those that are found"),
      Flag.atLeast(0)
    ),
    envPrefix: Flag.String("env-prefix").pipe(
      Flag.withDescription("Begins the names of all variables: with SESSIONS they are SESSIONS_REDIS_URL and so on"),
      Flag.optional
    )
  },
  ({ envPrefix, json, queue, timeout, url, use }) =>
    Effect.gen(function* () {
      const { started } = yield* Process
      const target = yield* readTarget({ url: Option.getOrUndefined(url), envPrefix: Option.getOrUndefined(envPrefix) })
      const facts = yield* collect(target, { use, queues: queue, until: started + timeout * 1000 - ending })
      const took = (yield* Clock.currentTimeMillis) - started
      const report = diagnose(facts, Settings.targetText(target.redis), took)
      yield* Console.log(json ? yield* encoded(report) : render(report, yield* style))
      if (!report.healthy) return yield* new Exit({ code: 1 })
    })
).pipe(
  Command.withDescription("Tells what is wrong with a Redis for programs on effect-ioredis, most important first"),
  Command.withExamples([
    { command: "effect-ioredis doctor", description: "Look at the Redis that the environment names" },
    { command: "effect-ioredis doctor rediss://redis.example:6379", description: "Look at this one, by TLS" },
    { command: "effect-ioredis doctor --use durable --json", description: "Judge it for durable data, for a script" }
  ])
)

const style = Effect.gen(function* () {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const { columns } = yield* Terminal.Terminal
  return { canColor, columns: canAnimate ? Math.max(60, yield* columns) : undefined }
})

// The end of the process takes a moment as well, in milliseconds.
const ending = 200

const encoded = (report: Report) =>
  Effect.map(Effect.orDie(Schema.encodeEffect(Report)(report)), (json) => JSON.stringify(json, undefined, 2))

const readTarget = (given: Settings.Given) =>
  Settings.read(given).pipe(
    Effect.catchTag("ConfigError", ({ cause }) =>
      Effect.andThen(Console.error(cause.message), Effect.fail(new Exit({ code: 2 })))
    )
  )

const root = Command.make("effect-ioredis").pipe(
  Command.withDescription("Tools for programs on effect-ioredis"),
  Command.withSubcommands([doctor])
)

/** Runs the command line of this process. */
export const run = Effect.flatMap(Process, ({ version }) => Command.run(root, { version })).pipe(
  Effect.catchTag("ShowHelp", () => Effect.fail(new Exit({ code: 2 })))
)

/** Says on stderr what is wrong with a command line, and leaves stdout to the report. */
export const onStderr: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.gen(function* () {
          const formatter = yield* CliOutput.Formatter
          yield* Console.error(formatter.formatHelpDoc(event.helpDoc))
          yield* Console.error(formatter.formatErrors(event.errors))
        })
      : CliOutput.defaultPresenter.present(event)
}

/** Formats what is wrong with a command line without its secrets. */
export const withoutSecrets = Effect.gen(function* () {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const formatter = CliOutput.defaultFormatter({ colors: canColor })
  // A URL that stands where none belongs would be quoted whole.
  const hidden = (text: string): string => text.replace(/:\/\/[^\s@]*@/g, "://…@")
  return {
    ...formatter,
    formatCliError: (error) => hidden(formatter.formatCliError(error)),
    formatError: (error) => hidden(formatter.formatError(error)),
    formatErrors: (errors) => hidden(formatter.formatErrors(errors))
  } satisfies CliOutput.Formatter
})
