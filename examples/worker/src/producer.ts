import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Fiber, Layer, Schedule } from "effect"
import { Redis } from "effect-ioredis"
import { TaskQueue } from "effect-ioredis-tasks"
import * as Diary from "./Diary.ts"
import { OldShip, queue, Scan, Ship } from "./Parcel.ts"
import { idOf, isScanned, parcelOf } from "./Plan.ts"

// Offers PARCELS parcels, PER_SECOND of them a second, and ends when Redis has all of them.
const settings = Config.all({
  first: Config.Int("FIRST").pipe(Config.withDefault(0)),
  parcels: Config.Int("PARCELS").pipe(Config.withDefault(100)),
  perSecond: Config.Int("PER_SECOND").pipe(Config.withDefault(20))
})

const offer = Effect.fnUntraced(function* (number: number) {
  const queue = yield* TaskQueue.TaskQueue
  const diary = yield* Diary.Diary
  const parcel = parcelOf(number)
  const began = performance.now()
  const offering = Effect.suspend(() => {
    if (parcel.fate === "unreadable") return queue.offer(OldShip, { number })
    return isScanned(parcel.fate) ? queue.offer(Scan, parcel) : queue.offer(Ship, parcel)
  })
  const answer = yield* Effect.catch(offering, ({ _tag }) => Effect.succeed(_tag))
  yield* diary.note("offered", idOf(number), answer, (performance.now() - began).toFixed(1))
})

const producer = Effect.gen(function* () {
  const { first, parcels, perSecond } = yield* settings
  const { deferred } = yield* TaskQueue.TaskQueue
  const began = performance.now()
  const offers: Array<Fiber.Fiber<void>> = []
  while (offers.length < parcels) {
    // As many as are due, none of which waits for another.
    const due = Math.min(parcels, ((performance.now() - began) / 1000) * perSecond)
    while (offers.length < due) offers.push(yield* Effect.forkChild(offer(first + offers.length)))
    yield* Effect.sleep("5 millis")
  }
  yield* Fiber.awaitAll(offers)
  yield* Effect.repeat(deferred, { until: ({ waiting }) => waiting === 0, schedule: Schedule.spaced("50 millis") })
  const { lost, replayed } = yield* deferred
  yield* Effect.flatMap(Diary.Diary, ({ note }) => note("handed over", replayed, lost))
})

producer.pipe(
  Effect.provide(TaskQueue.layer(queue).pipe(Layer.provide(Redis.layerFromEnv()), Layer.provideMerge(Diary.layer))),
  NodeRuntime.runMain
)
