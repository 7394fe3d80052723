import { Duration } from "effect"
import type { RedisAddress } from "../../RedisConnector.ts"
import * as Fault from "../Fault.ts"
import type * as SimulatedRedis from "../SimulatedRedis.ts"
import type { Options } from "../SimulatedServer.ts"
import { Server } from "./Server.ts"
import type { Timers } from "./Timers.ts"

/** Says where the default server says that it listens. */
const defaultAddress: RedisAddress = { host: "simulated-redis", port: 6379 }

/** The servers by their addresses; any other address reaches the default one. */
export class Network {
  readonly default: Server
  readonly #timers: Timers
  readonly #options: Options
  /** The addresses at which somebody has reached the default server. */
  readonly #defaulted = new Set<string>()
  readonly #onMissingScript: (sha: string) => void
  readonly #servers = new Map<string, Server>()
  readonly #routes = new Map<string, Server>()

  constructor(
    timers: Timers,
    { servers = [], ...options }: SimulatedRedis.Options,
    onMissingScript: (sha: string) => void
  ) {
    this.#timers = timers
    this.#options = options
    this.#onMissingScript = onMissingScript
    this.default = this.#make(defaultAddress, options)
    for (const address of servers) this.server(address, {})
  }

  /** The server that whoever connects to an address reaches. */
  at(address: RedisAddress): Server {
    const key = keyOf(address)
    const own = this.#routes.get(key) ?? this.#servers.get(key)
    if (own === undefined) this.#defaulted.add(key)
    return own ?? this.default
  }

  /** The server that listens at an address. */
  serverAt(address: RedisAddress): Server {
    return this.#servers.get(keyOf(address)) ?? this.default
  }

  /** Lets an address reach another server than the one that listens there. */
  route(address: RedisAddress, server: Server): void {
    this.#routes.set(keyOf(address), server)
  }

  /**
   * The server that an address was given for. It is made at the first call, like the default one
   * but for `options`.
   */
  server(address: RedisAddress, options: Options): Server {
    const existing = this.#servers.get(keyOf(address))
    if (existing !== undefined) return existing
    if (this.#defaulted.has(keyOf(address))) {
      throw new Error(
        `SimulatedRedis: somebody has connected to ${keyOf(address)} before it had a server of its own, and has reached the default one. Name it when the servers are made: SimulatedRedis.layer({ servers: [{ host: "${address.host}", port: ${address.port} }] })`
      )
    }
    const seed = (this.#options.seed ?? 0) + this.#servers.size + 1
    const server = this.#make(address, { ...this.#options, script: undefined, seed, ...options })
    this.#servers.set(keyOf(address), server)
    return server
  }

  close(): void {
    for (const server of [this.default, ...this.#servers.values()]) server.dropAll()
  }

  #make(address: RedisAddress, options: Options): Server {
    const { clockOffset = 0, commands = [], latency = 0, script = [], scripts = [] } = options
    const { channels, denied, password, users } = options
    const server = new Server(this.#timers, {
      address,
      latency: Duration.toMillis(latency),
      clockOffset: Duration.toMillis(clockOffset),
      seed: options.seed ?? 0,
      access: { password, users, denied, channels },
      scripts,
      commands,
      onMissingScript: this.#onMissingScript,
      serverAt: (address) => this.serverAt(address)
    })
    for (const scheduled of script) schedule(server, this.#timers, scheduled)
    return server
  }
}

const keyOf = ({ host, port }: RedisAddress): string => `${host}:${port}`

const schedule = (server: Server, timers: Timers, { fault, from, to }: Fault.ScheduledFault): void => {
  const start = () => server.inject(fault)
  const millis = Duration.toMillis(from)
  if (millis > 0) timers.after(millis, start)
  else start()
  if (to === undefined) return
  // Another fault that came meanwhile is not this one's to end.
  timers.after(Duration.toMillis(to), () => {
    if (server.fault === fault) server.inject(Fault.none)
  })
}
