import { Duration, Effect } from "effect"
import type { OperationKind } from "../dispatch.ts"
import type { RedisLogin } from "../RedisConnector.ts"
import * as RetryPolicy from "../RetryPolicy.ts"
import type { CircuitSettings, OperationSettings, RetrySettings, Settings } from "../RuntimeSettings.ts"
import { consecutive } from "./circuitBreaker/TripPolicy.ts"
import type { ClientSettings } from "./clientSettings.ts"
import { defined } from "./defined.ts"
import { LoadRule } from "./LoadRule.ts"
import { defaultsOf } from "./profiles.ts"
import * as Retries from "./Retries.ts"
import { type Connection, connectionOf } from "./settings/connection.ts"
import { changed } from "./settings/merge.ts"

/** Holds the deadlines of one kind of operation, in milliseconds. */
export interface Times {
  readonly commandTimeout: number
  readonly operationTimeout: number
}

type CircuitOptions = ClientSettings["circuitBreaker"]

/**
 * What of a client's settings may change while it runs, as plain fields: whoever uses one reads it
 * at each call, and only a change of the settings works anything out.
 */
export class LiveSettings {
  /** Is what the client's own options say. */
  readonly base: ClientSettings
  /** Is what was said at run time. */
  said: Settings = {}
  read: Times
  write: Times
  /** Says for how long a connection with something in flight may be silent. */
  silence: number
  policy: RetryPolicy.RetryPolicy
  /** Holds the circuit of reads, and of everything else where each server has one of its own. */
  circuits: { readonly read: CircuitOptions; readonly write: CircuitOptions | undefined }
  /** Shortens deadlines and sheds retries, where somebody asked for it. */
  load: LoadRule | undefined
  /** Is what was said of the connection. */
  connection: Connection = connectionOf()
  /** Are told when the connection is to be another one. */
  readonly successions = new Set<() => void>()
  /** Are told when something has changed. */
  readonly listeners = new Set<() => void>()

  constructor(base: ClientSettings) {
    this.base = base
    this.read = base
    this.write = base
    this.silence = base.commandTimeout
    this.policy = base.retry
    this.circuits = { read: base.circuitBreaker, write: undefined }
  }

  /** Gives the deadlines of a kind of operation. */
  timesOf(kind: OperationKind): Times {
    return kind === "read" ? this.read : this.write
  }

  /** Gives the login of now: the client's own, and what was said in its place. */
  login(own: ClientSettings["login"]): Effect.Effect<RedisLogin, unknown> {
    return Effect.map(Effect.isEffect(own) ? own : Effect.succeed(own), (login) => ({
      ...login,
      ...this.connection.login,
      // Whoever turns TLS on says nothing of the certificates that the client was given.
      ...(this.connection.login.tls === true && { tls: login.tls || true })
    }))
  }

  /** Takes over what is said now. */
  apply(said: Settings): void {
    const { base } = this
    const before = this.said
    this.said = said
    this.read = timesOf(base, said, said.read)
    this.write = timesOf(base, said, said.write)
    this.silence = Math.max(this.read.commandTimeout, this.write.commandTimeout)
    this.policy = policyOf(base, said)
    const areApart = isSaid(said.read?.circuit) || isSaid(said.write?.circuit)
    const circuitOf = (kind: OperationKind) =>
      breakerOf(base.circuitBreaker, { ...defined(said.circuit), ...defined(said[kind]?.circuit) })
    this.circuits = { read: circuitOf("read"), write: areApart ? circuitOf("write") : undefined }
    this.load = said.load?.enabled === true ? new LoadRule(said.load) : undefined
    for (const listener of this.listeners) listener()
    if (changed(before.connection ?? {}, said.connection ?? {}).length === 0) return
    this.connection = connectionOf(said.connection)
    for (const succeed of this.successions) succeed()
  }
}

const timesOf = (base: Times, said: OperationSettings, ofKind: OperationSettings = {}): Times => ({
  commandTimeout: millisOr(ofKind.commandTimeout ?? said.commandTimeout, base.commandTimeout),
  operationTimeout: millisOr(ofKind.operationTimeout ?? said.operationTimeout, base.operationTimeout)
})

const millisOr = (duration: Duration.Input | undefined, otherwise: number): number =>
  duration === undefined ? otherwise : Duration.toMillis(duration)

// Writes are sent again at most twice unless somebody says otherwise of writes.
const policyOf = ({ profile, retry: base }: ClientSettings, said: Settings): RetryPolicy.RetryPolicy => {
  const shared = defined(said.retry)
  const defaults = defaultsOf(profile)
  // What is left open stays as it was, as far as a schedule says what it was made of.
  const backoff = (own: RetryPolicy.RetrySchedule, said: RetrySettings, retries: number) => {
    const before = Retries.optionsOf(own)
    return RetryPolicy.exponential({
      retries: said.maxRetries ?? before?.retries ?? retries,
      base: said.delay ?? before?.base ?? defaults.retryDelay,
      cap: said.maxDelay ?? before?.cap ?? defaults.maxRetryDelay
    })
  }
  const ofReads = { ...shared, ...defined(said.read?.retry) }
  const ofWrites = {
    ...shared,
    ...(said.retry?.maxRetries !== undefined && { maxRetries: Math.min(said.retry.maxRetries, 2) }),
    ...defined(said.write?.retry)
  }
  const fewer = Math.min(defaults.maxRetries, 2)
  const ofWrite = (own: RetryPolicy.RetrySchedule) => (isSaid(ofWrites) ? backoff(own, ofWrites, fewer) : own)
  return {
    ...base,
    read: isSaid(ofReads) ? backoff(base.read, ofReads, defaults.maxRetries) : base.read,
    write: ofWrite(base.write),
    effectful: ofWrite(base.effectful)
  }
}

const breakerOf = (
  base: CircuitOptions,
  { failureThreshold, resetTimeout, successThreshold }: CircuitSettings
): CircuitOptions => ({
  ...base,
  ...(failureThreshold !== undefined && { tripPolicy: consecutive(failureThreshold) }),
  ...(resetTimeout !== undefined && { resetTimeout }),
  ...(successThreshold !== undefined && { successThreshold })
})

const isSaid = (settings: object | undefined): boolean => Object.keys(defined(settings)).length > 0
