import { assert, describe, it } from "@effect/vitest"
import type { RuntimeSettings } from "effect-ioredis"
import { follow, RegionSettings } from "../../packages/effect-ioredis-cache/src/internal/RegionSettings.ts"

const fields = ({
  asksRedis,
  isBypassed,
  mode,
  readPatience,
  tellsRedis,
  timeToLive,
  writePatience
}: RegionSettings) => ({
  mode,
  asksRedis,
  tellsRedis,
  isBypassed,
  readPatience,
  writePatience,
  timeToLive
})

const usual: ReturnType<typeof fields> = {
  mode: "normal",
  asksRedis: true,
  tellsRedis: true,
  isBypassed: false,
  readPatience: 1000,
  writePatience: 1000,
  timeToLive: undefined
}

const applied = (settings: RuntimeSettings.Settings, name = "users") => {
  const region = new RegionSettings(name, 1000, "5 minutes")
  region.apply(settings)
  return fields(region)
}

describe("RegionSettings", () => {
  it("are the cache's own where nothing is said", () => {
    assert.deepStrictEqual(applied({}), usual)
    assert.deepStrictEqual(applied({ regions: { jobs: { mode: "bypass", patience: 1 } } }), usual)
  })

  it("go by what is most particular: the region's kind, the region, the kind, all", () => {
    const settings = { patience: 1, read: { patience: 2 }, regions: { users: { patience: 3, write: { patience: 4 } } } }
    const { readPatience, writePatience } = applied(settings)
    assert.deepStrictEqual([readPatience, writePatience], [3, 4])
    const other = applied(settings, "jobs")
    assert.deepStrictEqual([other.readPatience, other.writePatience], [2, 1])
  })

  it("say what each mode does", () => {
    const of = (mode: RuntimeSettings.Mode) => {
      const { asksRedis, isBypassed, tellsRedis } = applied({ mode })
      return [asksRedis, tellsRedis, isBypassed]
    }
    assert.deepStrictEqual(of("normal"), [true, true, false])
    assert.deepStrictEqual(of("memory-only"), [false, false, false])
    assert.deepStrictEqual(of("read-only"), [true, false, false])
    assert.deepStrictEqual(of("bypass"), [false, true, true])
  })

  it("do not bypass the tokens of tags, which all regions share", () => {
    assert.deepStrictEqual(applied({ mode: "bypass" }, "!tags"), usual)
    assert.strictEqual(applied({ mode: "memory-only" }, "!tags").mode, "memory-only")
  })

  it("are of one object for a name, which changes tell of", () => {
    let tell: (settings: RuntimeSettings.Settings) => void = () => assert.fail("nobody follows")
    const followed = follow(
      {
        followSettings: (listener) => {
          tell = listener
          listener({ patience: 500 })
          return () => {
            tell = () => {}
          }
        }
      },
      1000,
      "5 minutes"
    )
    const users = followed.of("users")
    let changes = 0
    users.listeners.add(() => changes++)
    assert.strictEqual(users.readPatience, 500)
    tell({ regions: { users: { patience: 700 } } })
    assert.strictEqual(followed.of("users"), users)
    assert.deepStrictEqual([users.readPatience, changes], [700, 1])
    followed.end()
    tell({})
    assert.strictEqual(users.readPatience, 700)
  })

  it("cost a hit less than 20 ns to read", () => {
    const region = new RegionSettings("users", 1000, "5 minutes")
    const constant = { asksRedis: true, isBypassed: false, readPatience: 1000 }
    const reads = 5_000_000
    // What a `get` and the write of a value read, in processor time: the machine may be busy.
    const nanos = (settings: { asksRedis: boolean; isBypassed: boolean; readPatience: number | undefined }) => {
      const before = process.cpuUsage()
      let sum = 0
      for (let n = 0; n < reads; n++) {
        if (settings.asksRedis && !settings.isBypassed) sum += settings.readPatience ?? 0
      }
      const { system, user } = process.cpuUsage(before)
      assert.isAbove(sum, 0)
      return ((system + user) * 1000) / reads
    }
    nanos(constant)
    nanos(region)
    const cost = Math.min(nanos(region), nanos(region), nanos(region))
    assert.isBelow(cost, 20)
  })
})
