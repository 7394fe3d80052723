/**
 * Reads mutations of stored values: `tsx test/fuzz/fuzz.ts [count] [seed]`, a million by default. It fails if anything throws, if a value is
 * read under another key, or if reading takes longer than 2 µs and 20 ns a byte.
 */
import * as Mutations from "./Mutations.ts"

const [count = 1_000_000, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)

const report = Mutations.run({ count, seed })
const failed = report.failures.length > 0 || report.slowestRatio >= 1

process.stdout.write(
  [
    `${report.count} mutations (seed ${seed}), ${report.values} of them still values, ${report.failures.length} failures`,
    `time: ${report.slowestRatio.toFixed(2)} of 2 µs and 20 ns a byte`,
    ...report.failures.slice(0, 20),
    ""
  ].join("\n")
)
process.exitCode = failed ? 1 : 0
