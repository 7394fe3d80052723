import { assert, describe, it } from "vitest"
import * as Sequences from "../packages/effect-ioredis-cache/src/internal/Sequences.ts"

/** Sequences whose invariants are checked after each step. */
const make = () => {
  const sequences = Sequences.make()
  const member = sequences.join(() => {})
  const checked = (watch: Sequences.Watch): Sequences.Watch => {
    sequences.checkInvariants()
    return {
      isCurrent: () => watch.isCurrent(),
      end: () => {
        watch.end()
        sequences.checkInvariants()
      }
    }
  }
  return {
    size: sequences.size,
    watch: (key: string) => checked(member.watch(key)),
    intend: (key: string) => checked(member.intend(key)),
    overtake: (key: string) => {
      member.overtake(key)
      sequences.checkInvariants()
    },
    intendAll: () => checked(member.intendAll())
  }
}

describe("Sequences", () => {
  it("a read is current until its key is written, and another key's write leaves it alone", () => {
    const sequences = make()
    const read = sequences.watch("a")
    sequences.intend("b").end()
    assert.isTrue(read.isCurrent())
    sequences.intend("a").end()
    assert.isFalse(read.isCurrent())
  })

  it("a write that is over at once overtakes the reads and writes of its key, and holds nothing", () => {
    const sequences = make()
    sequences.overtake("a")
    assert.strictEqual(sequences.size(), 0)
    const read = sequences.watch("a")
    const write = sequences.intend("a")
    const other = sequences.watch("b")
    sequences.overtake("a")
    assert.deepStrictEqual([read.isCurrent(), write.isCurrent(), other.isCurrent()], [false, false, true])
    write.end()
    assert.isTrue(sequences.watch("a").isCurrent())
  })

  it("a read that begins while a write is under way is not current, even after the write has ended", () => {
    const sequences = make()
    const write = sequences.intend("a")
    const read = sequences.watch("a")
    assert.isFalse(read.isCurrent())
    write.end()
    assert.isFalse(read.isCurrent())
    assert.isTrue(sequences.watch("a").isCurrent())
  })

  it("a write is current until a newer one of its key, whichever ends first", () => {
    const sequences = make()
    const older = sequences.intend("a")
    assert.isTrue(older.isCurrent())
    const newer = sequences.intend("a")
    newer.end()
    assert.isFalse(older.isCurrent())
    assert.isTrue(newer.isCurrent())
  })

  it("a clear overtakes every read and write of the region, and reads that begin meanwhile", () => {
    const sequences = make()
    const [read, write] = [sequences.watch("a"), sequences.intend("b")]
    const clear = sequences.intendAll()
    const during = sequences.watch("c")
    assert.deepStrictEqual(
      [read, write, during].map((one) => one.isCurrent()),
      [false, false, false]
    )
    clear.end()
    assert.isFalse(during.isCurrent())
    assert.isTrue(sequences.watch("c").isCurrent())
  })

  it("a write that is intended while a clear is under way is newer than it; a newer clear overtakes an older one", () => {
    const sequences = make()
    const clear = sequences.intendAll()
    const write = sequences.intend("a")
    assert.isTrue(write.isCurrent())
    assert.isTrue(clear.isCurrent())
    const newer = sequences.intendAll()
    assert.deepStrictEqual([clear.isCurrent(), newer.isCurrent(), write.isCurrent()], [false, true, false])
  })

  it("to end twice is to end once, and nothing is held of a key that nobody holds", () => {
    const sequences = make()
    const [one, other] = [sequences.watch("a"), sequences.intend("a")]
    one.end()
    one.end()
    assert.strictEqual(sequences.size(), 1)
    assert.isTrue(other.isCurrent())
    other.end()
    other.end()
    assert.strictEqual(sequences.size(), 0)
    const clear = sequences.intendAll()
    clear.end()
    clear.end()
    assert.isTrue(sequences.watch("a").isCurrent())
  })

  it("any order of calls keeps the invariants, and leaves nothing behind", () => {
    const sequences = make()
    const draw = makeDraw(42)
    const held: Array<Sequences.Watch> = []
    for (let step = 0; step < 5000; step++) {
      const key = `key-${draw(5)}`
      const choice = draw(8)
      if (choice < 2) held.push(sequences.watch(key))
      else if (choice < 4) held.push(sequences.intend(key))
      else if (choice === 4) held.push(sequences.intendAll())
      else held.splice(draw(held.length), 1)[0]?.end()
    }
    for (const watch of held) watch.end()
    assert.strictEqual(sequences.size(), 0)
  })
})

/** Numbers below `n` that are the same in each run. */
const makeDraw = (seed: number) => {
  let state = seed
  return (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}
