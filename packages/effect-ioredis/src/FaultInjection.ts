/**
 * Lets a share of the commands and logins of a program fail on purpose, while a switch is on.
 *
 * **When to use**
 *
 * Use to find out in staging, on a canary, or in a game day whether users notice when Redis
 * misbehaves. A test that wants to choose the moment uses `SimulatedRedis` and its `Fault`.
 *
 * **Details**
 *
 * It is a layer below a client, on real connections and simulated ones alike. What befalls them has
 * the names of the simulation:
 *
 * - `Delay`: a reply comes `delay` late, and so does all behind it; a login takes that much longer.
 * - `Mute`: neither the reply comes nor any behind it, until the connection is given up; a login is
 *   not answered.
 * - `Refuse`: a login fails, as where nothing listens. Commands are not concerned.
 * - `Cut`: a command costs its connection, half of them before they are sent and half after they
 *   were executed; a login fails, as where the server hangs up.
 *
 * While it is off, which it is at first, a command costs one test of a boolean more. When it is
 * turned off, what was held back comes at once, and connections that were made meanwhile are
 * ordinary ones. It turns itself off after `duration`, so that nobody can forget it.
 *
 * It logs a warning when it is turned on and a line when it is off again, and what it does counts
 * in `redis.client.faults`. Each error that it causes has a `cause` that names it.
 *
 * **Gotchas**
 *
 * Servers do not know of it: nothing that concerns their data, their memory or a failover can be
 * tried by it.
 *
 * **Example** (An hour in which one command in a hundred fails)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import * as FaultInjection from "effect-ioredis/FaultInjection"
 * import { HybridCache } from "effect-ioredis-cache"
 *
 * const CacheLive = HybridCache.layerFromEnv().pipe(Layer.provideMerge(FaultInjection.layer()))
 *
 * const gameDay = Effect.flatMap(FaultInjection.FaultInjection, ({ turnOn }) =>
 *   turnOn({ rate: 0.01, duration: "1 hour" })
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Context, Data, Duration, Effect, FiberHandle, Layer, Random, Schema, type Scope } from "effect"
import { tallyOf } from "./dispatch.ts"
import { defineMetric } from "./internal/defineMetric.ts"
import * as FaultyConnector from "./internal/faults/FaultyConnector.ts"
import * as FaultSwitch from "./internal/faults/FaultSwitch.ts"
import { Middleware } from "./RedisConnector.ts"
import * as Settings from "./Settings.ts"

/**
 * Names what can befall a command or a login, as the `_tag` of a `Fault` of the simulation does.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "Delay" | "Mute" | "Refuse" | "Cut"

/**
 * Lists all that can befall a command or a login.
 *
 * @category models
 * @since 0.1.0
 */
export const kinds: ReadonlyArray<Kind> = ["Delay", "Mute", "Refuse", "Cut"]

/**
 * Sets what befalls how many.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Sets the share of commands, and of logins, from 0 to 1. Default: 0.05. */
  readonly rate?: number | undefined
  /** Lists what befalls them, each as often as the others. Default: everything. */
  readonly kinds?: ReadonlyArray<Kind> | undefined
  /** Sets how late a `Delay` is. Default: 100 milliseconds. */
  readonly delay?: Duration.Input | undefined
  /** Sets after how long it turns itself off. Default: 1 minute. */
  readonly duration?: Duration.Input | undefined
}

/**
 * Reports options that make no sense. The switch stays as it was.
 *
 * @category errors
 * @since 0.1.0
 */
export class FaultInjectionError extends Data.TaggedError("FaultInjectionError")<{
  /** Says what is wrong and what to do, one line for each mistake. */
  readonly message: string
}> {}

/**
 * Is the switch in the hands of whoever operates the program.
 *
 * @category models
 * @since 0.1.0
 */
export interface FaultInjection {
  /** Tells whether there are faults now. */
  readonly isOn: Effect.Effect<boolean>
  /** Tells how many commands and logins were befallen by what since the program began. */
  readonly injected: Effect.Effect<Readonly<Record<Kind, number>>>
  /**
   * Turns it on, for as long as `duration` says, counted anew where it was on. What the options
   * leave out is as the layer's say.
   */
  readonly turnOn: (options?: Options) => Effect.Effect<void, FaultInjectionError>
  /** Turns it off. What was held back comes at once. */
  readonly turnOff: Effect.Effect<void>
}

/**
 * Service tag for the switch.
 *
 * @category services
 * @since 0.1.0
 */
export const FaultInjection: Context.Service<FaultInjection, FaultInjection> = Context.Service<FaultInjection>(
  "effect-ioredis/FaultInjection"
)

/**
 * Provides the switch, turned off, and puts it below each client that is built on this layer.
 *
 * **Details**
 *
 * One layer may be below several clients, which it then concerns alike. Which commands are befallen
 * is drawn from the `Random` of the context that the layer is built in: a seed repeats them.
 *
 * **Example** (Under a client of simulated servers)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import * as FaultInjection from "effect-ioredis/FaultInjection"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const faults = yield* FaultInjection.FaultInjection
 *   const redis = yield* RedisClient.RedisClient
 *   yield* redis.set("visits", 41)
 *
 *   yield* faults.turnOn({ rate: 1, kinds: ["Cut"] })
 *   const error = yield* Effect.flip(redis.incr("visits"))
 *   error._tag // => "RedisConnectionError"
 *
 *   const { Cut } = yield* faults.injected
 *   Cut > 0 // => true
 * }).pipe(
 *   Effect.provide(
 *     RedisClient.layer().pipe(
 *       Layer.provideMerge(FaultInjection.layer()),
 *       Layer.provide(SimulatedRedis.layer())
 *     )
 *   )
 * )
 *
 * Effect.runPromise(program)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<FaultInjection, FaultInjectionError> =>
  Layer.effectContext(make(options))

const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Context.Context<FaultInjection>, FaultInjectionError, Scope.Scope> {
  const atFirst = yield* resolved(options)
  const context = yield* Effect.context<never>()
  const outer = yield* Middleware
  const timer = yield* FiberHandle.make()
  const tallies = byKind((kind) => tallyOf(injectedFaults({ "redis.client.fault": kind }), context))
  const faults = new FaultSwitch.FaultSwitch(atFirst, yield* Random.Random, tallies)
  const off = Effect.suspend(() => {
    if (!faults.isOn) return Effect.void
    faults.turnOff()
    return Effect.logInfo("Fault injection is off")
  })
  yield* Effect.addFinalizer(() => off)
  const service: FaultInjection = {
    isOn: Effect.sync(() => faults.isOn),
    injected: Effect.sync(() => byKind((kind) => tallies[kind].count)),
    turnOn: Effect.fnUntraced(function* (chosen: Options = {}) {
      const settings = yield* resolved({
        rate: chosen.rate ?? options.rate,
        kinds: chosen.kinds ?? options.kinds,
        delay: chosen.delay ?? options.delay,
        duration: chosen.duration ?? options.duration
      })
      const { delay, duration, kinds, rate } = settings
      // What ends them is there before they begin, for whoever turns them on may be interrupted.
      yield* FiberHandle.run(timer, Effect.andThen(Effect.sleep(duration), off))
      faults.turnOn(settings)
      yield* Effect.logWarning("Fault injection is on: it fails Redis commands and logins on purpose").pipe(
        Effect.annotateLogs({
          rate,
          kinds: kinds.join(","),
          delay: Duration.format(delay),
          duration: Duration.format(duration)
        })
      )
    }),
    turnOff: Effect.andThen(FiberHandle.clear(timer), off)
  }
  return Context.make(FaultInjection, service).pipe(
    Context.add(Middleware, (connector) => FaultyConnector.make(outer(connector), faults, context))
  )
})

const injectedFaults = defineMetric({
  id: "redis.client.faults",
  kind: "counter",
  unit: "{fault}",
  description: "Faults that were injected on purpose, by kind",
  attributes: ["redis.client.fault"]
})

const byKind = <A>(of: (kind: Kind) => A): { readonly [kind in Kind]: A } => ({
  Delay: of("Delay"),
  Mute: of("Mute"),
  Refuse: of("Refuse"),
  Cut: of("Cut")
})

const Rate = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })).annotate({
  expected: "a share from 0 to 1",
  example: "0.05"
})

const Kinds = Schema.NonEmptyArray(Schema.Literals(["Delay", "Mute", "Refuse", "Cut"])).annotate({
  expected: `a list of ${kinds.join(", ")}`,
  example: '["Delay"]'
})

const resolved = (
  options: Options
): Effect.Effect<FaultSwitch.Settings & { readonly duration: Duration.Duration }, FaultInjectionError> => {
  const { delay = "100 millis", duration = "1 minute", kinds: chosen = kinds, rate = 0.05 } = options
  const mistake = Settings.error([
    Settings.problem("rate", Rate, rate),
    Settings.problem("kinds", Kinds, chosen),
    Settings.problem("delay", Settings.AboveZero, delay),
    Settings.problem("duration", Settings.AboveZero, duration)
  ])
  if (mistake !== undefined) return Effect.fail(new FaultInjectionError({ message: mistake.cause.message }))
  return Effect.succeed({
    rate,
    kinds: chosen,
    delay: Duration.fromInputUnsafe(delay),
    duration: Duration.fromInputUnsafe(duration)
  })
}
