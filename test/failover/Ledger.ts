import { Effect, Fiber } from "effect"
import { slotOf, tagIn } from "./slotOf.ts"

/**
 * Every call is an INCR of a key of its own. What the servers hold under that key afterwards says what became of it: 1 is
 * once, 2 is twice, nothing is not at all or lost.
 */
export interface Entry {
  readonly key: string
  readonly slot: number
  /** Milliseconds, of `performance.now()`. */
  readonly start: number
  end: number
  outcome: Outcome
  error: string | undefined
}

/** What the caller was told: `"never"` and `"unknown"` are failures that say whether it may have been executed. */
export type Outcome = "pending" | "acknowledged" | "never" | "unknown"

/** Why a call failed, and whether Redis may have executed it. */
export interface CallFailed {
  readonly sent: "never" | "unknown"
  readonly message: string
}

export type Incr = (key: string) => Effect.Effect<unknown, CallFailed>

/** A load that goes on until it is stopped. */
export interface Ledger {
  readonly entries: ReadonlyArray<Entry>
  /** Starts no more calls, and waits for those under way as long as a call may take. */
  readonly stop: Effect.Effect<void>
}

export interface Options {
  readonly name: string
  /** Calls a second, also after a moment in which this process was late. */
  readonly rate: number
  /** Slots to which three of four calls go. Default: the keys are spread over all. */
  readonly crowded?: ReadonlyArray<number> | undefined
}

export const start = Effect.fnUntraced(function* ({ crowded = [], name, rate }: Options, incr: Incr) {
  const tags = crowded.map(tagIn)
  const entries: Array<Entry> = []
  const calls: Array<Fiber.Fiber<void>> = []
  const began = performance.now()
  let running = true
  const startDue = Effect.gen(function* () {
    const due = ((performance.now() - began) / 1000) * rate
    while (entries.length < due) {
      const turn = entries.length
      const tag = turn % 4 === 0 ? undefined : tags[turn % tags.length]
      const entry = open(tag === undefined ? `${name}-${turn}` : `{${tag}}-${name}-${turn}`)
      entries.push(entry)
      calls.push(yield* Effect.forkDetach(settle(entry, incr)))
    }
    yield* Effect.sleep("2 millis")
  })
  const loop = yield* Effect.forkScoped(
    Effect.whileLoop({ while: () => running, body: () => startDue, step: () => {} })
  )
  const ledger: Ledger = {
    entries,
    stop: Effect.gen(function* () {
      running = false
      yield* Fiber.join(loop)
      yield* Effect.timeoutOption(Fiber.awaitAll(calls), "10 seconds")
    })
  }
  return ledger
})

const open = (key: string): Entry => ({
  key,
  slot: slotOf(key),
  start: performance.now(),
  end: Number.POSITIVE_INFINITY,
  outcome: "pending",
  error: undefined
})

const settle = (entry: Entry, incr: Incr): Effect.Effect<void> => {
  const close = (outcome: Outcome, error?: string) => {
    entry.end = performance.now()
    entry.outcome = outcome
    entry.error = error
  }
  return Effect.match(incr(entry.key), {
    onSuccess: () => close("acknowledged"),
    onFailure: ({ message, sent }) => close(sent, message)
  })
}
