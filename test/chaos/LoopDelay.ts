import { monitorEventLoopDelay } from "node:perf_hooks"
import { Effect } from "effect"

/** How late the event loop is: the longest delay since it was last asked, in milliseconds. */
export const make = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const histogram = monitorEventLoopDelay({ resolution })
      histogram.enable()
      return histogram
    }),
    (histogram) => Effect.sync(() => histogram.disable())
  ),
  (histogram) => (): number => {
    // The histogram holds the distance between two looks, which is never less than the resolution.
    const delay = histogram.max / 1e6 - resolution
    histogram.reset()
    return Math.max(0, delay)
  }
)

const resolution = 5
