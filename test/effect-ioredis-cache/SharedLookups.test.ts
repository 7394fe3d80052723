import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import { Cache } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import * as Sequences from "../../packages/effect-ioredis-cache/src/internal/Sequences.ts"
import * as SharedLookups from "../../packages/effect-ioredis-cache/src/internal/SharedLookups.ts"

/** Those of a region, for lookups that do not ask whether their key was written meanwhile. */
const makeIn = (scope: Scope.Scope) => {
  const { detach, detachAll, join } = SharedLookups.make("texts", scope, Sequences.make().join(() => {}).watch)
  return {
    detach,
    detachAll,
    join: <A, E, R>(key: string, lookup: Effect.Effect<A, E, R>) => join(key, () => lookup)
  }
}

const make = Effect.map(Effect.scope, makeIn)

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets everything that can run, run. */
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

const both = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.all(effects, { concurrency: "unbounded" })

const assertCycle = (exit: Exit.Exit<unknown, unknown>) =>
  assert.instanceOf(Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit, Cache.LookupCycleError)

const counting = (gate: Deferred.Deferred<string>) => {
  const runs = { started: 0, interrupted: 0 }
  const lookup = Effect.suspend(() => {
    runs.started++
    return Deferred.await(gate)
  }).pipe(
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        runs.interrupted++
      })
    )
  )
  return { runs, lookup }
}

describe("SharedLookups", () => {
  it.effect("let whoever has joined one that did not look up start anew", () =>
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const lookups = SharedLookups.make("texts", scope, Sequences.make().join(() => {}).watch)
      yield* lookups.start("a", () => Effect.as(Effect.sleep(100), SharedLookups.notRun))
      const joined = yield* fork(lookups.join("a", () => Effect.succeed("joined")))
      const patient = yield* fork(lookups.joinFor("a", 200, () => Effect.succeed("shared")))
      const impatient = yield* fork(lookups.joinFor("a", 50, () => Effect.succeed("late")))
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* Fiber.join(joined), "joined")
      assert.deepStrictEqual(yield* Fiber.join(patient), Option.some("joined"))
      assert.deepStrictEqual(yield* Fiber.join(impatient), Option.none())
    })
  )

  it.effect("run one lookup for everyone who waits for a key, and another one afterwards", () =>
    Effect.gen(function* () {
      const lookups = yield* make
      const gate = yield* Deferred.make<string>()
      const { lookup, runs } = counting(gate)
      const waiters = yield* Effect.forEach([1, 2, 3], () => fork(lookups.join("a", lookup)))
      yield* settle
      assert.deepStrictEqual(runs, { started: 1, interrupted: 0 })
      yield* Deferred.succeed(gate, "1")
      assert.deepStrictEqual(yield* Effect.forEach(waiters, Fiber.join), ["1", "1", "1"])
      yield* lookups.join("a", lookup)
      assert.strictEqual(runs.started, 2)
    })
  )

  it.effect("a lookup ends with its last waiter", () =>
    Effect.gen(function* () {
      const lookups = yield* make
      const { lookup, runs } = counting(yield* Deferred.make<string>())
      const one = yield* fork(lookups.join("a", lookup))
      const other = yield* fork(lookups.join("a", lookup))
      yield* settle
      yield* Fiber.interrupt(one)
      yield* settle
      assert.deepStrictEqual(runs, { started: 1, interrupted: 0 })
      yield* Fiber.interrupt(other)
      yield* settle
      assert.deepStrictEqual(runs, { started: 1, interrupted: 1 })
    })
  )

  for (const [what, detach] of [
    ["a detached key", (lookups: Pick<SharedLookups.SharedLookups, "detach" | "detachAll">) => lookups.detach("a")],
    ["all keys detached", (lookups: Pick<SharedLookups.SharedLookups, "detach" | "detachAll">) => lookups.detachAll()]
  ] as const) {
    it.effect(`${what}: who comes later starts anew, who waits keeps what he waits for`, () =>
      Effect.gen(function* () {
        const lookups = yield* make
        const [older, newer] = [yield* Deferred.make<string>(), yield* Deferred.make<string>()]
        const first = yield* fork(lookups.join("a", Deferred.await(older)))
        yield* settle
        detach(lookups)
        const second = yield* fork(lookups.join("a", Deferred.await(newer)))
        yield* settle
        yield* Deferred.succeed(older, "old")
        assert.strictEqual(yield* Fiber.join(first), "old")
        // The end of the older one leaves the newer one in its place.
        const third = yield* fork(lookups.join("a", Effect.die("there is one")))
        yield* settle
        yield* Deferred.succeed(newer, "new")
        assert.deepStrictEqual([yield* Fiber.join(second), yield* Fiber.join(third)], ["new", "new"])
      })
    )
  }

  it.effect("a lookup that asks for its own key is a defect, at once and through others", () =>
    Effect.gen(function* () {
      const lookups = yield* make
      const never = Effect.die("there is one")
      assertCycle(yield* Effect.exit(lookups.join("a", lookups.join("a", never))))
      const ring = lookups.join("a", lookups.join("b", lookups.join("c", lookups.join("a", never))))
      assertCycle(yield* Effect.exit(ring))
    })
  )

  it.effect("a fiber that a lookup forked may wait for it for 30 seconds, and then it is a cycle", () =>
    Effect.gen(function* () {
      const lookups = yield* make
      const own = both([lookups.join("b", lookups.join("a", Effect.die("there is one")))])
      const waiting = yield* fork(Effect.exit(lookups.join("a", own)))
      yield* settle
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assertCycle(yield* Fiber.join(waiting))
    })
  )

  it.effect("a cycle is found although one of two fibers that wait for the same lookup has left", () =>
    Effect.gen(function* () {
      const lookups = yield* make
      const gate = yield* Deferred.make<void>()
      const joinsA = Effect.suspend(() => lookups.join("a", Effect.die("there is one")))
      const joinsB = lookups.join("b", Effect.andThen(Deferred.await(gate), joinsA))
      const a = Effect.gen(function* () {
        const leaves = yield* fork(joinsB)
        const stays = yield* fork(joinsB)
        yield* settle
        yield* Fiber.interrupt(leaves)
        yield* Deferred.succeed(gate, undefined)
        return yield* Fiber.join(stays)
      })
      const waiting = yield* fork(Effect.exit(lookups.join("a", a)))
      yield* Effect.forEach([1, 2, 3, 4], () => settle)
      yield* TestClock.adjust("30 seconds")
      const exit = waiting.pollUnsafe()
      if (exit === undefined) assert.fail("waits for ever")
      assertCycle(Exit.isSuccess(exit) ? exit.value : exit)
    })
  )

  it.effect("a fiber that a lookup leaves behind is given the lookup's answer, and is blamed for no cycle", () =>
    Effect.gen(function* () {
      const lookups = yield* make
      const gate = yield* Deferred.make<string>()
      const left = yield* Deferred.make<Fiber.Fiber<string>>()
      const a = Effect.gen(function* () {
        yield* Deferred.succeed(left, yield* Effect.forkDetach(lookups.join("a", Effect.die("there is one"))))
        return yield* Deferred.await(gate)
      })
      const waiting = yield* fork(lookups.join("a", a))
      yield* settle
      yield* Deferred.succeed(gate, "1")
      assert.strictEqual(yield* Fiber.join(waiting), "1")
      assert.strictEqual(yield* Fiber.join(yield* Deferred.await(left)), "1")
    })
  )

  it.effect("a lookup is not blamed for what a fiber waits for that another one left behind", () =>
    Effect.gen(function* () {
      const lookups = yield* make
      const gate = yield* Deferred.make<string>()
      const b = lookups.join("a", Effect.die("there is one"))
      const left = yield* Deferred.make<Fiber.Fiber<string>>()
      const a = Effect.gen(function* () {
        yield* Deferred.succeed(left, yield* Effect.forkDetach(lookups.join("b", b)))
        return yield* Deferred.await(gate)
      })
      const waiting = yield* fork(lookups.join("a", a))
      yield* settle
      yield* Deferred.succeed(gate, "1")
      assert.strictEqual(yield* Fiber.join(waiting), "1")
      assert.strictEqual(yield* Fiber.join(yield* Deferred.await(left)), "1")
    })
  )

  it.effect("what a lookup left behind is nobody's once the lookup has ended", () =>
    Effect.gen(function* () {
      const lookups = yield* make
      const [later, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<string>()]
      const left = yield* Deferred.make<Fiber.Fiber<string>>()
      const asks = Effect.andThen(
        Deferred.await(later),
        Effect.suspend(() => lookups.join("a", lookups.join("b", Deferred.await(gate))))
      )
      yield* lookups.join(
        "a",
        Effect.flatMap(Effect.forkDetach(asks), (fiber) => Deferred.succeed(left, fiber))
      )
      yield* Deferred.succeed(later, undefined)
      yield* settle
      const other = yield* fork(lookups.join("b", Effect.die("there is one")))
      yield* settle
      yield* Deferred.succeed(gate, "1")
      assert.deepStrictEqual([yield* Fiber.join(yield* Deferred.await(left)), yield* Fiber.join(other)], ["1", "1"])
    })
  )

  it.effect("what is found of a cycle costs as much as there are lookups, not as there are ways through them", () =>
    Effect.gen(function* () {
      const lookups = yield* make
      const gate = yield* Deferred.make<string>()
      const depth = 26
      const layer = (n: number): Effect.Effect<string> =>
        n === depth
          ? Deferred.await(gate)
          : Effect.map(
              both([
                lookups.join(
                  `left-${n}`,
                  Effect.suspend(() => layer(n + 1))
                ),
                lookups.join(
                  `right-${n}`,
                  Effect.suspend(() => layer(n + 1))
                )
              ]),
              ([one = ""]) => one
            )
      const startedAt = performance.now()
      const diamonds = yield* fork(lookups.join("top", layer(0)))
      yield* Effect.forEach(Array.from({ length: depth }), () => settle)
      const late = yield* fork(lookups.join("late", lookups.join("left-0", Effect.die("there is one"))))
      yield* settle
      assert.isBelow(performance.now() - startedAt, 2000)
      yield* Deferred.succeed(gate, "1")
      assert.deepStrictEqual([yield* Fiber.join(diamonds), yield* Fiber.join(late)], ["1", "1"])
    })
  )

  it.effect("end with their scope, and then interrupt whoever waits", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const lookups = makeIn(scope)
      const waiting = yield* fork(lookups.join("a", Effect.never))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      const exit = yield* Fiber.await(waiting)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
    })
  )
})
