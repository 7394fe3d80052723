import { Clock, Effect, Fiber } from "effect"
import * as Monotonic from "./Monotonic.ts"

/**
 * The deadlines of many calls on one sleeping fiber.
 *
 * One ordered list per duration (calls with the same duration expire in the order they began, so
 * adding is appending), and one fiber asleep on Effect's Clock until the nearest of them: the same
 * code under TestClock and live, at a fraction of the cost of a fiber per call.
 */
export interface Deadlines {
  /**
   * `at` is a time of the Clock's monotonic time, `millis` after now: the caller has read the clock
   * already.
   */
  readonly add: (at: number, millis: number, expire: () => void) => Deadline
  /** Tells whether what expires now was due while the event loop was busy with something else. */
  readonly isCatchingUp: () => boolean
  /** Throws where the lists contradict themselves. For tests. */
  readonly checkInvariants: () => void
}

/** A deadline that has been set. */
export interface Deadline {
  readonly cancel: () => void
}

/**
 * Makes the lists and the fiber, which ends with the scope. `activity` grows with whatever comes
 * from the servers. `onWake` is told by how many milliseconds the event loop was late.
 */
export const make = Effect.fnUntraced(function* (activity: () => number, onWake: (late: number) => void = ignore) {
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const lists = new Map<number, List>()
  let sleeper: Sleeper | undefined
  let closed = false
  let catchingUp = false

  const nearest = (): number => {
    let at = Number.POSITIVE_INFINITY
    for (const { head } of lists.values()) if (head !== undefined && head.at < at) at = head.at
    return at
  }

  const sleepUntil = (until: number): void => {
    if (closed || until === Number.POSITIVE_INFINITY || (sleeper !== undefined && sleeper.until <= until)) return
    sleeper?.fiber?.interruptUnsafe()
    const next: Sleeper = { until, fiber: undefined }
    sleeper = next
    next.fiber = fork(wake(next))
  }

  const wake = (self: Sleeper): Effect.Effect<void> =>
    Effect.sleep(Math.max(0, self.until - Monotonic.millis(clock))).pipe(
      Effect.andThen(
        Effect.suspend(() => {
          const late = Monotonic.millis(clock) - self.until
          onWake(Math.max(0, late))
          catchingUp = late > lateness
          return catchingUp ? readSockets(activity, () => Monotonic.millis(clock)) : Effect.void
        })
      ),
      Effect.andThen(
        Effect.sync(() => {
          sleeper = undefined
          // A clock that rounds may wake us a little early.
          expireUntil(Math.max(self.until, Monotonic.millis(clock)))
          catchingUp = false
          sleepUntil(nearest())
        })
      )
    )

  const expireUntil = (now: number): void => {
    for (const [millis, list] of lists) {
      while (list.head !== undefined && list.head.at <= now) {
        const entry = list.head
        entry.cancel()
        entry.expire()
      }
      if (list.head === undefined) lists.delete(millis)
    }
  }

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed = true
      return sleeper?.fiber === undefined ? Effect.void : Fiber.interrupt(sleeper.fiber)
    })
  )

  return {
    add: (at, millis, expire) => {
      let list = lists.get(millis)
      if (list === undefined) {
        list = { head: undefined, tail: undefined }
        lists.set(millis, list)
      }
      const entry = new Entry(list, at, expire)
      if (list.tail === undefined) list.head = entry
      else list.tail.next = entry
      list.tail = entry
      sleepUntil(entry.at)
      return entry
    },
    isCatchingUp: () => catchingUp,
    checkInvariants: () => {
      for (const [millis, { head }] of lists) {
        for (let entry = head; entry?.next !== undefined; entry = entry.next) {
          if (entry.next.at < entry.at) throw new Error(`the deadlines of ${millis} ms are not in order`)
        }
      }
    }
  } satisfies Deadlines
})

interface Sleeper {
  readonly until: number
  fiber: Fiber.Fiber<void> | undefined
}

interface List {
  head: Entry | undefined
  tail: Entry | undefined
}

// A class, as everything is that lives while a command is in flight: V8 takes literals that survive
// a collection for long-lived ones, allocates them in the old generation from then on, and with
// them all that they hold stays until a full collection. Sets took twice as long.
class Entry implements Deadline {
  readonly list: List
  readonly at: number
  readonly expire: () => void
  previous: Entry | undefined
  next: Entry | undefined = undefined
  linked = true

  constructor(list: List, at: number, expire: () => void) {
    this.list = list
    this.at = at
    this.expire = expire
    this.previous = list.tail
  }

  cancel(): void {
    const { list, next, previous } = this
    if (!this.linked) return
    this.linked = false
    if (previous === undefined) list.head = next
    else previous.next = next
    if (next === undefined) list.tail = previous
    else next.previous = previous
    // One that grew old would keep those after it from the collector.
    this.previous = undefined
    this.next = undefined
  }
}

const ignore = () => {}

// A timer that fires later than this, in milliseconds, was held up by the event loop.
const lateness = 5

// A late event loop is not a late Redis: what waits in the sockets is read before anyone is told
// that it is missing, until some turns of the event loop have brought nothing. Where each turn
// brings something, because others are served all the time, it is enough after many turns, or
// sooner where they are quick: a loop that is not held up leaves little in the sockets.
const readSockets = Effect.fnUntraced(function* (activity: () => number, now: () => number) {
  let quiet = 0
  let quick = 0
  for (let turn = 0; turn < mostTurns && quiet < quietTurns && quick < mostQuick; turn++) {
    const before = activity()
    const beganAt = now()
    yield* nextTurn
    const took = now() - beganAt
    if (took < lateness) quick += took
    quiet = activity() === before ? quiet + 1 : 0
  }
})

// Effect yields to the next turn of the event loop, and sockets are read between two turns.
const nextTurn = Effect.andThen(Effect.yieldNow, Effect.yieldNow)

const quietTurns = 3

// In milliseconds: less than half of the margin of a deadline.
const mostQuick = 100

// A busy process that takes 20 ms over each reply reads 200 of them, and one that is quick waits
// for less than the margin of a deadline.
const mostTurns = 200
