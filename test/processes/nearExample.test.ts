import { fileURLToPath } from "node:url"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as Delays from "../../examples/near/src/Delays.ts"

const demo = fileURLToPath(new URL("../../examples/near/src/demo.ts", import.meta.url))

describe("the example of a near region", { timeout: 90_000 }, () => {
  it.live("shows what another process wrote within 50 ms, and answers from memory", () =>
    Effect.gen(function* () {
      const child = yield* ChildProcess.make(process.execPath, ["--import", "tsx", demo], {
        stdin: "ignore",
        stderr: "inherit",
        forceKillAfter: "5 seconds"
      })
      const lines = yield* child.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runCollect)
      assert.strictEqual(yield* child.exitCode, 0, lines.join("\n"))
      const report = yield* Schema.decodeEffect(Schema.fromJsonString(Delays.Report))(lines.at(-1) ?? "")
      assert.strictEqual(report.prices, 300)
      assert.isAtMost(report.p99OfRedis, 50, lines.join("\n"))
      // Each new price is asked for once, or twice where it was told of while it was read.
      assert.isAtLeast(report.fromMemory, report.reads - 2 * report.prices, lines.join("\n"))
      assert.isAbove(report.fromMemory, report.prices)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
