import { assert, describe, it } from "@effect/vitest"
import { RedisCommand } from "effect-ioredis"
import { blockTime, withBlockTime } from "../../../packages/effect-ioredis/src/internal/blockTime.ts"
import { commands } from "../../../packages/effect-ioredis/src/internal/commandKeys.ts"

const rows: ReadonlyArray<readonly [line: string, millis: number]> = [
  ["BLPOP a b 1.5", 1500],
  ["BRPOP a 2", 2000],
  ["BRPOPLPUSH a b 3", 3000],
  ["BLMOVE a b LEFT RIGHT 4", 4000],
  ["BLMPOP 5 2 a b LEFT COUNT 7", 5000],
  ["BZPOPMIN a 6", 6000],
  ["BZPOPMAX a 0", Number.POSITIVE_INFINITY],
  ["BZMPOP 0.25 1 a MIN", 250],
  ["XREAD COUNT 3 BLOCK 700 STREAMS a 0", 700],
  ["XREADGROUP GROUP g c BLOCK 0 STREAMS a >", Number.POSITIVE_INFINITY],
  ["XREADGROUP GROUP block 7 BLOCK 500 STREAMS a >", 500],
  ["XREAD STREAMS BLOCK 0", 0],
  ["BLPOP a soon", 0],
  ["BLPOP a -10", 0],
  ["WAIT 1 800", 800],
  ["XREAD STREAMS a 0", 0],
  ["GET 5", 0]
]

describe("blockTime", () => {
  for (const [line, millis] of rows) {
    it(line, () => {
      const [name = "", ...args] = line.split(" ")
      assert.strictEqual(blockTime(RedisCommand.make(name, args)), millis)
    })
  }

  it("knows every command that always blocks", () => {
    const blocking = Array.from(commands.keys()).filter((name) => RedisCommand.kindOf(name) === "blocking")
    const known = new Set(rows.map(([line]) => line.split(" ")[0]))
    assert.deepStrictEqual(
      blocking.filter((name) => !known.has(name)),
      []
    )
  })
})

const bounded: ReadonlyArray<readonly [line: string, expected: string | undefined]> = [
  ["BLPOP a b 0", "BLPOP a b 1.5"],
  ["BLMOVE a b LEFT RIGHT 0", "BLMOVE a b LEFT RIGHT 1.5"],
  ["BZMPOP 0 1 a MIN", "BZMPOP 1.5 1 a MIN"],
  ["XREAD BLOCK 0 STREAMS a 0-1", "XREAD BLOCK 1500 STREAMS a 0-1"],
  ["XREADGROUP GROUP g c COUNT 1 BLOCK 0 STREAMS a >", "XREADGROUP GROUP g c COUNT 1 BLOCK 1500 STREAMS a >"],
  // What is added between two of them would be left out.
  ["XREAD BLOCK 0 STREAMS a $", undefined],
  // It answers a number whether or not the time is over.
  ["WAIT 1 0", undefined]
]

describe("withBlockTime", () => {
  for (const [line, expected] of bounded) {
    it(line, () => {
      const [name = "", ...args] = line.split(" ")
      const command = withBlockTime(RedisCommand.make(name, args), 1500)
      assert.strictEqual(command && [command.name, ...command.args].join(" "), expected)
      if (command !== undefined) assert.strictEqual(command.kind, "blocking")
    })
  }
})
