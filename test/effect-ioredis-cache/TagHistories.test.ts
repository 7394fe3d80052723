import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Option, Schema } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Draw from "../model/Draw.ts"
import { layerProcess } from "../suites/cacheLayers.ts"

/**
 * Random histories of two processes that write values with tags, invalidate tags and clear a region of
 * tags, while tokens are evicted, circuits open, and the server starts anew with its data, with an older
 * dump or with nothing. TAG_HISTORIES says how many, from TAG_SEED on.
 */
const histories = Number(process.env.TAG_HISTORIES ?? 200)
const firstSeed = Number(process.env.TAG_SEED ?? 1)
const steps = 60

interface Process {
  readonly number: number
  readonly regions: ReadonlyArray<Cache.Region<string, string>>
  readonly cache: Cache.Cache
  readonly client: RedisClient.RedisClient
  /** By tag or region: the step at which this process has last invalidated it. */
  readonly invalidated: Map<string, number>
  isAway: boolean
}

/** What was written when, with which tags. */
interface Written {
  readonly step: number
  readonly groups: ReadonlyArray<string>
}

const keys = ["a", "b", "c"]
const tags = ["x", "y"]

const definitions = [
  { name: "plain", version: 1, key: Schema.String, value: Schema.String },
  { name: "grouped", version: 1, key: Schema.String, value: Schema.String, tags: true }
] as const

const start = Effect.fnUntraced(function* (number: number) {
  const context = yield* Layer.build(Layer.fresh(layerProcess()))
  const cache = Context.get(context, Cache.Cache)
  const client = Context.get(context, RedisClient.RedisClient)
  const regions = yield* Effect.forEach(definitions, (definition) => cache.region(definition))
  const process: Process = { number, regions, cache, client, invalidated: new Map(), isAway: false }
  return process
})

const history = (seed: number) =>
  Effect.gen(function* () {
    const { below: draw, one: pick } = Draw.make(seed)
    const server = yield* SimulatedRedis.SimulatedRedis
    const processes = [yield* start(0), yield* start(1)]
    const written = new Map<string, Written>()
    const log: Array<string> = []
    let values = 0
    // By tag or region: the step at which Redis has last confirmed that it is invalidated.
    const confirmed = new Map<string, number>()

    const groupsOf = (region: number, names: ReadonlyArray<string>) => [...names, ...(region === 1 ? ["grouped"] : [])]
    const write = (region: number, step: number, names: ReadonlyArray<string>): string => {
      const value = `v${values++}`
      written.set(value, { step, groups: groupsOf(region, names) })
      return value
    }
    // Whoever asks Redis knows what it has confirmed to others.
    const invalidatedAt = ({ invalidated, isAway }: Process, group: string): number =>
      Math.max(invalidated.get(group) ?? -1, (isAway ? undefined : confirmed.get(group)) ?? -1)
    const judge = (process: Process, what: string, value: string) => {
      const { groups, step } = written.get(value) ?? { groups: [], step: 0 }
      const group = groups.find((group) => invalidatedAt(process, group) > step)
      if (group === undefined) return
      assert.fail(`seed ${seed}: process ${process.number} read ${value} by ${what} after ${group}\n${log.join("\n")}`)
    }
    const tell = (by: Process, group: string, step: number, outcome: string) => {
      by.invalidated.set(group, step)
      if (outcome === "Applied") confirmed.set(group, step)
    }

    for (let step = 0; step < steps; step++) {
      const process = pick(processes)
      const index = draw(process.regions.length)
      const region = process.regions[index]
      const key = pick(keys)
      const names = tags.filter(() => draw(2) === 0)
      if (region === undefined) continue
      const say = (what: string) => log.push(`${step}: ${process.number} ${definitions[index]?.name} ${what}`)
      switch (draw(12)) {
        case 0:
        case 1: {
          const value = write(index, step, names)
          say(`set ${key} ${value} ${names} ${yield* region.set(key, value, { tags: names })}`)
          break
        }
        case 2: {
          const value = write(index, step, names)
          const got = yield* region.getOrSet(key, Effect.succeed(value), { tags: names })
          say(`getOrSet ${key} ${value} ${names} ${got}`)
          judge(process, "getOrSet", got)
          break
        }
        case 3: {
          const tag = pick(tags)
          const outcome = yield* process.cache.invalidateTag(tag)
          say(`invalidate ${tag} ${outcome}`)
          tell(process, tag, step, outcome)
          break
        }
        case 4: {
          if (index !== 1) break
          const outcome = yield* region.clear
          say(`clear ${outcome}`)
          tell(process, "grouped", step, outcome)
          break
        }
        case 5:
        case 6: {
          const value = yield* region.get(key)
          say(`get ${key} ${Option.getOrElse(value, () => "-")}`)
          if (Option.isSome(value)) judge(process, "get", value.value)
          break
        }
        case 7: {
          const all = yield* region.getMany(keys)
          say(`getMany ${all.map((value) => Option.getOrElse(value, () => "-"))}`)
          for (const value of all) if (Option.isSome(value)) judge(process, "getMany", value.value)
          break
        }
        case 8: {
          process.isAway = !process.isAway
          yield* process.isAway ? process.client.breaker.isolate : process.client.breaker.reset
          say(process.isAway ? "away" : "back")
          // What the one deferred is replayed before the other is told of anything.
          yield* TestClock.adjust("5 seconds")
          break
        }
        case 9: {
          const found = yield* server.execute(RedisCommand.make("KEYS", ["cache:!tags:*"]))
          const tokens = Array.isArray(found) ? found.map(String) : []
          if (tokens.length > 0) yield* server.execute(RedisCommand.make("DEL", [pick(tokens)]))
          say("a token is evicted")
          break
        }
        case 10:
          if (draw(3) !== 0) break
          yield* server.save
          say("saved")
          break
        default: {
          if (draw(4) !== 0) break
          const data = pick(["kept", "lost", "dump"] as const)
          // What a dump brings back is as old as it is to those who did not invalidate it themselves.
          if (data === "dump") confirmed.clear()
          yield* server.restart({ data })
          say(`restart ${data}`)
          yield* TestClock.adjust("30 seconds")
        }
      }
      yield* TestClock.adjust(1 + draw(200))
    }
  }).pipe(Effect.provide(SimulatedRedis.layerServer({ scripts })), Effect.scoped)

describe("tags", () => {
  it.effect(
    `are never read again once they were invalidated, in ${histories} histories from seed ${firstSeed}`,
    () =>
      Effect.gen(function* () {
        for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
          const exit = yield* Effect.exit(history(seed))
          if (Exit.isFailure(exit)) return yield* exit
        }
      }),
    histories * 1000
  )
})
