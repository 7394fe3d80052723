import * as Net from "node:net"
import { createInterface } from "node:readline"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Latch, Layer, Logger, Schema, Stream } from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { Circuit } from "../../packages/effect-ioredis/src/internal/circuitBreaker/Circuit.ts"
import { NodeSession } from "../../packages/effect-ioredis/src/internal/node/NodeSession.ts"
import { State } from "../../packages/effect-ioredis-cache/src/internal/journal/State.ts"
import * as Journal from "../chaos/Journal.ts"
import * as Wait from "../support/Wait.ts"
import { type Counts, CountsLine } from "./Counts.ts"

/** A program under load on a cluster. At each line that it reads it rests and tells what it holds. */
const program = Effect.gen(function* () {
  const client = yield* RedisClient.RedisClient
  const region = yield* Cache.region({ name: "endurance", version: 1, key: Schema.String, value: Schema.String })
  const journal = yield* Journal.size
  const mayCall = Latch.makeUnsafe(true)
  let calls = 0
  let failed = 0
  let underWay = 0

  const operations = [
    (key: string) => region.set(key, text),
    (key: string) => region.get(key),
    (key: string) => client.incr(`counter-${key}`),
    (key: string) => region.getMany([key, "k1", "k2", "k3"]),
    (key: string) => region.remove(key)
  ]
  const one = Effect.suspend((): Effect.Effect<unknown, unknown> => {
    const n = calls++
    underWay++
    return (operations[n % operations.length] ?? region.get)(`k${(n * 7919) % keyCount}`)
  }).pipe(
    Effect.catch(() => Effect.sync(() => failed++)),
    Effect.ensuring(Effect.sync(() => underWay--))
  )
  const fiber = Effect.forever(mayCall.await.pipe(Effect.andThen(one), Effect.andThen(Effect.sleep("10 millis"))))
  yield* Effect.forEach(Array.from({ length: fibers }), () => Effect.forkScoped(fiber), { discard: true })

  const held = (): Counts["held"] => ({
    ...resources(),
    "journal entries": journal(),
    "nodes of the journal": sum(states.alive().map((state) => state.nodes.size)),
    sockets: sockets.alive().length,
    sessions: sessions.alive().length,
    circuits: circuits.alive().length
  })

  const counts = Effect.gen(function* () {
    mayCall.closeUnsafe()
    yield* Wait.until("nothing is under way", () => underWay === 0 && journal() === 0)
    yield* Effect.promise(collectGarbage)
    const counts: Counts = { held: held(), heapBytes: process.memoryUsage().heapUsed, calls, failed }
    mayCall.openUnsafe()
    return yield* Schema.encodeEffect(CountsLine)(counts)
  })

  yield* Console.log("ready")
  yield* Stream.fromAsyncIterable(createInterface({ input: process.stdin }), String).pipe(
    Stream.mapEffect(() => counts),
    Stream.runForEach((line) => Console.log(line))
  )
})

const text = "x".repeat(200)

const keyCount = 300

const fibers = 10

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((sum, number) => sum + number, 0)

/** Which objects are still reachable of those that a method was called on. */
const followed = <Method extends string, A extends object>(
  prototype: A & Record<Method, (this: A, ...args: ReadonlyArray<never>) => unknown>,
  method: Method
) => {
  const seen = new WeakSet<A>()
  let all: ReadonlyArray<WeakRef<A>> = []
  const original = prototype[method]
  const following = function (this: A, ...args: ReadonlyArray<never>): unknown {
    if (!seen.has(this)) {
      seen.add(this)
      all = [...all, new WeakRef(this)]
    }
    return Reflect.apply(original, this, args)
  }
  Object.assign(prototype, { [method]: following })
  return {
    alive: (): ReadonlyArray<A> => {
      all = all.filter((one) => one.deref() !== undefined)
      return all.flatMap((one) => one.deref() ?? [])
    }
  }
}

// What nobody may keep of a node that has gone, or of a connection that was lost. Their methods are called early on.
const sockets = followed(Net.Socket.prototype, "connect")
const sessions = followed(NodeSession.prototype, "isOpen")
const circuits = followed(Circuit.prototype, "show")
const states = followed(State.prototype, "nodeState")

const resources = (): Counts["held"] => {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

// What a WeakRef has given stays until the end of the turn.
const collectGarbage = async () => {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc?.()
  }
}

const layer = Layer.unwrap(
  Effect.map(Config.Int("ENDURANCE_PORT"), (port) =>
    HybridCache.layer().pipe(
      Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
      Layer.provideMerge(Redis.layer({ cluster: [{ host: "127.0.0.1", port }] }))
    )
  )
)

NodeRuntime.runMain(Effect.provide(Effect.scoped(program), Layer.provideMerge(layer, Logger.layer([]))))
