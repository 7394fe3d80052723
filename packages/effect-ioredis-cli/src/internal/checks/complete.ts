/** Not everything was looked at. */
import { type Check, eachReached, finding } from "../finding.ts"

/** Finds servers that were too slow for the time that there was. */
export const complete: Check = eachReached(({ address, silence }) =>
  silence?.isEnd === true
    ? [
        finding(
          "incomplete",
          "warning",
          "The time was over before everything had been looked at",
          [`${address} had not answered ${silence.command} when the time was over`],
          ["Give it more time: --timeout 60"]
        )
      ]
    : []
)
