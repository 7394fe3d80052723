/**
 * Composes the health of a program of named parts: Redis, a database, a queue. Each is critical or
 * optional, and together they are healthy, degraded or unhealthy.
 *
 * **Details**
 *
 * - `healthy`: every part is up.
 * - `degraded`: the program serves, and something is not as it should be: an optional part is down,
 *   or a part serves some of what it should, such as a cluster with a master down.
 * - `unhealthy`: a critical part is down.
 *
 * What a program with a cache needs of Redis is optional: memory and lookups answer without it.
 *
 * **Gotchas**
 *
 * A part is critical where the program cannot serve without it. It is taken out of traffic then,
 * and so is every other instance that asks the same Redis, at the same moment.
 *
 * **Example** (A program that serves without Redis, and not without its database)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Redis } from "effect-ioredis"
 * import * as Health from "effect-ioredis/Health"
 *
 * const askDatabase = Effect.void
 *
 * const HealthLive = Health.layer([
 *   Health.redis({ critical: false }),
 *   Health.part({ name: "database", critical: true, check: askDatabase })
 * ]).pipe(Layer.provide(Redis.layer({ url: "redis://localhost:6379" })))
 *
 * const program = Effect.gen(function* () {
 *   const health = yield* Health.Health
 *   const { parts, status } = yield* health.check
 *   return [status, ...parts.map(({ condition, name }) => `${name}: ${condition._tag}`)].join(", ")
 * }).pipe(Effect.provide(HealthLive))
 * ```
 *
 * @since 0.1.0
 */
import {
  Cause,
  Context,
  DateTime,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Predicate,
  Schema,
  type Scope,
  Stream,
  SubscriptionRef
} from "effect"
import * as Inboxes from "./internal/pubsub/Inboxes.ts"
import * as SharedRun from "./internal/SharedRun.ts"
import { timeProblem } from "./internal/settingProblem.ts"
import { of } from "./dispatch.ts"
import { RedisClient } from "./RedisClient.ts"
import * as RedisHealth from "./RedisHealth.ts"
import * as Settings from "./Settings.ts"

// -------------------------------------------------------------------------------------------------
// What is found
// -------------------------------------------------------------------------------------------------

/**
 * Says how a program fares as a whole.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = "healthy" | "degraded" | "unhealthy"

/**
 * Something of a part that is not well: a server of a cluster, a subscription.
 *
 * @category models
 * @since 0.1.0
 */
export interface Component {
  /** Names it, perhaps by its address. */
  readonly name: string
  /** Says in one word what is wrong with it. */
  readonly cause: string
  /** Says in one line what is wrong with it. */
  readonly reason: string
  /** Lists the ranges of slots that it owns in a cluster, bounds included. */
  readonly slots?: ReadonlyArray<readonly [from: number, to: number]> | undefined
}

/**
 * Says what is wrong with a part.
 *
 * @category models
 * @since 0.1.0
 */
export interface Trouble {
  /**
   * Says in one word what is wrong, for programs: of Redis a `RedisHealth.OutageCause`. It has few
   * values, and holds nothing secret.
   */
  readonly cause: string
  /** Says in one line what is wrong, for people. It may name addresses. */
  readonly reason: string
  /** Lists what of the part is not well, where it consists of several. */
  readonly components?: ReadonlyArray<Component> | undefined
}

/**
 * Says how one part fares.
 *
 * **Details**
 *
 * - `Up`: it is as it should be.
 * - `Degraded`: it serves some of what it should.
 * - `Down`: it does not serve.
 *
 * @category models
 * @since 0.1.0
 */
export type Condition =
  | { readonly _tag: "Up" }
  | ({ readonly _tag: "Degraded" } & Trouble)
  | ({ readonly _tag: "Down" } & Trouble)

/**
 * A part that is as it should be.
 *
 * @category constructors
 * @since 0.1.0
 */
export const up: Condition = { _tag: "Up" }

/**
 * Makes the condition of a part that serves some of what it should.
 *
 * @category constructors
 * @since 0.1.0
 */
export const degraded = (trouble: Trouble): Condition => ({ _tag: "Degraded", ...trouble })

/**
 * Makes the condition of a part that does not serve.
 *
 * @category constructors
 * @since 0.1.0
 */
export const down = (trouble: Trouble): Condition => ({ _tag: "Down", ...trouble })

/**
 * Says of what kind a part is, in the words of `application/health+json`.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "component" | "datastore" | "system"

/**
 * Says what is known of one part.
 *
 * @category models
 * @since 0.1.0
 */
export interface PartReport {
  /** Names the part. */
  readonly name: string
  /** Says of what kind it is. */
  readonly kind: Kind
  /** Says whether the program cannot serve without it. */
  readonly critical: boolean
  /**
   * Says how it fares. A part that was never asked is `Down`, with the cause `"NotChecked"`.
   */
  readonly condition: Condition
  /** Says since when it has been up, degraded or down. */
  readonly since: DateTime.Utc
  /** Says when that was found last, unless it was never asked. */
  readonly checkedAt: DateTime.Utc | undefined
}

/**
 * Says what is known of all parts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** Says how the program fares as a whole. */
  readonly status: Status
  /** Says how each part fares, in the order in which they were given. */
  readonly parts: ReadonlyArray<PartReport>
}

/**
 * Says how a program fares, given how its parts do.
 *
 * **Example** (An optional part that is down)
 *
 * ```ts
 * import * as Health from "effect-ioredis/Health"
 *
 * const condition = Health.down({ cause: "Refused", reason: "nothing listens there" })
 *
 * Health.statusOf([{ critical: false, condition }]) // => "degraded"
 * Health.statusOf([{ critical: true, condition }]) // => "unhealthy"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const statusOf = (parts: ReadonlyArray<Pick<PartReport, "critical" | "condition">>): Status => {
  if (parts.some(({ condition, critical }) => critical && condition._tag === "Down")) return "unhealthy"
  return parts.every(({ condition }) => condition._tag === "Up") ? "healthy" : "degraded"
}

// -------------------------------------------------------------------------------------------------
// Parts
// -------------------------------------------------------------------------------------------------

/**
 * A part of a program, and how to find out how it fares.
 *
 * @category models
 * @since 0.1.0
 */
export interface Part {
  /** Names it. No two parts of a program have one name. */
  readonly name: string
  /** Says whether the program cannot serve without it. */
  readonly critical: boolean
  /** Says of what kind it is. Default: `"component"`. */
  readonly kind?: Kind | undefined
  /**
   * Tries it, and tells what came of that. Where it dies, the part is down. One that cannot be
   * interrupted has to end before it is tried again.
   */
  readonly check: Effect.Effect<Condition>
  /** Tells how it fares whenever that changes, where it tells so unasked. */
  readonly changes?: Stream.Stream<Condition> | undefined
  /** Sets how long `check` may take: it is down after that. Default: 3 seconds. */
  readonly timeout?: Duration.Input | undefined
  /**
   * Sets how often it is tried unasked. Default: 30 seconds, and 5 of `subscriptions` and of the
   * parts of `CacheHealth`, which ask nobody.
   */
  readonly interval?: Duration.Input | undefined
}

/**
 * Sets what a part is to a program.
 *
 * @category models
 * @since 0.1.0
 */
export interface PartOptions extends Pick<Part, "timeout" | "interval"> {
  /** Names the part. Default: what it is. */
  readonly name?: string | undefined
  /** Says whether the program cannot serve without it. Default: false. */
  readonly critical?: boolean | undefined
}

/**
 * Makes a part of anything that can be tried: it is up where `check` succeeds, and down where it
 * fails or takes too long.
 *
 * **Details**
 *
 * Its cause is the `_tag` of the failure, or its name, and its reason the message.
 *
 * **Example** (A database)
 *
 * ```ts
 * import { Data, Effect } from "effect"
 * import * as Health from "effect-ioredis/Health"
 *
 * class TooManyRows extends Data.TaggedError("TooManyRows")<{ readonly message: string }> {}
 *
 * const program = Effect.gen(function* () {
 *   const database = Health.part({
 *     name: "database",
 *     critical: true,
 *     check: Effect.fail(new TooManyRows({ message: "the disk is full" }))
 *   })
 *   const health = yield* Health.make([database])
 *   const { parts, status } = yield* health.check
 *
 *   status // => "unhealthy"
 *   parts[0]?.condition // => { _tag: "Down", cause: "TooManyRows", reason: "the disk is full" }
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const part = <E, R>(
  options: Omit<Part, "check" | "changes"> & {
    /** Succeeds where the part is up. What it succeeds with is not looked at. */
    readonly check: Effect.Effect<unknown, E, R>
  }
): Effect.Effect<Part, never, R> =>
  Effect.map(Effect.context<R>(), (context) => ({
    ...options,
    check: options.check.pipe(
      Effect.as(up),
      Effect.catchCause((cause) => Effect.succeed(down(troubleIn(cause)))),
      Effect.provideContext(context)
    )
  }))

const troubleIn = (cause: Cause.Cause<unknown>): Trouble => {
  const error = Cause.squash(cause)
  const reason = reasonOf(error)
  if (Cause.hasInterruptsOnly(cause)) return { cause: "Interrupted", reason }
  if (Predicate.hasProperty(error, "_tag")) return { cause: String(error._tag), reason }
  return { cause: error instanceof Error ? error.name : "Failed", reason }
}

// An object without a message may hold anything, and may not even have a text.
const reasonOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "message") && Predicate.isString(error.message)) return error.message
  return Predicate.isObjectKeyword(error) ? "it failed without a message" : String(error)
}

/**
 * Makes a part of Redis: the `RedisHealth` of the context.
 *
 * **Details**
 *
 * It is degraded where some of several servers do not answer, which its components name with their
 * slots, and where a failover would not be noticed. Its name is that of the client by default, and
 * its causes are those of `RedisHealth.OutageCause`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const redis = (options: PartOptions = {}): Effect.Effect<Part, never, RedisHealth.RedisHealth> =>
  Effect.map(RedisHealth.RedisHealth, (health) => ({
    name: options.name ?? health.name,
    kind: "datastore",
    critical: options.critical ?? false,
    timeout: options.timeout,
    interval: options.interval,
    check: Effect.map(health.check, conditionOf),
    changes: Stream.map(health.changes, conditionOf)
  }))

const conditionOf = (status: RedisHealth.Status): Condition => {
  switch (status._tag) {
    case "Up":
      return status.warning === undefined ? up : degraded({ cause: "Unwatched", reason: status.warning })
    case "Partial":
      return degraded(troubleOf(status.nodes))
    case "Down":
      return down({ ...troubleOf(status.nodes), cause: status.cause, reason: status.reason })
  }
}

const troubleOf = (nodes: ReadonlyArray<RedisHealth.NodeDown>): Trouble => ({
  cause: nodes[0]?.cause ?? "NotReady",
  reason: nodes[0]?.reason ?? "",
  components: nodes.map(({ node, ...rest }) => ({ name: node, ...rest }))
})

/**
 * Makes a part of the subscriptions of the `RedisClient`: it is degraded while one of them has a
 * consumer that does not keep up.
 *
 * **Details**
 *
 * - `Overflow`: messages are dropped, because as many wait as the subscription may hold.
 * - `Lagging`: as many as `fill` of them wait, or one has waited for `maxLag`: nobody takes them.
 *
 * **Gotchas**
 *
 * A `fill` and a `maxLag` that make no sense are a mistake in the program, and so a defect: a
 * `ConfigError` that names each of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const subscriptions = (
  options: PartOptions & {
    /** Sets how full a subscription may be, above 0 and up to 1. Default: 0.8. */
    readonly fill?: number | undefined
    /** Sets how long a message may wait for the consumer. Default: 30 seconds. */
    readonly maxLag?: Duration.Input | undefined
  } = {}
): Effect.Effect<Part, never, RedisClient> =>
  Effect.gen(function* () {
    const client = yield* RedisClient
    const { critical = false, fill = 0.8, interval = "5 seconds", maxLag = "30 seconds", name, timeout } = options
    yield* orDieOf([Settings.problem("fill", Share, fill), timeProblem("maxLag", maxLag)])
    const longest = Duration.toMillis(maxLag)
    const inboxes = Inboxes.of(of(client))
    const check = Effect.sync(() => {
      const components = Array.from(inboxes).flatMap(({ inbox, subject }): ReadonlyArray<Component> => {
        const { dropped, lag, share } = inbox.backlog()
        if (dropped > 0) return [{ name: subject, cause: "Overflow", reason: `${dropped} messages were dropped` }]
        if (share < fill && lag < longest) return []
        const reason = `its consumer has taken nothing for ${Duration.format(Duration.millis(lag))}`
        return [{ name: subject, cause: "Lagging", reason }]
      })
      const worst = components.find(({ cause }) => cause === "Overflow") ?? components[0]
      return worst === undefined ? up : degraded({ cause: worst.cause, reason: worst.reason, components })
    })
    return { name: name ?? `${client.name} subscriptions`, critical, interval, timeout, check }
  })

const Share = Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1)).annotate({
  expected: "a share above 0 and up to 1",
  example: "0.8"
})

// A mistake in the program.
const orDieOf = (problems: ReadonlyArray<string | undefined>): Effect.Effect<void> => {
  const error = Settings.error(problems)
  return error === undefined ? Effect.void : Effect.die(error)
}

// -------------------------------------------------------------------------------------------------
// The service
// -------------------------------------------------------------------------------------------------

/**
 * The health of a program.
 *
 * @category models
 * @since 0.1.0
 */
export interface Health {
  /** Tells what is known now, and asks nobody. */
  readonly report: Effect.Effect<Report>
  /**
   * Tries every part and tells what came of it, within the longest `timeout` of them. Those who
   * call it meanwhile share the attempts, which go on when they leave.
   */
  readonly check: Effect.Effect<Report>
  /**
   * Starts with what is known now and emits each change. That a part was found to be as before is
   * none.
   */
  readonly changes: Stream.Stream<Report>
}

/**
 * Service tag for the health of a program.
 *
 * @category services
 * @since 0.1.0
 */
export const Health: Context.Service<Health, Health> = Context.Service<Health>("effect-ioredis/Health")

/**
 * Watches parts for as long as the scope is open.
 *
 * **Details**
 *
 * Each is tried once at the beginning, then every `interval` and whenever somebody calls `check`.
 * It waits for none of them: until the first try has ended, a part counts as down.
 *
 * **Gotchas**
 *
 * Two parts of one name, and times that make no sense, are a mistake in the program, and so a
 * defect: a `ConfigError` that names each of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* <
  const Parts extends ReadonlyArray<Effect.Effect<Part, unknown, unknown>>
>(parts: Parts): Effect.fn.Return<Health, Effect.Error<Parts[number]>, Effect.Services<Parts[number]> | Scope.Scope> {
  // The type of an array's elements says what all of them may fail with and need.
  const given = parts as ReadonlyArray<Effect.Effect<Part, Effect.Error<Parts[number]>, Effect.Services<Parts[number]>>>
  const made = yield* Effect.all(given)
  yield* orDieOf(problemsIn(made))
  const now = yield* DateTime.now
  const known = yield* SubscriptionRef.make<Known>(made.map((part) => unknownOf(part, now)))
  const tries = yield* Effect.forEach(made, (part) => watch(part, known))
  // Shared as a whole: while one part hangs, the others are asked no more often than before.
  const tried = yield* SharedRun.make(Effect.all(tries, { concurrency: "unbounded", discard: true }))
  const report = Effect.map(SubscriptionRef.get(known), reportOf)
  return {
    report,
    check: Effect.andThen(tried, report),
    changes: SubscriptionRef.changes(known).pipe(Stream.changesWith(isSame), Stream.map(reportOf))
  }
})

/**
 * Provides the health of a program.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <const Parts extends ReadonlyArray<Effect.Effect<Part, unknown, unknown>>>(
  parts: Parts
): Layer.Layer<Health, Effect.Error<Parts[number]>, Exclude<Effect.Services<Parts[number]>, Scope.Scope>> =>
  Layer.effect(Health, make(parts))

type Known = ReadonlyArray<PartReport>

const unknownOf = ({ critical, kind = "component", name }: Part, now: DateTime.Utc): PartReport => ({
  name,
  kind,
  critical,
  condition: down({ cause: "NotChecked", reason: "it was not asked yet" }),
  since: now,
  checkedAt: undefined
})

const reportOf = (parts: Known): Report => ({ status: statusOf(parts), parts })

// Takes in whatever is found of a part, and gives what tries it.
const watch = Effect.fnUntraced(function* (
  part: Part,
  known: SubscriptionRef.SubscriptionRef<Known>
): Effect.fn.Return<Effect.Effect<void>, never, Scope.Scope> {
  const learn = Effect.fnUntraced(function* (condition: Condition) {
    const checkedAt = yield* DateTime.now
    yield* SubscriptionRef.update(known, (all) =>
      all.map((one) => {
        if (one.name !== part.name) return one
        return { ...one, condition, checkedAt, since: one.condition._tag === condition._tag ? one.since : checkedAt }
      })
    )
  })
  const duration = part.timeout ?? "3 seconds"
  const late = Effect.sync(() =>
    down({
      cause: "Timeout",
      reason: `it did not answer within ${Duration.format(Duration.fromInputUnsafe(duration))}`
    })
  )
  const attempt = yield* attemptOf(part.check, duration)
  const tried = yield* SharedRun.make(
    Effect.flatMap(Effect.timeoutOrElse(attempt, { duration, orElse: () => late }), learn)
  )
  if (part.changes !== undefined) yield* Effect.forkScoped(Stream.runForEach(part.changes, learn))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(tried, Effect.sleep(part.interval ?? "30 seconds"))))
  return tried
})

// One attempt at a time, which whoever waits for it may leave at once. One that cannot be
// interrupted has to end before the next one begins: a pool that hangs is not asked for ever more
// connections.
const attemptOf = Effect.fnUntraced(function* (
  check: Effect.Effect<Condition>,
  patience: Duration.Input
): Effect.fn.Return<Effect.Effect<Condition>, never, Scope.Scope> {
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  let leftBehind: Fiber.Fiber<unknown> | undefined
  const ended = Effect.suspend(() => (leftBehind === undefined ? Effect.void : Fiber.await(leftBehind)))
  yield* Effect.addFinalizer(() => Effect.timeoutOption(ended, patience))
  const begun = Effect.callback<Condition>((resume) => {
    const fiber = fork(check)
    fiber.addObserver((exit) => resume(Exit.isSuccess(exit) ? exit : Exit.succeed(down(troubleIn(exit.cause)))))
    return Effect.sync(() => {
      leftBehind = fiber
      fiber.addObserver(() => {
        leftBehind = undefined
      })
      fiber.interruptUnsafe()
    })
  })
  return Effect.andThen(ended, begun)
})

const isSame = (one: Known, other: Known): boolean =>
  one.every(({ condition }, index) => textOf(condition) === textOf(other[index]?.condition))

const textOf = (condition: Condition | undefined): string => JSON.stringify(condition)

const problemsIn = (parts: ReadonlyArray<Part>): ReadonlyArray<string | undefined> =>
  parts.flatMap(({ interval = "30 seconds", name, timeout = "3 seconds" }, index) => [
    parts.findIndex((other) => other.name === name) < index ? `${name} is the name of two parts` : undefined,
    Settings.problem(`${name}.timeout`, Settings.AboveZero, timeout),
    Settings.problem(`${name}.interval`, Settings.AboveZero, interval)
  ])
