import { assert, describe, it } from "@effect/vitest"
import type { RedisHistory } from "effect-ioredis/dispatch"
import * as History from "../../../packages/effect-ioredis/src/internal/node/History.ts"

const none = "0".repeat(40)

describe("History", () => {
  const before: RedisHistory = { runId: "run1", role: "master", replid: "a", replid2: none }
  const cases: ReadonlyArray<readonly [what: string, after: Partial<RedisHistory>, mayHaveLost: boolean]> = [
    ["nothing", {}, false],
    ["the first replica attached, or an hour passed without any", { replid: "b" }, false],
    ["it was switched to a replica and back, or resynchronised in place", { replid: "b", replid2: "a" }, true],
    ["it was started anew", { runId: "run2", replid: "b" }, true],
    ["it was started anew and had its replication id restored", { runId: "run2" }, true],
    ["it is a replica now", { role: "replica", replid: "b" }, true]
  ]
  for (const [what, after, mayHaveLost] of cases) {
    it(`${mayHaveLost ? "may have lost data" : "has lost nothing"} where this happened: ${what}`, () => {
      assert.strictEqual(History.mayHaveLost(before, { ...before, ...after }), mayHaveLost)
    })
  }

  it("of a replica changes with the replication id of its master", () => {
    const replica: RedisHistory = { ...before, role: "replica" }
    assert.isTrue(History.mayHaveLost(replica, { ...replica, replid: "b" }))
    assert.isFalse(History.mayHaveLost(replica, { ...replica }))
  })

  it("of a user who may ask for nothing never changes by itself", () => {
    assert.isFalse(History.mayHaveLost(History.unknown, History.unknown))
  })

  it("is read from INFO and from HELLO", () => {
    const info =
      "# Server\r\nrun_id:abc\r\n\r\n# Replication\r\nrole:slave\r\nmaster_replid:d1\r\nmaster_replid2:e2\r\n"
    assert.deepStrictEqual(History.parse(info), { runId: "abc", role: "replica", replid: "d1", replid2: "e2" })
    assert.deepStrictEqual(History.parse(""), History.unknown)
    assert.strictEqual(History.roleInHello(["proto", 2, "role", "master", "modules", []]), "master")
    assert.strictEqual(History.roleInHello(["proto", 2]), undefined)
    assert.strictEqual(History.roleInHello(null), undefined)
  })
})
