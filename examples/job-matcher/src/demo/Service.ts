import { fileURLToPath } from "node:url"
import { Data, Effect, Fiber, Ref, Schedule, Stream } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ChildProcess } from "effect/process"
import * as FreePort from "../../../../test/support/FreePort.ts"
import { Stats } from "../Status.ts"

/**
 * The service in a process of its own, as it would run in production. It is told to stop when the scope closes. `program`
 * is another one that answers `/stats` as this one does.
 */
export const start = Effect.fnUntraced(function* (settings: Readonly<Record<string, string>>, program = main) {
  const port = yield* FreePort.make
  const child = yield* ChildProcess.make(process.execPath, ["--import", "tsx", program], {
    cwd: workspace,
    env: { ...withoutSettings, ...settings, HOST: "127.0.0.1", PORT: String(port) },
    extendEnv: true,
    stdin: "ignore",
    forceKillAfter: "10 seconds"
  })

  const log = yield* Ref.make<ReadonlyArray<string>>([])
  const logging = yield* child.all.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => Ref.update(log, (lines) => [...lines.slice(-199), line])),
    Effect.ignore,
    Effect.forkScoped
  )

  const url = `http://127.0.0.1:${port}`
  const client = HttpClient.mapRequest(yield* HttpClient.HttpClient, HttpClientRequest.prependUrl(url))
  // On a connection of its own: one that is kept alive, and whose answer is still being sent when the service is told to
  // stop, holds it up for the five seconds of Node's server.
  const stats = client
    .get("/stats", { headers: { connection: "close" } })
    .pipe(
      Effect.flatMap(HttpClientResponse.filterStatusOk),
      Effect.flatMap(HttpClientResponse.schemaBodyJson(Stats)),
      Effect.timeout("5 seconds")
    )
  const died = Effect.exit(child.exitCode).pipe(
    Effect.andThen(Effect.timeoutOption(Fiber.await(logging), "1 second")),
    Effect.andThen(Ref.get(log)),
    Effect.flatMap((lines) => Effect.fail(new ServiceDied({ log: lines })))
  )

  yield* stats.pipe(Effect.retry(Schedule.spaced("50 millis")), Effect.timeout("1 minute"), Effect.raceFirst(died))
  return { url, client, stats, died, log: Ref.get(log) }
})

export type Service = Effect.Success<ReturnType<typeof start>>

export class ServiceDied extends Data.TaggedError("ServiceDied")<{ readonly log: ReadonlyArray<string> }> {
  override get message() {
    return ["The service ended before the demo did. Its last words:", ...this.log.slice(-20)].join("\n  ")
  }
}

const main = fileURLToPath(new URL("../main.ts", import.meta.url))
const workspace = fileURLToPath(new URL("../../../..", import.meta.url))

// What the shell happens to hold about some other Redis is none of the demo's.
const withoutSettings = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith("REDIS_") || name.startsWith("CACHE_"))
    .map((name) => [name, undefined])
)
