import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { RedisCommand } from "effect-ioredis"
import { describeIssue } from "effect-ioredis/dispatch"

const secret = "hunter2"

/** What a schema is given that does not fit, and what is said of it. */
const table: ReadonlyArray<readonly [string, Schema.Decoder<unknown>, unknown, string]> = [
  ["another type", Schema.Int, secret, "expected number"],
  ["no integer", Schema.Int, 1.5, "expected an integer"],
  ["in an array", Schema.Array(Schema.Int), [1, secret], "expected number at [1]"],
  ["in a struct", Schema.Struct({ pin: Schema.Int }), { pin: secret }, 'expected number at ["pin"]'],
  [
    "under a key that is data",
    Schema.Record(Schema.String, Schema.Int),
    { [secret]: secret },
    "expected number at [*]"
  ],
  ["missing", Schema.Struct({ pin: Schema.Int }), {}, 'expected a value at ["pin"]'],
  [
    "JSON of another shape",
    Schema.fromJsonString(Schema.Struct({ pin: Schema.Int })),
    "{}",
    'expected a value at ["pin"]'
  ]
]

describe("describeIssue", () => {
  for (const [title, schema, input, said] of table) {
    it(`${title}: ${said}`, () => {
      const { issue } = Result.getOrThrow(Result.flip(Schema.decodeUnknownResult(schema)(input)))
      assert.strictEqual(describeIssue(issue), said)
    })
  }

  it("is what the decoder of a command says, and shows nothing of the reply", () => {
    const decode = RedisCommand.decoder(Schema.Array(Schema.Int))
    assert.deepStrictEqual(decode(["1", secret]), Result.fail("number at [0]"))
    const long = RedisCommand.decoder(Schema.Literals(Array.from({ length: 100 }, (_, n) => `member ${n}`)))
    assert.isAtMost(Result.getOrThrow(Result.flip(long(secret))).length, 210)
  })
})
