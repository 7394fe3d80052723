/**
 * Describes what the doctor has found: the form of `effect-ioredis doctor --json`.
 *
 * **Example** (A script that reads a report)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Report } from "effect-ioredis-cli"
 *
 * const read = Schema.decodeUnknownEffect(Schema.fromJsonString(Report.Report))
 *
 * const idsIn = (output: string) =>
 *   Effect.map(read(output), ({ findings }) => findings.map(({ id }) => id))
 * ```
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * Says what a Redis is used for. A cache may lose values, and durable data may not.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Use = Schema.Literals(["cache", "durable", "both"])

/**
 * Says what a Redis is used for.
 *
 * @category models
 * @since 0.1.0
 */
export type Use = typeof Use.Type

/**
 * Says how bad a finding is.
 *
 * **Details**
 *
 * - `critical`: the library cannot work here, or data are lost.
 * - `warning`: it works, and worse than it could.
 * - `notice`: worth knowing. A Redis with notices alone is healthy.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Severity = Schema.Literals(["critical", "warning", "notice"])

/**
 * Says how bad a finding is.
 *
 * @category models
 * @since 0.1.0
 */
export type Severity = typeof Severity.Type

/**
 * One thing that is wrong.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Finding = Schema.Struct({
  /** Names it, for scripts: it is the same in every release. */
  id: Schema.String,
  /** Says how bad it is. */
  severity: Severity,
  /** Says in one sentence what is wrong. */
  title: Schema.String,
  /** Says what was seen, where: no key, no value and no password. */
  evidence: Schema.Array(Schema.String),
  /** Says what to do, one step or alternative each. */
  remedy: Schema.Array(Schema.String),
  /** Names the place in the documentation that says more. */
  link: Schema.String
})

/**
 * One thing that is wrong.
 *
 * @category models
 * @since 0.1.0
 */
export interface Finding extends Schema.Schema.Type<typeof Finding> {}

/**
 * One server that was looked at.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Server = Schema.Struct({
  /** Says where it listens, as `host:port`. */
  address: Schema.String,
  /** Tells whether a connection could be made and logged in. */
  reached: Schema.Boolean,
  /** Holds its `redis_version`, where it tells. */
  version: Schema.optionalKey(Schema.String),
  /** Says how long half of the PINGs took at most, in milliseconds. */
  p50: Schema.optionalKey(Schema.Finite),
  /** Says how long 99 of 100 PINGs took at most, in milliseconds. */
  p99: Schema.optionalKey(Schema.Finite)
})

/**
 * Everything that the doctor has found. A release that adds to it keeps `format`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Report = Schema.Struct({
  /** Numbers the form of the report. */
  format: Schema.Literal(1),
  /** Says where Redis is: `redis://host:port`, the sentinels and their master, or the cluster. */
  target: Schema.String,
  /** Says what it was judged for. */
  use: Use,
  /** Tells whether nothing critical and no warning was found. */
  healthy: Schema.Boolean,
  /** Lists what was found, most important first. */
  findings: Schema.Array(Finding),
  /** Lists the servers that were looked at. */
  servers: Schema.Array(Server),
  /** Says how long it took to look, in milliseconds. */
  took: Schema.Finite
})

/**
 * Everything that the doctor has found.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report extends Schema.Schema.Type<typeof Report> {}
