/** The server's clock and ours tell different times. */
import { type Check, eachReached, finding, timeText } from "../finding.ts"

const mostOff = 1000

/** Finds clocks that are more than a second apart, whatever the way to the server took. */
export const clock: Check = eachReached(({ address, clock }) => {
  if (clock === undefined || Math.abs(clock.ahead) - clock.uncertainty <= mostOff) return []
  const side = clock.ahead > 0 ? "ahead of" : "behind"
  return [
    finding(
      "clock",
      "warning",
      "The clocks of Redis and of this machine are apart",
      [`${address} is ${timeText(Math.abs(clock.ahead))} ${side} this machine, ± ${timeText(clock.uncertainty)}`],
      [
        "Let both machines keep their clocks by NTP: `timedatectl` says whether they do",
        "Until then lives are off by as much where TIME is not allowed, and older values may win after a loss of data"
      ]
    )
  ]
})
