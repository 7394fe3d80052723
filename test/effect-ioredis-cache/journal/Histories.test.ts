import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { type Harness, type HarnessOptions, make } from "./JournalHarness.ts"

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
const draws = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

// `HISTORIES=1000 npx vitest run test/effect-ioredis-cache/journal/Histories.test.ts` searches longer.
const count = Number(process.env.HISTORIES ?? 50)

const names = ["a", "b"]

/**
 * What may be read of one key: not what this process wrote or read before its last acknowledged intent.
 *
 * Payloads are told apart by a number that grows, whoever wrote them.
 */
class Oracle {
  readonly seen = new Map<string, Set<string>>()
  readonly gone = new Map<string, Set<string>>()

  note(name: string, payload: string): void {
    this.#of(this.seen, name).add(payload)
  }

  /** An intent was acknowledged: whatever was known before is gone. */
  intend(name: string, payload: string | undefined): void {
    for (const old of this.#of(this.seen, name)) if (old !== payload) this.#of(this.gone, name).add(old)
    if (payload !== undefined) this.note(name, payload)
  }

  mayRead(name: string, payload: string): boolean {
    return !this.#of(this.gone, name).has(payload)
  }

  #of(all: Map<string, Set<string>>, name: string): Set<string> {
    const known = all.get(name) ?? new Set<string>()
    all.set(name, known)
    return known
  }
}

interface Run {
  readonly h: Harness
  readonly oracle: Oracle
  readonly draw: () => number
  readonly log: Array<string>
  old: ReadonlyMap<string, { value: string; expiresAt: number }>
  payloads: number
}

const pick = <A>(run: Run, all: ReadonlyArray<A>): A => all[Math.floor(run.draw() * all.length)] as A

const read = (run: Run, name: string): void => {
  const payload = run.h.read(name)
  run.log.push(`read ${name} = ${payload}`)
  if (payload === undefined) return
  assert.isTrue(run.oracle.mayRead(name, payload), `read ${name} = ${payload} after\n${run.log.join("\n")}`)
  run.oracle.note(name, payload)
}

type Step = (run: Run, name: string) => void

const steps: ReadonlyArray<Step> = [
  (run, name) => {
    const payload = `own${++run.payloads}`
    run.log.push(`set ${name} ${payload}: ${run.h.set(name, payload).join()}`)
    run.oracle.intend(name, payload)
  },
  (run, name) => {
    const payload = `own${++run.payloads}`
    run.log.push(`defer ${name} ${payload}: ${run.h.defer(name, payload)}`)
    run.oracle.intend(name, payload)
  },
  (run) => {
    const { double } = run.h
    double.isCircuitClosed = !double.isCircuitClosed
    run.log.push(`the circuit ${double.isCircuitClosed ? "closes" : "opens"}`)
  },
  (run, name) => {
    run.log.push(`remove ${name}: ${run.h.remove(name).join()}`)
    run.oracle.intend(name, undefined)
  },
  read,
  read,
  (run, name) => {
    run.log.push(`touch ${name}: ${run.h.touch(name, 600_000).join()}`)
  },
  (run, name) => {
    const payload = `theirs${++run.payloads}`
    run.log.push(`another sets ${name} ${payload}`)
    run.h.other(name, payload)
  },
  (run, name) => {
    run.log.push(`another removes ${name}`)
    run.h.otherRemoves(name)
  },
  (run) => {
    run.log.push("freeze")
    run.h.double.freeze()
  },
  (run) => {
    run.log.push("give up")
    run.h.double.giveUp()
  },
  (run) => {
    run.log.push("lose")
    run.h.double.lose()
  },
  (run) => {
    run.log.push("connect")
    if (run.h.double.session === undefined) run.h.double.connect()
  },
  (run) => {
    run.log.push("thaw")
    run.h.double.thaw()
  },
  (run) => {
    run.log.push("dump")
    run.old = run.h.double.snapshot()
  },
  (run) => {
    run.log.push("false alarm")
    run.h.double.changeHistory()
  },
  (run) => {
    if (run.draw() < 0.7) return
    run.log.push("restart from the dump")
    run.h.double.restart(run.old)
    run.h.double.changeHistory()
  }
]

const holdsNothingReplaced = (run: Run, { replay }: HarnessOptions): void => {
  for (const name of names) {
    const payload = run.h.payload(name)
    if (payload === undefined) continue
    assert.isTrue(
      run.oracle.mayRead(name, payload) || replay === "latest",
      `Redis holds ${name} = ${payload} after\n${run.log.join("\n")}`
    )
  }
}

const history = Effect.fnUntraced(function* (seed: number, options: HarnessOptions) {
  const h = yield* make({ ...options, info: seed % 5 !== 0 })
  const run: Run = { h, oracle: new Oracle(), draw: draws(seed), log: [`seed ${seed}`], old: new Map(), payloads: 0 }
  if (seed % 7 === 0) h.double.refuse = ({ name }) => (name.startsWith("EVAL") ? "NOPERM" : undefined)
  for (let n = 0; n < 60; n++) {
    pick(run, steps)(run, pick(run, names))
    h.check()
    const pause = pick(run, [0, 1, 1, 20, 1100])
    if (pause > 0) yield* TestClock.adjust(pause)
    h.check()
  }
  h.double.thaw()
  if (h.double.session === undefined) h.double.connect()
  // What is in doubt may wait until its values have expired, and Redis holds none of them then.
  yield* TestClock.adjust("1 minute")
  h.check()
  if (h.journal.isAtRest()) holdsNothingReplaced(run, options)
  yield* TestClock.adjust("10 minutes")
  h.check()
  assert.strictEqual(h.journal.size(), 0, `${run.log.join("\n")}\nis not empty at the end`)
  for (const name of names) read(run, name)
  holdsNothingReplaced(run, options)
})

describe("histories", () => {
  for (const replay of ["ifUnchanged", "latest", "invalidate"] as const) {
    it.effect(
      `${replay}: no read contradicts an acknowledged intent, and every invariant holds`,
      () =>
        Effect.forEach(
          Array.from({ length: count }, (_, seed) => seed),
          (seed) => Effect.scoped(history(seed, { replay, removedFor: replay === "latest" ? 600_000 : 0 })),
          { discard: true }
        ),
      count * 1000
    )
  }
})
