import { Clock, Effect } from "effect"
import { Cookies, type HttpClient, HttpClientRequest } from "effect/http"
import type { Answer } from "./History.ts"

export interface Question {
  readonly customer: string
  readonly session?: string | undefined
  readonly route: string
  readonly body?: unknown
}

/** Asks, and has told the answer. An answer that does not come is one as well. */
export type Ask = (question: Question) => Effect.Effect<Answer>

/** Asks one shop, and writes down each answer. */
export const make =
  (client: HttpClient.HttpClient, history: Array<Answer>): Ask =>
  (question) =>
    Effect.gen(function* () {
      const began = yield* now
      const told = yield* client.execute(requestOf(question)).pipe(
        Effect.flatMap((response) =>
          Effect.map(response.text, (body) => ({
            status: response.status,
            headers: { ...response.headers },
            body,
            given: Cookies.toRecord(response.cookies).session
          }))
        ),
        Effect.timeout("20 seconds"),
        Effect.catch((error) => Effect.succeed({ status: 0, headers: {}, body: String(error), given: undefined }))
      )
      const { customer, route, session } = question
      const answer: Answer = { customer, session, route, began, ended: yield* now, ...told }
      history.push(answer)
      return answer
    })

/** Milliseconds of the clock that every answer is timed by. */
export const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

const requestOf = ({ body, route, session }: Question) => {
  const [method = "", path = ""] = route.split(" ")
  const request = HttpClientRequest.make(method as "GET" | "POST" | "PUT")(path, {
    headers: session === undefined ? {} : { cookie: `session=${session}` }
  })
  return body === undefined ? request : HttpClientRequest.bodyJsonUnsafe(request, body)
}
