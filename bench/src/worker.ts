import * as Path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Contender, Make, Round } from "./Contender.ts"
import type { Measured, Request, Response } from "./Rpc.ts"
import * as Calls from "./Calls.ts"
import * as Mixed from "./Mixed.ts"
import * as Workload from "./Workload.ts"

// A process for one contender: `worker.js ioredis:autoPipelining '{"port":6379,…}'`.
const [, , name = "", environment = "{}"] = process.argv
const [module, variant] = name.split(":")
const file = Path.join(Path.dirname(fileURLToPath(import.meta.url)), "contenders", `${module}.js`)

const rounds = new Map<string, Round>()

const measure = async (round: Round, operations: number): Promise<Measured> => {
  const start = performance.now()
  const cpu = process.cpuUsage()
  await round(operations)
  const { system, user } = process.cpuUsage(cpu)
  return { operations, millis: performance.now() - start, cpuMicros: user + system }
}

const roundOf = (workload: Workload.Workload): Round => {
  const round = rounds.get(Workload.name(workload))
  if (round === undefined) throw new Error(`${Workload.name(workload)} was not prepared`)
  return round
}

const methods = (contender: Contender): Record<string, (argument: never) => Promise<unknown>> => ({
  ...contender.tasks,
  prepare: async (workload: Workload.Workload) => {
    rounds.set(Workload.name(workload), await contender.prepare(workload))
  },
  /** Runs until it has run for `millis`, and says how many operations a round of that length should have. */
  warm: async ({ millis, workload }: { readonly workload: Workload.Workload; readonly millis: number }) => {
    const round = roundOf(workload)
    const until = performance.now() + millis
    let operations = workload.inFlight
    let last = await measure(round, operations)
    const each = workload.operation === "getMany" ? Workload.batch : 1
    let keys = operations * each
    // Every key once, if that does not take too long: some compile something for each.
    const isThrough = () => keys >= Workload.passLength(workload) || performance.now() >= until + 10 * millis
    while (performance.now() < until || !isThrough()) {
      if (last.millis < millis / 4) operations *= 2
      last = await measure(round, operations)
      keys += operations * each
    }
    Mixed.drain()
    return Math.max(workload.inFlight, Math.round((last.operations * millis) / last.millis))
  },
  round: ({ operations, workload }: { readonly workload: Workload.Workload; readonly operations: number }) =>
    measure(roundOf(workload), operations),
  paced: ({ workload, ...pace }: { readonly workload: Workload.Workload } & Calls.Pace) =>
    Calls.paced(roundOf(workload), pace),
  call: (argument: Calls.One) => Calls.one(contender, argument),
  sequence: (argument: Calls.Sequence) => Calls.sequence(contender, argument),
  flood: (argument: Calls.Flood) => Calls.flood(contender, argument),
  heap: async () => Calls.heap(),
  latencies: async () => Mixed.drain(),
  close: async () => {
    await contender.close?.()
    process.disconnect()
  }
})

const { make } = (await import(pathToFileURL(file).href)) as { readonly make: Make }
const contender = await make({ ...JSON.parse(environment), variant })
const table = methods(contender)

const answer = async ({ argument, id, method }: Request): Promise<Response> => {
  try {
    const run = table[method]
    if (run === undefined) throw new Error(`${name} has no ${method}`)
    return { id, value: await run(argument as never) }
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

process.on("message", (request: Request) => {
  void answer(request).then((response) => process.connected && process.send?.(response))
})
process.on("disconnect", () => process.exit(0))
process.send?.({ id: 0 } satisfies Response)
