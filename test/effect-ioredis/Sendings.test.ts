import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { RedisCommand, type RedisConnection, RedisError } from "effect-ioredis"
import type { Sending } from "effect-ioredis/dispatch"
import type { Carrier } from "../../packages/effect-ioredis/src/internal/node/RedisNode.ts"
import * as Sendings from "../../packages/effect-ioredis/src/internal/Sendings.ts"

type Reply = RedisConnection.ReplyResult

const replied = (command: string, code: string): Reply =>
  Result.fail(new RedisError.RedisOperationError({ command, code, message: code }))

/** What happens in which order where the carrier answers so. */
const play = (reply: Reply, options: { readonly full?: boolean; readonly sending?: Partial<Sending> | false } = {}) => {
  const told: Array<string> = []
  const defects: Array<unknown> = []
  // A sending asks nothing else of its carrier.
  const carrier = {
    session: { isFull: () => options.full === true },
    submit: (_: unknown, onReply: (reply: Reply) => void) => {
      told.push("submitted")
      onReply(reply)
    }
  } as unknown as Carrier
  const sending: Sending = {
    begin: () => {
      told.push("begin")
      return true
    },
    end: (_, { _tag }) => told.push(_tag),
    ...(options.sending || {})
  }
  Sendings.submit(
    carrier,
    RedisCommand.make("SET", ["a", "1"]),
    options.sending === false ? undefined : sending,
    (defect) => defects.push(defect),
    (result) => {
      const { _tag } = result
      told.push(_tag === "Success" ? "reply" : "code" in result.failure ? result.failure.code : result.failure._tag)
    }
  )
  return { told, defects }
}

describe("Sendings", () => {
  const lost = Result.fail(RedisError.connectionError("SET", "Reset", "unknown"))
  const neverLeft = Result.fail(RedisError.connectionError("SET", "Reset", "never"))
  const rows: ReadonlyArray<readonly [what: string, reply: Reply, told: ReadonlyArray<string>]> = [
    ["a reply confirms it", Result.succeed("OK"), ["begin", "submitted", "Confirmed", "reply"]],
    ["an error reply refuses it", replied("SET", "OOM"), ["begin", "submitted", "Refused", "OOM"]],
    ["an error reply of a script confirms it", replied("EVAL", "ERR"), ["begin", "submitted", "Confirmed", "ERR"]],
    ["a lost session leaves it in doubt", lost, ["begin", "submitted", "Doubtful", "RedisConnectionError"]],
    ["what never left is refused", neverLeft, ["begin", "submitted", "Refused", "RedisConnectionError"]]
  ]
  for (const [what, reply, told] of rows) {
    it(`${what}, and the sending is told before the call`, () => assert.deepStrictEqual(play(reply).told, [...told]))
  }

  it("what is called off does not leave", () => {
    const { told } = play(Result.succeed("OK"), { sending: { begin: () => false } })
    assert.deepStrictEqual(told, ["SUPERSEDED"])
  })

  it("what a full session cannot take does not begin", () => {
    assert.deepStrictEqual(play(Result.succeed("OK"), { full: true }).told, ["RedisConnectionError"])
  })

  it("nobody need follow it", () => {
    assert.deepStrictEqual(play(Result.succeed("OK"), { sending: false }).told, ["submitted", "reply"])
  })

  it("one that throws calls it off or leaves the call as it is, and is told", () => {
    const boom = new Error("boom")
    const fail = () => {
      throw boom
    }
    assert.deepStrictEqual(play(Result.succeed("OK"), { sending: { begin: fail } }), {
      told: ["SUPERSEDED"],
      defects: [boom]
    })
    assert.deepStrictEqual(play(Result.succeed("OK"), { sending: { end: fail } }), {
      told: ["begin", "submitted", "reply"],
      defects: [boom]
    })
  })
})
