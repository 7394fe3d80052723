import { assert, describe, it } from "@effect/vitest"
import { Array as Arr } from "effect"
import { RedisCommand } from "effect-ioredis"
import * as Split from "../../packages/effect-ioredis/src/internal/Split.ts"

describe("Split", () => {
  const placeOf = (key: RedisCommand.Argument) => String(key).charCodeAt(1) % 3
  const keys = Arr.range(0, 25).map((n) => `k${String.fromCharCode(97 + ((n * 7) % 26))}`)

  it("and join give each key its own value, in order", () => {
    const command = RedisCommand.make("MGET", keys, { reply: "bytes" })
    const parts = Split.split(command, placeOf)
    assert.strictEqual(parts.length, 3)
    for (const part of parts) {
      assert.strictEqual(part.command.reply, "bytes")
      assert.strictEqual(part.command.kind, command.kind)
      assert.isTrue(part.command.args.every((key) => placeOf(key) === part.place))
    }
    const replies = parts.map((part) => part.command.args.map((key) => `value of ${key}`))
    assert.deepStrictEqual(
      Split.join(command, parts, replies),
      keys.map((key) => `value of ${key}`)
    )
  })

  it("and join add counts up", () => {
    for (const name of ["DEL", "UNLINK", "EXISTS", "TOUCH"]) {
      const command = RedisCommand.make(name, [...keys, "ka"])
      const parts = Split.split(command, placeOf)
      const replies = parts.map((part) => part.command.args.length)
      assert.strictEqual(Split.join(command, parts, replies), 27)
    }
  })

  it("send what belongs to one place as it is", () => {
    const command = RedisCommand.make("UNLINK", keys)
    const [part, ...others] = Split.split(command, () => "one")
    assert.strictEqual(part?.command, command)
    assert.strictEqual(others.length, 0)
  })
})
