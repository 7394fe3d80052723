import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Schedule } from "effect"
import { CircuitBreaker } from "effect-ioredis"
import {
  type CircuitState,
  type Event,
  makeDue,
  type Settings,
  transition
} from "../../packages/effect-ioredis/src/internal/circuitBreaker/transition.ts"

// The whole state machine as a table: in each state, what each event makes of it at the time 1000, if an opening lasts 30 ms.

const now = 1000
const openFor = 30

const settings: Settings = { tripPolicy: CircuitBreaker.consecutive(2), successThreshold: 2, maxProbes: 2 }

const event = new Error("one event")

const states = {
  healthy: { _tag: "Closed", permit: 7, health: { failures: 0, window: undefined }, events: [] },
  failing: { _tag: "Closed", permit: 7, health: { failures: 1, window: undefined }, events: [event] },
  waiting: { _tag: "Open", permit: 7, openFor, dueAt: now + 10, isolated: false, since: 900, failures: 5 },
  due: { _tag: "Open", permit: 7, openFor, dueAt: now, isolated: false, since: 900, failures: 5 },
  isolated: {
    _tag: "Open",
    permit: 7,
    openFor: Number.POSITIVE_INFINITY,
    dueAt: Number.POSITIVE_INFINITY,
    isolated: true,
    since: 900,
    failures: 5
  },
  idle: { _tag: "HalfOpen", permit: 8, probes: [], successes: 0, since: 900, failures: 5 },
  probing: { _tag: "HalfOpen", permit: 8, probes: [7], successes: 1, since: 900, failures: 5 },
  full: { _tag: "HalfOpen", permit: 8, probes: [7, 8], successes: 0, since: 900, failures: 5 }
} satisfies Readonly<Record<string, CircuitState>>

const record = (permit: number, outcome: CircuitBreaker.Outcome, event?: unknown): Event => ({
  _tag: "Record",
  permit,
  outcome,
  event
})

const events = {
  acquire: { _tag: "Acquire" },
  success: record(7, "success"),
  failure: record(7, "failure"),
  "the same failure": record(7, "failure", event),
  fatal: record(7, "fatal"),
  ignored: record(7, "ignored"),
  "a success of earlier": record(6, "success"),
  "a failure of earlier": record(6, "fatal"),
  trip: { _tag: "Trip" },
  isolate: { _tag: "Isolate" },
  reset: { _tag: "Reset" },
  "make due": makeDue
} satisfies Readonly<Record<string, Event | typeof makeDue>>

const next = (settings: Settings, state: CircuitState, name: keyof typeof events): CircuitState => {
  const event = events[name]
  return typeof event === "function" ? event(state, now) : transition(settings, state, event, now, openFor)
}

/** A state in a few letters: `closed 7: 1` has the permit 7 and one failure, `half-open [7, 8] 1` two probes and a success. */
const brief = (state: CircuitState): string => {
  switch (state._tag) {
    case "Closed":
      return `closed ${state.permit}: ${state.health.failures}`
    case "Open":
      return state.isolated ? `isolated ${state.permit}` : `open ${state.permit} until ${state.dueAt - now}`
    case "HalfOpen":
      return `half-open [${state.probes}] ${state.successes}`
  }
}

// What is not named stays as it is.
const table: Readonly<Record<keyof typeof states, Partial<Record<keyof typeof events, string>>>> = {
  healthy: {
    failure: "closed 7: 1",
    "the same failure": "closed 7: 1",
    fatal: "open 7 until 30",
    trip: "open 7 until 30",
    isolate: "isolated 7",
    success: "closed 7: 0"
  },
  failing: {
    success: "closed 7: 0",
    failure: "open 7 until 30",
    fatal: "open 7 until 30",
    trip: "open 7 until 30",
    isolate: "isolated 7",
    reset: "closed 8: 0"
  },
  waiting: {
    isolate: "isolated 7",
    reset: "closed 8: 0",
    "make due": "open 7 until 0"
  },
  due: {
    acquire: "half-open [8] 0",
    isolate: "isolated 7",
    reset: "closed 8: 0"
  },
  isolated: {
    reset: "closed 8: 0"
  },
  idle: {
    acquire: "half-open [9] 0",
    trip: "open 8 until 30",
    isolate: "isolated 8",
    reset: "closed 9: 0"
  },
  probing: {
    acquire: "half-open [7,9] 1",
    success: "closed 9: 0",
    failure: "open 8 until 30",
    "the same failure": "open 8 until 30",
    fatal: "open 8 until 30",
    ignored: "half-open [] 1",
    trip: "open 8 until 30",
    isolate: "isolated 8",
    reset: "closed 9: 0"
  },
  full: {
    success: "half-open [8] 1",
    failure: "open 8 until 30",
    "the same failure": "open 8 until 30",
    fatal: "open 8 until 30",
    ignored: "half-open [8] 0",
    trip: "open 8 until 30",
    isolate: "isolated 8",
    reset: "closed 9: 0"
  }
}

const keys = <K extends string>(of: Readonly<Record<K, unknown>>) => Object.keys(of) as Array<K>

describe("the state machine of a circuit", () => {
  for (const state of keys(states)) {
    it(`when it is ${state} (${brief(states[state])})`, () => {
      const row = table[state]
      const then = (name: keyof typeof events) => next(settings, states[state], name)
      assert.deepStrictEqual(
        keys(events).map((name) => [name, brief(then(name))]),
        keys(events).map((name) => [name, row[name] ?? brief(states[state])])
      )
      for (const name of keys(events)) {
        if (row[name] !== undefined) continue
        assert.strictEqual<CircuitState>(then(name), states[state], `${name} made a copy of the state`)
      }
    })
  }

  it("knows since when it has not been closed, and how many failures there were", () => {
    const history = (state: CircuitState) =>
      state._tag === "Closed" ? undefined : { since: state.since, failures: state.failures }
    const then = (state: keyof typeof states, name: keyof typeof events) => history(next(settings, states[state], name))
    assert.deepStrictEqual(then("failing", "failure"), { since: now, failures: 2 })
    assert.deepStrictEqual(then("healthy", "fatal"), { since: now, failures: 1 })
    assert.deepStrictEqual(then("healthy", "trip"), { since: now, failures: 1 })
    assert.deepStrictEqual(then("healthy", "isolate"), { since: now, failures: 0 })
    assert.deepStrictEqual(then("due", "acquire"), { since: 900, failures: 5 })
    assert.deepStrictEqual(then("probing", "failure"), { since: 900, failures: 6 })
    assert.deepStrictEqual(then("probing", "trip"), { since: 900, failures: 6 })
    assert.isUndefined(then("probing", "success"))
  })

  it("opens for nothing but `isolate` where the policy is `never`", () => {
    const never: Settings = { ...settings, tripPolicy: CircuitBreaker.never }
    for (const name of keys(events)) {
      const then = next(never, states.failing, name)
      assert.strictEqual(then._tag, name === "isolate" ? "Open" : "Closed", name)
    }
  })

  it("never gives the same permit twice", () => {
    const permits = new Set<number>()
    let state: CircuitState = states.healthy
    for (const name of ["fatal", "make due", "acquire", "acquire", "reset", "trip", "make due", "acquire"] as const) {
      const then: CircuitState = next({ ...settings, maxProbes: 9 }, state, name)
      if (name === "acquire" && then._tag === "HalfOpen") {
        const permit = then.permit
        assert.isFalse(permits.has(permit), `${permit} was given twice`)
        permits.add(permit)
      }
      if (then._tag === "Closed") permits.add(then.permit)
      state = then
    }
  })
})

describe("options that contradict each other", () => {
  const mistakes: ReadonlyArray<readonly [CircuitBreaker.Options, string]> = [
    [
      { tripPolicy: CircuitBreaker.rate({ window: 10, minimumCalls: 20 }) },
      "minimumCalls is 20. Make it a whole number from 1 to its window, 10"
    ],
    [{ tripPolicy: CircuitBreaker.rate({ minimumCalls: 0 }) }, "minimumCalls is 0"],
    [{ tripPolicy: CircuitBreaker.rate({ window: 0.5 }) }, "window is 0.5"],
    [{ tripPolicy: CircuitBreaker.rate({ threshold: 0 }) }, "threshold is 0. Make it more than 0 and at most 1"],
    [{ tripPolicy: CircuitBreaker.rate({ threshold: 1.1 }) }, "threshold is 1.1"],
    [{ tripPolicy: CircuitBreaker.rate({ threshold: Number.NaN }) }, "threshold is NaN"],
    [
      { tripPolicy: CircuitBreaker.consecutive(0) },
      "the number of failures in a row is 0. Make it a whole number, 1 or more"
    ],
    [
      { tripPolicy: CircuitBreaker.consecutive(Number.POSITIVE_INFINITY) },
      "the number of failures in a row is Infinity"
    ],
    [
      { tripPolicy: { _tag: "Consecutive", failures: 3 } as never },
      "tripPolicy is an object. Make it by CircuitBreaker.consecutive, rate or never"
    ],
    [{ maxProbes: 0 }, "maxProbes is 0. Make it a whole number, 1 or more"],
    [{ maxProbes: 1.5 }, "maxProbes is 1.5. Make it a whole number, 1 or more"],
    [{ probeTimeout: 0 }, "probeTimeout is 0. Make it a time above 0"],
    [{ probeTimeout: Number.NaN }, "probeTimeout is NaN. Make it a time above 0"],
    [{ resetTimeout: -1 }, "resetTimeout is -1. Make it a time of 0 or more, or a CircuitBreaker.schedule"],
    [{ resetTimeout: Number.NaN }, "resetTimeout is NaN. Make it a time of 0 or more, or a CircuitBreaker.schedule"],
    [
      { resetTimeout: "soon" as never },
      'resetTimeout is "soon". Make it a time of 0 or more, or a CircuitBreaker.schedule'
    ],
    [{ resetTimeout: Schedule.spaced("1 second") as never }, "resetTimeout is an object. Make it a time of 0 or more"],
    [{ resetTimeout: Duration.negativeInfinity }, "resetTimeout is -Infinity"],
    [{ successThreshold: Number.NaN }, "successThreshold is NaN"]
  ]

  for (const [options, message] of mistakes) {
    it.effect(`are a defect that says: ${message}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(CircuitBreaker.make(options))
        assert.include(Exit.isFailure(exit) ? String(exit.cause) : "", message)
      })
    )
  }

  it.effect("are not made by defaults: a small window wants no more calls than it holds", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.rate({ window: 10 }) })
      for (let call = 0; call < 10; call++) yield* Effect.exit(breaker.execute(Effect.fail("down")))
      assert.strictEqual((yield* breaker.state)._tag, "Open")
    })
  )
})
