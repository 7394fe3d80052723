import { Effect } from "effect"
import * as Generate from "./Generate.ts"
import * as Search from "./Search.ts"

/**
 * `pnpm test:model [count] [seed]`: that many histories (default 10,000) from that seed on (default: of
 * the time). The seed of a history that fails is printed; `pnpm test:model 1 <seed>` runs it again.
 * MODEL_FAILURES says how many are looked for (default 1), MODEL_SECONDS how long at most, and
 * `MODEL_FAULTS=none` leaves the server alone.
 */
const number = (text: string | undefined, otherwise: number): number => (text === undefined ? otherwise : Number(text))

const [count, first] = process.argv.slice(2).filter((arg) => arg !== "--")
const runs = number(count, 10_000)
const seed = number(first, Date.now() % 1_000_000_000)
const most = number(process.env.MODEL_FAILURES, 1)
const mostSeconds = number(process.env.MODEL_SECONDS, Number.POSITIVE_INFINITY)
const startedAt = performance.now()
const seconds = () => (performance.now() - startedAt) / 1000
let histories = 0
// Nobody reads the stacks of the errors that the servers of a history answer.
Error.stackTraceLimit = 0

console.log(`${runs} histories from seed ${seed}`)
const failures = await Effect.runPromise(
  Search.search({
    seed,
    runs,
    most,
    range: { troubles: process.env.MODEL_FAULTS === "none" ? [] : Generate.allTroubles },
    isTimeUp: () => seconds() > mostSeconds,
    onProgress: (done) => {
      histories = done
      if (done % 500 === 0) console.log(`${done} histories, ${Math.round(done / seconds())} per second`)
    }
  })
)
for (const failure of failures) console.log(`\n${Search.report(failure)}`)
process.exitCode = failures.length === 0 ? 0 : 1
console.log(
  `${failures.length} of ${histories} histories from seed ${seed} broke a promise, in ${Math.round(seconds())} s`
)
