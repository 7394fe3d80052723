import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import * as Service from "../../../job-matcher/src/demo/Service.ts"

/** The two processes of the service, which know nothing of each other. */
export interface Pair {
  readonly each: readonly [Service.Service, Service.Service]
  /** Asks the two by turns. */
  readonly client: HttpClient.HttpClient
  /** What both have counted. */
  readonly stats: Effect.Effect<Counts, Effect.Error<Service.Service["stats"]>>
  /** Fails when one of them ends. */
  readonly died: Service.Service["died"]
}

export interface Counts {
  readonly redisHits: number
  readonly memoryHits: number
  readonly lookups: number
}

export const start = Effect.fnUntraced(function* (settings: Readonly<Record<string, string>>) {
  const one = Service.start(settings, main)
  const each = yield* Effect.all([one, one], { concurrency: "unbounded" })
  const [first, second] = each
  let turn = 0
  const pair: Pair = {
    each,
    client: HttpClient.mapRequest(yield* HttpClient.HttpClient, (request) =>
      HttpClientRequest.prependUrl(request, turn++ % 2 === 0 ? first.url : second.url)
    ),
    stats: Effect.map(Effect.all([first.stats, second.stats], { concurrency: "unbounded" }), ([a, b]) => ({
      redisHits: a.redisHits + b.redisHits,
      memoryHits: a.memoryHits + b.memoryHits,
      lookups: a.lookups + b.lookups
    })),
    died: Effect.raceFirst(first.died, second.died)
  }
  return pair
})

const main = fileURLToPath(new URL("../main.ts", import.meta.url))
