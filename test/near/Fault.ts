import * as Fs from "node:fs"
import * as Path from "node:path"
import { Effect } from "effect"
import type { ProcessError } from "../chaos/Process.ts"
import type { RedisServer, RedisServerError } from "../support/RedisServer.ts"
import type { ReplyError } from "../support/Resp.ts"
import type { Connection, TcpProxy, TcpProxyError } from "../support/TcpProxy.ts"
import * as Replication from "../support/Replication.ts"

/** A real server and another one that nobody else uses, and the networks between the server and each process. */
export interface World {
  readonly server: RedisServer
  readonly other: RedisServer
  readonly proxies: ReadonlyArray<TcpProxy>
  /** Keeps the event loop of a process busy. */
  readonly block: (millis: number) => Effect.Effect<unknown, ProcessError>
  /** Redis forgets every key. */
  readonly flush: Effect.Effect<unknown, RedisServerError | ReplyError>
  /** Does what gives Redis older data: what was confirmed before says nothing after it. */
  readonly rollBack: <E>(act: Effect.Effect<unknown, E>) => Effect.Effect<unknown, E | ProcessError>
  readonly pids: ReadonlyArray<number>
}

type Failure = RedisServerError | ReplyError | TcpProxyError | ProcessError

/** One thing that goes wrong: `inject`, a while later `heal`. */
export interface Fault {
  readonly name: string
  readonly inject: (world: World) => Effect.Effect<unknown, Failure>
  readonly heal: (world: World) => Effect.Effect<unknown, Failure>
}

/** The links and the other connections of all processes. */
const connectionsOf = Effect.fnUntraced(function* ({ proxies, server }: World) {
  const listed = String(yield* server.cli("CLIENT", "LIST", "TYPE", "pubsub"))
  const ports = new Set(Array.from(listed.matchAll(/ addr=[^ ]*:(\d+) /g), ([, port]) => Number(port)))
  const all = (yield* Effect.forEach(proxies, ({ connections }) => connections)).flat()
  const isLink = (connection: Connection) => ports.has(connection.port() ?? 0)
  return { links: all.filter(isLink), data: all.filter((connection) => !isLink(connection)) }
})

const eachProxy =
  (act: (proxy: TcpProxy) => Effect.Effect<unknown, TcpProxyError>): Fault["inject"] =>
  ({ proxies }) =>
    Effect.forEach(proxies, act, { discard: true })

const each =
  (which: "links" | "data", act: (connection: Connection) => Effect.Effect<void>): Fault["inject"] =>
  (world) =>
    Effect.flatMap(connectionsOf(world), (connections) => Effect.forEach(connections[which], act, { discard: true }))

const nothing = () => Effect.void

const signal =
  (name: "SIGSTOP" | "SIGCONT"): Fault["inject"] =>
  ({ pids }) =>
    Effect.sync(() => {
      for (const pid of pids) process.kill(pid, name)
    })

// The server takes an older copy of its data from another one and is master again, with every connection open.
const copy = ({ other, server }: World) =>
  Effect.all([Replication.follow(other, server), other.cli("REPLICAOF", "NO", "ONE")])

const resynchronise = ({ other, rollBack, server }: World) =>
  rollBack(Effect.all([Replication.follow(server, other), server.cli("REPLICAOF", "NO", "ONE"), forgetDump(server)]))

// A replica takes over the data of its master by a file, which it would load when it is started again.
const forgetDump = ({ dir }: RedisServer) => Effect.sync(() => Fs.rmSync(Path.join(dir, "dump.rdb"), { force: true }))

export const all: ReadonlyArray<Fault> = [
  { name: "link cut", inject: each("links", ({ reset }) => reset), heal: nothing },
  { name: "link frozen", inject: each("links", ({ freeze }) => freeze), heal: each("links", ({ thaw }) => thaw) },
  { name: "link mute", inject: each("links", ({ mute }) => mute), heal: nothing },
  { name: "data cut", inject: each("data", ({ reset }) => reset), heal: nothing },
  { name: "data frozen", inject: each("data", ({ freeze }) => freeze), heal: each("data", ({ thaw }) => thaw) },
  { name: "both cut", inject: eachProxy(({ cut }) => cut), heal: nothing },
  { name: "both silent", inject: eachProxy(({ silent }) => silent), heal: eachProxy(({ pass }) => pass) },
  { name: "both held", inject: eachProxy(({ hold }) => hold), heal: eachProxy(({ pass }) => pass) },
  { name: "both slow", inject: eachProxy((proxy) => proxy.delay(100)), heal: eachProxy(({ pass }) => pass) },
  {
    name: "client kill",
    inject: ({ server }) =>
      Effect.andThen(server.cli("CLIENT", "KILL", "TYPE", "pubsub"), server.cli("CLIENT", "KILL", "TYPE", "normal")),
    heal: nothing
  },
  { name: "flushed", inject: ({ flush }) => flush, heal: nothing },
  { name: "server frozen", inject: ({ server }) => server.freeze, heal: ({ server }) => server.thaw },
  { name: "restarted empty", inject: ({ server }) => server.kill, heal: ({ server }) => server.start },
  { name: "resynchronised", inject: copy, heal: resynchronise },
  { name: "loop blocked", inject: ({ block }) => block(900), heal: nothing },
  { name: "process stopped", inject: signal("SIGSTOP"), heal: signal("SIGCONT") }
]
