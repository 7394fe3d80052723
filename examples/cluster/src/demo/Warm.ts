import { Effect } from "effect"
import { HttpClientResponse } from "effect/http"
import * as Load from "../../../job-matcher/src/demo/Load.ts"
import type { Pair } from "./Pair.ts"

/** Asks each question through both processes once: afterwards Redis and both memories know every answer. */
export const up = (pair: Pair, questions: ReadonlyArray<Load.Question>) =>
  Effect.forEach(
    questions,
    ({ query }) =>
      Effect.flatMap(Load.toRequest(query), (request) =>
        Effect.forEach(pair.each, ({ client }) =>
          client.execute(request).pipe(
            Effect.flatMap(HttpClientResponse.filterStatusOk),
            Effect.flatMap(({ text }) => text)
          )
        )
      ),
    { concurrency: 20, discard: true }
  )
