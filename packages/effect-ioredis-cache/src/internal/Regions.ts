import { Duration, Effect, Predicate, Schema, SchemaAST, SchemaRepresentation } from "effect"
import * as Cache from "../Cache.ts"
import type { Compression } from "../Compression.ts"
import type { RefreshPolicy } from "../RefreshPolicy.ts"
import { defaultMaxBytes } from "./CacheCodec.ts"
import { millisOf } from "./millisOf.ts"
import { regionProblem } from "./options.ts"
import { longestLife } from "./StoredValue.ts"

/**
 * The regions a cache has given out, by name and version: asked for twice, a region is the same
 * region, with the same lookups in progress.
 */
export interface Regions<E> {
  readonly get: <Key, Value>(options: RegionDefinition<Key, Value>) => Effect.Effect<Cache.Region<Key, Value, E>>
}

/** The options of a region, with or without a `hard` timeout of its lookups. */
export type RegionDefinition<Key, Value> = Cache.RegionOptions<Key, Value, Duration.Input | undefined>

/**
 * How regions are defined, by name and version. The caches of one client and prefix share it,
 * because they share the values.
 */
export type Definitions = Map<string, Definition>

export const make = <E>(
  build: <Key, Value>(options: RegionDefinition<Key, Value>) => Cache.Region<Key, Value, E>,
  definitions: Definitions
): Regions<E> => {
  const regions = new Map<string, unknown>()
  return {
    get: <Key, Value>(options: RegionDefinition<Key, Value>) =>
      Effect.suspend(() => {
        const problem = regionProblem(options) ?? redactedProblem(options)
        if (problem !== undefined) return refuse(String(options.name), problem)
        const id = `${options.name}:v${options.version}`
        const definition = definitions.get(id)
        const difference = definition === undefined ? undefined : differenceOf(definition, options)
        if (difference !== undefined) {
          return refuse(
            options.name,
            `Region ${id} is already defined with another ${difference}. Give this one another name, or raise its version`
          )
        }
        definitions.set(id, definition ?? options)
        // The definitions say the same, so that what was built for the one serves the other.
        const region = (regions.get(id) as Cache.Region<Key, Value, E> | undefined) ?? build(options)
        regions.set(id, region)
        return Effect.succeed(region)
      })
  }
}

/** What two definitions of a region are compared by. */
interface Definition {
  readonly key: Schema.Top
  readonly value: Schema.Top
  readonly timeToLive?: unknown
  readonly jitter?: number | undefined
  readonly maxBytes?: number | undefined
  readonly codec?: Cache.Codec | undefined
  readonly compression?: Compression | undefined
  readonly staleFor?: Duration.Input | undefined
  readonly replay?: string | undefined
  readonly removedFor?: Duration.Input | undefined
  readonly tags?: boolean | undefined
  readonly lease?: boolean | undefined
  readonly refresh?: RefreshPolicy | undefined
  readonly lookupTimeout?: Cache.LookupTimeout | undefined
  readonly retryAfterFailure?: Duration.Input | undefined
  readonly near?: Cache.NearOptions | undefined
}

const refuse = (region: string, message: string): Effect.Effect<never> =>
  Effect.die(new Cache.RegionDefinitionError({ region, message }))

const redactedProblem = <Key, Value>({ key, name }: RegionDefinition<Key, Value>): string | undefined =>
  isRedacted(key)
    ? `The key schema of region ${name} has a Schema.Redacted in it, and keys stand in Redis in the clear. Use a key that is no secret, such as a hash of it`
    : undefined

/**
 * A time to live in whole milliseconds, infinite for ever, or `undefined` where it makes no sense:
 * Redis refuses none at all, and wants at least one.
 */
export const lifetime = (timeToLive: Duration.Input): number | undefined => {
  const duration = Duration.fromInput(timeToLive)
  if (duration._tag === "None") return undefined
  const millis = Duration.toMillis(duration.value)
  return millis > 0 ? Math.max(1, Math.round(millis)) : undefined
}

/** Advises on a time to live that `lifetime` refuses. */
export const lifetimeAdvice =
  'not a duration above zero. Give one such as "5 minutes", or Duration.infinity for values that live for ever'

/**
 * Tells whether a schema takes what must not be shown: a Redis key stands in the clear, and in the
 * server's own logs.
 */
const isRedacted = ({ ast }: Schema.Top): boolean => {
  const seen = new Set<SchemaAST.AST>()
  const visit = (ast: SchemaAST.AST): boolean => {
    if (seen.has(ast)) return false
    seen.add(ast)
    if (SchemaAST.isDeclaration(ast)) return isRedactedNode(ast) || ast.typeParameters.some(visit)
    if (SchemaAST.isSuspend(ast)) return visit(ast.thunk())
    if (SchemaAST.isArrays(ast)) return [...ast.elements, ...ast.rest].some(visit)
    if (SchemaAST.isUnion(ast)) return ast.types.some(visit)
    return (
      SchemaAST.isObjects(ast) && [...ast.propertySignatures, ...ast.indexSignatures].some(({ type }) => visit(type))
    )
  }
  return visit(ast)
}

// By what Schema itself knows it by: what it is called in messages may be said anew.
const isRedactedNode = ({ annotations }: SchemaAST.Declaration): boolean =>
  Predicate.hasProperty(annotations?.representation, "id") && annotations.representation.id === "effect/schema/Redacted"

const differenceOf = (one: Definition, other: Definition): string | undefined => {
  if (!sameSchema(one.key, other.key)) return "key schema"
  if (!sameSchema(one.value, other.value)) return "value schema"
  if (lifetimeText(one) !== lifetimeText(other)) return "timeToLive"
  if (staleMillis(one) !== staleMillis(other)) return "staleFor"
  if ((one.replay ?? "ifUnchanged") !== (other.replay ?? "ifUnchanged")) return "replay"
  if (removedMillis(one) !== removedMillis(other)) return "removedFor"
  if ((one.tags ?? false) !== (other.tags ?? false)) return "tags"
  if ((one.lease ?? false) !== (other.lease ?? false)) return "lease"
  if (millisOf(one.near?.maxStaleness) !== millisOf(other.near?.maxStaleness)) return "near"
  if ((one.jitter ?? 0) !== (other.jitter ?? 0)) return "jitter"
  if (refreshText(one.refresh) !== refreshText(other.refresh)) return "refresh"
  if (millisOf(one.lookupTimeout?.soft) !== millisOf(other.lookupTimeout?.soft)) return "lookupTimeout.soft"
  if (millisOf(one.lookupTimeout?.hard) !== millisOf(other.lookupTimeout?.hard)) return "lookupTimeout.hard"
  if ((millisOf(one.retryAfterFailure) ?? 0) !== (millisOf(other.retryAfterFailure) ?? 0)) return "retryAfterFailure"
  if ((one.maxBytes ?? defaultMaxBytes) !== (other.maxBytes ?? defaultMaxBytes)) return "maxBytes"
  if (one.codec?._tag !== other.codec?._tag) return "codec"
  if (compressionText(one) !== compressionText(other)) return "compression"
  return undefined
}

const compressionText = ({ compression }: Definition): string =>
  compression === undefined ? "none" : `${compression._tag} ${compression.from} ${compression.upTo}`

const sameSchema = (one: Schema.Top, other: Schema.Top): boolean =>
  one === other || fingerprint(one) === fingerprint(other)

const fingerprint = (schema: Schema.Top): string =>
  [schema, Schema.toType(schema)]
    .map(({ ast }) => JSON.stringify(SchemaRepresentation.toRepresentation(ast), printable))
    .join()

// Not `SchemaRepresentation.toJson`: it refuses classes and custom filters. What functions do
// cannot be compared.
const printable = (name: string, value: unknown): unknown => {
  if (typeof value === "bigint" || typeof value === "symbol") return `${typeof value} ${String(value)}`
  return typeof value === "function" && name === classAnnotation ? classNumber(value) : value
}

// Schema gives each class a function of its own under this name. Two classes may have the same
// identifier and the same fields, and what is read would still be an instance of the wrong one.
const classAnnotation = "~constructor"

const classNumber = (ofClass: object): number => {
  const known = classNumbers.get(ofClass)
  if (known !== undefined) return known
  classes++
  classNumbers.set(ofClass, classes)
  return classes
}

const classNumbers = new WeakMap<object, number>()
let classes = 0

/**
 * For how many milliseconds the mark of a removal stays: by default only where writes are told
 * apart by their age.
 */
export const removedMillis = ({ removedFor, replay }: Pick<Definition, "removedFor" | "replay">): number =>
  Math.min(Duration.toMillis(removedFor ?? (replay === "latest" ? "10 minutes" : 0)), longestLife)

const refreshText = (policy: RefreshPolicy | undefined): string | undefined =>
  policy?._tag === "FromAge" ? `FromAge ${millisOf(policy.age)}` : JSON.stringify(policy)

const staleMillis = ({ staleFor }: Definition): number => Duration.toMillis(staleFor ?? 0)

const lifetimeText = ({ timeToLive }: Definition): string =>
  // Two functions cannot be compared; they are taken to be the same.
  typeof timeToLive === "function" ? "function" : String(timeToLive && lifetime(timeToLive as Duration.Input))
