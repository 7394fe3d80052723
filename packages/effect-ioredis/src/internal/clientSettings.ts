import { Duration, Effect, Schedule } from "effect"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type { Options, SettingsStats } from "../RedisClient.ts"
import * as RetryPolicy from "../RetryPolicy.ts"
import { type RedisTopology, server } from "../RedisTopology.ts"
import { addressText } from "./address.ts"
import { defaultProbeTimeout } from "./circuitBreaker/Circuit.ts"
import { defaultOpenTime } from "./circuitBreaker/OpenTimes.ts"
import { consecutive, never } from "./circuitBreaker/TripPolicy.ts"

/** The options of a client with their defaults. Times are in milliseconds. */
export interface ClientSettings {
  readonly name: string
  readonly topology: RedisTopology
  readonly login: NonNullable<Options["login"]>
  readonly connections: number
  readonly maxInFlight: number
  readonly maxReserved: number
  readonly retry: RetryPolicy.RetryPolicy
  readonly circuitBreaker: Omit<CircuitBreaker.Options, "classify">
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
export const resolve = (options: Options): ClientSettings => ({
  name: options.name ?? "redis",
  topology: options.topology ?? server({ host: "localhost", port: 6379 }),
  login: options.login ?? {},
  connections: options.connections ?? 1,
  maxInFlight: options.maxInFlight ?? 10_000,
  maxReserved: options.maxReserved ?? 10,
  retry: options.retry ?? RetryPolicy.make(),
  circuitBreaker: options.circuitBreaker === false ? { tripPolicy: never } : (options.circuitBreaker ?? {}),
  probeOnReady: options.probeOnReady !== false,
  commandTimeout: millis(options.commandTimeout, 2000),
  operationTimeout: millis(options.operationTimeout, 5000),
  connectTimeout: millis(options.connectTimeout, 2000),
  closeTimeout: millis(options.closeTimeout, 2000),
  historyInterval: millis(options.historyInterval, 1000),
  requireReady: options.requireReady === true,
  logOperations: options.logOperations === true,
  traceCommands: options.traceCommands === true
})

const millis = (duration: Duration.Input | undefined, fallback: number): number =>
  duration === undefined ? fallback : Duration.toMillis(duration)

/** Gives the settings in values that are good as JSON, without what is secret. */
export const show = (settings: ClientSettings): SettingsStats => {
  const { circuitBreaker: breaker, login, retry, topology } = settings
  const { resetTimeout = defaultOpenTime } = breaker
  return {
    topology: topology._tag,
    addresses: addressesOf(topology).map(addressText),
    login: Effect.isEffect(login)
      ? "asked"
      : { database: login.db ?? 0, tls: Boolean(login.tls), password: login.password !== undefined },
    connections: settings.connections,
    maxInFlight: settings.maxInFlight,
    maxReserved: settings.maxReserved,
    retryBudget: retry.budget,
    circuitBreaker: {
      tripPolicy: breaker.tripPolicy ?? consecutive(5),
      resetTimeout: Schedule.isSchedule(resetTimeout)
        ? "schedule"
        : Duration.format(Duration.fromInputUnsafe(resetTimeout)),
      successThreshold: breaker.successThreshold ?? 1,
      maxProbes: breaker.maxProbes ?? 1,
      probeTimeout: Duration.format(Duration.fromInputUnsafe(breaker.probeTimeout ?? defaultProbeTimeout))
    },
    probeOnReady: settings.probeOnReady,
    commandTimeout: shown(settings.commandTimeout),
    operationTimeout: shown(settings.operationTimeout),
    connectTimeout: shown(settings.connectTimeout),
    closeTimeout: shown(settings.closeTimeout),
    historyInterval: shown(settings.historyInterval),
    requireReady: settings.requireReady,
    logOperations: settings.logOperations,
    traceCommands: settings.traceCommands
  }
}

const shown = (millis: number): string => Duration.format(Duration.millis(millis))

const addressesOf = (topology: RedisTopology) => {
  switch (topology._tag) {
    case "Server":
      return [topology.address]
    case "Sentinel":
      return topology.sentinels
    case "Cluster":
      return topology.seeds
  }
}
