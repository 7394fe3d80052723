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
            [...lru.keys()],
            model.entries.map((entry) => entry.key)
          )
          for (const entry of model.entries) assert.strictEqual(lru.peek(entry.key), entry.value)
        }
      }).pipe(Random.withSeed("lru"))
    )
  }
})
