import { assert, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Result, Stream } from "effect"
import { Redis, RedisClient, RedisCommand, RedisPubSub } from "effect-ioredis"
import { scripts } from "effect-ioredis-tasks/testing"
import { SimulatedRedis } from "effect-ioredis/testing"
import * as QueueStore from "../../../packages/effect-ioredis-tasks/src/internal/QueueStore.ts"
import * as Draw from "../../model/Draw.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as RandomCalls from "../RandomCalls.ts"

/**
 * Random calls of the scripts, on a real Redis and on the simulated one, which have to answer and to keep the same.
 * TASK_SEQUENCES says how many sequences there are, from TASK_SEED on: the same seed draws the same calls.
 */
const sequences = Number(process.env.TASK_SEQUENCES ?? 40)
const firstSeed = Number(process.env.TASK_SEED ?? 1)
const steps = 60

const { hour } = RandomCalls

// -------------------------------------------------------------------------------------------------
// What a queue keeps
// -------------------------------------------------------------------------------------------------

type Client = RedisClient.RedisClient

const ask = (client: Client, name: string, ...args: ReadonlyArray<RedisCommand.Argument>) =>
  client.run(RedisCommand.make(name, args))

const list = (reply: RedisCommand.Reply): ReadonlyArray<string> => (Array.isArray(reply) ? reply.map(String) : [])

const pairs = (reply: RedisCommand.Reply): ReadonlyArray<readonly [string, string]> => {
  const items = list(reply)
  return items.flatMap((item, at) => (at % 2 === 0 ? [[item, items[at + 1] ?? ""] as const] : []))
}

const sorted = (reply: RedisCommand.Reply) => pairs(reply).toSorted(([one], [other]) => (one < other ? -1 : 1))

const nowOf = (client: Client) => Effect.map(ask(client, "TIME"), (time) => Number(list(time)[0]) * 1000)

// Of what is due in one millisecond Redis takes the lesser id first, and the two sides may tell two calls apart differently.
const nextMilli = Effect.fnUntraced(function* ({ client }: Side) {
  const milli = Effect.map(ask(client, "TIME"), (time) => Math.floor(Number(list(time)[1]) / 1000))
  const now = yield* milli
  yield* Effect.repeat(milli, { while: (time) => time === now })
})

// Minutes from now: no sequence takes half of one.
const minutes = (time: number, now: number) => Math.round((time - now) / 60_000) + 0

// Of what is long past only that is kept, and the two clocks may be told apart by the time since then.
const heardAt = (time: number, now: number) => (time === 0 ? 0 : minutes(time, now))

const timesOf = (stored: string, change: (time: number) => number) =>
  stored.replace(/^(\d+) (\d+) /, (_, due, expires) => {
    const until = expires === "0" ? 0 : change(Number(expires))
    return `${change(Number(due))} ${until} `
  })

// Redis writes an empty table of Lua as an object.
const callOf = (text: string) => {
  const { call, ids, refused, wereLost } = JSON.parse(text)
  return [call, ...[ids, refused, wereLost].map(Object.values)]
}

const valueAt = Effect.fnUntraced(function* (client: Client, key: string, now: number) {
  switch (yield* ask(client, "TYPE", key)) {
    case "string": {
      const value = String(yield* ask(client, "GET", key))
      const rest = minutes(Number(yield* ask(client, "PTTL", key)), 0)
      if (key.includes(":call:")) return [callOf(value), rest]
      if (key.endsWith(":heard")) return [value.split(" ").map((time) => heardAt(Number(time), now)), rest]
      return [value, rest]
    }
    case "list": {
      const items = list(yield* ask(client, "LRANGE", key, 0, -1))
      return key.endsWith(":rate") ? items.map((time) => minutes(Number(time), now)) : items
    }
    case "set":
      return list(yield* ask(client, "SMEMBERS", key)).toSorted()
    case "zset":
      return sorted(yield* ask(client, "ZRANGE", key, 0, -1, "WITHSCORES")).map(([member, score]) => [
        member,
        minutes(Number(score), now)
      ])
    default:
      return sorted(yield* ask(client, "HGETALL", key)).map(([field, value]) => {
        if (key.endsWith(":tasks")) return [field, timesOf(value, (time) => minutes(time, now))]
        return [field, field === "until" ? minutes(Number(value), now) : value]
      })
  }
})

const keysOf = (client: Client, store: QueueStore.QueueStore) =>
  Effect.map(ask(client, "KEYS", store.keys.tasks.replace(/tasks$/, "*")), (keys) => list(keys).toSorted())

const kept = Effect.fnUntraced(function* ({ client, store }: Side) {
  const now = yield* nowOf(client)
  const keys = yield* keysOf(client, store)
  const values = yield* Effect.forEach(keys, (key) => valueAt(client, key, now), { concurrency: "unbounded" })
  return keys.map((key, at) => [key, values[at]])
})

// Moves every time that is kept into the past, which is as if so much time went by.
const moved = Effect.fnUntraced(function* ({ client, store }: Side, hours: number) {
  const change = (time: number) => time - hours * hour
  for (const key of yield* keysOf(client, store)) {
    const type = yield* ask(client, "TYPE", key)
    const rest = Number(yield* ask(client, "PTTL", key))
    if (key.endsWith(":heard")) {
      const times = String(yield* ask(client, "GET", key)).split(" ")
      yield* ask(client, "SET", key, times.map((time) => Math.max(0, change(Number(time)))).join(" "), "KEEPTTL")
    } else if (key.endsWith(":rate")) {
      const times = list(yield* ask(client, "LRANGE", key, 0, -1))
      for (const [at, time] of times.entries()) yield* ask(client, "LSET", key, at, change(Number(time)))
    } else if (type === "zset") {
      for (const [member, score] of pairs(yield* ask(client, "ZRANGE", key, 0, -1, "WITHSCORES"))) {
        yield* ask(client, "ZADD", key, change(Number(score)), member)
      }
    } else if (type === "hash") {
      for (const [field, value] of pairs(yield* ask(client, "HGETALL", key))) {
        if (field === "until") yield* ask(client, "HSET", key, field, change(Number(value)))
        if (key.endsWith(":tasks")) yield* ask(client, "HSET", key, field, timesOf(value, change))
      }
    }
    if (rest > 0) yield* ask(client, "PEXPIRE", key, rest - hours * hour)
  }
})

// The time in which nothing is given back lasts until times are moved: it would be over during a call of one of the two
// on a busy machine.
const holdBack = Effect.fnUntraced(function* ({ client, store }: Side) {
  const { heard } = store.keys
  const now = yield* nowOf(client)
  const [from, ...others] = String((yield* ask(client, "GET", heard)) ?? "").split(" ")
  if (others.length === 0 || Number(from) < now - 60_000) return
  yield* ask(client, "SET", heard, [now + hour / 2, ...others].join(" "), "KEEPTTL")
})

// -------------------------------------------------------------------------------------------------
// What it answers
// -------------------------------------------------------------------------------------------------

// Of what is answered, what hangs on the time in whole minutes.
const comparable = (answer: unknown, now: number): unknown => {
  if (Array.isArray(answer)) return answer.map((item) => comparable(item, now))
  if (answer instanceof Set) return [...answer]
  if (typeof answer !== "object" || answer === null) return answer
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) => {
      if (name === "now") return [name, minutes(value, now)]
      if (name === "at") return [name, minutes(value, now)]
      if (name === "stored") return [name, timesOf(value, (time) => minutes(time, now))]
      if (["lease", "oldest", "due"].includes(name)) return [name, value === undefined ? value : minutes(value, 0)]
      return [name, comparable(value, now)]
    })
  )
}

// -------------------------------------------------------------------------------------------------
// The two sides
// -------------------------------------------------------------------------------------------------

interface Side {
  readonly client: Client
  readonly store: QueueStore.QueueStore
}

// What a queue tells those that wait for its tasks.
const hearing = Effect.fnUntraced(function* ({ client, store }: Side) {
  const isHeard = yield* Deferred.make<void>()
  const heard: Array<unknown> = []
  const fiber = yield* RedisPubSub.ssubscribe([store.keys.told]).pipe(
    Stream.takeUntil((event) => event._tag === "Message" && event.payload === "end"),
    Stream.runForEach((event) => {
      if (event._tag === "Message") heard.push(event.payload === "end" ? event.payload : JSON.parse(event.payload))
      return event._tag === "Gap" ? Deferred.succeed(isHeard, undefined) : Effect.void
    }),
    Effect.provideService(RedisClient.RedisClient, client),
    Effect.forkScoped
  )
  yield* Deferred.await(isHeard)
  return Effect.gen(function* () {
    yield* ask(client, "SPUBLISH", store.keys.told, "end")
    yield* Fiber.join(fiber)
    return heard
  })
})

const sequence = Effect.fnUntraced(function* (seed: number, real: Side, simulated: Side) {
  const draw = Draw.make(seed)
  const next = RandomCalls.draws(draw)
  const log: Array<string> = []
  const heard = yield* Effect.forEach([real, simulated], hearing)
  const same = (one: unknown, other: unknown) =>
    assert.deepStrictEqual(other, one, `seed ${seed}, expected of Redis, after\n${log.join("\n")}\n`)
  for (let step = 0; step < steps; step++) {
    const call = next()
    if ("hours" in call) {
      log.push(`${call.hours} hours`)
      yield* moved(real, call.hours)
      yield* moved(simulated, call.hours)
    } else {
      log.push(call.title)
      const [one, other] = yield* Effect.forEach([real, simulated], ({ client, store }) =>
        Effect.all({ answer: Effect.result(call.make(store)), now: nowOf(client) })
      )
      if (one === undefined || other === undefined) return assert.fail("two sides have one answer")
      const shown = [one, other].map(({ answer, now }) =>
        Result.isSuccess(answer) ? comparable(answer.success, now) : `${answer.failure._tag} ${answer.failure.message}`
      )
      same(shown[0], shown[1])
      call.answered?.(one.answer)
    }
    for (const side of [real, simulated]) {
      yield* holdBack(side)
      yield* nextMilli(side)
    }
    same(yield* kept(real), yield* kept(simulated))
    if (draw.chance(0.05)) {
      const pauses = draw.chance(0.5)
      log.push(pauses ? "pause" : "resume")
      for (const { client, store } of [real, simulated]) {
        yield* pauses ? ask(client, "SET", store.keys.paused, 1) : ask(client, "DEL", store.keys.paused)
      }
    }
  }
  const [one, other] = yield* Effect.all(heard)
  same(one, other)
}, Effect.scoped)

it.live(
  `${sequences} random sequences of calls: a real Redis and the simulated one answer, keep and tell the same`,
  () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const clientOf = <E, R>(layer: Layer.Layer<RedisClient.RedisClient, E, R>) =>
        Effect.map(Layer.build(layer), Context.get(RedisClient.RedisClient))
      const clients = [yield* clientOf(Redis.layer({ url })), yield* clientOf(RedisClient.layer())]
      for (let seed = firstSeed; seed < firstSeed + sequences; seed++) {
        const retention = { remember: 2 * hour, resultLife: seed % 4 === 0 ? 0 : 3 * hour }
        const [real, simulated] = clients.map(
          (client): Side => ({
            client,
            store: QueueStore.make(client, "tasks", `queue ${seed}`, retention)
          })
        )
        if (real !== undefined && simulated !== undefined) yield* sequence(seed, real, simulated)
      }
    }).pipe(Effect.scoped, Effect.provide(SimulatedRedis.layer({ scripts }))),
  300_000
)
