import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { requireEffect } from "effect-ioredis/dispatch"

const entry = "effect-ioredis/persistence"

describe("The version of Effect", () => {
  it.effect("is taken where it is the one that is installed, and of the same minor version", () =>
    Effect.forEach([undefined, "4.1.0", "4.1.27", "4.1.0-beta.3"], (version) => requireEffect(entry, version))
  )

  it.effect("is refused otherwise, with what to do", () =>
    Effect.gen(function* () {
      for (const version of ["4.0.12", "4.2.0", "4.10.0", "4.11.1", "5.1.0", "3.4.1", ""]) {
        const exit = yield* Effect.exit(requireEffect(entry, version))
        const text = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
        assert.include(
          text,
          `${entry} is made for effect 4.1, but effect is ${version} here. Install effect@~4.1.0`,
          version
        )
      }
    })
  )
})
