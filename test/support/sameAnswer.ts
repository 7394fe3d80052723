import { assert } from "@effect/vitest"
import type { Reply } from "effect-ioredis/RedisCommand"

/** What is compared of an answer: what is left without order and without chance. */
type Comparable = (answer: Reply) => unknown

const sorted: Comparable = (answer) => (Array.isArray(answer) ? answer.map(String).sort() : answer)

// A cursor, and a list in no particular order.
const scanned: Comparable = (answer) => (Array.isArray(answer) ? [answer[0], sorted(answer[1])] : answer)

// An error and nil are compared as they are.
const drawn: Comparable = (answer) => {
  if (Array.isArray(answer)) return { drawn: answer.length }
  return typeof answer === "string" && !/^[A-Z]+ /.test(answer) ? { drawn: "one" } : answer
}

const comparables: Readonly<Record<string, Comparable>> = {
  SDIFF: sorted,
  SINTER: sorted,
  SMEMBERS: sorted,
  SPOP: sorted,
  SRANDMEMBER: drawn,
  SSCAN: scanned,
  SUNION: sorted
}

/** Two servers answered a command alike, as far as its answer does not hang on order, chance or the time. */
export const sameAnswer = (name: string, simulated: Reply | undefined, live: Reply | undefined, line: string): void => {
  // A second may end between the two.
  if (/TTL|TIME/.test(name) && typeof simulated === "number" && typeof live === "number") {
    assert.isAtMost(Math.abs(simulated - live), name.startsWith("P") ? 2000 : 2, line)
    return
  }
  const comparable = comparables[name] ?? ((answer) => answer)
  assert.deepStrictEqual(comparable(simulated ?? null), comparable(live ?? null), line)
}
