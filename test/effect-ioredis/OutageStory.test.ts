import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { RedisHealth } from "effect-ioredis"
import type { OutageNumbers } from "effect-ioredis/dispatch"
import { none } from "../../packages/effect-ioredis/src/internal/OutageCounts.ts"
import * as OutageStory from "../../packages/effect-ioredis/src/internal/OutageStory.ts"

/** A story to which each test tells what is found. */
const begun = () => {
  let story = OutageStory.quiet
  const found = (
    status: (at: DateTime.Utc) => RedisHealth.Status,
    now: number,
    numbers: Partial<OutageNumbers> = {},
    before = none
  ) => {
    const [after, lines] = OutageStory.next(story, {
      status: status(DateTime.makeUnsafe(now)),
      now,
      before,
      numbers: { ...none, ...numbers }
    })
    story = after
    return lines
  }
  return {
    found,
    tags: (...given: Parameters<typeof found>) => found(...given).map(({ _tag }) => _tag),
    dueAt: () => OutageStory.dueAt(story)
  }
}

const nodeDown = (node: string): RedisHealth.NodeDown => ({ node, cause: "Refused", reason: "away", slots: [] })

const up = (since: DateTime.Utc): RedisHealth.Status => ({ _tag: "Up", since })
const warned = (since: DateTime.Utc): RedisHealth.Status => ({ _tag: "Up", since, warning: "no sentinel" })
const partial = (since: DateTime.Utc): RedisHealth.Status => ({ _tag: "Partial", since, nodes: [nodeDown("a")] })
const down = (since: DateTime.Utc): RedisHealth.Status => ({
  _tag: "Down",
  since,
  cause: "Refused",
  reason: "away",
  nodes: [nodeDown("a"), nodeDown("b")]
})

const second = 1000
const minute = 60 * second

describe("the story of an outage", () => {
  it("is a line when it begins, and one that sums it up when it ends", () => {
    const { found, tags } = begun()
    const before = { ...none, answers: 5, lookups: 2 }
    assert.deepStrictEqual(tags(down, 0, before, before), ["Began"])
    assert.deepStrictEqual(tags(down, 10 * second), [])
    const [line, ...more] = found(up, 20 * second, { answers: 105, lookups: 12, deferred: 7, replayed: 7, lost: 1 })
    assert.isEmpty(more)
    if (line?._tag !== "Ended") return assert.fail(line?._tag)
    assert.strictEqual(line.downFor, 20 * second)
    assert.deepStrictEqual(line.numbers, { answers: 100, lookups: 10, deferred: 7, replayed: 7, lost: 1, waiting: 0 })
    assert.deepStrictEqual(line.nodes, ["a", "b"])
    assert.deepStrictEqual(tags(up, 30 * second), [])
  })

  it("says once that a part has become the whole", () => {
    const { tags } = begun()
    assert.deepStrictEqual(tags(partial, 0), ["Began"])
    assert.deepStrictEqual(tags(down, 1), ["Spread"])
    assert.deepStrictEqual(tags(partial, 2), [])
    assert.deepStrictEqual(tags(down, 3), [])
    assert.deepStrictEqual(tags(up, 4), ["Ended"])
  })

  it("goes on at growing intervals, of an hour at most", () => {
    const { dueAt, tags } = begun()
    tags(down, 0)
    const told: Array<number> = []
    for (let now = 0; now < 12 * 60 * minute; now += minute)
      if (tags(down, now).includes("GoesOn")) told.push(now / minute)
    assert.deepStrictEqual(told.slice(0, 6), [1, 3, 7, 15, 31, 63])
    const [last = 0, last2 = 0] = told.toReversed()
    assert.strictEqual(last - last2, 60)
    assert.strictEqual(dueAt(), (last + 60) * minute)
  })

  it("ends when Redis has been told what it missed, or half a minute later", () => {
    const { found, tags } = begun()
    tags(down, 0)
    assert.deepStrictEqual(tags(up, 10 * second, { lookups: 3, waiting: 4 }), [])
    // What is looked up from now on is no part of it.
    const [line] = found(up, 11 * second, { lookups: 9, replayed: 4 })
    if (line?._tag !== "Ended") return assert.fail(line?._tag)
    assert.deepStrictEqual([line.downFor, line.numbers.lookups, line.numbers.replayed], [10 * second, 3, 4])
    tags(down, 100 * second)
    assert.deepStrictEqual(tags(up, 110 * second, { waiting: 1 }), [])
    assert.deepStrictEqual(tags(up, 139 * second, { waiting: 1 }), [])
    assert.deepStrictEqual(tags(up, 140 * second, { waiting: 1 }), ["Ended"])
  })

  it("is one story where Redis comes and goes", () => {
    const { tags } = begun()
    const told: Array<string> = []
    // Five seconds down, five seconds up, for an hour.
    for (let now = 0; now < 60 * minute; now += second) told.push(...tags((now / second) % 10 < 5 ? down : up, now))
    assert.isBelow(told.length, 20)
    assert.include(told, "GoesOn")
  })

  it("tells of an outage that comes later as of the first", () => {
    const { tags } = begun()
    for (const at of [0, 10 * minute, 20 * minute]) {
      assert.deepStrictEqual(tags(down, at), ["Began"])
      assert.deepStrictEqual(tags(up, at + second), ["Ended"])
    }
  })

  it("says once that a failover would not be noticed, also after an outage", () => {
    const { tags } = begun()
    assert.deepStrictEqual(tags(warned, 0), ["Unwatched"])
    assert.deepStrictEqual(tags(warned, 1), [])
    assert.deepStrictEqual(tags(down, 2), ["Began"])
    assert.deepStrictEqual(tags(warned, 3), ["Ended"])
    assert.deepStrictEqual(tags(up, 4), ["Watched"])
  })
})
