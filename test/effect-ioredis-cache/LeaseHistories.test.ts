import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, type Fiber, Layer, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Draw from "../model/Draw.ts"
import { layerProcess } from "../suites/cacheLayers.ts"

/**
 * Random histories of three processes that look up, refresh and remove keys whose truth changes before each
 * `remove`. The server takes its time, another one after each step. LEASE_HISTORIES says how many, from
 * LEASE_SEED on.
 */
const histories = Number(process.env.LEASE_HISTORIES ?? 40)
const firstSeed = Number(process.env.LEASE_SEED ?? 1)
const steps = 30

const names = ["a", "b"]

const definition = { name: "numbers", version: 1, key: Schema.String, value: Schema.Int, lease: true } as const

const start = Effect.flatMap(Layer.build(Layer.fresh(layerProcess({ patience: "1 minute" }))), (context) =>
  Context.get(context, Cache.Cache).region(definition)
)

const history = (seed: number) =>
  Effect.gen(function* () {
    const { below: draw, one: pick } = Draw.make(seed)
    const server = yield* SimulatedRedis.SimulatedRedis
    const regions = [yield* start, yield* start, yield* start]
    const log: Array<string> = []
    // What a lookup finds, and what the last acknowledged removal was made for.
    const truth = new Map(names.map((name) => [name, 0]))
    const acknowledged = new Map(names.map((name) => [name, 0]))
    const fibers: Array<Fiber.Fiber<unknown>> = []

    const check = Effect.gen(function* () {
      for (const name of names) {
        const text = yield* server.peek(`cache:numbers:v1:=${name}`)
        const stored = text === undefined ? Number.POSITIVE_INFINITY : Number(text.slice(44))
        if (stored >= (acknowledged.get(name) ?? 0)) continue
        assert.fail(`seed ${seed}: ${name} is ${stored} after ${acknowledged.get(name)}\n${log.join("\n")}`)
      }
    })
    const pass = (millis: number) =>
      Effect.forEach(
        Array.from({ length: Math.ceil(millis / 5) }),
        () => Effect.andThen(TestClock.adjust(5), Effect.andThen(settle, check)),
        { discard: true }
      )

    for (let step = 0; step < steps; step++) {
      const process = draw(regions.length)
      const region = regions[process]
      const name = pick(names)
      if (region === undefined) continue
      const slowness = draw(100)
      // The truth is read when the lookup begins.
      const looked = Effect.suspend(() => Effect.as(Effect.sleep(slowness), truth.get(name) ?? 0))
      const remove = Effect.suspend(() => {
        const number = (truth.get(name) ?? 0) + 1
        truth.set(name, number)
        return Effect.tap(region.remove(name), (outcome) =>
          Effect.sync(() => {
            log.push(`${step}: ${process} has removed ${name} for ${number}: ${outcome}`)
            if (outcome === "Applied") acknowledged.set(name, Math.max(number, acknowledged.get(name) ?? 0))
          })
        )
      })
      const [what, call] = pick([
        ["asks for", region.getOrSet(name, looked)],
        ["asks for", region.getOrSet(name, looked)],
        ["refreshes", region.refresh(name, looked)],
        ["removes", remove]
      ] as const)
      log.push(`${step}: ${process} ${what} ${name}, slow by ${slowness}`)
      fibers.push(yield* Effect.forkChild(call, { startImmediately: true }))
      yield* pass(draw(60))
      yield* server.inject(Fault.delay(draw(20)))
    }
    yield* pass(500)
    assert.deepStrictEqual(
      fibers.filter((fiber) => fiber.pollUnsafe() === undefined),
      [],
      `seed ${seed}: somebody waits\n${log.join("\n")}`
    )
    const left = Array.from((yield* server.entries).keys()).filter((key) => key.includes("!lease"))
    assert.deepStrictEqual(left, [], `seed ${seed}`)
  }).pipe(Effect.scoped, Effect.provide(SimulatedRedis.layerServer({ scripts })))

/** Lets everything that can run, run. */
const settle = Effect.forEach(Array.from({ length: 10 }), () => Effect.yieldNow, { discard: true })

describe("Random histories of leases", () => {
  it.effect(
    `${histories} of them: nothing that was looked up before an acknowledged remove is stored after it`,
    () => Effect.forEach(Array.from({ length: histories }), (_, n) => history(firstSeed + n), { discard: true }),
    120_000
  )
})
