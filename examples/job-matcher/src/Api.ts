import { Effect, Schema, SchemaIssue } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse, ProblemDetails } from "effect/http"
import { Cache } from "effect-ioredis-cache"
import { Freshness } from "./Flags.ts"
import { Matches } from "./Match.ts"
import { Matcher } from "./Matcher.ts"
import { MatchQuery, MatchQueryFromUrl } from "./MatchQuery.ts"
import { Stats, Status } from "./Status.ts"

/** The routes. Nothing here knows whether there is a Redis, or whether it is up: no error of it can get here. */
export const layer = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const matcher = yield* Matcher
    const status = yield* Status
    const freshness = yield* Freshness
    const options = { version: 1, key: MatchQuery, value: Matches }
    // A region for each, so that the metrics tell their hits apart.
    const matches = {
      short: yield* Cache.region({ ...options, name: "matches", timeToLive: "5 minutes" }),
      long: yield* Cache.region({ ...options, name: "matches-long", timeToLive: "1 hour" })
    }
    const find = Effect.fnUntraced(function* (query: MatchQuery) {
      const variant = yield* freshness.variant(query.candidate, "match")
      return yield* matches[variant].getOrSet(query, matcher.find(query))
    })
    // From both: a candidate whose variant changes, and changes back, must not find what was removed meanwhile.
    const remove = Effect.fnUntraced(function* (query: MatchQuery) {
      const variant = yield* freshness.variant(query.candidate, "remove")
      const removed = yield* Effect.all({ short: matches.short.remove(query), long: matches.long.remove(query) })
      return removed[variant]
    })

    yield* router.add(
      "GET",
      "/match",
      withQuery((query) => Effect.flatMap(find(query), json(Matches)))
    )
    yield* router.add(
      "DELETE",
      "/match",
      withQuery((query) => Effect.flatMap(remove(query), (removed) => HttpServerResponse.json({ removed })))
    )
    yield* router.add("GET", "/stats", Effect.flatMap(status.stats, json(Stats)))
  })
)

const json = <S extends Schema.Constraint>(schema: S) => HttpServerResponse.schemaJson(Schema.toCodecJson(schema))

const withQuery = <E, R>(handle: (query: MatchQuery) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  HttpServerRequest.schemaSearchParams(MatchQueryFromUrl, { errors: "all" }).pipe(
    Effect.matchEffect({
      onFailure: (error) => Effect.succeed(badRequest(error)),
      onSuccess: handle
    })
  )

const badRequest = (error: Schema.SchemaError) =>
  ProblemDetails.toResponse({
    type: ProblemDetails.blankType,
    status: 400,
    title: "Bad Request",
    detail: "Ask like this: /match?candidate=ada&skills=effect,redis&location=Berlin",
    problems: formatIssue(error.issue).issues.map(({ path, message }) => `${path?.map(String).join(".")}: ${message}`)
  })

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()
