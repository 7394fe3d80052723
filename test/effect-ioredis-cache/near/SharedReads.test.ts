import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Current, Done, Found } from "../../../packages/effect-ioredis-cache/src/internal/CacheTier.ts"
import type { Epoch } from "../../../packages/effect-ioredis-cache/src/internal/near/Epoch.ts"
import type { NearRead } from "../../../packages/effect-ioredis-cache/src/internal/near/Hearing.ts"
import * as SharedReads from "../../../packages/effect-ioredis-cache/src/internal/near/SharedReads.ts"
import { asked, fork, keyOf, test } from "./NearHarness.ts"

interface Asked {
  readonly key: string
  readonly current: Current
  readonly answer: (value: string) => void
  isCancelled: boolean
}

/** Reads of a region whose notices, intents and answers a test decides. */
const make = ({ isKept = true } = {}) => {
  const all: Array<Asked> = []
  const epochs = new Map<NearRead, Epoch | undefined>()
  const region = { isHeard: true, mayAnswer: true, now: 0 }
  const get = SharedReads.make<string>({
    near: {
      begin: () => {
        if (!region.isHeard) return undefined
        // The reads look at no more of it than its epoch.
        const read = { epochOf: () => epochs.get(read) } as unknown as NearRead
        epochs.set(read, {} as Epoch)
        return read
      },
      mayAnswer: (epoch) => region.mayAnswer && epoch !== undefined
    },
    isKept: () => isKept,
    now: () => region.now,
    patience: 1000,
    ask: (key, current, _, done: Done<Found<string>, never>) => {
      const one: Asked = {
        key,
        current,
        answer: (value) => done(Exit.succeed({ hit: { value }, source: "redis" })),
        isCancelled: false
      }
      all.push(one)
      return () => {
        one.isCancelled = true
      }
    }
  })
  const told: Array<string> = []
  return {
    all,
    told,
    region,
    spoilAll: () => {
      for (const read of epochs.keys()) epochs.set(read, undefined)
    },
    /** A caller, by his name, whose watch is current for as long as a test says. */
    call: (who: string, key = "k", then = () => {}) => {
      const watch = { isCurrent: true }
      const cancel = get(key, { isCurrent: () => watch.isCurrent }, (exit) => {
        told.push(`${who} ${Exit.isSuccess(exit) ? exit.value.hit?.value : "failed"}`)
        then()
      })
      return { watch, cancel }
    }
  }
}

describe("Reads of a key that memory keeps", () => {
  it("are one for all who ask while it is under way, and another one afterwards", () => {
    const { all, call, told } = make()
    for (const who of ["a", "b", "c"]) call(who)
    call("d", "other")
    assert.deepStrictEqual(
      all.map(({ key }) => key),
      ["k", "other"]
    )
    all[0]?.answer("1")
    assert.deepStrictEqual(told, ["a 1", "b 1", "c 1"])
    call("e")
    all[2]?.answer("2")
    assert.deepStrictEqual(told.slice(3), ["e 2"])
  })

  it("are not shared once a notice has spoiled one, its epoch may not answer, or something was intended", () => {
    const h = make()
    const first = h.call("a")
    h.spoilAll()
    const second = h.call("b")
    h.region.mayAnswer = false
    h.call("c")
    h.region.mayAnswer = true
    const third = h.call("d")
    assert.lengthOf(h.all, 3)
    for (const { watch } of [first, second, third]) watch.isCurrent = false
    h.call("e")
    assert.lengthOf(h.all, 3, "the one of c is current")
    h.region.isHeard = false
    h.region.mayAnswer = false
    h.call("f")
    assert.lengthOf(h.all, 4)
    for (const [index, { answer }] of h.all.entries()) answer(String(index))
    assert.deepStrictEqual(h.told, ["a 0", "b 1", "c 2", "d 2", "e 2", "f 3"])
  })

  it("go on for those who stay, enter no memory once the first has left, and are cancelled by the last", () => {
    const { all, call, told } = make()
    const a = call("a")
    const b = call("b")
    const [first] = all
    assert.isTrue(first?.current.isCurrent())
    a.cancel()
    assert.deepStrictEqual([first?.isCancelled, first?.current.isCurrent()], [false, false])
    // Nobody watches the key any more, so nobody else may join.
    const c = call("c")
    assert.lengthOf(all, 2)
    b.cancel()
    assert.deepStrictEqual([first?.isCancelled, all[1]?.isCancelled], [true, false])
    call("d")
    assert.lengthOf(all, 2)
    all[1]?.answer("1")
    c.cancel()
    assert.deepStrictEqual(told, ["c 1", "d 1"])
  })

  it("are joined within half of the patience of whoever came first", () => {
    const h = make()
    h.call("a")
    h.region.now = 500
    h.call("b")
    assert.lengthOf(h.all, 1)
    h.region.now = 501
    h.call("c")
    assert.lengthOf(h.all, 2)
  })

  it("tell nobody who leaves while the others are told", () => {
    const { all, call, told } = make()
    let leave = (): void => {}
    call("a", "k", () => leave())
    leave = call("b").cancel
    call("c")
    all[0]?.answer("1")
    assert.deepStrictEqual(told, ["a 1", "c 1"])
  })

  it("are one for each caller where memory keeps nothing, or nobody hears of writes", () => {
    const cold = make({ isKept: false })
    for (const who of ["a", "b"]) cold.call(who)
    assert.lengthOf(cold.all, 2)
    const deaf = make()
    deaf.region.isHeard = false
    for (const who of ["a", "b"]) deaf.call(who)
    assert.lengthOf(deaf.all, 2)
  })

  test("are one for fifty callers after a notice", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "1")
      yield* h.near("k", "1")
      yield* h.other("k", "2")
      const before = (yield* asked(h.server)).length
      const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () => fork(h.read("k")))
      const answers = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(new Set(answers), new Set(["2"]))
      assert.deepStrictEqual((yield* asked(h.server)).slice(before), [keyOf("k")])
      assert.strictEqual(yield* h.asks(h.read("k")), 0)
    }))

  test("give up on nobody before half of his own patience is over", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "1")
      yield* h.near("k", "1")
      yield* h.other("k", "2")
      h.data().hold()
      const first = yield* fork(h.read("k"))
      yield* TestClock.adjust(900)
      const second = yield* fork(h.read("k"))
      yield* TestClock.adjust(101)
      h.data().release()
      yield* TestClock.adjust(1)
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["1", "2"])
    }))

  test("are counted once for each who waits to the end", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "1")
      yield* h.near("k", "1")
      yield* h.other("k", "2")
      const { redisHits } = yield* h.cache.stats
      h.data().hold()
      const racing = yield* fork(Effect.raceFirst(h.region.get("k"), h.region.get("k")))
      yield* TestClock.adjust(1)
      h.data().release()
      yield* Fiber.join(racing)
      assert.strictEqual((yield* h.cache.stats).redisHits - redisHits, 1)
    }))
})
