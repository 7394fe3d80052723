import { Effect, Option, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Cache } from "effect-ioredis-cache"
import { Note, region } from "./Note.ts"

/** The revision that a reader sees, 0 where there is none. */
export const Seen = Schema.Struct({ revision: Schema.Int })

/** What became of a write: `Applied` when Redis has it, `Deferred` while this process keeps it for Redis. */
export const Written = Schema.Struct({ outcome: Schema.Literals(["Applied", "Deferred", "Rejected"]) })

/** Two routes beside those of the job matcher, for what a service writes as well as reads. */
export const layer = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const notes = yield* Cache.region(region)
    yield* router.add(
      "GET",
      "/note",
      Effect.gen(function* () {
        const { candidate } = yield* HttpServerRequest.schemaSearchParams(Candidate)
        const note = yield* notes.get(candidate)
        return yield* see({ revision: Option.match(note, { onNone: () => 0, onSome: ({ revision }) => revision }) })
      })
    )
    yield* router.add(
      "PUT",
      "/note",
      Effect.gen(function* () {
        const { candidate, revision } = yield* HttpServerRequest.schemaSearchParams(Revision)
        const text = `Has been called ${revision} times`
        return yield* write({ outcome: yield* notes.set(candidate, new Note({ revision, text })) })
      })
    )
  })
)

const Candidate = Schema.Struct({ candidate: Schema.String })
const Revision = Schema.Struct({ candidate: Schema.String, revision: Schema.NumberFromString })

const see = HttpServerResponse.schemaJson(Seen)
const write = HttpServerResponse.schemaJson(Written)
