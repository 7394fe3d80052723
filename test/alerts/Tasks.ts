import { Effect, Latch, Schedule, Schema } from "effect"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"

// The queue of a program: five mails a second, and a worker that sends them, unless it is on strike.

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}

const Mail = Task.make({
  name: "mail",
  version: 1,
  payload: Schema.Struct({ n: Schema.Int }),
  error: Refused,
  id: ({ n }) => String(n),
  retry: { schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })) }
})

const works = Latch.makeUnsafe(true)
const isOnStrike = Latch.makeUnsafe(false)
let fails = false

export const habits = {
  strike: (on: boolean) => {
    if (on) {
      works.closeUnsafe()
      isOnStrike.openUnsafe()
    } else {
      isOnStrike.closeUnsafe()
      works.openUnsafe()
    }
  },
  fail: (on: boolean) => {
    fails = on
  }
}

const send = TaskWorker.handler(Mail, () =>
  Effect.suspend(() => (fails ? Effect.fail(new Refused()) : Effect.sleep("20 millis")))
)

/** Keeps at most `limit` mails for Redis, each for at most 15 seconds. */
export const traffic = (limit: number) =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.make({ name: "mails", deferred: { limit, longest: "15 seconds" } })
    let next = 0
    const offer = Effect.suspend(() => queue.offer(Mail, { n: next++ }))
    const offering = Effect.repeat(Effect.exit(offer), Schedule.spaced("200 millis"))
    const working = Effect.andThen(
      works.await,
      Effect.raceFirst(TaskWorker.run([send], { lease: "2 seconds", drain: 0 }), isOnStrike.await)
    ).pipe(Effect.provideService(TaskQueue.TaskQueue, queue), Effect.forever)
    return yield* Effect.all([offering, working], { concurrency: 2 })
  }).pipe(Effect.scoped)
