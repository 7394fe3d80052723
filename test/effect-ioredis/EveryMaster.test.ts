import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type RedisCommand, RedisError } from "effect-ioredis"
import type { ReplyResult } from "../../packages/effect-ioredis/src/RedisConnection.ts"
import * as EveryMaster from "../../packages/effect-ioredis/src/internal/EveryMaster.ts"

const answered = (...replies: ReadonlyArray<RedisCommand.Reply>): ReadonlyArray<ReplyResult> =>
  replies.map((reply) => Result.succeed(reply))

const denied = new RedisError.RedisOperationError({ command: "X", code: "NOPERM", message: "refused" })
const unreachable = RedisError.connectionError("X", "Refused", "never")
const refused: ReplyResult = Result.fail(denied)
const notSent: ReplyResult = Result.fail(unreachable)

const failureOf = (result: ReplyResult) => (Result.isFailure(result) ? result.failure : assert.fail("it succeeded"))

describe("EveryMaster", () => {
  const rows: ReadonlyArray<
    readonly [
      policy: Parameters<typeof EveryMaster.join>[0],
      replies: ReadonlyArray<RedisCommand.Reply>,
      together: RedisCommand.Reply
    ]
  > = [
    ["all_succeeded", ["OK", "OK"], "OK"],
    ["agg_sum", [1, 0, 41], 42],
    ["agg_sum", [1, "2"], null],
    ["agg_min", [3, 2, 5], 2],
    [
      "agg_logical_and",
      [
        [1, 1, 0],
        [1, 0, 0]
      ],
      [1, 0, 0]
    ],
    ["agg_logical_and", [[1, 1], [1]], [1, 0]],
    ["any", [["a", "b"], [], ["c"]], ["a", "b", "c"]],
    ["any", [null, "a", "b"], "a"],
    ["any", [null, null], null]
  ]
  for (const [policy, replies, together] of rows) {
    it(`${policy}: ${JSON.stringify(replies)} is ${JSON.stringify(together)}`, () => {
      assert.deepStrictEqual(EveryMaster.join(policy, answered(...replies)), Result.succeed(together))
    })
  }

  it("fails where one of them does, and says that a part may have been done", () => {
    for (const policy of ["all_succeeded", "agg_sum", "agg_logical_and", "any"] as const) {
      assert.strictEqual(failureOf(EveryMaster.join(policy, [...answered(1), refused])), denied)
      assert.deepInclude(failureOf(EveryMaster.join(policy, [...answered(1), notSent])), { sent: "unknown" })
      assert.strictEqual(failureOf(EveryMaster.join(policy, [notSent, notSent])), unreachable)
    }
  })

  it("succeeds where one of them is to succeed and does", () => {
    assert.deepStrictEqual(EveryMaster.join("one_succeeded", [refused, ...answered("OK")]), Result.succeed("OK"))
    assert.strictEqual(failureOf(EveryMaster.join("one_succeeded", [refused, refused])), denied)
  })
})
