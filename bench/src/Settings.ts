const number = (variable: string, otherwise: number): number => Number(process.env[variable] ?? otherwise)

/** How many rounds of each cell count. `BENCH_ROUNDS`, for a quick look or a long one. */
export const rounds = number("BENCH_ROUNDS", 7)

/** How long a round of a headline cell lasts. `BENCH_ROUND_MILLIS`. */
export const roundMillis = number("BENCH_ROUND_MILLIS", 250)

/** Measure our packages as they were built last, whatever their sources are now. `BENCH_KEEP=1`. */
export const keepPackages = process.env.BENCH_KEEP === "1"
