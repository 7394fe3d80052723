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

const parameter = <S extends Schema.Top>(example: string, from: (text: Schema.String) => S) =>
  from(Schema.String.annotate({ message: `must be given once, as in ${example}` })).pipe(
    Schema.annotateKey({ messageMissingKey: `is missing, as in ${example}` })
  )

const trim = (text: Schema.String) => text.pipe(Schema.decode(SchemaTransformation.trim()))

const split = (text: Schema.String) =>
  text.pipe(
    Schema.decodeTo(Schema.Array(Schema.String), {
      decode: SchemaGetter.transform((text) => text.split(",").map((skill) => skill.trim().toLowerCase())),
      encode: SchemaGetter.transform((skills) => skills.join(","))
    })
  )

/** The same in a URL: `?candidate=ada&skills=effect,redis&location=Berlin`. */
export const MatchQueryFromUrl = Schema.Struct({
  candidate: parameter("candidate=ada", trim),
  skills: parameter("skills=effect,redis", split),
  location: parameter("location=Berlin", trim)
}).pipe(Schema.decodeTo(MatchQuery))
