import { assert, describe, it } from "@effect/vitest"
import { Cron, Effect, Exit, Layer, type Tracer } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TaskQueue, TaskSchedule, TaskWorker } from "effect-ioredis-tasks"
import { TestClock } from "effect/testing"
import * as Captured from "../support/Captured.ts"
import { layer, Refused, Work } from "./simulatedQueue.ts"
import { inTime } from "../support/inTime.ts"

const shown = ({ attributes, kind, name, status }: Tracer.NativeSpan): Readonly<Record<string, unknown>> => ({
  name,
  kind,
  ended: status._tag === "Ended" ? Exit.isSuccess(status.exit) : undefined,
  ...Object.fromEntries(attributes)
})

const common = {
  "messaging.system": "redis",
  "messaging.destination.name": "jobs",
  "redis.client.name": "redis",
  "task.name": "work"
}

const send = { ...common, "messaging.operation.name": "send", "messaging.operation.type": "send" }
const process = { ...common, "messaging.operation.name": "process", "messaging.operation.type": "process" }

const ofTasks = ({ spans }: Captured.Captured) => spans.filter(({ name }) => /^(send|process) /.test(name))

const failsFirst = TaskWorker.layer([
  TaskWorker.handler(Work, ({ n }, { attempt }) =>
    Effect.withSpan(attempt === 1 ? Effect.fail(new Refused({ n })) : Effect.void, "inside")
  )
])

describe("the spans of a task", () => {
  it.effect("link each attempt with the offer, in a trace of its own", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* Layer.build(failsFirst)
      yield* TestClock.adjust("1 second")
      yield* inTime(Effect.withSpan(queue.offer(Work, { n: 7 }), "request"), "1 second")
      yield* TestClock.adjust("2 minutes")
      const [sent, first, second, ...rest] = ofTasks(captured)
      assert.deepStrictEqual(rest, [])
      assert.isTrue(sent !== undefined && first !== undefined && second !== undefined)
      if (sent === undefined || first === undefined || second === undefined) return
      assert.deepStrictEqual(shown(sent), {
        name: "send jobs",
        kind: "producer",
        ended: true,
        ...send,
        "task.offer.outcome": "enqueued"
      })
      assert.deepStrictEqual(shown(first), {
        name: "process jobs",
        kind: "consumer",
        ended: false,
        ...process,
        "task.attempt": 1,
        "task.ending": "retry",
        "error.type": "Refused"
      })
      assert.deepStrictEqual(shown(second), {
        name: "process jobs",
        kind: "consumer",
        ended: true,
        ...process,
        "task.attempt": 2,
        "task.ending": "done"
      })
      for (const { links, parent, traceId } of [first, second]) {
        assert.deepStrictEqual(
          links.map(({ span }) => [span.traceId, span.spanId, span.sampled]),
          [[sent.traceId, sent.spanId, true]]
        )
        assert.strictEqual(parent._tag, "None")
        assert.notStrictEqual(traceId, sent.traceId)
      }
      const inside = captured.spans.filter(({ name }) => name === "inside")
      assert.deepStrictEqual(
        inside.map(({ traceId }) => traceId),
        [first.traceId, second.traceId]
      )
      const request = captured.spans.find(({ name }) => name === "request")
      assert.strictEqual(sent.traceId, request?.traceId)
      assert.notInclude(captured.text(), "secret-7")
    }).pipe(Effect.scoped, Effect.provide(layer({}, captured.layer)))
  })

  it.effect("say that an offer was deferred, and link with it all the same", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const queue = yield* TaskQueue.TaskQueue
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.refuse)
      yield* inTime(queue.offer(Work, { n: 7 }), "5 seconds")
      yield* server.heal
      yield* TestClock.adjust("1 minute")
      yield* Layer.build(failsFirst)
      yield* TestClock.adjust("1 second")
      const [sent, first] = ofTasks(captured)
      assert.strictEqual(sent?.attributes.get("task.offer.outcome"), "deferred")
      assert.strictEqual(first?.links[0]?.span.spanId, sent?.spanId)
    }).pipe(Effect.scoped, Effect.provide(layer({}, captured.layer)))
  })

  it.effect("are no more than these, whatever workers ask by themselves", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const name = "hourly"
      const schedule = TaskSchedule.layer({
        name,
        cron: Cron.parseUnsafe("0 * * * *"),
        task: Work,
        payload: () => ({ n: 1 })
      })
      yield* Effect.withSpan(Layer.build(Layer.merge(failsFirst, schedule)), "start")
      yield* TestClock.adjust("10 minutes")
      yield* inTime(queue.offer(Work, { n: 7 }), "10 minutes")
      const commands = captured.spans.filter(({ name }) => name.startsWith("EVAL"))
      const above = commands.map(({ parent }) =>
        parent._tag === "Some" && "name" in parent.value ? parent.value.name : ""
      )
      assert.deepStrictEqual(new Set(above), new Set(["send jobs"]))
      const others = captured.spans.filter((span) => !commands.includes(span)).map(({ name }) => name)
      const all = ["inside", "inside", "process jobs", "process jobs", "send jobs", "send jobs", "start"]
      assert.deepStrictEqual(others.toSorted(), all)
      for (const { parent } of ofTasks(captured)) assert.strictEqual(parent._tag, "None")
    }).pipe(Effect.scoped, Effect.provide(layer({}, captured.layer)))
  })

  it.effect("are not there without a tracer, and store nothing", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const client = yield* RedisClient.RedisClient
      yield* TestClock.adjust("1 second")
      yield* inTime(Effect.withSpan(queue.offer(Work, { n: 7 }), "request"), "1 second")
      const stored = yield* inTime(client.run(RedisCommand.make("HGETALL", ["tasks:{jobs}:tasks"])), "1 second")
      assert.notInclude(JSON.stringify(stored), "trace")
    }).pipe(Effect.provide(layer()))
  )
})
