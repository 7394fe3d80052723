import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { RedisError } from "effect-ioredis"

const page = readFileSync("docs/error_handling.md", "utf8")

const sortedSet = (all: Iterable<string>): ReadonlyArray<string> => Array.from(new Set(all)).sort()

const matches = (text: string, pattern: RegExp): ReadonlyArray<string> =>
  Array.from(text.matchAll(pattern), ([, one = ""]) => one)

/** The part of the page below one heading. */
const below = (heading: string): string => {
  const [, rest = ""] = page.split(`\n${heading}\n`)
  return rest.split(/^#{2,3} /m)[0] ?? ""
}

/** The rows of the tables, without those that say what the columns are. */
const rowsOf = (text: string): string => text.replace(/^.*\n\|---.*$/gm, "")

/** What stands alone in the first cell of each row. */
const firstCells = (text: string): ReadonlyArray<string> => matches(rowsOf(text), /^\| `(\w+)` \|/gm)

/** What users can meet: what is internal is turned into one of these before. */
const publicSources = readdirSync("packages").flatMap((name) =>
  readdirSync(join("packages", name, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !/internal\/(?!errors\/)|testing/.test(file))
    .map((file) => readFileSync(join("packages", name, "src", file), "utf8"))
)

/** A list in the source, which nothing exports. */
const sourceOf = (file: string): string => readFileSync(join("packages/effect-ioredis/src", file), "utf8")

describe("docs/error_handling.md", () => {
  it("has every tag of the public errors, and no other", () => {
    // An example in a doc comment is no error of ours.
    const code = publicSources.join("\n").replace(/^\s*\*.*$/gm, "")
    const tags = sortedSet(matches(code, /TaggedError(?:<\w+>\(\))?\(\s*"(\w+)"/g))
    assert.isAtLeast(tags.length, 8)
    const [first = ""] = below("## Every error").split("Effect's own errors")
    assert.deepStrictEqual(sortedSet(firstCells(first)), tags)
  })

  it("has every reason of a lost connection, and no other", () => {
    const { literals } = RedisError.RedisConnectionError.fields.reason
    assert.deepStrictEqual(sortedSet(firstCells(below("### Reasons of a `RedisConnectionError`"))), sortedSet(literals))
  })

  it("has every code of a reply and every one of our own, and no other", () => {
    const replies = sourceOf("internal/replyTexts.ts")
    const [, texts = ""] = /const texts = lines\(`([\s\S]*?)`\)/.exec(replies) ?? []
    const [, own = ""] = /const ownCodes = new Set\(\[(.*)\]\)/.exec(replies) ?? []
    const codes = sortedSet([...matches(texts, /^ *([A-Z]+) /gm), ...matches(own, /"(\w+)"/g)])
    assert.isAtLeast(codes.length, 35)
    assert.deepStrictEqual(sortedSet(firstCells(below("### Codes of a `RedisOperationError`"))), codes)
  })

  it("says of each code whether it is tried again and counts", () => {
    const rows = Array.from(
      rowsOf(below("### Codes of a `RedisOperationError`")).matchAll(
        /^\| `(\w+)` \| [^|]* \| ([^|]*) \| (yes|no) \|/gm
      ),
      ([, code = "", again = "", counts = ""]) => ({ code, again: again.startsWith("yes"), counts: counts === "yes" })
    )
    assert.isAtLeast(rows.length, 30)
    for (const { again, code, counts } of rows) {
      const error = new RedisError.RedisOperationError({ command: "GET", code, message: "" })
      assert.strictEqual(RedisError.isRetryable(error, "effectful"), again, code)
      assert.strictEqual(RedisError.outcome(error) === "failure", counts, code)
    }
  })

  it("says of each reason whether it is tried again", () => {
    const rows = Array.from(
      rowsOf(below("### Reasons of a `RedisConnectionError`")).matchAll(/^\| `(\w+)` \| [^|]* \| ([^|]*) \|/gm),
      ([, reason = "", again = ""]) => ({ reason, again: again.startsWith("yes") })
    )
    for (const { again, reason } of rows) {
      const [literal] = RedisError.RedisConnectionError.fields.reason.literals.filter((one) => one === reason)
      assert.isDefined(literal, reason)
      if (literal === undefined) continue
      const error = RedisError.connectionError("INCR", literal, "never")
      assert.strictEqual(RedisError.isRetryable(error, "effectful"), again, reason)
    }
  })
})
