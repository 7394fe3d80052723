import { Schema, SchemaGetter, SchemaTransformation } from "effect"
import { CacheKey } from "effect-ioredis-cache"

const Name = Schema.String.check(Schema.isBetweenLength(1, 60, { message: "must have 1 to 60 characters" }))

const Names = Schema.Array(Name).check(Schema.isBetweenLength(1, 20, { message: "must name 1 to 20 skills" }))

/** What a candidate asks for, and thereby the key under which the answer is cached. */
export class MatchQuery extends Schema.Class<MatchQuery>("MatchQuery")({
  candidate: Name,
  /** A set: `a,b` and `b,a` are one key in the cache. */
  skills: CacheKey.unordered(Names),
  location: Name
}) {}

/** The same in a URL: `?candidate=ada&skills=effect,redis&location=Berlin`. */
export const MatchQueryFromUrl = Schema.Struct({
  candidate: Schema.Trim.annotateKey({ messageMissingKey: "is missing, as in candidate=ada" }),
  skills: Schema.String.pipe(
    Schema.decodeTo(
      Schema.Array(
        Schema.String.pipe(
          Schema.decode(SchemaTransformation.trim()),
          Schema.decode(SchemaTransformation.toLowerCase())
        )
      ),
      {
        decode: SchemaGetter.split(),
        encode: SchemaGetter.transform((skills: ReadonlyArray<string>) => skills.join(","))
      }
    )
  ).annotateKey({ messageMissingKey: "is missing, as in skills=effect,redis" }),
  location: Schema.Trim.annotateKey({ messageMissingKey: "is missing, as in location=Berlin" })
}).pipe(Schema.decodeTo(MatchQuery))
