import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { RedisCommand, RedisError } from "effect-ioredis"
import type { Dispatch, SendOptions } from "effect-ioredis/dispatch"
import * as Scripts from "../../../packages/effect-ioredis-cache/src/internal/journal/scripts.ts"
import * as Sender from "../../../packages/effect-ioredis-cache/src/internal/journal/Sender.ts"

type Done = (outcome: Sender.Outcome) => void

const noScript = new RedisError.RedisOperationError({ command: "EVALSHA", code: "NOSCRIPT", message: "no" })

/** A dispatch whose replies are in the hands of a test. */
const make = () => {
  const sent: Array<{ readonly name: string; readonly timeout: number | undefined; readonly done: Done }> = []
  const recalled: Array<string> = []
  const send = (command: RedisCommand.RedisCommand, { timeout }: SendOptions, done: Done) => {
    sent.push({ name: command.name, timeout, done })
    return () => recalled.push(command.name)
  }
  const sendAll: Dispatch["sendAll"] = (commands, { timeout }, done) => {
    const outcomes: Array<Sender.Outcome> = commands.map(({ name }) =>
      name === "EVALSHA" ? Result.fail(noScript) : Result.succeed(name)
    )
    sent.push({ name: commands.map(({ name }) => name).join(" "), timeout, done: () => done(outcomes) })
    return () => recalled.push("all")
  }
  // It asks nothing else of a dispatch.
  return { sent, recalled, dispatch: { send, sendAll } as unknown as Dispatch }
}

const script = Scripts.call(Scripts.unlinkEarlier, "a", ["0"])
const get = RedisCommand.make("GET", ["a"])

describe("Sender", () => {
  it("sends a script that the server does not know again with its source, in what is left of the time", () => {
    const { dispatch, sent } = make()
    const outcomes: Array<Sender.Outcome> = []
    let now = 0
    Sender.send(dispatch, script, { timeout: 1000, now: () => now }, (outcome) => outcomes.push(outcome))
    now = 300
    sent[0]?.done(Result.fail(noScript))
    assert.deepStrictEqual(
      sent.map(({ name, timeout }) => [name, timeout]),
      [
        ["EVALSHA", 1000],
        ["EVAL", 700]
      ]
    )
    assert.deepStrictEqual(outcomes, [])
    sent[1]?.done(Result.succeed(1))
    assert.deepStrictEqual(outcomes, [Result.succeed(1)])
  })

  it("sends nothing again for another error, nor what is no script", () => {
    const { dispatch, sent } = make()
    const lost = Result.fail(RedisError.connectionError("EVALSHA", "Reset", "unknown"))
    for (const [command, outcome] of [
      [script, lost],
      [get, Result.fail(noScript)]
    ] as const) {
      const outcomes: Array<Sender.Outcome> = []
      Sender.send(dispatch, command, {}, (one) => outcomes.push(one))
      sent.at(-1)?.done(outcome)
      assert.deepStrictEqual(outcomes, [outcome])
    }
    assert.strictEqual(sent.length, 2)
  })

  it("gives up the sending that is in flight", () => {
    const { dispatch, recalled, sent } = make()
    const cancel = Sender.send(dispatch, script, {}, () => {})
    sent[0]?.done(Result.fail(noScript))
    cancel()
    assert.deepStrictEqual(recalled, ["EVAL"])
  })

  it("sends of several only what the server did not know again, and keeps the order", () => {
    const { dispatch, sent } = make()
    const told: Array<ReadonlyArray<Sender.Outcome>> = []
    Sender.sendAll(dispatch, [get, script, get, script], {}, (outcomes) => told.push(outcomes))
    sent[0]?.done(Result.succeed(null))
    assert.strictEqual(sent[1]?.name, "EVAL EVAL")
    sent[1]?.done(Result.succeed(null))
    assert.deepStrictEqual(told, [["GET", "EVAL", "GET", "EVAL"].map((name) => Result.succeed(name))])
  })
})
