import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Round from "../hostile/Round.ts"

// `pnpm hostile` does the same for a minute.
describe("a server that says what it likes, for ten seconds", { timeout: 90_000 }, () => {
  it.live("ends no process, gives no call another key's value, and shows no key or value", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(Round.broken(yield* Round.play(10)), [])
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
