import * as Fs from "node:fs"
import * as Path from "node:path"
import { Effect, Schedule } from "effect"
import type { RedisServer, RedisServerError } from "../support/RedisServer.ts"
import type { ReplyError } from "../support/Resp.ts"
import type { TcpProxy, TcpProxyError } from "../support/TcpProxy.ts"
import * as Replication from "../support/Replication.ts"
import * as ReplyCutter from "./ReplyCutter.ts"

/** A real server, the network between it and the workers, and another server that nobody else uses. */
export interface World {
  readonly server: RedisServer
  readonly other: RedisServer
  readonly proxy: TcpProxy
}

type Act = (world: World) => Effect.Effect<unknown, RedisServerError | ReplyError | TcpProxyError>

/** One thing that goes wrong. `inject` may go on for as long as the fault lasts and is interrupted then; after `heal`, Redis answers. */
export interface Fault {
  readonly name: string
  readonly title: string
  /** What happens, in a sentence. */
  readonly says: string
  /** Before the calm phase that comes first. */
  readonly prepare?: Act
  readonly inject: Act
  readonly heal: Act
  /** At once: the fault is over as soon as it has happened. */
  readonly instant?: true
  /**
   * When a process may read another's value that it had read before its own last acknowledged write:
   *
   * - `"doubt"`: the other's command may have been executed and lost its reply, and is executed once more.
   * - `"resynchronised"`: for a second, while nobody has noticed that the server's data are older.
   *
   * Default: never.
   */
  readonly foreignBack?: "doubt" | "resynchronised"
  /**
   * Whether the server serves older data, so that other processes may read what was cleared: no region is emptied
   * again for that.
   */
  readonly forgetsClears?: true
}

const nothing: Act = () => Effect.void

const forgetDump = ({ server }: World) =>
  Effect.sync(() => Fs.rmSync(Path.join(server.dir, "dump.rdb"), { force: true }))

const die: Act = ({ proxy, server }) => Effect.andThen(proxy.refuse, server.kill)

// The other server becomes a copy of this one, and stays as it is then.
const copy: Act = ({ other, server }) =>
  Replication.follow(other, server).pipe(Effect.andThen(other.cli("REPLICAOF", "NO", "ONE")))

const promote: Act = ({ server }) => server.cli("REPLICAOF", "NO", "ONE")

const come: Act = ({ proxy, server }) => Effect.andThen(server.start, proxy.listen)

export const all: ReadonlyArray<Fault> = [
  {
    name: "killed",
    title: "SIGKILL, then started again",
    says: "The server dies, connections are refused, and it comes back empty.",
    inject: die,
    heal: come
  },
  {
    name: "frozen",
    title: "SIGSTOP, then SIGCONT",
    says: "The server stops answering with every connection open, and later executes what it was sent.",
    inject: ({ server }) => server.freeze,
    heal: ({ server }) => server.thaw,
    foreignBack: "doubt"
  },
  {
    name: "silent",
    title: "A link that goes silent",
    says: "The network swallows everything both ways and says nothing.",
    inject: ({ proxy }) => proxy.silent,
    heal: ({ proxy }) => proxy.pass,
    foreignBack: "doubt"
  },
  {
    name: "slow",
    title: "A slow link (200 ms)",
    says: "Every byte takes 200 ms longer, each way.",
    inject: ({ proxy }) => proxy.delay(200),
    heal: ({ proxy }) => proxy.pass,
    foreignBack: "doubt"
  },
  {
    name: "flapping",
    title: "A link that flaps every second",
    says: "Cut and refused for a second, open for a second, again and again.",
    inject: ({ proxy }) =>
      Effect.all([proxy.refuse, proxy.cut, Effect.sleep("1 second"), proxy.listen, Effect.sleep("1 second")]).pipe(
        Effect.forever
      ),
    heal: ({ proxy }) => proxy.listen,
    foreignBack: "doubt"
  },
  {
    name: "cut",
    title: "Cut in the middle of a reply",
    says: "Every connection breaks off inside a reply after 200 kB of them, and the next one too.",
    inject: ({ proxy, server }) =>
      Effect.all([
        proxy.refuse,
        proxy.cut,
        ReplyCutter.make({ port: proxy.port, target: server.port, afterBytes: 200_000 })
      ]).pipe(Effect.andThen(Effect.never), Effect.scoped),
    heal: ({ proxy }) => proxy.listen,
    foreignBack: "doubt"
  },
  {
    name: "full",
    title: "maxmemory reached",
    says: "Redis answers reads and removes, and refuses every write with OOM.",
    inject: ({ server }) => server.cli("CONFIG", "SET", "maxmemory", "100kb"),
    heal: ({ server }) => server.cli("CONFIG", "SET", "maxmemory", "0")
  },
  {
    name: "client-kill",
    title: "CLIENT KILL of all, every second",
    says: "Redis closes every connection of its clients, once a second.",
    inject: ({ server }) => Effect.repeat(server.cli("CLIENT", "KILL", "TYPE", "normal"), Schedule.fixed("1 second")),
    heal: nothing,
    foreignBack: "doubt"
  },
  {
    name: "emptied",
    title: "Restarted with an empty store",
    says: "The server dies and is back at once, without its data.",
    inject: (world) => Effect.andThen(world.server.kill, world.server.start),
    heal: nothing,
    instant: true
  },
  {
    name: "old-data",
    title: "Restarted with the old data set",
    says: "The server saves a dump, is written to, dies two seconds before it comes back, and serves the dump.",
    prepare: ({ server }) => server.cli("SAVE"),
    inject: (world) => Effect.andThen(die(world), Effect.sleep("2 seconds")),
    heal: (world) => Effect.andThen(come(world), forgetDump(world)),
    instant: true,
    forgetsClears: true
  },
  {
    name: "dump",
    title: "Restarted at once from a dump",
    says: "The server saves a dump, is written to, dies, and serves the dump the moment after.",
    prepare: ({ server }) => server.cli("SAVE"),
    inject: ({ server }) => Effect.andThen(server.kill, server.start),
    heal: forgetDump,
    instant: true,
    forgetsClears: true
  },
  {
    name: "demoted",
    title: "Demoted, resynchronised, promoted",
    says: "The server takes an older copy of its data from another one and is master again, with every connection open.",
    prepare: copy,
    inject: ({ other, server }) => Effect.andThen(Replication.follow(server, other), Effect.sleep("1 second")),
    heal: promote,
    instant: true,
    forgetsClears: true,
    foreignBack: "resynchronised"
  },
  {
    name: "demoted-cut",
    title: "The same, with new connections",
    says: "The server takes an older copy of its data while nobody reaches it, and is master again when they connect anew.",
    prepare: copy,
    inject: ({ other, proxy, server }) =>
      Effect.all([proxy.refuse, proxy.cut, Replication.follow(server, other), Effect.sleep("1 second")]),
    heal: (world) => Effect.andThen(promote(world), world.proxy.listen),
    instant: true,
    forgetsClears: true
  }
]
