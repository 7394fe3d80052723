/** Redis, or the way to it, takes long. */
import type { Reached } from "../facts/Facts.ts"
import { type Check, eachReached, finding, timeText } from "../finding.ts"

// Within one region half of all PINGs take less than two milliseconds.
const longestP50 = 20

// One that takes long may be this machine's own fault, one in ten is not. It is a fifth of what a
// cache waits at most, unless its `patience` is another.
const longestP90 = 200

const longestCommand = 100

/** Finds answers that take long, and single commands that hold everybody up. */
export const slow: Check = eachReached((server) => {
  const { address, latency, slowest } = server
  if (latency === undefined || (latency.p50 < longestP50 && latency.p90 < longestP90)) return commands(server)
  const evidence = `${address} answered ${latency.tries} PINGs with p50 ${timeText(latency.p50)}, p99 ${timeText(latency.p99)}`
  return [
    finding(
      "slow",
      "warning",
      "Redis answers slowly",
      [evidence, ...(slowest === undefined ? [] : [slowestText(slowest)])],
      [
        "Run Redis in the same region and zone as the program: every command pays the way there and back",
        "Look at the server: `redis-cli --latency`, `SLOWLOG GET`, processor time, swapping, `INFO commandstats`"
      ]
    )
  ]
})

const commands = ({ address, slowest }: Reached) =>
  slowest === undefined || slowest.millis < longestCommand
    ? []
    : [
        finding(
          "slow-commands",
          "notice",
          "A command held everybody else up",
          [`${address}: ${slowestText(slowest)}`],
          [
            "`SLOWLOG GET` shows it with its arguments: SCAN in the place of KEYS, smaller ranges, UNLINK in the place of DEL"
          ]
        )
      ]

const slowestText = ({ command, millis }: NonNullable<Reached["slowest"]>): string =>
  `the slowest command of the last hour was ${command}, with ${timeText(millis)}`
