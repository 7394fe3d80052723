import { assert, describe, it } from "@effect/vitest"
import * as SlotMap from "../../../packages/effect-ioredis/src/internal/topology/SlotMap.ts"

const asked = { host: "asked.example", port: 7000 }
const read = (reply: Parameters<typeof SlotMap.parse>[0]) => SlotMap.parse(reply, asked, (address) => address)

describe("SlotMap", () => {
  it("joins the ranges of a master, and names its replicas", () => {
    const [a, b, c] = [
      ["10.0.0.1", 7001, "a"],
      ["10.0.0.2", 7002, "b"],
      ["10.0.0.3", 7003, "c"]
    ] as const
    assert.deepStrictEqual(
      read([
        [0, 99, a, c],
        [100, 199, b],
        [200, 16_383, a, c]
      ]),
      {
        shards: [
          {
            master: { host: "10.0.0.1", port: 7001 },
            ranges: [
              [0, 99],
              [200, 16_383]
            ],
            replicas: [{ host: "10.0.0.3", port: 7003 }]
          },
          { master: { host: "10.0.0.2", port: 7002 }, ranges: [[100, 199]], replicas: [] }
        ]
      }
    )
  })

  it("takes a server without a host for one at the host that was asked", () => {
    for (const host of ["", null, "?"]) {
      assert.deepStrictEqual(read([[0, 1, [host, 7001, "a"]]])?.shards[0]?.master, {
        host: "asked.example",
        port: 7001
      })
    }
  })

  it("translates every address", () => {
    const outer = SlotMap.parse([[0, 1, ["10.0.0.1", 1, "a"], ["10.0.0.2", 2, "b"]]], asked, ({ port }) => ({
      host: "outer",
      port: port + 10
    }))
    assert.deepStrictEqual(outer?.shards[0], {
      master: { host: "outer", port: 11 },
      ranges: [[0, 1]],
      replicas: [{ host: "outer", port: 12 }]
    })
  })

  it("is none where the reply is not one of CLUSTER SLOTS", () => {
    const bad: ReadonlyArray<Parameters<typeof SlotMap.parse>[0]> = [
      null,
      "OK",
      [1],
      [[0, 1]],
      [[0, 16_384, ["a", 1]]],
      [[-1, 5, ["a", 1]]],
      [["0", 1, ["a", 1]]],
      [[0, 1, ["a", 0]]],
      [[0, 1, [1, 1]]],
      [[0, 1, ["a", 70_000, "id"]]]
    ]
    for (const reply of bad) assert.isUndefined(read(reply), JSON.stringify(reply))
  })

  it("gives owned slots as ranges", () => {
    assert.deepStrictEqual(
      SlotMap.rangesOf((slot) => slot < 3 || slot === 7 || slot > 16_381),
      [
        [0, 2],
        [7, 7],
        [16_382, 16_383]
      ]
    )
    assert.deepStrictEqual(
      SlotMap.rangesOf(() => false),
      []
    )
    assert.deepStrictEqual(
      SlotMap.rangesOf(() => true),
      [[0, 16_383]]
    )
  })
})
