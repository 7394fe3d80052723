import { Effect } from "effect"
import * as Generate from "./Generate.ts"
import * as Search from "./Search.ts"

/**
 * `pnpm test:model`: MODEL_RUNS histories (default 10,000) from MODEL_SEED on (default: of the time). The seed of a history that fails is
 * printed; with it and `MODEL_RUNS=1` that history runs again. MODEL_FAILURES says how many are looked for (default 1), and
 * `MODEL_FAULTS=none` leaves the server alone.
 */
const number = (name: string, otherwise: number): number => {
  const given = process.env[name]
  return given === undefined ? otherwise : Number(given)
}

const runs = number("MODEL_RUNS", 10_000)
const seed = number("MODEL_SEED", Date.now() % 1_000_000_000)
const most = number("MODEL_FAILURES", 1)
const startedAt = performance.now()

console.log(`${runs} histories from seed ${seed}`)
const failures = await Effect.runPromise(
  Search.search({
    seed,
    runs,
    most,
    troubles: process.env.MODEL_FAULTS === "none" ? [] : Generate.allTroubles,
    onProgress: (done) => {
      const seconds = (performance.now() - startedAt) / 1000
      console.log(`${done} histories, ${Math.round(done / seconds)} per second`)
    }
  })
)
for (const failure of failures) console.log(`\n${Search.report(failure)}`)
process.exitCode = failures.length === 0 ? 0 : 1
