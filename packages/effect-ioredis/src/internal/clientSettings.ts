import { Duration, Effect } from "effect"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type { OperationStats, Options, SettingsStats } from "../RedisClient.ts"
import * as RetryPolicy from "../RetryPolicy.ts"
import type { RedisAddress } from "../RedisConnector.ts"
import { type RedisTopology, server } from "../RedisTopology.ts"
import type { Profile, ProfileSettings } from "../RuntimeSettings.ts"
import { addressText } from "./address.ts"
import { defaultProbeTimeout } from "./circuitBreaker/Circuit.ts"
import { defaultOpenTime, isResetSchedule } from "./circuitBreaker/OpenTimes.ts"
import { consecutive, never } from "./circuitBreaker/TripPolicy.ts"
import type { LiveSettings, Times } from "./LiveSettings.ts"
import { defined } from "./defined.ts"
import { defaultsOf } from "./profiles.ts"

/** The options of a client with their defaults. Times are in milliseconds. */
export interface ClientSettings {
  readonly profile: Profile | undefined
  readonly name: string
  readonly topology: RedisTopology
  readonly login: NonNullable<Options["login"]>
  readonly connections: number
  readonly maxInFlight: number
  readonly maxReserved: number
  readonly retry: RetryPolicy.RetryPolicy
  readonly circuitBreaker: Omit<CircuitBreaker.Options, "classify" | "metrics">
  readonly probeOnReady: boolean
  readonly commandTimeout: number
  readonly operationTimeout: number
  readonly connectTimeout: number
  readonly closeTimeout: number
  readonly historyInterval: number
  readonly requireReady: boolean
  readonly logOperations: boolean
  readonly traceCommands: boolean
}

/** Gives the options of a client with their defaults. */
export const resolve = (options: Options): ClientSettings => {
  const { profile } = options
  const defaults = defaultsOf(profile)
  return {
    profile,
    name: options.name ?? "redis",
    topology: options.topology ?? server({ host: "localhost", port: 6379 }),
    login: options.login ?? {},
    connections: options.connections ?? 1,
    maxInFlight: options.maxInFlight ?? 10_000,
    maxReserved: options.maxReserved ?? 10,
    retry: options.retry ?? (profile === undefined ? RetryPolicy.make() : retryOf(defaults)),
    circuitBreaker:
      options.circuitBreaker === false
        ? { tripPolicy: never }
        : { ...(profile !== undefined && breakerOf(defaults)), ...defined(options.circuitBreaker) },
    probeOnReady: options.probeOnReady !== false,
    commandTimeout: Duration.toMillis(options.commandTimeout ?? defaults.commandTimeout),
    operationTimeout: Duration.toMillis(options.operationTimeout ?? defaults.operationTimeout),
    connectTimeout: millis(options.connectTimeout, 2000),
    closeTimeout: millis(options.closeTimeout, 2000),
    historyInterval: millis(options.historyInterval, 1000),
    requireReady: options.requireReady === true,
    logOperations: options.logOperations === true,
    traceCommands: options.traceCommands === true
  }
}

const retryOf = ({ maxRetries, maxRetryDelay, retryDelay }: ProfileSettings): RetryPolicy.RetryPolicy => {
  const backoff = (retries: number) => RetryPolicy.exponential({ retries, base: retryDelay, cap: maxRetryDelay })
  const fewer = backoff(Math.min(maxRetries, 2))
  return RetryPolicy.make({ read: backoff(maxRetries), write: fewer, effectful: fewer })
}

const breakerOf = ({ failureThreshold, resetTimeout }: ProfileSettings): ClientSettings["circuitBreaker"] => ({
  tripPolicy: consecutive(failureThreshold),
  resetTimeout
})

const millis = (duration: Duration.Input | undefined, fallback: number): number =>
  duration === undefined ? fallback : Duration.toMillis(duration)

/**
 * Gives the settings that hold on such a demand, in values that are good as JSON and without what
 * is secret.
 */
export const show = (live: LiveSettings, demand: number): SettingsStats => {
  const { base: settings, circuits, connection, load, read, write } = live
  const { topology } = settings
  const login = Effect.isEffect(settings.login) ? undefined : { ...settings.login, ...connection.login }
  const differ =
    circuits.write !== undefined ||
    read.commandTimeout !== write.commandTimeout ||
    read.operationTimeout !== write.operationTimeout
  return {
    ...(settings.profile && { profile: settings.profile }),
    topology: topology._tag,
    addresses: addressesOf(topology, connection.address).map(addressText),
    login:
      login === undefined
        ? "asked"
        : { database: login.db ?? 0, tls: Boolean(login.tls), password: login.password !== undefined },
    connections: settings.connections,
    maxInFlight: settings.maxInFlight,
    maxReserved: settings.maxReserved,
    retryBudget: settings.retry.budget,
    circuitBreaker: circuit(circuits.read),
    probeOnReady: settings.probeOnReady,
    commandTimeout: shown(live.silence),
    operationTimeout: shown(Math.max(read.operationTimeout, write.operationTimeout)),
    connectTimeout: shown(settings.connectTimeout),
    closeTimeout: shown(settings.closeTimeout),
    historyInterval: shown(settings.historyInterval),
    requireReady: settings.requireReady,
    logOperations: settings.logOperations,
    traceCommands: settings.traceCommands,
    ...(differ && {
      read: operation(read, circuits.write && circuits.read),
      write: operation(write, circuits.write)
    }),
    ...(load && {
      load: {
        from: load.from,
        upTo: load.upTo,
        shortest: load.shortest,
        demand,
        level: load.levelAt(demand)
      }
    })
  }
}

const operation = (
  { commandTimeout, operationTimeout }: Times,
  breaker: ClientSettings["circuitBreaker"] | undefined
): OperationStats => ({
  commandTimeout: shown(commandTimeout),
  operationTimeout: shown(operationTimeout),
  ...(breaker && { circuitBreaker: circuit(breaker) })
})

const circuit = (breaker: ClientSettings["circuitBreaker"]): SettingsStats["circuitBreaker"] => {
  const { resetTimeout = defaultOpenTime } = breaker
  return {
    tripPolicy: { ...(breaker.tripPolicy ?? consecutive(5)) },
    resetTimeout: isResetSchedule(resetTimeout) ? "schedule" : Duration.format(Duration.fromInputUnsafe(resetTimeout)),
    successThreshold: breaker.successThreshold ?? 1,
    maxProbes: breaker.maxProbes ?? 1,
    probeTimeout: Duration.format(Duration.fromInputUnsafe(breaker.probeTimeout ?? defaultProbeTimeout))
  }
}

const shown = (millis: number): string => Duration.format(Duration.millis(millis))

const addressesOf = (topology: RedisTopology, said: Partial<RedisAddress>) => {
  switch (topology._tag) {
    case "Server":
      return [{ ...topology.address, ...said }]
    case "Sentinel":
      return topology.sentinels
    case "Cluster":
      return topology.seeds
  }
}
