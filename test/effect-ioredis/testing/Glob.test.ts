import { assert, describe, it } from "@effect/vitest"
import * as Glob from "../../../packages/effect-ioredis/src/testing/internal/Glob.ts"

const rows: ReadonlyArray<readonly [pattern: string, takes: ReadonlyArray<string>, refuses: ReadonlyArray<string>]> = [
  ["", [""], ["a"]],
  ["*", ["", "a", "a\nb"], []],
  ["a*", ["a", "ab"], ["b", "ba"]],
  ["a?", ["ab", "a\n"], ["a", "abc"]],
  ["a.b", ["a.b"], ["axb"]],
  ["a|b", ["a|b"], ["a", "b"]],
  ["(a)+", ["(a)+"], ["a", "aa"]],
  ["\\*", ["*"], ["a", "\\*"]],
  ["a\\", ["a\\"], ["a"]],
  ["[abc]", ["a", "c"], ["d", "ab"]],
  ["[a-c]", ["b"], ["d", "-"]],
  ["[c-a]", ["b"], ["d"]],
  ["[^a-c]", ["d"], ["b"]],
  ["[a\\]]", ["a", "]"], ["\\"]],
  ["[ab", ["a", "b"], ["c", "[ab"]],
  ["[]x", [], ["x", "[]x"]]
]

describe("Glob", () => {
  for (const [pattern, takes, refuses] of rows) {
    it(JSON.stringify(pattern), () => {
      const matches = Glob.matches(pattern)
      for (const text of takes) assert.isTrue(matches(text), `it refuses ${JSON.stringify(text)}`)
      for (const text of refuses) assert.isFalse(matches(text), `it takes ${JSON.stringify(text)}`)
    })
  }
})
