import { Effect, Schedule, type Scope } from "effect"
import type * as RedisServer from "../support/RedisServer.ts"
import type * as TcpProxy from "../support/TcpProxy.ts"
import type { Habit, Settings } from "./Settings.ts"

/** What a fault befalls. */
export interface World {
  readonly server: RedisServer.RedisServer
  readonly link: TcpProxy.TcpProxy
  readonly tell: (habit: Habit, on: boolean) => Effect.Effect<void>
}

/** Which alerts belong to a fault: those that have to fire, and those that may, by when things happen. */
export interface Fault {
  readonly name: string
  /** It is one of the ten faults, of which at most one may have no alert. The others show what the ten do not. */
  readonly isOneOfTen: boolean
  readonly program?: Omit<Partial<Settings>, "url">
  readonly server?: RedisServer.Options
  /** Before it, while all is well. */
  readonly prepare?: (world: World) => Effect.Effect<void, unknown>
  /** What goes on for as long as it lasts is forked into the scope. */
  readonly begin: (world: World) => Effect.Effect<void, unknown, Scope.Scope>
  readonly end: (world: World) => Effect.Effect<void, unknown>
  readonly must: ReadonlyArray<string>
  readonly may?: ReadonlyArray<string>
  /** Its alerts go on when it is over. */
  readonly lasts?: boolean
}

const users = [{ name: "app", password: "secret" }]

const cli = ({ server }: World, line: string) => Effect.asVoid(server.cli(...line.split(" ")))

/** Nobody answers. */
const gone = ["CacheRunsOnMemory", "RedisCircuitOpen", "RedisNotConnected"]

// What cannot be stored is no hit later.
const notStored = ["CacheHitRatioHalved"]

const ofTen: ReadonlyArray<Omit<Fault, "isOneOfTen">> = [
  {
    name: "killed",
    program: { maxReserved: 4 },
    // A link that has lost its server accepts whoever comes, which no killed server does.
    begin: ({ link, server }) => Effect.andThen(server.kill, Effect.andThen(link.refuse, link.cut)),
    end: ({ link, server }) => Effect.andThen(server.start, link.listen),
    must: gone
  },
  {
    name: "frozen",
    begin: ({ server }) => server.freeze,
    end: ({ server }) => server.thaw,
    must: gone,
    // The reads that it takes to see it, and the probes.
    may: ["CacheWaitsForRedis"]
  },
  {
    name: "silent link",
    begin: ({ link }) => link.silent,
    end: ({ link }) => link.pass,
    must: gone,
    may: ["CacheWaitsForRedis"]
  },
  {
    name: "200 ms slower",
    begin: ({ link }) => link.delay(100),
    end: ({ link }) => link.pass,
    must: ["CacheWaitsForRedis"]
  },
  {
    name: "password changed",
    server: { users },
    begin: (world) =>
      Effect.andThen(cli(world, "ACL SETUSER app resetpass >other"), cli(world, "CLIENT KILL USER app")),
    end: (world) => cli(world, "ACL SETUSER app >secret"),
    must: [...gone, "RedisCannotLogIn"]
  },
  {
    name: "OOM",
    begin: (world) => cli(world, "CONFIG SET maxmemory 1"),
    end: (world) => cli(world, "CONFIG SET maxmemory 0"),
    must: ["RedisRefusesCommands"],
    may: notStored
  },
  {
    name: "READONLY",
    begin: (world) => cli(world, "REPLICAOF 127.0.0.1 1"),
    end: (world) => cli(world, "REPLICAOF NO ONE"),
    must: ["RedisManyRetries", "RedisRefusesCommands"],
    may: notStored
  },
  {
    name: "permission taken away",
    server: { users },
    begin: (world) => cli(world, "ACL SETUSER app -@write"),
    end: (world) => cli(world, "ACL SETUSER app +@write"),
    // Redis is not asked again and again for what it refuses.
    must: ["CacheRunsOnMemory"]
  },
  {
    // What it has kept of an hour ago is no error to anyone: the cache distrusts it, and looks up anew.
    name: "old dump",
    prepare: (world) => cli(world, "SAVE"),
    begin: ({ server }) => Effect.andThen(server.kill, server.start),
    end: () => Effect.void,
    must: [],
    // A restart takes a second or two, which here are a minute.
    may: ["RedisCircuitOpen", "RedisNotConnected"]
  },
  {
    name: "busy process",
    begin: ({ tell }) => tell("busy", true),
    end: ({ tell }) => tell("busy", false),
    must: ["EventLoopBusy"],
    // It reads the rates less often than they live.
    may: ["CacheHitRatioHalved"]
  }
]

// What another program leaves under the keys of this one.
const garbage = ({ server }: World) =>
  Effect.forEach(
    Array.from({ length: 20 }, (_, index) => index * 10),
    (index) => server.cli("SET", `cache:items:v1:=item-${index}`, "garbage"),
    { discard: true }
  )

const others: ReadonlyArray<Omit<Fault, "isOneOfTen">> = [
  {
    name: "small journal",
    program: { journal: 20 },
    begin: ({ server }) => server.kill,
    end: ({ server }) => server.start,
    must: [...gone, "CacheJournalNearlyFull", "CacheRegionGivenUp"]
  },
  {
    name: "garbage",
    begin: (world) =>
      Effect.asVoid(Effect.forkScoped(Effect.repeat(Effect.exit(garbage(world)), Schedule.spaced("500 millis")))),
    end: () => Effect.void,
    must: ["CacheValuesUnreadable"]
  },
  {
    name: "small memory",
    program: { maxBytes: 300_000 },
    begin: ({ tell }) => tell("grow", true),
    end: ({ tell }) => tell("grow", false),
    must: ["CacheMemoryTooSmall"],
    lasts: true
  },
  {
    name: "new keys only",
    begin: ({ tell }) => tell("cold", true),
    end: ({ tell }) => tell("cold", false),
    must: ["CacheHitRatioHalved"]
  },
  {
    name: "no worker",
    program: { deferred: 1000 },
    begin: ({ tell }) => tell("strike", true),
    end: ({ tell }) => tell("strike", false),
    must: ["TasksWait"]
  },
  {
    name: "failing tasks",
    program: { deferred: 1000 },
    begin: ({ tell }) => tell("fail", true),
    end: ({ tell }) => tell("fail", false),
    must: ["TasksDead", "TasksRetried"]
  },
  {
    name: "offers without Redis",
    program: { deferred: 40 },
    begin: ({ server }) => server.kill,
    end: ({ server }) => server.start,
    must: [...gone, "TaskOffersNearlyFull", "TaskOffersLost"]
  },
  { name: "healthy", begin: () => Effect.void, end: () => Effect.void, must: [] }
]

export const all: ReadonlyArray<Fault> = [
  ...ofTen.map((fault) => ({ ...fault, isOneOfTen: true })),
  ...others.map((fault) => ({ ...fault, isOneOfTen: false }))
]
