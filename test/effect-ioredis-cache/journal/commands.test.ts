import { assert, describe, it } from "@effect/vitest"
import type { RedisCommand } from "effect-ioredis"
import * as commands from "../../../packages/effect-ioredis-cache/src/internal/journal/commands.ts"
import {
  Entry,
  type Intent,
  remove,
  SetIntent
} from "../../../packages/effect-ioredis-cache/src/internal/journal/Ledger.ts"
import * as Scripts from "../../../packages/effect-ioredis-cache/src/internal/journal/scripts.ts"

const key = "cache:texts:v1:=a"
const version = { stamp: "mine--000002", writtenAt: 1000 }

const leaseKey = `cache:texts:v1!lease:{${key}}`

const policy = (replay: commands.RegionPolicy["replay"], removedFor = 0): commands.RegionPolicy => ({
  name: "texts",
  keyspace: "cache:texts:v1:",
  replay,
  removedFor
})

const set = (payload = '"1"') =>
  new SetIntent({ value: "1", payload, life: 5000, staleFor: 0, lookupTime: 0, expiresAt: 5000 })

const touch = commands.touchOf(1000, 5000, 0)

const names = new Map(
  Object.entries(Scripts).flatMap(([name, script]) =>
    typeof script === "object" && "sha" in script ? [[String(script.sha), name] as const] : []
  )
)

/** The name of a command, or of the script that it runs. */
const nameOf = (command: RedisCommand.RedisCommand | undefined): string =>
  command === undefined
    ? "nothing"
    : Scripts.isScript(command)
      ? (names.get(String(command.args[0])) ?? "?")
      : command.name

const entryOf = (intent: Intent, region: commands.RegionPolicy) =>
  new Entry(key, region, "theirs-00001", intent, version)

describe("commands", () => {
  const both = { now: 0, scripts: true }
  const large = set("x".repeat(64 * 1024 + 1))
  const marked = 60_000
  type Names = readonly [whenMade: string, replayed: string, madeWithout: string, replayedWithout: string]
  /** What an intent is, when it is made and when it is replayed, with scripts and without. */
  const rows: ReadonlyArray<readonly [intent: Intent, region: commands.RegionPolicy, names: Names]> = [
    [set(), policy("ifUnchanged"), ["SET", "replaceKnown", "SET", "UNLINK"]],
    [set(), policy("latest", marked), ["replaceEarlier", "replaceEarlier", "SET", "UNLINK"]],
    [set(), policy("invalidate"), ["SET", "UNLINK", "SET", "UNLINK"]],
    [set(), policy("invalidate", marked), ["SET", "unlinkEarlier", "SET", "UNLINK"]],
    [set(), policy("overwrite"), ["SET", "SET", "SET", "SET"]],
    [large, policy("ifUnchanged"), ["SET", "UNLINK", "SET", "UNLINK"]],
    [large, policy("latest", marked), ["replaceEarlier", "replaceEarlier", "SET", "UNLINK"]],
    [remove, policy("ifUnchanged"), ["UNLINK", "UNLINK", "UNLINK", "UNLINK"]],
    [remove, policy("ifUnchanged", marked), ["SET", "SET", "SET", "SET"]],
    [remove, policy("latest", marked), ["replaceEarlier", "replaceEarlier", "SET", "SET"]],
    [touch, policy("ifUnchanged"), ["extend", "extend", "nothing", "nothing"]]
  ]
  for (const [intent, region, expected] of rows) {
    const size = intent === large ? "large " : ""
    it(`a ${size}${intent._tag}, ${region.replay}${region.removedFor > 0 ? " with marks" : ""}`, () => {
      const entry = entryOf(intent, region)
      const without = { now: 0, scripts: false }
      assert.deepStrictEqual(
        [
          nameOf(commands.commandOf(entry, both)),
          nameOf(commands.replayOf(entry, both)),
          nameOf(commands.commandOf(entry, without)),
          nameOf(commands.replayOf(entry, without))
        ],
        [...expected]
      )
    })
  }

  it("of a value that is fresh no longer or that Redis has refused only the removal is left", () => {
    const entry = entryOf(set(), policy("overwrite"))
    assert.strictEqual(nameOf(commands.replayOf(entry, { now: 5000, scripts: true })), "UNLINK")
    entry.isRefused = true
    assert.strictEqual(nameOf(commands.replayOf(entry, both)), "UNLINK")
  })

  it("a replay that leaves absent keys alone says so, and what is made at once does not", () => {
    const entry = entryOf(set(), { ...policy("latest", marked), leavesAbsent: true })
    assert.strictEqual(commands.replayOf(entry, both)?.args.length, 7)
    assert.strictEqual(commands.commandOf(entry, both)?.args.length, 6)
  })

  it("a value that follows an unconfirmed removal replaces none that was known before", () => {
    const entry = entryOf(set(), policy("ifUnchanged"))
    const baseOf = () => commands.replayOf(entry, both)?.args.at(-2)
    assert.strictEqual(baseOf(), "theirs-00001")
    entry.followsRemoval = true
    assert.strictEqual(baseOf(), Scripts.noStamp)
  })

  it("what may be undone by a command that runs late", () => {
    const lateOf = (intent: Intent, region: commands.RegionPolicy, replays: boolean) => {
      const entry = entryOf(intent, region)
      const command = replays ? commands.replayOf(entry, both) : commands.commandOf(entry, both)
      return command === undefined ? assert.fail("there is no command") : commands.lateOf(command, intent, region)
    }
    assert.strictEqual(lateOf(set(), policy("ifUnchanged"), false), "Stores")
    assert.strictEqual(lateOf(set(), policy("ifUnchanged"), true), "Stores")
    assert.strictEqual(lateOf(set(), policy("latest", marked), false), "Revives")
    assert.strictEqual(lateOf(set(), policy("latest"), false), "Stores")
    assert.strictEqual(lateOf(set(), policy("invalidate", marked), true), "Removes")
    assert.strictEqual(lateOf(remove, policy("ifUnchanged"), false), "Removes")
    assert.strictEqual(lateOf(remove, policy("ifUnchanged", marked), false), "Removes")
    assert.strictEqual(lateOf(remove, policy("latest", marked), false), "Nothing")
    assert.strictEqual(lateOf(touch, policy("ifUnchanged"), false), "Nothing")
  })

  it("a fill replaces only what was found", () => {
    const fill = (found: Parameters<typeof commands.fillOf>[3], scripts: boolean) =>
      commands.fillOf(key, "stored", 5000, found, scripts)
    const found = { start: Buffer.from("old"), length: 3 }
    assert.deepStrictEqual(fill(undefined, true)?.args, [key, "stored", "PX", 5000, "NX"])
    assert.strictEqual(nameOf(fill(found, true)), "replaceSame")
    assert.isUndefined(fill(found, false))
  })

  it("a fill under a lease gives it back, where scripts may be run", () => {
    const fill = (scripts: boolean) =>
      commands.fillOf(key, "stored", 5000, undefined, scripts, { key: leaseKey, token: "token" })
    const command = fill(true)
    assert.deepStrictEqual(command?.args.slice(1), [2, key, leaseKey, "stored", 5000, "", Scripts.absent, "token"])
    assert.strictEqual(nameOf(command), "fillLeased")
    assert.strictEqual(command && commands.lateOf(command, set(), policy("ifUnchanged")), "Revives")
    assert.strictEqual(nameOf(fill(false)), "SET")
  })

  it("whatever unlinks a key ends its lease, but where its slot is being moved", () => {
    const argsOf = (intent: Intent, region: commands.RegionPolicy, isSlotMoving = false) => {
      const entry = entryOf(intent, { ...region, lease: true })
      entry.isSlotMoving = isSlotMoving
      return [commands.commandOf(entry, both), commands.replayOf(entry, both)].map((command) => command?.args)
    }
    assert.deepStrictEqual(argsOf(remove, policy("ifUnchanged")), [
      [key, leaseKey],
      [key, leaseKey]
    ])
    assert.deepStrictEqual(argsOf(remove, policy("ifUnchanged"), true), [[key], [key]])
    assert.deepStrictEqual(argsOf(set(), policy("invalidate"))[1], [key, leaseKey])
  })
})
