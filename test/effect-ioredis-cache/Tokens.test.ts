import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Schema } from "effect"
import * as MemoryStore from "../../packages/effect-ioredis-cache/src/internal/MemoryStore.ts"
import * as MemoryTier from "../../packages/effect-ioredis-cache/src/internal/MemoryTier.ts"
import * as JsonCodec from "../../packages/effect-ioredis-cache/src/internal/JsonCodec.ts"
import * as Sequences from "../../packages/effect-ioredis-cache/src/internal/Sequences.ts"
import * as Tokens from "../../packages/effect-ioredis-cache/src/internal/tags/Tokens.ts"

/** Tokens in memory, and what was asked for at once, with the time that there was for it. */
const make = Effect.gen(function* () {
  const asked: Array<string> = []
  const forgotten: Array<string | undefined> = []
  const sequences = Sequences.make()
  const tier = MemoryTier.make(
    yield* MemoryStore.make(),
    yield* Clock.Clock
  )<string>({
    name: "!tags",
    keyspace: "!tags:",
    codec: JsonCodec.make(Schema.String),
    maxBytes: 100,
    longestLife: Number.POSITIVE_INFINITY,
    staleFor: 0,
    refreshes: false,
    replay: "latest",
    removedFor: 0,
    tags: false,
    onUnreadable: () => {}
  })
  const closing: Array<() => void> = []
  const tokens = Tokens.ofCache<never>({
    tier: () => ({
      ...tier,
      known: () => undefined,
      sequences,
      forget: (key) => forgotten.push(key),
      getMany: (keys, isCurrent, done, timeLeft) => {
        asked.push(`${keys.join(" ")} within ${timeLeft}`)
        return tier.getMany(keys, isCurrent, done, timeLeft)
      }
    }),
    keyspace: "!tags:",
    onClose: (leave) => closing.push(leave),
    random: Math.random,
    now: () => 0
  })(undefined)
  const close = () => {
    for (const leave of closing) leave()
  }
  return { asked, forgotten, other: sequences.join(() => {}), tokens, close }
})

describe("Tokens", () => {
  it.effect("are asked for together in one tick, by those who have about as long", () =>
    Effect.gen(function* () {
      const { asked, tokens } = yield* make
      tokens.read(["a"], () => {})
      tokens.read(["b", "a"], () => {})
      tokens.read(["c"], () => {}, 900)
      tokens.read(["d"], () => {}, 1000)
      tokens.read(["e"], () => {}, 1)
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(asked, [
        "!tags:a !tags:b within undefined",
        "!tags:c !tags:d within 900",
        "!tags:e within 1"
      ])
    })
  )

  it.effect("hear of other caches until their own has closed", () =>
    Effect.gen(function* () {
      const { close, forgotten, other, tokens } = yield* make
      tokens.read(["a"], () => {})
      other.overtake("!tags:a")
      close()
      other.overtake("!tags:b")
      assert.deepStrictEqual(forgotten, ["!tags:a"])
    })
  )
})
