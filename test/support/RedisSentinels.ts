import * as Crypto from "node:crypto"
import { Data, Effect, type Scope } from "effect"
import * as Announced from "./Announced.ts"
import type * as Certificates from "./Certificates.ts"
import type * as FreePort from "./FreePort.ts"
import * as LiveClock from "./LiveClock.ts"
import type * as DebianPackage from "./DebianPackage.ts"
import * as RedisServer from "./RedisServer.ts"
import type * as Resp from "./Resp.ts"
import type * as TcpProxy from "./TcpProxy.ts"
import * as Replication from "./Replication.ts"
import * as Wait from "./Wait.ts"

/**
 * Real sentinels on 127.0.0.1 that watch a real master with its replicas, gone with their scope. They know each other from
 * their files, so that they are ready at once.
 */
export interface RedisSentinels {
  /** What the master is called: `main`. */
  readonly name: string
  readonly sentinels: ReadonlyArray<Announced.Announced>
  /** The master of the beginning, then its replicas. */
  readonly servers: ReadonlyArray<Announced.Announced>
  /** The one at this place in `servers`. */
  readonly server: (index: number) => Announced.Announced
  /** The one at this place in `sentinels`. */
  readonly sentinel: (index: number) => Announced.Announced
  /** The master that most of the sentinels name, if there is one. */
  readonly master: Effect.Effect<Announced.Announced | undefined>
  /** Waits until most of the sentinels name another master than this one, and says which. */
  readonly nextMaster: (lost: Announced.Announced) => Effect.Effect<Announced.Announced>
  /** Waits until a server other than this one says that it is a master, and says which: earlier than the sentinels do. */
  readonly promoted: (lost: Announced.Announced) => Effect.Effect<Announced.Announced>
  /** Has the sentinels put a replica in the place of the living master; what they then do takes a second or more. */
  readonly failover: Effect.Effect<void, SentinelError>
  /** From what is announced to where it listens, where there are proxies. */
  readonly addressMap: ReturnType<typeof Announced.addressMap>
}

export interface Options {
  /** Default: 3. */
  readonly sentinels?: number | undefined
  /** Default: 1. */
  readonly replicas?: number | undefined
  /** Milliseconds of silence after which a sentinel takes the master for dead. Default: 1000. */
  readonly downAfter?: number | undefined
  /** How many milliseconds a failover may take; a failed one is tried again after twice that. Default: 3000. */
  readonly failoverTimeout?: number | undefined
  /** Of the servers' default user; the sentinels and the replicas are told. */
  readonly password?: string | undefined
  /** Of the sentinels' own default user. */
  readonly sentinelPassword?: string | undefined
  /** Encrypts everything, between the servers too. */
  readonly tls?: Certificates.Certificates | undefined
  /** Puts a proxy before each server and sentinel, by which they know each other: so they can be partitioned. */
  readonly proxied?: boolean | undefined
  /** More lines for the redis.conf of every server, such as `min-replicas-to-write 1`. */
  readonly config?: ReadonlyArray<string> | undefined
}

/** No sentinel did what was asked. */
export class SentinelError extends Data.TaggedError("SentinelError")<{ readonly message: string }> {}

export type StartError =
  | SentinelError
  | RedisServer.RedisServerError
  | DebianPackage.MissingProgram
  | FreePort.FreePortError
  | TcpProxy.TcpProxyError

/**
 * Starts servers and sentinels, and waits until the replicas follow and every sentinel names the master.
 *
 * **Example** (A master that is replaced)
 *
 * ```ts
 * const { server, nextMaster } = yield* RedisSentinels.make({ downAfter: 500 })
 * yield* server(0).kill
 * const master = yield* nextMaster(server(0))
 * ```
 */
export const make: (options?: Options) => Effect.Effect<RedisSentinels, StartError, Scope.Scope> = Effect.fnUntraced(
  function* (options: Options = {}) {
    const { sentinels, servers } = yield* startAll(options).pipe(
      // Another process may take a free port before a server does.
      Effect.retry({ times: 3, while: (error) => /address already in use/i.test(error.message) })
    )
    const made: RedisSentinels = {
      name,
      sentinels,
      servers,
      server: (index) => existing(servers[index]),
      sentinel: (index) => existing(sentinels[index]),
      master: masterOf(sentinels, servers),
      nextMaster: (lost) => awaitOther("most of the sentinels name", lost, masterOf(sentinels, servers)),
      promoted: (lost) => awaitOther("there is", lost, promotedBeside(servers, lost)),
      failover: failover(sentinels),
      addressMap: Announced.addressMap([...servers, ...sentinels])
    }
    yield* Effect.forEach(servers.slice(1), Replication.inSync, { concurrency: "unbounded", discard: true })
    yield* Wait.until(
      "the sentinels name the master",
      Effect.map(made.master, (master) => master === servers[0])
    )
    return made
  },
  LiveClock.provide
)

const name = "main"

const existing = (server: Announced.Announced | undefined): Announced.Announced => {
  if (server === undefined) throw new Error("there is no such server")
  return server
}

// ---------------------------------------------------------------------------------------------------------------------
// Starting
// ---------------------------------------------------------------------------------------------------------------------

const startAll = Effect.fnUntraced(function* (options: Options) {
  const proxied = options.proxied === true
  const count = 1 + (options.replicas ?? 1)
  const places = yield* Announced.places(count + (options.sentinels ?? 3), proxied)
  const [ofServers, ofSentinels] = [places.slice(0, count), places.slice(count)]
  const watchers = ofSentinels.map((place) => ({ place, id: Crypto.randomBytes(20).toString("hex") }))
  const servers = yield* Effect.forEach(ofServers, (place) => startServer(options, place, ofServers), {
    concurrency: "unbounded"
  })
  const sentinels = yield* Effect.forEach(watchers, (self) => startSentinel(options, self, watchers, ofServers), {
    concurrency: "unbounded"
  })
  return { servers, sentinels }
})

const startServer = Effect.fnUntraced(function* (
  options: Options,
  place: Announced.Place,
  places: ReadonlyArray<Announced.Place>
) {
  const { password, tls } = options
  const [master] = places
  const config = [
    ...(master === undefined || place === master ? [] : [`replicaof 127.0.0.1 ${master.announcedPort}`]),
    ...(place.proxy === undefined
      ? []
      : ["replica-announce-ip 127.0.0.1", `replica-announce-port ${place.announcedPort}`]),
    "repl-diskless-sync-delay 0",
    "repl-ping-replica-period 1",
    ...(password === undefined ? [] : [`masterauth ${JSON.stringify(password)}`]),
    ...(tls === undefined ? [] : ["tls-replication yes"]),
    ...(options.config ?? [])
  ]
  return Announced.at(place, yield* RedisServer.make({ port: place.port, password, tls, config }))
})

interface Watcher {
  readonly place: Announced.Place
  readonly id: string
}

const startSentinel = Effect.fnUntraced(function* (
  options: Options,
  self: Watcher,
  watchers: ReadonlyArray<Watcher>,
  servers: ReadonlyArray<Announced.Place>
) {
  const { sentinelPassword: password, tls } = options
  const config = sentinelLines(options, self, watchers, servers)
  const server = yield* RedisServer.make({ port: self.place.port, password, tls, config, sentinel: true })
  return Announced.at(self.place, server)
})

// With the replicas and the other sentinels in its file, a sentinel has nothing to discover, which takes two seconds.
const sentinelLines = (
  options: Options,
  self: Watcher,
  watchers: ReadonlyArray<Watcher>,
  [master, ...replicas]: ReadonlyArray<Announced.Place>
): ReadonlyArray<string> => [
  `sentinel myid ${self.id}`,
  `sentinel monitor ${name} 127.0.0.1 ${master?.announcedPort} ${Math.floor(watchers.length / 2) + 1}`,
  `sentinel down-after-milliseconds ${name} ${options.downAfter ?? 1000}`,
  `sentinel failover-timeout ${name} ${options.failoverTimeout ?? 3000}`,
  ...(options.password === undefined ? [] : [`sentinel auth-pass ${name} ${JSON.stringify(options.password)}`]),
  ...(options.sentinelPassword === undefined
    ? []
    : [`sentinel sentinel-pass ${JSON.stringify(options.sentinelPassword)}`]),
  ...(options.tls === undefined ? [] : ["tls-replication yes"]),
  ...(self.place.proxy === undefined
    ? []
    : ["sentinel announce-ip 127.0.0.1", `sentinel announce-port ${self.place.announcedPort}`]),
  ...replicas.map(({ announcedPort }) => `sentinel known-replica ${name} 127.0.0.1 ${announcedPort}`),
  ...watchers
    .filter((other) => other !== self)
    .map(({ id, place }) => `sentinel known-sentinel ${name} 127.0.0.1 ${place.announcedPort} ${id}`)
]

// ---------------------------------------------------------------------------------------------------------------------
// What they say
// ---------------------------------------------------------------------------------------------------------------------

/** The reply of those that answer at once; what is dead or frozen is no answer. */
const answer = (server: Announced.Announced, ...args: ReadonlyArray<string>): Effect.Effect<Resp.Reply | undefined> =>
  server.cli(...args).pipe(
    Effect.timeout("300 millis"),
    Effect.orElseSucceed(() => undefined)
  )

const masterOf = (sentinels: ReadonlyArray<Announced.Announced>, servers: ReadonlyArray<Announced.Announced>) =>
  Effect.forEach(sentinels, (sentinel) => answer(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name), {
    concurrency: "unbounded"
  }).pipe(
    Effect.map((replies) => {
      const ports = replies.flatMap((reply) => (Array.isArray(reply) ? [Number(reply[1])] : []))
      const named = (server: Announced.Announced) => ports.filter((port) => port === server.announcedPort).length
      return servers.find((server) => named(server) * 2 > ports.length)
    }),
    LiveClock.provide
  )

const promotedBeside = (servers: ReadonlyArray<Announced.Announced>, lost: Announced.Announced) =>
  Effect.forEach(
    servers.filter((server) => server !== lost),
    (server) =>
      Effect.map(answer(server, "ROLE"), (role) => (Array.isArray(role) && role[0] === "master" ? server : undefined)),
    { concurrency: "unbounded" }
  ).pipe(Effect.map((masters) => masters.find((master) => master !== undefined)))

const awaitOther = Effect.fnUntraced(function* (
  who: string,
  lost: Announced.Announced,
  look: Effect.Effect<Announced.Announced | undefined>
) {
  let found = lost
  yield* Wait.until(
    `${who} another master than ${lost.port}`,
    Effect.map(look, (master) => {
      found = master ?? lost
      return found !== lost
    })
  )
  return found
}, LiveClock.provide)

// A sentinel that has not seen the replica yet says NOGOODSLAVE: the first one that agrees does it.
const failover = (sentinels: ReadonlyArray<Announced.Announced>): Effect.Effect<void, SentinelError> =>
  Effect.firstSuccessOf(sentinels.map((sentinel) => sentinel.cli("SENTINEL", "FAILOVER", name))).pipe(
    Effect.mapError(({ message }) => new SentinelError({ message: `SENTINEL FAILOVER: ${message}` })),
    Effect.asVoid
  )
