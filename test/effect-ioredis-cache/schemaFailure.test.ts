import { Cause, Schema } from "effect"
import { assert, describe, it } from "vitest"
import * as schemaFailure from "../../packages/effect-ioredis-cache/src/internal/schemaFailure.ts"
import { asynchronousSchema } from "../support/asynchronousSchema.ts"

/** What something throws. */
const thrownBy = (run: () => unknown): unknown =>
  schemaFailure.contain<unknown, unknown>(
    () => assert.fail(`it gave ${run()}`),
    undefined,
    (thrown) => thrown
  )

const user = Schema.Struct({ age: Schema.Finite })

class HunterError extends Error {
  override readonly name = "hunter2 was here"
}

describe("schemaFailure", () => {
  it("contains what is thrown, and gives what is not", () => {
    assert.strictEqual(
      schemaFailure.contain(
        (input: number) => input,
        1,
        () => 2
      ),
      1
    )
    assert.strictEqual(
      schemaFailure.contain(
        () => {
          throw new Error("hunter2")
        },
        1,
        () => 2
      ),
      2
    )
  })

  const rows: ReadonlyArray<readonly [what: string, thrown: unknown, action: "encoding" | "decoding", said: string]> = [
    [
      "what a schema expected, and where",
      thrownBy(() => Schema.decodeUnknownSync(user)({ age: "hunter2" })),
      "decoding",
      'expected number at ["age"]'
    ],
    ["that Schema.Any checks nothing", schemaFailure.noJsonForm, "encoding", schemaFailure.noJsonForm.message],
    ["the kind of an error", new RangeError("hunter2"), "encoding", "encoding it threw RangeError"],
    [
      "the kind of what an adapter has wrapped",
      new Error("hunter2", { cause: Cause.die(new RangeError("hunter2")) }),
      "decoding",
      "decoding it threw RangeError"
    ],
    [
      "of a name that could be data nothing",
      new HunterError(),
      "encoding",
      "encoding it threw something that is not an Error"
    ],
    ["that it was no error", "hunter2", "decoding", "decoding it threw something that is not an Error"],
    [
      "that its schema is asynchronous",
      thrownBy(() => Schema.decodeUnknownSync(asynchronousSchema)("hunter2")),
      "decoding",
      "its schema works asynchronously, and decoding a value must end at once"
    ]
  ]
  for (const [what, thrown, action, said] of rows) {
    it(`says ${what}, without the value`, () => assert.strictEqual(schemaFailure.describe(thrown, action), said))
  }

  it("says in one line why a schema has no JSON form, which no value can be in", () => {
    const noForm = "its schema has no JSON form"
    assert.strictEqual(schemaFailure.describeDefinition(new Error("no\n  codec")), `${noForm}: no codec`)
    assert.strictEqual(schemaFailure.describeDefinition("no codec"), noForm)
  })
})
