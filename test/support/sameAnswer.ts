import { assert } from "@effect/vitest"
import type { RedisCommand } from "effect-ioredis"

/** Two servers give a command the same answer, but for what hangs on order, chance or time. */
export const assertSameAnswer = (name: string, one: Answer, other: Answer, line: string): void => {
  // A second may end between the two.
  if (/TTL|TIME/.test(name) && typeof one === "number" && typeof other === "number") {
    assert.isAtMost(Math.abs(one - other), name.startsWith("P") ? 2000 : 2, line)
    return
  }
  const rule = rules.get(name) ?? ((answer) => answer)
  assert.deepStrictEqual(rule(one), rule(other), line)
}

type Answer = RedisCommand.Reply | undefined

// Of items that come in any order, those that are there.
const sorted = (answer: Answer): Answer => (Array.isArray(answer) ? answer.map(String).sort() : answer)

const sortedPairs = (answer: Answer): Answer =>
  Array.isArray(answer)
    ? answer.flatMap((item, index) => (index % 2 === 0 ? [JSON.stringify([item, answer[index + 1]])] : [])).sort()
    : answer

// Of items that are drawn, how many there are, and what the error says where they are refused.
const shape = (answer: Answer): Answer => {
  if (Array.isArray(answer)) return answer.length
  return typeof answer === "string" && !/^[A-Z]+ /.test(answer) ? "one" : answer
}

// Ten minutes, which no test takes.
const roughly = (millis: Answer): Answer => (typeof millis === "number" ? Math.round(millis / 600_000) : millis)

// The third item of each pending entry says how long it has been idle.
const pending = (answer: Answer): Answer =>
  Array.isArray(answer)
    ? answer.map((row) =>
        Array.isArray(row) ? row.map((item, index) => (index === 2 ? (roughly(item) ?? null) : item)) : row
      )
    : answer

// Of names and values in turns, however deep. How Redis cuts the keys of its tree is not simulated.
const streamInfo = (answer: Answer): Answer =>
  Array.isArray(answer)
    ? answer.map((item, index) => {
        const name = answer[index - 1]
        if (name === "radix-tree-nodes") return "some"
        return (name === "idle" ? roughly(item) : streamInfo(item)) ?? null
      })
    : answer

// A cursor, and a list in no particular order.
const scanned = (answer: Answer): Answer =>
  Array.isArray(answer) ? [answer[0] ?? null, sorted(answer[1]) ?? null] : answer

const rules: ReadonlyMap<string, (answer: Answer) => Answer> = new Map([
  ["HGETALL", sortedPairs],
  ["HKEYS", sorted],
  ["HRANDFIELD", shape],
  ["HSCAN", (answer) => (Array.isArray(answer) ? [answer[0] ?? null, sortedPairs(answer[1]) ?? null] : answer)],
  ["HVALS", sorted],
  ["SDIFF", sorted],
  ["SINTER", sorted],
  ["SMEMBERS", sorted],
  ["SPOP", sorted],
  ["SRANDMEMBER", shape],
  ["SSCAN", scanned],
  ["SUNION", sorted],
  ["XINFO", streamInfo],
  ["XPENDING", pending],
  ["ZRANDMEMBER", shape]
])
