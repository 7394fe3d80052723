/** What a round does: one operation, so many of them in flight, on values of one size. */
export interface Workload {
  readonly operation: string
  readonly inFlight: number
  readonly size: Size
}

export type Size = "200 B" | "2 KB" | "64 KB"

export const sizes: ReadonlyArray<Size> = ["200 B", "2 KB", "64 KB"]

export const name = ({ inFlight, operation, size }: Workload): string => `${operation}, ${size}, ${inFlight} in flight`

/** How many keys of a getMany. */
export const batch = 50

/** Many more keys than fit a memory tier of the default size; fewer of the large ones, to spare the server's memory. */
export const keyCount = (size: Size): number => (size === "64 KB" ? 400 : 5000)

/** What is asked next is not what was asked last: 7919 is a prime. */
export const keys = (size: Size, prefix = "job-"): ReadonlyArray<string> => {
  const count = keyCount(size)
  return Array.from({ length: count }, (_, index) => `${prefix}${(index * 7919) % count}`)
}

/** Five minutes, for every contender alike. */
export const timeToLive = 300_000
