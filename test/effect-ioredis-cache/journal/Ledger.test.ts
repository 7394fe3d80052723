import { assert, describe, it } from "@effect/vitest"
import * as Ledger from "../../../packages/effect-ioredis-cache/src/internal/journal/Ledger.ts"

const value = (payload: string) =>
  new Ledger.SetIntent({ value: payload, payload, life: 1000, staleFor: 0, lookupTime: 0, expiresAt: 1000 })

const version = (number: number) => ({ stamp: `mine--00000${number}`, writtenAt: number })

const make = (bounds: Partial<Ledger.Bounds> = {}) => Ledger.make<string>({ maxEntries: 2, maxBytes: 100, ...bounds })

const sound = (ledger: Ledger.Ledger<string>) => assert.deepStrictEqual(ledger.checkInvariants(), [])

describe("Ledger", () => {
  it("counts what no call holds any more", () => {
    const ledger = make()
    const entry = ledger.record("a", "users", undefined, value("abc"), version(1))
    assert.strictEqual(ledger.deferred(), 0)
    sound(ledger)
    ledger.release(entry)
    assert.strictEqual(ledger.deferred(), 1)
    assert.isTrue(entry.isDeferred)
    sound(ledger)
    ledger.delete(entry)
    assert.strictEqual(ledger.deferred(), 0)
    assert.strictEqual(ledger.size(), 0)
    sound(ledger)
  })

  it("keeps the base and the first stamp over the intents of one outage, and nothing else", () => {
    const ledger = make()
    const entry = ledger.record("a", "users", "theirs000001", value("abc"), version(1))
    entry.isRefused = true
    ledger.release(entry)
    const again = ledger.record("a", "users", "theirs000002", Ledger.remove, version(2))
    assert.strictEqual(again, entry)
    assert.strictEqual(again.base, "theirs000001")
    assert.strictEqual(again.first, version(1).stamp)
    assert.deepStrictEqual(again.version, version(2))
    assert.isFalse(again.isRefused)
    assert.strictEqual(ledger.deferred(), 0, "a call holds it again")
    sound(ledger)
  })

  it("defers an entry once, however many calls held it, and none that was confirmed", () => {
    const ledger = make()
    const entry = ledger.record("a", "users", undefined, value("a"), version(1))
    ledger.record("a", "users", undefined, value("b"), version(2))
    ledger.release(entry)
    assert.isFalse(entry.isDeferred)
    ledger.release(entry)
    assert.isTrue(entry.isDeferred)
    const other = ledger.record("b", "users", undefined, value("a"), version(3))
    ledger.delete(other)
    ledger.release(other)
    assert.isFalse(other.isDeferred)
    assert.strictEqual(ledger.deferred(), 1)
    sound(ledger)
  })

  it("is full by entries or by bytes, until a region goes", () => {
    const ledger = make({ maxEntries: 2, maxBytes: 5 })
    const defer = (key: string, region: string, payload: string, number: number) =>
      ledger.release(ledger.record(key, region, undefined, value(payload), version(number)))
    defer("a", "users", "abc", 1)
    assert.isFalse(ledger.isFull())
    defer("b", "jobs", "abc", 2)
    assert.isTrue(ledger.isFull(), "by bytes")
    ledger.deleteRegion("jobs")
    assert.isFalse(ledger.isFull())
    defer("c", "users", "", 3)
    defer("d", "users", "", 4)
    assert.isTrue(ledger.isFull(), "by entries")
    ledger.deleteRegion("users")
    assert.strictEqual(ledger.size(), 0)
    sound(ledger)
  })

  it("takes out no entry that has taken its place", () => {
    const ledger = make()
    const old = ledger.record("a", "users", undefined, value("a"), version(1))
    ledger.delete(old)
    const entry = ledger.record("a", "users", undefined, value("b"), version(2))
    ledger.delete(old)
    assert.isTrue(ledger.has(entry))
    sound(ledger)
  })
})
