import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Result, Scope } from "effect"
import type { RedisCommand, RedisError } from "effect-ioredis"
import type * as Dispatch from "effect-ioredis/dispatch"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Insides from "../../packages/effect-ioredis/src/internal/Insides.ts"
import * as SeededRandom from "../../packages/effect-ioredis/src/testing/internal/SeededRandom.ts"
import { get, keysOf, sent, set, unlink, withRedis } from "../support/VirtualRedis.ts"

/** Counts what it is told, session by session. */
const counting = () => {
  const told: Array<Dispatch.SendingEnd["_tag"]> = []
  let begun = 0
  const open = new Map<Dispatch.Session, number>()
  const sending: Dispatch.Sending = {
    begin: (session) => {
      begun++
      open.set(session, (open.get(session) ?? 0) + 1)
      return true
    },
    end: (session, { _tag }) => {
      const left = (open.get(session) ?? 0) - 1
      assert.isAtLeast(left, 0, "an end without its begin")
      open.set(session, left)
      told.push(_tag)
    }
  }
  return { sending, told, begun: () => begun }
}

describe("What is made once on a client", () => {
  it.effect("is made when it is first asked for, and ends with the client", () =>
    Effect.gen(function* () {
      let made = 0
      let ended = 0
      const make: Parameters<typeof Insides.once<number>>[1] = ({ scope }) => {
        Effect.runSync(
          Scope.addFinalizer(
            scope,
            Effect.sync(() => ended++)
          )
        )
        return ++made
      }
      yield* withRedis()((_, __, dispatch) =>
        Effect.sync(() => {
          const once = <A>(make: (insides: Insides.Insides) => A) => Insides.once(dispatch, make)
          assert.strictEqual(made, 0)
          assert.deepStrictEqual([once(make), once(make), once(() => "another"), once(make)], [1, 1, "another", 1])
          assert.strictEqual(ended, 0)
        })
      )
      assert.strictEqual(ended, 1)
      yield* withRedis()((_, __, dispatch) => Effect.sync(() => assert.strictEqual(Insides.once(dispatch, make), 2)))
      assert.strictEqual(ended, 2)
    })
  )
})

describe("A sending", () => {
  it.effect("ends exactly once under random cuts, freezes, cancels and retries", () =>
    Effect.forEach(
      Arr.range(1, 20),
      (seed) =>
        withRedis({ connections: 1 + (seed % 3) })((_, server, dispatch) =>
          Effect.gen(function* () {
            const random = SeededRandom.make(seed)
            const below = (n: number) => Math.floor(random() * n)
            const all: Array<ReturnType<typeof counting>> = []
            const answers: Array<number> = []
            for (let n = 0; n < 120; n++) {
              const clients = yield* server.clients
              const connection = clients[below(clients.length)]
              const what = random()
              if (what < 0.05) yield* server.inject(Fault.cut({ executed: random() < 0.5 }), { connection })
              else if (what < 0.1 && connection !== undefined) yield* server.inject(Fault.freeze, { connection })
              else if (what < 0.15) yield* server.inject(Fault.error("LOADING"))
              else if (what < 0.2) yield* server.inject(Fault.refuse)
              else if (what < 0.3) yield* server.heal
              else if (what < 0.4) yield* TestClock.adjust(below(700))
              else {
                const counter = counting()
                all.push(counter)
                const index = answers.push(0) - 1
                const done = () => {
                  answers[index] = (answers[index] ?? 0) + 1
                }
                const keys = Array.from({ length: 1 + below(3) }, () => `k${below(20)}`)
                const options = { sending: counter.sending, answer: "ignored" as const, timeout: 1 + below(5000) }
                const cancel =
                  random() < 0.5
                    ? dispatch.send(unlink(...keys), options, done)
                    : dispatch.sendAll(
                        keys.map((key) => set(key, n)),
                        { ...options, sendings: keys.map(() => counter.sending) },
                        done
                      )
                if (random() < 0.2) {
                  if (answers[index] === 0) answers[index] = 1
                  cancel()
                }
              }
            }
            yield* server.heal
            yield* TestClock.adjust("1 minute")
            for (const { begun, told } of all) assert.strictEqual(told.length, begun(), `seed ${seed}`)
            assert.isTrue(
              answers.every((count) => count === 1),
              `seed ${seed}: a call was not answered once`
            )
          })
        ),
      { discard: true }
    )
  )

  it.effect("that is called off is not sent, and the call fails with SUPERSEDED", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        const ends: Array<unknown> = []
        const sending = { begin: () => false, end: (...end: ReadonlyArray<unknown>) => ends.push(end) }
        const results: Array<Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>> = []
        dispatch.send(set("k", "v"), { sending }, (result) => results.push(result))
        yield* TestClock.adjust("1 second")
        const [told] = results
        assert.isTrue(told !== undefined && Result.isFailure(told))
        if (told === undefined || Result.isSuccess(told)) return
        assert.deepInclude({ ...told.failure }, { _tag: "RedisOperationError", code: "SUPERSEDED" })
        assert.strictEqual(results.length, 1)
        assert.deepStrictEqual(ends, [])
        assert.strictEqual(yield* server.peek("k"), undefined)
      })
    )
  )

  it.effect("whose callbacks throw is no failure of Redis, then or when its deadline is over", () =>
    withRedis()((redis, _, dispatch) =>
      Effect.gen(function* () {
        const boom = () => {
          throw new Error("boom")
        }
        for (let n = 0; n < 20; n++) {
          dispatch.send(set("a", n), { sending: { begin: boom, end: boom } }, boom)
          dispatch.send(set("a", n), { sending: { begin: () => true, end: boom } }, boom)
          dispatch.sendAll([set("a", n), set("b", n)], { sendings: [{ begin: boom, end: boom }, undefined] }, boom)
        }
        yield* TestClock.adjust("10 seconds")
        assert.deepInclude(yield* redis.stats, { breaker: { _tag: "Closed", failures: 0 }, inFlight: 0 })
      })
    )
  )

  it.effect("is told before the call, and what its callbacks throw harms nobody", () =>
    withRedis()((redis, server, dispatch) =>
      Effect.gen(function* () {
        const boom = () => {
          throw new Error("boom")
        }
        const told: Array<string> = []
        dispatch.listen(boom)
        dispatch.send(set("a", "1"), { sending: { begin: boom, end: boom } }, () => {
          told.push("a")
          boom()
        })
        dispatch.send(set("b", "1"), { sending: { begin: () => true, end: () => boom() } }, () => {
          told.push("b")
          boom()
        })
        dispatch.get("b", { bytes: 1 }, boom)
        dispatch.get("b", { bytes: 1 }, () => told.push("read"))
        dispatch.sendAll([get("a"), get("b")], {}, boom)
        yield* redis.set("c", "1")
        yield* server.inject(Fault.cut({ executed: false }))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(told, ["a", "b", "read"])
        assert.strictEqual(yield* server.peek("a"), undefined, "a command whose begin threw was sent")
        assert.isTrue(yield* redis.set("c", "2"))
      })
    )
  )
})

describe("Dispatcher", () => {
  it.effect("sends each command as its own call says, whatever the one before it said", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        const session = dispatch.nodes()[0]?.sessions()[0]
        yield* server.inject(Fault.freeze)
        const ended: Array<string> = []
        const start = (what: string, options: Dispatch.SendOptions) =>
          dispatch.send(get("k"), { retry: false, ...options }, () => ended.push(what))
        const rows: ReadonlyArray<readonly [what: string, options: Dispatch.SendOptions]> = [
          ["1 second", { timeout: 1000 }],
          ["half a second", { timeout: 500 }],
          ["half a second, on a session", { timeout: 500, session }],
          ["half a second, unread", { timeout: 500, answer: "ignored" }],
          ["its usual time", {}]
        ]
        for (const [what, options] of rows) start(what, options)
        yield* TestClock.adjust(500)
        assert.deepStrictEqual(ended, ["half a second", "half a second, on a session", "half a second, unread"])
        yield* TestClock.adjust(500)
        assert.deepStrictEqual(ended.slice(3), ["1 second"])
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(ended.slice(4), ["its usual time"])
      })
    )
  )

  it.effect("sends the reads that wait for their tick before what is asked for after them", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        const first: Array<string> = []
        for (const then of [
          () => dispatch.send(set("a", "1"), {}, () => {}),
          () => dispatch.sendAll([set("a", "1")], {}, () => {})
        ]) {
          const before = (yield* server.received).length
          for (const key of ["a", "b"]) dispatch.get(key, { bytes: 1 }, () => {})
          then()
          yield* TestClock.adjust(0)
          const names = (yield* server.received).slice(before).map(({ name }) => name)
          first.push(names.join(" "))
        }
        assert.deepStrictEqual(first, ["MGET SET", "MGET SET"])
      })
    )
  )

  it.effect("answers for no commands at once, and for one of several connections with one reply", () =>
    withRedis({ connections: 2 })((_, server, dispatch) =>
      Effect.gen(function* () {
        const answers: Array<unknown> = []
        dispatch.sendAll([], {}, (results) => answers.push(results))
        assert.deepStrictEqual(answers, [[]])
        const keys = Array.from(keysOf(dispatch, 1).values()).flat()
        for (const key of keys) yield* server.execute(set(key, "v"))
        dispatch.send(unlink(...keys), {}, (result) => answers.push(result))
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(answers.slice(1), [Result.succeed(2)])
        assert.strictEqual((yield* sent(server, "UNLINK")).length, 2)
      })
    )
  )

  it.effect("tells of events for as long as somebody listens", () =>
    withRedis()((redis, _, dispatch) =>
      Effect.gen(function* () {
        const told: Array<string> = []
        const stop = dispatch.listen(({ _tag }) => told.push(_tag))
        yield* redis.reconnect
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(told, ["SessionLost"])
        stop()
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(told, ["SessionLost"])
      })
    )
  )
})
