import * as Zipf from "./Zipf.ts"

/** What a round does: one operation, so many of them in flight, on values of one size. */
export interface Workload {
  readonly operation: string
  readonly inFlight: number
  readonly size: Size
  /** So many keys, some asked for much more often than others. Default: `keyCount` of them, in turn. */
  readonly zipf?: number
}

export type Size = "200 B" | "2 KB" | "64 KB"

export const sizes: ReadonlyArray<Size> = ["200 B", "2 KB", "64 KB"]

export const name = ({ inFlight, operation, size, zipf }: Workload): string =>
  `${operation}, ${zipf === undefined ? "" : `zipf ${zipf}, `}${size}, ${inFlight} in flight`

/** How many keys of a getMany. */
export const batch = 50

/** Many more keys than fit a memory tier of the default size; fewer of the large ones, to spare the server's memory. */
export const keyCount = (size: Size): number => (size === "64 KB" ? 400 : 5000)

/** What is asked next is not what was asked last: 7919 is a prime. */
export const keys = (size: Size, prefix = "job-"): ReadonlyArray<string> => inTurn(keyCount(size), prefix)

/** All that are asked for, each once. */
export const stored = ({ size, zipf }: Workload): ReadonlyArray<string> => inTurn(zipf ?? keyCount(size), "job-")

/** What is asked for, one after the other, and then from the start again. */
export const asked = (workload: Workload): ReadonlyArray<string> => {
  const all = stored(workload)
  return workload.zipf === undefined ? all : Array.from(Zipf.draw(workload.zipf, draws), (rank) => all[rank] as string)
}

/** How many keys are asked for before all of them, or nearly all, were. */
export const passLength = ({ size, zipf }: Workload): number => (zipf === undefined ? keyCount(size) : zipf * 8)

/** So many that ten thousand keys are all among them, but for a few. */
const draws = 2 ** 18

const inTurn = (count: number, prefix: string): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${prefix}${(index * 7919) % count}`)

/** Five minutes, for every contender alike. */
export const timeToLive = 300_000
