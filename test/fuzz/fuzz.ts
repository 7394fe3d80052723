/**
 * Reads mutations of stored values: `node test/fuzz/fuzz.ts [count] [seed]` on Node 24, a million by default. It fails if
 * anything throws, if a value is read under another key, or if it is slow by processor time: reading the format, header
 * and check, may take a quarter of 2 µs and 20 ns a byte, and reading a value little more than `JSON.parse` and its schema alone.
 *
 * What throws takes ten times as long where stack traces are mapped to sources, as `tsx` does.
 */
import * as Mutations from "./Mutations.ts"

const [count = 1_000_000, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)

const mostOfSchemaAlone = 1.75

const report = Mutations.run({ count, seed })
const isSlow = report.format >= 0.25 || report.speeds.some(({ ofSchemaAlone }) => ofSchemaAlone >= mostOfSchemaAlone)

process.stdout.write(
  [
    `${report.count} mutations (seed ${seed}), ${report.values} of them still values, ${report.failures.length} failures`,
    `format: ${report.format.toFixed(3)} of 2 µs and 20 ns a byte (at most 0.25)`,
    ...report.speeds.map(
      ({ nanos, ofBudget, ofSchemaAlone, reads, schema }) =>
        `${schema}: ${reads} reads of ${(nanos / 1000).toFixed(1)} µs, ${ofBudget.toFixed(2)} of 2 µs and 20 ns a byte, ` +
        `${ofSchemaAlone.toFixed(2)} of JSON.parse and the schema alone (at most ${mostOfSchemaAlone})`
    ),
    ...report.failures.slice(0, 20),
    ""
  ].join("\n")
)
process.exitCode = report.failures.length > 0 || isSlow ? 1 : 0
