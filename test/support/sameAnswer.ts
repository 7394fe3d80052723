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

const rules: ReadonlyMap<string, (answer: Answer) => Answer> = new Map([
  ["XINFO", streamInfo],
  ["XPENDING", pending]
])
