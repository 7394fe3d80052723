import { Effect } from "effect"
import * as Generate from "./Generate.ts"
import type { World } from "./History.ts"
import * as Search from "./Search.ts"
import { variants } from "./Variants.ts"

/**
 * `pnpm test:model [count] [seed]`: that many histories (default 10,000) from that seed on (default: of
 * the time), with one server, on a cluster and with sentinels by turns. MODEL_WORLD names one of these:
 * Server, Cluster or Sentinel. With MODEL_NEAR=1 regions are near, and four of six histories have one
 * server. The seed of a history that fails is printed with its world, and what runs it again.
 * MODEL_FAILURES says how many are looked for (default 1), MODEL_SECONDS how long at most, and
 * `MODEL_FAULTS=none` leaves the servers alone. MODEL_VARIANT names one of `Variants.ts`, which is
 * then searched in the place of the library, with its own faults and calls, and its own worlds unless
 * one is named. MODEL_COMMANDS=1 prints what reached the servers in the smallest history that fails.
 */
const number = (text: string | undefined, otherwise: number): number => (text === undefined ? otherwise : Number(text))

const [count, first] = process.argv.slice(2).filter((arg) => arg !== "--")
const runs = number(count, 10_000)
const seed = number(first, Date.now() % 1_000_000_000)
const most = number(process.env.MODEL_FAILURES, 1)
const mostSeconds = number(process.env.MODEL_SECONDS, Number.POSITIVE_INFINITY)
const startedAt = performance.now()
const seconds = () => (performance.now() - startedAt) / 1000
const named = process.env.MODEL_VARIANT
const variant = Object.entries(variants).find(([name]) => name === named)?.[1]
if (named !== undefined && variant === undefined) {
  throw new Error(`No such variant: ${named}. There are ${Object.keys(variants).join("; ")}`)
}
const worlds = ["Server", "Cluster", "Sentinel"] as const satisfies ReadonlyArray<World["_tag"]>
const world = worlds.filter((tag) => tag === process.env.MODEL_WORLD)
if (world.length === 0 && process.env.MODEL_WORLD !== undefined) throw new Error(`No such world. There are ${worlds}`)
const isNear = process.env.MODEL_NEAR !== undefined
// What befalls links shows most where one server costs least.
const nearWorlds = ["Server", "Cluster", "Server", "Sentinel", "Server", "Server"] as const
const ranged: Generate.Range = {
  troubles: process.env.MODEL_FAULTS === "none" ? [] : Generate.allTroubles,
  worlds: world.length > 0 ? world : isNear ? nearWorlds : worlds,
  isNear
}
let histories = 0
// Nobody reads the stacks of the errors that the servers of a history answer.
Error.stackTraceLimit = 0

console.log(`${runs} histories from seed ${seed}`)
const failures = await Effect.runPromise(
  Search.search({
    seed,
    runs,
    most,
    range: variant === undefined ? ranged : { ...variant.range, ...(world.length > 0 ? { worlds: world } : {}) },
    seams: variant?.seams,
    rules: variant?.breaks,
    isTimeUp: () => seconds() > mostSeconds,
    onProgress: (done) => {
      histories = done
      if (done % 500 === 0) console.log(`${done} histories, ${Math.round(done / seconds())} per second`)
    }
  })
)
for (const failure of failures) {
  console.log(`\n${Search.report(failure)}`)
  if (process.env.MODEL_COMMANDS !== undefined) {
    console.log(`\n${await Effect.runPromise(Search.commands(failure, variant?.seams))}`)
  }
}
process.exitCode = failures.length === 0 ? 0 : 1
console.log(
  `${failures.length} of ${histories} histories from seed ${seed} broke a promise, in ${Math.round(seconds())} s`
)
