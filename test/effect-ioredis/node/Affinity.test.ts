import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Hash } from "effect"
import * as Affinity from "../../../packages/effect-ioredis/src/internal/node/Affinity.ts"
import * as SeededRandom from "../../../packages/effect-ioredis/src/testing/internal/SeededRandom.ts"

describe("Affinity", () => {
  interface Lane {
    open: boolean
    readonly queue: Array<{ readonly key: string; readonly n: number; readonly done: () => void }>
  }

  it("never lets a command overtake an earlier one of its key on a connection that lives", () => {
    for (const seed of Arr.range(1, 200)) {
      const random = SeededRandom.make(seed)
      const below = (n: number) => Math.floor(random() * n)
      const lanes = Array.from({ length: 1 + below(5) }, (): Lane => ({ open: true, queue: [] }))
      const affinity = Affinity.make(
        lanes,
        ({ open }) => open,
        (key) => Hash.string(String(key))
      )
      const executed = new Map<string, number>()
      const lose = (lane: Lane) => {
        lane.open = false
        for (const { done } of lane.queue.splice(0)) done()
      }
      for (let n = 0; n < 300; n++) {
        const lane = lanes[below(lanes.length)]
        if (lane === undefined) continue
        const what = random()
        if (what < 0.5) {
          const key = `k${below(20)}`
          const bucket = affinity.bucketOf(key)
          const chosen = affinity.laneOf(bucket)
          assert.strictEqual(
            chosen === undefined,
            lanes.every(({ open }) => !open)
          )
          if (chosen === undefined) continue
          assert.isTrue(chosen.open, "it chose a lane that is not open")
          bucket.inFlight++
          chosen.queue.push({ key, n, done: () => bucket.inFlight-- })
        } else if (what < 0.85) {
          const next = lane.queue.shift()
          if (next === undefined) continue
          next.done()
          assert.isAbove(next.n, executed.get(next.key) ?? -1, `seed ${seed}: an order was lost`)
          executed.set(next.key, next.n)
        } else if (what < 0.95) lane.open = true
        else lose(lane)
        affinity.checkInvariants()
      }
    }
  })

  it("spreads keys over all lanes", () => {
    const lanes = [0, 1, 2, 3, 4]
    const affinity = Affinity.make(
      lanes,
      () => true,
      (key) => Hash.string(String(key))
    )
    const counts = lanes.map(() => 0)
    for (let n = 0; n < 5000; n++) {
      const lane = affinity.laneOf(affinity.bucketOf(`user:${n}`)) ?? -1
      counts[lane] = (counts[lane] ?? 0) + 1
    }
    for (const count of counts) assert.isAbove(count, 600)
  })
})
