import { Array as Arr, Clock, Duration, Effect, Random, Schedule, Schema, Stream } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { Jobs, locations, roles } from "../Jobs.ts"
import { Matches } from "../Match.ts"
import { makeRank } from "../Matcher.ts"
import { MatchQuery } from "../MatchQuery.ts"
import type { Tally } from "./Tally.ts"

/** A query and the one right answer to it. */
export interface Question {
  readonly query: MatchQuery
  readonly answer: string
}

export type Questions = Arr.NonEmptyReadonlyArray<Question>

/** Enough to see every hiccup, and no more than a laptop does without effort. */
export const perSecond = 250

/** Different questions, answered here by the scoring alone: what the service says is compared with that. */
export const makeQuestions = Effect.fnUntraced(function* (count: number) {
  const rank = makeRank(yield* Jobs)
  const encode = Schema.encodeEffect(Schema.toCodecJson(Matches))
  return yield* Effect.forEach(
    Arr.range(1, count),
    Effect.fnUntraced(function* (number) {
      const role = yield* Random.choice(roles)
      const skills = yield* Random.shuffle(role.skills)
      const query = new MatchQuery({
        candidate: `candidate-${number}`,
        skills: skills.slice(0, yield* Random.nextIntBetween(2, 4)),
        location: yield* Random.choice(locations)
      })
      return { query, answer: JSON.stringify(yield* encode(rank(query))) }
    })
  ).pipe(Random.withSeed("questions"))
})

/**
 * Asks at a steady pace until `stop` is done and the last request has its answer. A request is due whether or not the
 * ones before it have been answered, and its latency counts from then: a service that stalls cannot hide it.
 */
export const run = (options: {
  readonly client: HttpClient.HttpClient
  readonly questions: Questions
  /** How many a second. Default: `perSecond`. */
  readonly rate?: number | undefined
  /** How many may wait for their answers at a time. Default: 20. */
  readonly concurrency?: number | undefined
  /** Where the requests due now are written down. */
  readonly tally: Effect.Effect<Tally>
  readonly stop: Effect.Effect<unknown>
}) => {
  const ask = Effect.fnUntraced(function* ({ due, tally }: { readonly due: bigint; readonly tally: Tally }) {
    const question = yield* choose(options.questions)
    const error = yield* options.client.execute(yield* toRequest(question.query)).pipe(
      Effect.flatMap((response) => Effect.map(response.text, (body) => ({ status: response.status, body }))),
      Effect.timeout("10 seconds"),
      Effect.match({
        onFailure: (error) => `no answer: ${error.message}`,
        onSuccess: ({ status, body }) =>
          status === 200 && body === question.answer
            ? undefined
            : `${status === 200 ? "a wrong answer" : `status ${status}`}: ${body.slice(0, 200)}`
      })
    )
    if (error !== undefined) return void tally.errors.push(error)
    tally.answered++
    tally.latencies.push(Number((yield* Clock.monotonicTimeNanos) - due) / 1e6)
  })

  return Stream.fromSchedule(Schedule.fixed(Duration.millis(1000 / (options.rate ?? perSecond)))).pipe(
    Stream.interruptWhen(options.stop),
    Stream.mapEffect(
      Effect.fnUntraced(function* () {
        const tally = yield* options.tally
        tally.requests++
        return { due: yield* Clock.monotonicTimeNanos, tally }
      })
    ),
    Stream.buffer({ capacity: "unbounded" }),
    Stream.mapEffect(ask, { concurrency: options.concurrency ?? 20, unordered: true }),
    Stream.runDrain
  )
}

/** Few questions are asked often, most of them seldom. */
const choose = (questions: Questions) =>
  Effect.map(Random.next, (random) => {
    const rank = Math.floor((questions.length + 1) ** random)
    return questions[rank - 1] ?? questions[0]
  })

/** The skills in any order, for it is one and the same question. */
export const toRequest = ({ candidate, skills, location }: MatchQuery) =>
  Effect.map(Random.shuffle(skills), (shuffled) =>
    HttpClientRequest.get("/match", { urlParams: { candidate, skills: shuffled.join(","), location } })
  )
