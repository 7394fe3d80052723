import { assert, describe, it } from "@effect/vitest"
import { Option, Result, Schema } from "effect"
import { RedisCommand } from "effect-ioredis"
import { Hashes, Strings } from "effect-ioredis/commands"

const Job = Schema.fromJsonString(Schema.Struct({ title: Schema.String }))
const baker = '{"title":"baker"}'

describe("decodeTo", () => {
  const job = RedisCommand.decodeTo(Strings.get("job"), Schema.Option(Job))
  const jobs = RedisCommand.decodeTo(Hashes.hgetall("jobs"), Schema.Record(Schema.String, Job))

  it("decodes what a command answers, and leaves the rest of it as it is", () => {
    assert.deepStrictEqual(job.decode(baker), Result.succeed(Option.some({ title: "baker" })))
    assert.deepStrictEqual(job.decode(null), Result.succeed(Option.none()))
    assert.deepStrictEqual(jobs.decode(["1", baker]), Result.succeed({ "1": { title: "baker" } }))
    assert.deepInclude(job, { name: "GET", args: ["job"], kind: "read", reply: "text" })
  })

  it("says where an answer does not fit, and nothing of what was there", () => {
    for (const [command, reply] of [
      [job, '{"title":42}'],
      [job, "secret"],
      [job, ["a list"]],
      [jobs, ["1", '{"secret":1}']],
      [jobs, "secret"]
    ] as const) {
      const decoded: Result.Result<unknown, string> = command.decode(reply)
      assert.isTrue(Result.isFailure(decoded))
      assert.notMatch(String(Result.isFailure(decoded) && decoded.failure), /secret|42/)
    }
  })
})
