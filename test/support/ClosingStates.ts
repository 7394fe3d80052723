import * as Net from "node:net"
import { Context, Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as LoopDelay from "../chaos/LoopDelay.ts"
import { openResources } from "./openResources.ts"
import * as Resp from "./Resp.ts"
import * as TcpProxy from "./TcpProxy.ts"
import * as Wait from "./Wait.ts"

/**
 * A process of its own, because only there is everything that is open known: brings a cache on a client into one state
 * after the other, closes it, and writes down how long that took, when the calls in flight ended, and what was open
 * before and after. It has to end by itself.
 */
export interface Closed {
  readonly state: string
  /** Milliseconds, with the process' own lateness taken off. */
  readonly closing: number
  /** How long each call in flight took in all, likewise; null where it did not end within five seconds of the closing. */
  readonly calls: ReadonlyArray<number | null>
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
}

export const closeTimeout = 400
export const patience = 600

interface Ports {
  /** A Redis, and the id of its process. */
  readonly redis: number
  readonly pid: number
  /** Accepts, and never says anything. */
  readonly mute: number
  /** Never accepts. */
  readonly blackHole: number
  /** Nobody listens. */
  readonly dead: number
}

const region = { name: "closing", version: 1, key: Schema.Int, value: Schema.String } as const

interface Opened {
  readonly redis: RedisClient.RedisClient
  readonly cache: Cache.Region<number, string>
}

const open = Effect.fnUntraced(function* (port: number, options: { readonly maxConnections?: number } = {}) {
  const layer = HybridCache.layer({ patience }).pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provideMerge(
      Redis.layer({
        host: "127.0.0.1",
        port,
        closeTimeout,
        connectTimeout: "500 millis",
        commandTimeout: "2 seconds",
        resetTimeout: "100 millis",
        healthCheckInterval: "50 millis",
        failureThreshold: 3,
        ...options
      })
    )
  )
  const context = yield* Layer.build(layer)
  const opened: Opened = {
    redis: Context.get(context, RedisClient.RedisClient),
    cache: yield* Context.get(context, Cache.Cache).region(region)
  }
  return opened
})

/** Opens in the scope that will be closed, and gives the calls that are in flight then. */
type State = (ports: Ports) => Effect.Effect<ReadonlyArray<Effect.Effect<unknown>>, unknown, Scope.Scope>

const signal = (ports: Ports, name: NodeJS.Signals) => Effect.sync(() => process.kill(ports.pid, name))

// One command on a connection of its own.
const tell = (ports: Ports, ...args: ReadonlyArray<string>) =>
  Effect.callback<void>((resume) => {
    const socket = Net.connect({ host: "127.0.0.1", port: ports.redis }, () => void socket.write(Resp.encode(args)))
    socket.on("data", () => socket.destroy())
    socket.on("close", () => resume(Effect.void))
  })

const ready = ({ cache }: Opened) =>
  Wait.until(
    "a write is applied",
    Effect.map(cache.set(0, "a value"), (outcome) => outcome === "Applied")
  )

const isOpen = ({ redis }: Opened) =>
  Wait.until(
    "the circuit is open",
    Effect.map(redis.breaker.state, ({ _tag }) => _tag !== "Closed")
  )

const someCalls = ({ cache }: Opened): ReadonlyArray<Effect.Effect<unknown>> => [
  ...Array.from({ length: 20 }, (_, key) => cache.get(key)),
  ...Array.from({ length: 20 }, (_, key) => cache.set(key, "another value")),
  cache.getMany([1, 2, 3]),
  cache.getOrSet(4, Effect.succeed("looked up")),
  cache.remove(5)
]

const journaled = (opened: Opened) =>
  Effect.andThen(
    Effect.forEach(
      Array.from({ length: 50 }, (_, key) => key),
      (key) => opened.cache.set(key, "deferred"),
      { concurrency: "unbounded" }
    ),
    isOpen(opened)
  )

const states: Readonly<Record<string, State>> = {
  "ready and idle": Effect.fnUntraced(function* (ports) {
    yield* ready(yield* open(ports.redis))
    return []
  }),
  "ready, with calls in flight": Effect.fnUntraced(function* (ports) {
    const opened = yield* open(ports.redis)
    yield* ready(opened)
    return someCalls(opened)
  }),
  "frozen, and nobody has noticed": Effect.fnUntraced(function* (ports) {
    const opened = yield* open(ports.redis)
    yield* ready(opened)
    yield* signal(ports, "SIGSTOP")
    return someCalls(opened)
  }),
  "frozen, and noticed": Effect.fnUntraced(function* (ports) {
    const opened = yield* open(ports.redis)
    yield* ready(opened)
    yield* signal(ports, "SIGSTOP")
    yield* journaled(opened)
    return someCalls(opened)
  }),
  "connecting to a black hole": Effect.fnUntraced(function* (ports) {
    return someCalls(yield* open(ports.blackHole))
  }),
  "logging in to a server that is mute": Effect.fnUntraced(function* (ports) {
    return someCalls(yield* open(ports.mute))
  }),
  "the circuit is open over journaled writes, and the server is back": Effect.fnUntraced(function* (ports) {
    const opened = yield* open(ports.redis)
    yield* ready(opened)
    yield* signal(ports, "SIGSTOP")
    yield* journaled(opened)
    yield* signal(ports, "SIGCONT")
    return []
  }),
  "journaled writes, and nobody listens": Effect.fnUntraced(function* (ports) {
    const opened = yield* open(ports.dead)
    yield* journaled(opened)
    return someCalls(opened)
  }),
  "journaled writes, and a server that answers only reads": Effect.fnUntraced(function* (ports) {
    const opened = yield* open(ports.redis)
    yield* ready(opened)
    yield* tell(ports, "CLIENT", "PAUSE", "100000", "WRITE")
    yield* journaled(opened)
    yield* Wait.until(
      "the circuit is closed",
      Effect.map(opened.redis.breaker.state, ({ _tag }) => _tag === "Closed")
    )
    return [opened.cache.get(1), opened.cache.getMany([2, 3])]
  }),
  "in the middle of a clear": Effect.fnUntraced(function* (ports) {
    const opened = yield* open(ports.redis)
    yield* opened.cache.setMany(Array.from({ length: 3000 }, (_, key) => [key, "a value"] as const))
    const frozen = Effect.andThen(signal(ports, "SIGSTOP"), Effect.never)
    return [Effect.raceFirst(opened.cache.clear, frozen), ...someCalls(opened)]
  }),
  "a pool of three, one of them frozen": Effect.fnUntraced(function* (ports) {
    const proxy = yield* TcpProxy.make(ports.redis)
    const opened = yield* open(proxy.port, { maxConnections: 3 })
    yield* Wait.until(
      "three are connected",
      Effect.map(proxy.stats, (stats) => stats.open === 3)
    )
    yield* ready(opened)
    yield* proxy.silentOne
    return someCalls(opened)
  })
}

const program = Effect.fnUntraced(function* (ports: Ports) {
  return yield* Effect.forEach(Object.entries(states), ([state, bringAbout]) =>
    Effect.gen(function* () {
      yield* nextTurn
      const before = openResources()
      const closed = yield* Effect.scoped(close(bringAbout(ports))).pipe(
        Effect.ensuring(Effect.andThen(signal(ports, "SIGCONT"), tell(ports, "CLIENT", "UNPAUSE")))
      )
      yield* nextTurn
      return { state, ...closed, before, after: openResources() } satisfies Closed
    })
  )
})

const close = Effect.fnUntraced(function* (
  bringAbout: Effect.Effect<ReadonlyArray<Effect.Effect<unknown>>, unknown, Scope.Scope>
) {
  const scope = yield* Scope.make()
  const calls = yield* Scope.provide(bringAbout, scope)
  const late = yield* LoopDelay.make
  const timed = <A>(effect: Effect.Effect<A>) => Effect.map(Wait.timed(Effect.exit(effect)), ({ millis }) => millis)
  const fibers = yield* Effect.forEach(calls, (call) => Effect.forkScoped(timed(call), { startImmediately: true }))
  const closing = yield* timed(Scope.close(scope, Exit.void))
  const took = yield* Effect.forEach(fibers, (fiber) => Effect.timeoutOption(Fiber.join(fiber), "5 seconds"), {
    concurrency: "unbounded"
  })
  const delay = late()
  return {
    closing: Math.max(0, closing - delay),
    calls: took.map(Option.match({ onNone: () => null, onSome: (millis) => Math.max(0, millis - delay) }))
  }
})

// A timer counts as open while the code it has woken runs.
const nextTurn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

if (process.argv[1] === import.meta.filename) {
  const [redis = 0, pid = 0, mute = 0, blackHole = 0, dead = 0] = process.argv.slice(2).map(Number)
  const fiber = Effect.runFork(program({ redis, pid, mute, blackHole, dead }))
  fiber.addObserver((exit) => {
    process.stdout.write(`${JSON.stringify(Exit.isSuccess(exit) ? exit.value : String(exit.cause))}\n`)
  })
}
