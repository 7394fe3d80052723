import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Circuits from "../../../packages/effect-ioredis/src/internal/circuitBreaker/Circuits.ts"
import * as NodeCircuit from "../../../packages/effect-ioredis/src/internal/circuitBreaker/NodeCircuit.ts"

const closed = (failures: number) => ({ _tag: "Closed", failures }) as const
const open = (seconds: number, isolated = false) =>
  ({ _tag: "Open", retryAfter: Duration.seconds(seconds), isolated }) as const
const halfOpen = (probes: number) => ({ _tag: "HalfOpen", probes }) as const

const combined = (...states: ReadonlyArray<Parameters<typeof Circuits.combine>[0][number]["state"]>) =>
  Circuits.combine(states.map((state, index) => ({ node: `n${index}`, state })))

describe("Circuits", () => {
  it("are in the state that all are in, or partly open", () => {
    assert.deepStrictEqual(combined(open(3)), open(3))
    assert.deepStrictEqual(combined(closed(0), closed(2)), closed(2))
    assert.deepStrictEqual(combined(open(5, true), open(3)), open(3))
    assert.deepStrictEqual(combined(open(5, true), open(3, true)), open(3, true))
    assert.deepStrictEqual(combined(open(5), halfOpen(2)), halfOpen(2))
    // A probe that said nothing leaves a circuit half-open without any.
    assert.deepStrictEqual(combined(halfOpen(0), halfOpen(0)), halfOpen(0))
    assert.deepStrictEqual(combined(open(5, true), halfOpen(0)), halfOpen(0))
    assert.deepStrictEqual(combined(closed(0), open(5), halfOpen(1)), {
      _tag: "Partial",
      nodes: [
        { node: "n1", state: open(5) },
        { node: "n2", state: halfOpen(1) }
      ]
    })
  })

  it.effect("tell each change of the whole once", () =>
    Effect.gen(function* () {
      const circuits = yield* Circuits.make
      const [one, other] = [
        yield* NodeCircuit.make({ resetTimeout: 1000 }),
        yield* NodeCircuit.make({ resetTimeout: 1000 })
      ]
      yield* circuits.add("one", one)
      yield* circuits.add("other", other)
      const told = yield* Effect.forkChild(
        circuits.changes.pipe(
          Stream.map(({ _tag }) => _tag),
          Stream.take(5),
          Stream.runCollect
        ),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      one.apply({ _tag: "Trip" })
      yield* Effect.yieldNow
      other.apply({ _tag: "Trip" })
      yield* Effect.yieldNow
      yield* TestClock.adjust(1000)
      one.acquire()
      yield* Effect.yieldNow
      yield* circuits.reset
      assert.deepStrictEqual(yield* Fiber.join(told), ["Closed", "Partial", "Open", "HalfOpen", "Partial"])
      assert.deepStrictEqual(circuits.now(), closed(0))
    }).pipe(Effect.scoped)
  )

  it.effect("are isolated with those that come later, until they are reset", () =>
    Effect.gen(function* () {
      const circuits = yield* Circuits.make
      yield* circuits.add("one", yield* NodeCircuit.make({}))
      yield* circuits.isolate
      const late = yield* NodeCircuit.make({})
      yield* circuits.add("late", late)
      assert.isFalse(late.isClosed())
      yield* circuits.reset
      assert.isTrue(late.isClosed())
    }).pipe(Effect.scoped)
  )

  it.effect("forget the circuit of a node that has left", () =>
    Effect.gen(function* () {
      const circuits = yield* Circuits.make
      yield* circuits.add("one", yield* NodeCircuit.make({}))
      const scope = yield* Scope.make()
      const leaving = yield* NodeCircuit.make({})
      yield* Scope.provide(circuits.add("leaving", leaving), scope)
      leaving.apply({ _tag: "Trip" })
      assert.strictEqual(circuits.now()._tag, "Partial")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(circuits.now(), closed(0))
    }).pipe(Effect.scoped)
  )
})
