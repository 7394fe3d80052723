import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schema, Scope } from "effect"
import { Redis, type RedisConfig } from "effect-ioredis"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as RedisServer from "../../support/RedisServer.ts"
import * as TcpProxy from "../../support/TcpProxy.ts"
import * as Wait from "../../support/Wait.ts"

const Step = Task.make({
  name: "step",
  version: 1,
  payload: Schema.Struct({ n: Schema.Int, takes: Schema.Int }),
  success: Schema.Int,
  id: ({ n }) => String(n)
})

interface Run {
  readonly n: number
  readonly attempt: number
  how: "running" | "done" | "left"
}

/** Tells of every run of a task. */
const makeHandler = () => {
  const runs: Array<Run> = []
  const handler = TaskWorker.handler(Step, ({ n, takes }, { attempt }) => {
    const run: Run = { n, attempt, how: "running" }
    runs.push(run)
    return Effect.sleep(takes).pipe(
      Effect.as(n),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          run.how = Exit.isSuccess(exit) ? "done" : "left"
        })
      )
    )
  })
  return { runs, handler, done: () => runs.filter(({ how }) => how === "done").length }
}

const queueOn = (options: RedisConfig.Options) =>
  Effect.map(
    Layer.build(
      TaskQueue.layer({ name: "steps", patience: "500 millis" }).pipe(
        Layer.provide(Redis.layer({ resetTimeout: "1 second", ...options }))
      )
    ),
    (context) => ({ context, queue: TaskQueue.TaskQueue.of(context.mapUnsafe.get(TaskQueue.TaskQueue.key)) })
  )

/** A worker on a queue, until `end`. */
const startWorker = Effect.fnUntraced(function* (
  { queue }: { readonly queue: TaskQueue.TaskQueue },
  handler: TaskWorker.Handler,
  options: TaskWorker.Options = {}
) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  yield* Layer.buildWithScope(
    TaskWorker.layer([handler], options).pipe(Layer.provide(Layer.succeed(TaskQueue.TaskQueue, queue))),
    scope
  )
  return { end: Scope.close(scope, Exit.void) }
})

const isEmpty = (queue: TaskQueue.TaskQueue) =>
  Effect.map(
    queue.inspect,
    ({ delayed, running, waiting }) => delayed + running + waiting.normal + waiting.high + waiting.low === 0
  )

describe("A worker that ends", () => {
  it.live("hands over what it has in hand as soon as its drain is over", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const one = yield* queueOn({ url })
      const other = yield* queueOn({ url })
      const ending = makeHandler()
      const next = makeHandler()
      const worker = yield* startWorker(one, ending.handler, { drain: "200 millis" })
      yield* one.queue.offer(Step, { n: 1, takes: 5000 })
      yield* Wait.until("it runs", () => ending.runs.length === 1)
      yield* startWorker(other, next.handler, { drain: "0 millis" })
      const { millis } = yield* Wait.timed(
        Effect.andThen(
          worker.end,
          Wait.until("it runs elsewhere", () => next.runs.length === 1)
        )
      )
      assert.isBelow(millis, 1200)
      assert.deepStrictEqual(next.runs[0]?.attempt, 1)
      assert.strictEqual(ending.runs[0]?.how, "left")
    }).pipe(Effect.scoped)
  )

  it.live("gives back what a call that is on its way has taken", () =>
    Effect.gen(function* () {
      const { port, url } = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(port)
      const near = yield* queueOn({ url })
      const far = yield* queueOn({ url: `redis://127.0.0.1:${proxy.port}` })
      const { handler, runs } = makeHandler()
      const worker = yield* startWorker(far, handler)
      yield* Wait.until(
        "it is idle",
        Effect.map(proxy.stats, ({ open }) => open === 2)
      )
      yield* proxy.delay(150)
      yield* near.queue.offer(Step, { n: 1, takes: 50 })
      yield* Wait.until(
        "Redis has given it away",
        Effect.map(near.queue.inspect, ({ running }) => running === 1)
      )
      assert.deepStrictEqual(runs, [])
      yield* worker.end
      const { running, waiting } = yield* near.queue.inspect
      assert.strictEqual(running, 0)
      assert.strictEqual(waiting.normal + runs.filter(({ how }) => how === "done").length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("ends while Redis is gone, within its drain and the time for closing", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const at = yield* queueOn({ url: server.url, closeTimeout: "1 second" })
      const { handler, runs } = makeHandler()
      const worker = yield* startWorker(at, handler, { drain: "500 millis" })
      yield* at.queue.offer(Step, { n: 1, takes: 10_000 })
      yield* Wait.until("it runs", () => runs.length === 1)
      yield* server.kill
      const { millis } = yield* Wait.timed(worker.end)
      assert.isBelow(millis, 1500 + 250)
      assert.strictEqual(runs[0]?.how, "left")
    }).pipe(Effect.scoped)
  )

  it.live("ends although its client was closed before", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const client = yield* Scope.make()
      const at = yield* Scope.provide(queueOn({ url }), client)
      const { handler, runs } = makeHandler()
      const worker = yield* startWorker(at, handler, { drain: "300 millis" })
      yield* at.queue.offer(Step, { n: 1, takes: 10_000 })
      yield* Wait.until("it runs", () => runs.length === 1)
      yield* Scope.close(client, Exit.void)
      const { millis } = yield* Wait.timed(worker.end)
      assert.isBelow(millis, 300 + 250)
      assert.strictEqual(runs[0]?.how, "left")
    }).pipe(Effect.scoped)
  )
})

describe("A queue whose Redis has trouble", () => {
  it.live("loses nothing and runs nothing twice where replies are lost", () =>
    Effect.gen(function* () {
      const { port, url } = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(port)
      const near = yield* queueOn({ url })
      const far = yield* queueOn({ url: `redis://127.0.0.1:${proxy.port}` })
      const { done, handler, runs } = makeHandler()
      yield* startWorker(far, handler, { concurrency: 5 })
      for (let n = 0; n < 300; n++) yield* near.queue.offer(Step, { n, takes: 20 })
      for (let cut = 1; cut <= 5; cut++) {
        yield* Wait.until("another fifty are done", () => done() >= 50 * cut)
        const { connections } = yield* proxy.stats
        // The request is the worker's next call, or the login after it.
        yield* proxy.cutAfterNextRequest
        yield* Wait.until(
          "it is connected again",
          Effect.map(proxy.stats, (now) => now.connections > connections)
        )
      }
      yield* Wait.until("all are done", () => done() === 300)
      yield* Wait.until("all are settled", isEmpty(near.queue))
      assert.strictEqual(runs.length, 300)
    }).pipe(Effect.scoped)
  )

  it.live("goes on after its scripts were forgotten", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const at = yield* queueOn({ url: server.url })
      const { done, handler } = makeHandler()
      yield* startWorker(at, handler)
      for (let n = 0; n < 20; n++) {
        yield* server.cli("SCRIPT", "FLUSH")
        assert.strictEqual(yield* at.queue.offer(Step, { n, takes: 5 }), "Enqueued")
      }
      yield* Wait.until("all are done", () => done() === 20)
      yield* Wait.until("all are settled", isEmpty(at.queue))
    }).pipe(Effect.scoped)
  )

  it.live("goes on with a Redis that was restarted empty, and leaves off with what that has lost", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const at = yield* queueOn({ url: server.url })
      const { done, handler, runs } = makeHandler()
      yield* startWorker(at, handler, { lease: "3 seconds" })
      yield* at.queue.offer(Step, { n: 1, takes: 60_000 })
      yield* Wait.until("it runs", () => runs.length === 1)
      yield* server.kill
      yield* server.start
      yield* Wait.until("it is left off", () => runs[0]?.how === "left")
      const offered = yield* at.queue.offer(Step, { n: 2, takes: 5 })
      assert.notStrictEqual(offered, "Duplicate")
      yield* Wait.until("another is done", () => done() === 1)
      yield* Wait.until("all are settled", isEmpty(at.queue))
    }).pipe(Effect.scoped)
  )

  it.live("keeps what a Redis without memory cannot take, and settles what runs", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const at = yield* queueOn({ url: server.url })
      const { done, handler, runs } = makeHandler()
      yield* startWorker(at, handler)
      yield* at.queue.offer(Step, { n: 1, takes: 300 })
      yield* Wait.until("it runs", () => runs.length === 1)
      yield* server.cli("CONFIG", "SET", "maxmemory", "1mb")
      assert.strictEqual(yield* at.queue.offer(Step, { n: 2, takes: 5 }), "Deferred")
      yield* Wait.until("what ran is settled", isEmpty(at.queue))
      yield* server.cli("CONFIG", "SET", "maxmemory", "0")
      yield* Wait.until("the other is done", () => done() === 2)
      assert.strictEqual(runs.length, 2)
    }).pipe(Effect.scoped)
  )

  it.live("forgets what it keeps for a Redis without memory when that is cancelled", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ maxmemory: "1mb" })
      const at = yield* queueOn({ url: server.url })
      const { done, handler, runs } = makeHandler()
      yield* startWorker(at, handler)
      for (const n of [1, 2]) assert.strictEqual(yield* at.queue.offer(Step, { n, takes: 5 }), "Deferred")
      assert.strictEqual(yield* at.queue.cancel(Step, "1"), "Cancelled")
      assert.strictEqual((yield* at.queue.deferred).waiting, 1)
      yield* server.cli("CONFIG", "SET", "maxmemory", "0")
      yield* Wait.until("the other is done", () => done() === 1)
      assert.deepStrictEqual(
        runs.map(({ n }) => n),
        [2]
      )
    }).pipe(Effect.scoped)
  )

  it.live("waits for a replica to become a master, without asking it all the time", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const at = yield* queueOn({ url: server.url })
      const { done, handler, runs } = makeHandler()
      yield* startWorker(at, handler)
      yield* at.queue.offer(Step, { n: 1, takes: 300 })
      yield* Wait.until("it runs", () => runs.length === 1)
      yield* server.cli("REPLICAOF", "127.0.0.1", "1")
      yield* server.cli("CONFIG", "RESETSTAT")
      assert.strictEqual(yield* at.queue.offer(Step, { n: 2, takes: 5 }), "Deferred")
      yield* Effect.sleep("3 seconds")
      const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(String(yield* server.cli("INFO", "commandstats"))) ?? []
      assert.isBelow(Number(calls), 150)
      yield* server.cli("REPLICAOF", "NO", "ONE")
      yield* Wait.until("both are done", () => done() === 2)
      yield* Wait.until("both are settled", isEmpty(at.queue))
      assert.strictEqual(runs.length, 2)
    }).pipe(Effect.scoped)
  )

  it.live("settles a handler that has finished while Redis was frozen, and does not run it again", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const at = yield* queueOn({ url: server.url })
      const { handler, runs } = makeHandler()
      yield* startWorker(at, handler)
      yield* at.queue.offer(Step, { n: 1, takes: 100 })
      yield* Wait.until("it runs", () => runs.length === 1)
      yield* server.freeze
      yield* Wait.until("it is done", () => runs[0]?.how === "done")
      yield* Effect.sleep("3 seconds")
      yield* server.thaw
      assert.deepStrictEqual(yield* at.queue.result(Step, "1", { timeout: "10 seconds" }), Option.some(1))
      assert.strictEqual(runs.length, 1)
    }).pipe(Effect.scoped)
  )

  for (const how of ["killed", "frozen"] as const) {
    it.live(`has an idle worker go on within twice the reset timeout after Redis was ${how}`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make({ config: ["appendonly yes"] })
        const at = yield* queueOn({ url: server.url })
        const { done, handler } = makeHandler()
        yield* startWorker(at, handler)
        yield* at.queue.offer(Step, { n: 0, takes: 0 })
        yield* Wait.until("the first is done", () => done() === 1)
        yield* how === "killed" ? server.kill : server.freeze
        yield* Effect.sleep("5 seconds")
        yield* how === "killed" ? server.start : server.thaw
        yield* server.cli("PING")
        const { millis } = yield* Wait.timed(
          Effect.gen(function* () {
            const { queue } = yield* queueOn({ url: server.url })
            yield* queue.offer(Step, { n: 1, takes: 0 })
            yield* Wait.until("the next is done", () => done() === 2)
          })
        )
        assert.isBelow(millis, 2000)
      }).pipe(Effect.scoped)
    )
  }

  for (const [how, away, back] of [
    ["killed", "kill", "start"],
    ["frozen", "freeze", "thaw"]
  ] as const) {
    it.live(`runs nothing again that was finished while Redis was ${how} for longer than a lease`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make({ config: ["appendonly yes"] })
        const here = yield* queueOn({ url: server.url, resetTimeout: "200 millis" })
        const there = yield* queueOn({ url: server.url, resetTimeout: "200 millis" })
        const { done, handler, runs } = makeHandler()
        for (const at of [here, there]) yield* startWorker(at, handler, { lease: "3 seconds" })
        for (let n = 0; n < 10; n++) yield* here.queue.offer(Step, { n, takes: 600 })
        yield* Wait.until("all run", () => runs.length === 10)
        yield* server[away]
        yield* Wait.until("all are done", () => done() === 10)
        yield* Effect.sleep("4 seconds")
        yield* server[back]
        yield* Wait.until("all are settled", isEmpty(here.queue))
        assert.strictEqual(runs.length, 10)
      }).pipe(Effect.scoped)
    )
  }

  it.live("counts no attempt for what was taken by a call that waited for Redis", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ config: ["appendonly yes"] })
      const at = yield* queueOn({ url: server.url })
      const { done, handler, runs } = makeHandler()
      yield* startWorker(at, handler, { lease: "1 second" })
      yield* at.queue.offer(Step, { n: 0, takes: 0 })
      yield* Wait.until("the first is done", () => done() === 1)
      yield* Wait.until("it is settled", isEmpty(at.queue))
      yield* server.kill
      assert.strictEqual(yield* at.queue.offer(Step, { n: 1, takes: 200 }), "Deferred")
      yield* Effect.sleep("3 seconds")
      yield* server.start
      yield* Wait.until("it is done", () => done() === 2)
      assert.deepStrictEqual(
        runs.map(({ attempt }) => attempt),
        [1, 1]
      )
    }).pipe(Effect.scoped)
  )

  it.live("shares tasks among workers of one process, and runs each once", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const at = yield* queueOn({ url })
      const workers = [makeHandler(), makeHandler()]
      for (const { handler } of workers) yield* startWorker(at, handler, { concurrency: 3 })
      for (let n = 0; n < 200; n++) yield* at.queue.offer(Step, { n, takes: 5 })
      yield* Wait.until("all are done", () => workers.reduce((sum, { done }) => sum + done(), 0) === 200)
      yield* Wait.until("all are settled", isEmpty(at.queue))
      for (const { runs } of workers) assert.isAbove(runs.length, 20)
      assert.strictEqual(workers.flatMap(({ runs }) => runs).length, 200)
    }).pipe(Effect.scoped)
  )
})
