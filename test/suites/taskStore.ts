import { describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { RedisClient, RedisCommand } from "effect-ioredis"
import * as Persistence from "effect-ioredis-tasks/persistence"
import { type Inspection, persistedQueueCases, type RunCase } from "./persistedQueue.ts"
import { Harness } from "./persistence.ts"

const ask = <A>(schema: Schema.Codec<A, unknown>, name: string, ...args: ReadonlyArray<string | number>) =>
  Effect.flatMap(RedisClient.RedisClient, ({ run }) =>
    Effect.orDie(run(RedisCommand.make(name, args, { decode: RedisCommand.decoder(schema) })))
  )

const count = (name: string, ...args: ReadonlyArray<string | number>) => ask(Schema.Int, name, ...args)

const prefix = "effects"

const sum = <E, R>(counts: ReadonlyArray<Effect.Effect<number, E, R>>) =>
  Effect.map(Effect.all(counts), (all) => all.reduce((total, one) => total + one, 0))

/** What our store keeps in Redis. */
const ours: Inspection<RedisClient.RedisClient> = {
  waiting: (name) =>
    sum([count("LLEN", `${prefix}:{${name}}:waiting:normal`), count("ZCARD", `${prefix}:{${name}}:delayed`)]),
  running: (name) => count("ZCARD", `${prefix}:{${name}}:leases`),
  remembered: (name) => sum([count("ZCARD", `${prefix}:{${name}}:over`), count("HLEN", `${prefix}:{${name}}:tasks`)]),
  failed: (name) =>
    Effect.gen(function* () {
      const ids = yield* ask(Schema.Array(Schema.String), "ZRANGE", `${prefix}:{${name}}:dead`, 0, -1)
      return yield* Effect.forEach(ids, (id) =>
        Effect.gen(function* () {
          const stored = yield* ask(Schema.String, "HGET", `${prefix}:{${name}}:tasks`, id)
          const attempts = yield* ask(Schema.String, "HGET", `${prefix}:{${name}}:attempts`, id)
          const { element } = JSON.parse(stored.slice(stored.indexOf("{")))
          return { id, element, attempts: Number(attempts) }
        })
      )
    }),
  lose: (name, { attempts, element, id }) =>
    Effect.gen(function* () {
      const base = `${prefix}:{${name}}:`
      yield* count("HSET", `${base}tasks`, id, `0 0 1 ${JSON.stringify({ element })}`)
      yield* count("HSET", `${base}attempts`, id, `${attempts}:gone:1`)
      yield* count("ZADD", `${base}leases`, 1, id)
    }),
  spoil: (name) => Effect.asVoid(count("ZADD", `${prefix}:{${name}}:dead`, 1, "broken")),
  left: (name) =>
    sum(["over", "dead", "causes", "tasks", "attempts"].map((key) => count("EXISTS", `${prefix}:{${name}}:${key}`)))
}

const lease = 1000

const Queues = PersistedQueue.layer.pipe(Layer.provideMerge(Persistence.layerStore({ prefix, lease })))

type Services = RedisClient.RedisClient | Harness

/** What Effect promises of a `PersistedQueue`, over our store on one kind of server. */
export const taskStoreSuite = <E>(
  name: string,
  layer: Layer.Layer<Services, E>,
  { time }: { readonly time: "real" | "virtual" }
): void => {
  describe(`Effect's queues over our store on ${name}`, () => {
    it.layer(Layer.provideMerge(Queues, layer), { excludeTestServices: time === "real", timeout: "60 seconds" })(
      (it) => {
        const test: RunCase<Services> = (title, body) =>
          it.effect(title, () => Effect.flatMap(Harness, (harness) => Effect.scoped(harness.play(body(harness)))))
        persistedQueueCases(test, { inspection: ours, lease })
      }
    )
  })
}
