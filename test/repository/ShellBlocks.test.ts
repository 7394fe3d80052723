import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { blocksOf, pages, runnerOf } from "../../scripts/ShellBlocks.ts"

describe("the shell blocks of the pages", () => {
  it("are each run by .ci/run or .ci/night, or begin with a line that says why not", () => {
    const notRun = pages()
      .flatMap(blocksOf)
      .filter(({ isLeftOut }) => !isLeftOut)
      .flatMap(({ commands, line, page }) =>
        commands
          .filter((command) => runnerOf(page, command) === undefined)
          .map((command) => `${page}:${line} ${command}`)
      )
    assert.deepStrictEqual(notRun, [])
  })

  it("are run at night by a part of their own", () => {
    assert.match(readFileSync(".ci/night", "utf8"), /^ {4}guides\) .*tsx scripts\/guides\.ts/m)
  })
})
