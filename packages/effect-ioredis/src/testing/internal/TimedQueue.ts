import type { Timers } from "./Timers.ts"

/**
 * One direction of a connection: items leave in order, none before it is due, and none while it
 * stands still.
 */
export interface TimedQueue<A> {
  readonly offer: (item: A, delayMillis: number) => void
  readonly size: () => number
  readonly pause: () => void
  readonly resume: () => void
  readonly clear: () => void
}

export const make = <A>(timers: Timers, take: (item: A) => void): TimedQueue<A> => {
  const items: Array<{ readonly item: A; readonly due: number }> = []
  let paused = false
  let armed = false

  const run = () => {
    armed = false
    const now = timers.now()
    while (!paused) {
      const head = items[0]
      if (head === undefined || head.due > now) break
      items.shift()
      take(head.item)
    }
    arm()
  }
  const arm = () => {
    const head = items[0]
    if (armed || paused || head === undefined) return
    armed = true
    const wait = head.due - timers.now()
    if (wait > 0) timers.after(Math.ceil(wait), run)
    else timers.soon(run)
  }

  return {
    offer: (item, delayMillis) => {
      items.push({ item, due: timers.now() + delayMillis })
      arm()
    },
    size: () => items.length,
    pause: () => {
      paused = true
    },
    resume: () => {
      paused = false
      run()
    },
    clear: () => {
      items.length = 0
    }
  }
}
