import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Latch, Layer, Queue, Schedule, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { Redis } from "effect-ioredis"
import * as Persistence from "effect-ioredis/persistence"
import * as TaskPersistence from "effect-ioredis-tasks/persistence"
import * as RedisServer from "../../../support/RedisServer.ts"
import * as Wait from "../../../support/Wait.ts"

// What a program sees of a queue of Effect's, whichever store it has: Effect's two and ours.

const Client = Layer.unwrap(Effect.map(RedisServer.make(), ({ url }) => Redis.layer({ url })))

const stores = {
  "Effect's in memory": PersistedQueue.layerStoreMemory,
  "Effect's in Redis": PersistedQueue.layerStoreRedis({
    pollInterval: "20 millis",
    lockRefreshInterval: "200 millis",
    lockExpiration: "1 second"
  }).pipe(Layer.provide(Persistence.layer()), Layer.provide(Client)),
  ours: TaskPersistence.layerStore({ lease: "1 second" }).pipe(Layer.provide(Client))
}

const Item = Schema.Struct({ n: Schema.BigInt, at: Schema.Date, bytes: Schema.Uint8Array, text: Schema.String })

const items = (name: string) => PersistedQueue.make({ name, schema: Item })

const numbers = (
  name: string,
  options: { readonly maxAttempts?: number; readonly retrySchedule?: Schedule.Schedule<unknown, number> } = {}
) => PersistedQueue.make({ name, schema: Schema.Number, retrySchedule: Schedule.spaced("1 millis"), ...options })

const given = <A>(value: A, { attempts }: { readonly attempts: number }) => Effect.succeed([value, attempts] as const)

// Shorter than any of them takes to hand out what it has.
const nothingWithin = <A, E>(fiber: Fiber.Fiber<A, E>, millis: number) =>
  Effect.map(Effect.sleep(millis), () => assert.isUndefined(fiber.pollUnsafe()))

for (const [name, store] of Object.entries(stores)) {
  const Queues = PersistedQueue.layer.pipe(Layer.provideMerge(store))
  describe(`A queue of Effect's, in the store that is ${name}`, () => {
    it.layer(Queues, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
      it.effect("gives back what was offered, whatever it is", () =>
        Effect.gen(function* () {
          const queue = yield* items("values")
          const value = {
            n: 12345678901234567890n,
            at: new Date(1),
            bytes: new Uint8Array([0, 255, 10]),
            text: '\u0000 é😀\u2028{}"\\\n'.repeat(1000)
          }
          yield* queue.offer(value)
          assert.deepStrictEqual(yield* queue.take(Effect.succeed), value)
        })
      )

      it.effect("keeps queues of other names apart", () =>
        Effect.gen(function* () {
          const names = ["a", "a:b", "a b", "{a}", "*", "ä"]
          for (const [n, name] of names.entries())
            yield* Effect.flatMap(numbers(name), (queue) => queue.offer(n, { id: "same" }))
          for (const [n, name] of names.entries()) {
            const queue = yield* numbers(name)
            assert.strictEqual(yield* queue.take(Effect.succeed), n)
          }
        })
      )

      it.effect("hands what was interrupted to whoever waits, uncounted", () =>
        Effect.gen(function* () {
          const queue = yield* numbers("handed-on")
          yield* queue.offer(1)
          const isTaken = Latch.makeUnsafe()
          const first = yield* Effect.forkChild(queue.take(() => Effect.andThen(isTaken.open, Effect.never)))
          yield* isTaken.await
          const second = yield* Effect.forkChild(queue.take(given))
          yield* nothingWithin(second, 300)
          yield* Fiber.interrupt(first)
          assert.deepStrictEqual(yield* Fiber.join(second), [1, 1])
        })
      )

      it.effect("counts a defect, and not what was interrupted after it", () =>
        Effect.gen(function* () {
          const queue = yield* numbers("counted")
          yield* queue.offer(1)
          yield* Effect.exit(queue.take(() => Effect.die("broken")))
          const isTaken = Latch.makeUnsafe()
          const working = yield* Effect.forkChild(queue.take(() => Effect.andThen(isTaken.open, Effect.never)))
          yield* isTaken.await
          yield* Fiber.interrupt(working)
          assert.deepStrictEqual(yield* queue.take(given), [1, 2])
        })
      )

      it.effect("has no more of what failed as often as it may, nor of what does not fit", () =>
        Effect.gen(function* () {
          const queue = yield* numbers("exhausted", { maxAttempts: 1 })
          const { offer } = yield* PersistedQueue.PersistedQueueStore
          yield* queue.offer(1, { id: "one" })
          yield* Effect.exit(queue.take(() => Effect.fail("no")))
          yield* offer({ name: "exhausted", id: "two", element: null, isCustomId: true })
          for (const id of ["one", "two"]) yield* queue.offer(2, { id })
          const waiting = yield* Effect.forkChild(queue.take(Effect.succeed))
          yield* nothingWithin(waiting, 300)
          yield* queue.offer(3)
          assert.strictEqual(yield* Fiber.join(waiting), 3)
        })
      )

      it.effect("ends a wait for what is far ahead when something is offered that is nearer", () =>
        Effect.gen(function* () {
          const queue = yield* numbers("nearer")
          yield* queue.offer(1, { delay: "1 hour" })
          const taken = yield* Queue.unbounded<number>()
          const working = yield* Effect.forkChild(Effect.forever(queue.take((n) => Queue.offer(taken, n))))
          yield* Effect.sleep("100 millis")
          const began = yield* Clock.currentTimeMillis
          yield* queue.offer(2, { delay: "200 millis" })
          yield* queue.offer(3)
          assert.deepStrictEqual([yield* Queue.take(taken), yield* Queue.take(taken)], [3, 2])
          const took = (yield* Clock.currentTimeMillis) - began
          assert.isAtLeast(took, 200)
          yield* Fiber.interrupt(working)
        })
      )

      it.effect("keeps the first delay of an id, takes none below zero, and nothing that never comes", () =>
        Effect.gen(function* () {
          const queue = yield* numbers("delays")
          const began = yield* Clock.currentTimeMillis
          yield* queue.offer(1, { id: "one", delay: "300 millis" })
          yield* queue.offer(2, { id: "one" })
          yield* queue.offer(3, { id: "three", delay: Duration.infinity })
          yield* queue.offer(4, { id: "four", delay: "-1 seconds" })
          assert.strictEqual(yield* queue.take(Effect.succeed), 4)
          yield* queue.offer(5, { id: "three" })
          assert.strictEqual(yield* queue.take(Effect.succeed), 5)
          assert.strictEqual(yield* queue.take(Effect.succeed), 1)
          assert.isAtLeast((yield* Clock.currentTimeMillis) - began, 300)
        })
      )

      it.effect("goes on with the last delay of a schedule that has ended", () =>
        Effect.gen(function* () {
          const retrySchedule = Schedule.spaced("150 millis").pipe(Schedule.upTo({ times: 1 }))
          const queue = yield* numbers("ended", { retrySchedule, maxAttempts: 4 })
          yield* queue.offer(1)
          const began: Array<number> = []
          const attempt = queue.take((_, { attempts }) =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => {
              began.push(now)
              return attempts < 4 ? Effect.fail("again") : Effect.void
            })
          )
          for (let n = 0; n < 4; n++) yield* Effect.result(attempt)
          const gaps = began.slice(1).map((at, index) => at - (began[index] ?? 0))
          assert.lengthOf(gaps, 3)
          for (const gap of gaps) assert.isAtLeast(gap, 150)
        })
      )

      it.effect("takes an id again once it is cleaned up, and keeps dead letters unless they are as well", () =>
        Effect.gen(function* () {
          const queue = yield* numbers("cleaned", { maxAttempts: 1 })
          const { cleanup } = yield* PersistedQueue.PersistedQueueStore
          yield* queue.offer(1, { id: "done" })
          yield* queue.take(Effect.succeed)
          yield* queue.offer(2, { id: "dead" })
          yield* Effect.exit(queue.take(() => Effect.fail("no")))
          yield* queue.offer(3, { id: "waits", delay: "1 hour" })
          yield* Effect.sleep("5 millis")
          yield* cleanup({ timeToLive: Duration.zero, failedTimeToLive: undefined })
          for (const [n, id] of [
            [4, "done"],
            [5, "dead"],
            [6, "waits"]
          ] as const)
            yield* queue.offer(n, { id })
          assert.strictEqual(yield* queue.take(Effect.succeed), 4)
          yield* Effect.sleep("5 millis")
          yield* cleanup({ timeToLive: Duration.hours(1), failedTimeToLive: Duration.zero })
          yield* queue.offer(7, { id: "dead" })
          assert.strictEqual(yield* queue.take(Effect.succeed), 7)
        })
      )

      it.effect("answers with the id, and with an error where a value does not fit", () =>
        Effect.gen(function* () {
          const queue = yield* PersistedQueue.make({ name: "fits", schema: Schema.String.check(Schema.isMinLength(2)) })
          assert.strictEqual(yield* queue.offer("ab", { id: "mine" }), "mine")
          const made = yield* queue.offer("cd")
          assert.isTrue(Schema.isSchemaError(yield* Effect.flip(queue.offer("e"))))
          const ids = [
            yield* queue.take((_, { id }) => Effect.succeed(id)),
            yield* queue.take((_, { id }) => Effect.succeed(id))
          ]
          assert.deepStrictEqual(ids, ["mine", made])
        })
      )

      it.effect("loses nothing to takers that give up waiting, and counts none of that", () =>
        Effect.gen(function* () {
          const queue = yield* numbers("given-up")
          const attempts = new Map<number, number>()
          const noting = queue.take((n, given) => Effect.sync(() => attempts.set(n, given.attempts)))
          for (let n = 0; n < 20; n++) {
            const taking = yield* Effect.forkChild(noting)
            const offering = yield* Effect.forkChild(queue.offer(n))
            yield* Effect.sleep(n % 5)
            yield* Fiber.interrupt(taking)
            yield* Fiber.join(offering)
          }
          const working = yield* Effect.forkChild(Effect.forever(noting))
          yield* Wait.until("all are taken", () => attempts.size === 20)
          yield* Fiber.interrupt(working)
          assert.deepStrictEqual(new Set(attempts.values()), new Set([1]))
        })
      )

      it.effect("hands a thousand elements to fifty takers, each once", () =>
        Effect.gen(function* () {
          const queue = yield* numbers("thousand")
          const taken: Array<number> = []
          const working = yield* Effect.forkChild(
            Effect.all(
              Array.from({ length: 50 }, () =>
                Effect.forever(
                  queue.take((n) =>
                    Effect.andThen(
                      Effect.sleep(1),
                      Effect.sync(() => taken.push(n))
                    )
                  )
                )
              ),
              { concurrency: "unbounded", discard: true }
            )
          )
          const all = Array.from({ length: 1000 }, (_, n) => n)
          yield* Effect.forEach(all, (n) => queue.offer(n, { id: `job-${n}` }), { concurrency: 50 })
          yield* Wait.until("all are taken", () => taken.length >= 1000)
          yield* Fiber.interrupt(working)
          assert.deepStrictEqual(
            taken.toSorted((a, b) => a - b),
            all
          )
        })
      )
    })
  })
}
