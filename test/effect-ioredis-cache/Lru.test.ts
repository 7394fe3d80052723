import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { Lru } from "../../packages/effect-ioredis-cache/src/internal/Lru.ts"

/** The same in the simplest form: a list from the one used longest ago to the one used last. */
class Model {
  entries: Array<{ readonly key: string; readonly value: number; readonly size: number }> = []
  readonly maxEntries: number
  readonly maxSize: number

  constructor(maxEntries: number, maxSize: number) {
    this.maxEntries = maxEntries
    this.maxSize = maxSize
  }

  get(key: string): number | undefined {
    const found = this.entries.find((entry) => entry.key === key)
    if (found === undefined) return undefined
    this.delete(key)
    this.entries.push(found)
    return found.value
  }

  set(key: string, value: number, size: number): void {
    this.delete(key)
    if (size > this.maxSize) return
    this.entries.push({ key, value, size })
    const total = () => this.entries.reduce((sum, entry) => sum + entry.size, 0)
    while (this.entries.length > this.maxEntries || total() > this.maxSize) this.entries.shift()
  }

  delete(key: string): boolean {
    const length = this.entries.length
    this.entries = this.entries.filter((entry) => entry.key !== key)
    return this.entries.length < length
  }
}

describe("Lru", () => {
  for (const [maxEntries, maxSize] of [
    [1, Number.POSITIVE_INFINITY],
    [4, Number.POSITIVE_INFINITY],
    [100, 12],
    [3, 12]
  ] as const) {
    it.effect(`keeps what was used last: ${maxEntries} entries, ${maxSize} of size`, () =>
      Effect.gen(function* () {
        const lru = new Lru<number>(maxEntries, maxSize)
        const model = new Model(maxEntries, maxSize)
        for (let n = 0; n < 2000; n++) {
          const key = `k${yield* Random.nextIntBetween(0, 8)}`
          const choice = yield* Random.nextIntBetween(0, 10)
          if (choice === 0) assert.strictEqual(lru.delete(key), model.delete(key))
          else if (choice < 5) assert.strictEqual(lru.get(key), model.get(key))
          else {
            const size = yield* Random.nextIntBetween(1, 14)
            lru.set(key, n, size)
            model.set(key, n, size)
          }
          assert.strictEqual(lru.size, model.entries.length)
          assert.sameMembers(
            Array.from(new Set(lru.keys())).filter((key) => lru.peek(key) !== undefined),
            model.entries.map((entry) => entry.key)
          )
          for (const entry of model.entries) assert.strictEqual(lru.peek(entry.key), entry.value)
        }
      }).pipe(Random.withSeed("lru"))
    )
  }

  it("no step through the keys takes long, though nearly all of a generation has made room", () => {
    const maxEntries = 50_000
    const lru = new Lru<number>(maxEntries, Number.POSITIVE_INFINITY)
    for (let n = 0; n < 2 * maxEntries - 1; n++) lru.set(`key-${n}`, n, 1)
    const timeOf = (walk: (keys: Iterator<string>) => void) => {
      const times = Array.from({ length: 5 }, () => {
        const since = performance.now()
        walk(lru.keys())
        return performance.now() - since
      })
      return Math.min(...times)
    }
    const ofFirst = timeOf((keys) => keys.next())
    const ofAll = timeOf((keys) => {
      while (keys.next().done !== true);
    })
    assert.isBelow(ofFirst, ofAll / 10)
  })

  it("what was dropped keeps nothing alive, though the older generation knows it by a key that it had", () => {
    const lru = new Lru<object>(4, Number.POSITIVE_INFINITY)
    const fill = () => {
      // The last two have the nodes of the first two.
      for (let n = 0; n < 6; n++) lru.set(`filled-${n}`, {}, 1)
      const dropped = new WeakRef({ text: "a secret" })
      lru.set("filled-4", dropped.deref() ?? {}, 1)
      for (const key of ["filled-2", "filled-3", "filled-4"]) assert.isTrue(lru.delete(key))
      return dropped
    }
    const dropped = fill()
    const before = heapUsed()
    // Each is the neighbour of the one before, and there are never as many as would end a generation.
    for (let n = 0; n < 50_000; n++) {
      lru.set(`passing-${n}`, {}, 1)
      assert.isTrue(lru.delete(n === 0 ? "filled-5" : `passing-${n - 1}`))
    }
    assert.strictEqual(lru.size, 1)
    assert.isBelow(heapUsed() - before, 1_000_000)
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      collect()
      assert.isUndefined(dropped.deref())
    })
  })
})

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")
const heapUsed = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}
