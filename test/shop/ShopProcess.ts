import { fileURLToPath } from "node:url"
import { Data, Effect, Ref, Schedule, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { ChildProcess } from "effect/process"
import * as FreePort from "../support/FreePort.ts"

/** The shop ended, or did not open. Its last words are in the message. */
export class ShopError extends Data.TaggedError("ShopError")<{ readonly message: string }> {}

/** The shop in a process of its own, as it would run in production. It is told to stop when the scope closes. */
export const start = Effect.fnUntraced(function* (settings: Readonly<Record<string, string>>) {
  const port = yield* FreePort.make
  const child = yield* ChildProcess.make(process.execPath, ["--import", "tsx", main], {
    cwd: workspace,
    env: { ...withoutSettings, ...settings, HOST: "127.0.0.1", PORT: String(port) },
    extendEnv: true,
    stdin: "ignore",
    forceKillAfter: "10 seconds"
  })
  const log = yield* Ref.make<ReadonlyArray<string>>([])
  yield* child.all.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => Ref.update(log, (lines) => [...lines.slice(-199), line])),
    Effect.ignore,
    Effect.forkScoped
  )
  const failed = (what: string) =>
    Effect.flatMap(Ref.get(log), (lines) =>
      Effect.fail(new ShopError({ message: [`The shop ${what}. Its last words:`, ...lines.slice(-20)].join("\n  ") }))
    )
  const died = Effect.andThen(Effect.exit(child.exitCode), failed("ended before it was told to"))

  const url = `http://127.0.0.1:${port}`
  const client = HttpClient.mapRequest(yield* HttpClient.HttpClient, HttpClientRequest.prependUrl(url))
  yield* client
    .get("/ready")
    .pipe(
      Effect.retry(Schedule.spaced("50 millis")),
      Effect.timeoutOrElse({ duration: "1 minute", orElse: () => failed("did not open") }),
      Effect.raceFirst(died)
    )
  return { client, died, log: Ref.get(log) }
})

export type ShopProcess = Effect.Success<ReturnType<typeof start>>

const main = fileURLToPath(new URL("../../examples/shop/src/main.ts", import.meta.url))
const workspace = fileURLToPath(new URL("../..", import.meta.url))

// What the shell happens to hold about some other Redis is none of the shop's.
const withoutSettings = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^((DURABLE_)?(REDIS|CACHE)|SHOP)_/.test(name))
    .map((name) => [name, undefined])
)
