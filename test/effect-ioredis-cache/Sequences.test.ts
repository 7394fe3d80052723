import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "vitest"
import * as Sequences from "../../packages/effect-ioredis-cache/src/internal/Sequences.ts"

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
    claim: (key: string) => {
      const claim = member.claim(key)
      return { ...checked(claim), make: () => checked(member.intend(key, claim)) }
    },
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

  it("a write that waits keeps its place, and overtakes nothing before it is made", () => {
    const sequences = make()
    const [older, newer] = [sequences.claim("a"), sequences.claim("a")]
    const read = sequences.watch("a")
    newer.end()
    assert.isTrue(older.isCurrent(), "the newer one came to nothing")
    older.make().end()
    assert.isFalse(read.isCurrent())
    assert.strictEqual(sequences.size(), 1)
    read.end()
    assert.strictEqual(sequences.size(), 0)
    const [first, second, third] = [sequences.claim("a"), sequences.claim("a"), sequences.claim("a")]
    second.make()
    assert.deepStrictEqual([first.isCurrent(), third.isCurrent()], [false, true])
    assert.isFalse(first.make().isCurrent(), "it stays behind what was made")
    third.make()
    assert.isFalse(second.isCurrent())
    assert.isTrue(third.isCurrent())
  })

  it("a read is not current while a write waits that was asked for after it", () => {
    const sequences = make()
    const read = sequences.watch("a")
    const claim = sequences.claim("a")
    assert.isFalse(read.isCurrent())
    claim.end()
    assert.isTrue(read.isCurrent(), "it came to nothing")
  })

  it("a write that waits is overtaken by a removal and by a clear of all, and not by those before it", () => {
    const sequences = make()
    const removal = sequences.intend("a")
    const clear = sequences.intendAll()
    const [one, other] = [sequences.claim("a"), sequences.claim("b")]
    removal.end()
    clear.end()
    assert.deepStrictEqual([one.isCurrent(), other.isCurrent()], [true, true])
    sequences.overtake("a")
    assert.deepStrictEqual([one.isCurrent(), other.isCurrent()], [false, true])
    sequences.intendAll().end()
    assert.isFalse(other.isCurrent())
  })

  it("a read that begins while a write is in progress is not current, even after the write has ended", () => {
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

  it("a write that is intended while a clear is in progress is newer than it; a newer clear overtakes an older one", () => {
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

  it("beside a read that does not end, keys that were written are kept up to a bound, and the read is not current beyond", () => {
    const sequences = Sequences.make()
    const member = sequences.join(() => {})
    const read = member.watch("a")
    for (let n = 0; n < 65_536; n++) member.intend(`key-${n}`).end()
    assert.isTrue(read.isCurrent())
    for (let n = 65_536; n < 70_000; n++) member.intend(`key-${n}`).end()
    assert.isAtMost(sequences.size(), 65_536)
    assert.isFalse(read.isCurrent())
    assert.isTrue(member.watch("a").isCurrent())
    sequences.checkInvariants()
    read.end()
    assert.isAtMost(sequences.size(), 65_536)
  })

  it("a key that is written beside a read that does not end costs about what it costs elsewhere", () => {
    const member = Sequences.make().join(() => {})
    const write = (n: number): void => member.intend(`key-${n}`).end()
    const timed = (from: number, to: number): number => {
      const { user } = process.cpuUsage()
      for (let n = from; n < to; n++) write(n)
      return process.cpuUsage({ user, system: 0 }).user
    }
    member.watch("a")
    const first = timed(0, 65_536)
    // A collection of garbage may fall into one of them, and what grows with every key costs more each time.
    const later = [1, 2, 3].map((round) => timed(round * 65_536, (round + 1) * 65_536))
    assert.isBelow(Math.min(...later), 8 * first)
  })

  it("a watch that has ended holds none of those that began after it", () => {
    const member = Sequences.make().join(() => {})
    const ended = member.watch("a")
    let last = ended
    const before = heapUsed()
    for (let n = 0; n < 100_000; n++) {
      const next = member.watch("a")
      last.end()
      last = next
    }
    assert.isBelow(heapUsed() - before, 1_000_000)
    last.end()
    ended.end()
  })

  it("any order of calls says what a log of them says, keeps the invariants, and leaves nothing behind", () => {
    const sequences = make()
    const draw = makeDraw(42)
    const log: Array<Call> = []
    const held: Array<{ readonly call: Call; readonly watch: Sequences.Watch }> = []
    const begin = (kind: Call["kind"], key: string, watch: Sequences.Watch | undefined) => {
      const call: Call = { kind, key, isOver: watch === undefined, wasDisturbed: disturbs(log, key) }
      log.push(call)
      if (watch !== undefined) held.push({ call, watch })
    }
    const found = { current: 0, overtaken: 0 }
    for (let step = 0; step < 3000; step++) {
      const key = `key-${draw(5)}`
      const choice = draw(12)
      if (choice < 3) begin("read", key, sequences.watch(key))
      else if (choice < 5) begin("intent", key, sequences.intend(key))
      else if (choice === 5 && draw(4) === 0) begin("clear", "", sequences.intendAll())
      else if (choice === 6) {
        sequences.overtake(key)
        begin("intent", key, undefined)
      } else {
        const [ended] = held.splice(draw(held.length), 1)
        ended?.watch.end()
        if (ended !== undefined) ended.call.isOver = true
      }
      for (const { call, watch } of held) {
        assert.strictEqual(watch.isCurrent(), isCurrent(log, call), `step ${step}: ${call.kind} of ${call.key}`)
        found[watch.isCurrent() ? "current" : "overtaken"]++
      }
    }
    assert.isAbove(Math.min(found.current, found.overtaken), 1000)
    for (const { watch } of held) watch.end()
    assert.strictEqual(sequences.size(), 0)
  })
})

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")
const heapUsed = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

/** One call, as a log without any cleverness has it. */
interface Call {
  readonly kind: "read" | "intent" | "clear"
  readonly key: string
  readonly wasDisturbed: boolean
  isOver: boolean
}

const disturbs = (log: ReadonlyArray<Call>, key: string): boolean =>
  log.some((call) => !call.isOver && (call.kind === "clear" || (call.kind === "intent" && call.key === key)))

const isCurrent = (log: ReadonlyArray<Call>, call: Call): boolean =>
  !(call.kind === "read" && call.wasDisturbed) &&
  !log
    .slice(log.indexOf(call) + 1)
    .some((later) =>
      call.kind === "clear"
        ? later.kind === "clear"
        : later.kind === "clear" || (later.kind === "intent" && later.key === call.key)
    )

/** Numbers below `n` that are the same in each run. */
const makeDraw = (seed: number) => {
  let state = seed
  return (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}
