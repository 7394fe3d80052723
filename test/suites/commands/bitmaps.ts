import { Option } from "effect"
import { Bitmaps, Hashes, Keys, Strings } from "effect-ioredis/commands"
import { answers, refuses, type Scene } from "./Row.ts"

const none = Option.none<number>()

/** What the commands on bits answer. */
export const bitmaps: ReadonlyArray<Scene> = [
  [
    "single bits",
    [
      answers(Bitmaps.setbit("k", 1, 1), 0),
      answers(Bitmaps.setbit("k", 2, 1), 0),
      answers(Bitmaps.getbit("k", 1), 1),
      answers(Bitmaps.getbit("k", 3), 0),
      answers(Bitmaps.getbit("k", 1000), 0),
      answers(Strings.get("k"), Option.some("`")),
      answers(Bitmaps.setbit("k", 1, 0), 1),
      answers(Bitmaps.setbit("k", 23, 0), 0),
      answers(Strings.strlen("k"), 3),
      refuses(Bitmaps.setbit("k", -1, 1), "ERR"),
      refuses(Bitmaps.getbit("k", 2 ** 32), "ERR")
    ]
  ],
  [
    "counts and places",
    [
      answers(Bitmaps.bitcount("k"), 0),
      answers(Bitmaps.bitpos("k", 0), Option.some(0)),
      answers(Bitmaps.bitpos("k", 1), none),
      answers(Strings.set("k", new Uint8Array([0xff, 0x0f, 0x00])), true),
      answers(Bitmaps.bitcount("k"), 12),
      answers(Bitmaps.bitcount("k", { start: 1, end: -1 }), 4),
      answers(Bitmaps.bitcount("k", { start: 0, end: 0, unit: "bytes" }), 8),
      answers(Bitmaps.bitcount("k", { start: 7, end: 12, unit: "bits" }), 2),
      answers(Bitmaps.bitpos("k", 0), Option.some(8)),
      answers(Bitmaps.bitpos("k", 1, { start: 1 }), Option.some(12)),
      answers(Bitmaps.bitpos("k", 1, { start: -1 }), none),
      answers(Bitmaps.bitpos("k", 0, { start: 0, end: 0 }), none),
      answers(Bitmaps.bitpos("k", 0, { start: 12, end: -1, unit: "bits" }), Option.some(16)),
      answers(Bitmaps.bitpos("k", 1, { start: 0, end: 7, unit: "bytes" }), Option.some(0)),
      answers(Strings.set("ones", new Uint8Array([0xff])), true),
      answers(Bitmaps.bitpos("ones", 0), Option.some(8)),
      answers(Bitmaps.bitpos("ones", 0, { start: 0 }), Option.some(8)),
      answers(Bitmaps.bitpos("ones", 0, { start: 0, end: -1 }), none)
    ]
  ],
  [
    "strings combined",
    [
      answers(Strings.mset({ a: "abc", b: "ab" }), undefined),
      answers(Strings.set("to", "old", { timeToLive: "1 hour" }), true),
      answers(Bitmaps.bitop("and", "to", ["a", "b"]), 3),
      answers(Strings.get("to"), Option.some("ab\0")),
      answers(Keys.persist("to"), false),
      answers(Bitmaps.bitop("or", "to", ["b", "a", "nobody"]), 3),
      answers(Strings.get("to"), Option.some("abc")),
      answers(Bitmaps.bitop("xor", "to", ["a", "b"]), 3),
      answers(Strings.get("to"), Option.some("\0\0c")),
      answers(Bitmaps.bitop("not", "to", "to"), 3),
      answers(Bitmaps.bitop("not", "to", "to"), 3),
      answers(Strings.get("to"), Option.some("\0\0c")),
      answers(Bitmaps.bitop("or", "to", ["nobody"]), 0),
      answers(Keys.exists(["to"]), 0),
      refuses(Bitmaps.bitop("or", "to", []), "ARGUMENT")
    ]
  ],
  [
    "integers",
    [
      answers(Bitmaps.bitfield("k", []), []),
      answers(Bitmaps.bitfield("k", [{ operation: "get", type: "i5", offset: 100 }]), [Option.some(0)]),
      answers(Keys.exists(["k"]), 0),
      answers(
        Bitmaps.bitfield("k", [
          { operation: "set", type: "u8", index: 1, value: 65 },
          { operation: "get", type: "u8", offset: 8 },
          { operation: "incrby", type: "u8", offset: 8, by: -5 },
          { operation: "set", type: "i8", index: 0, value: -1 },
          { operation: "get", type: "u4", index: 1 }
        ]),
        [0, 65, 60, 0, 15].map(Option.some)
      ),
      // What was there before is an integer beyond 2^53.
      refuses(Bitmaps.bitfield("k", [{ operation: "set", type: "i64", offset: 0, value: 2n ** 53n }]), "REPLY"),
      answers(Bitmaps.bitfield("k", [{ operation: "get", type: "i64", offset: 0 }]), [Option.some(2 ** 53)]),
      refuses(Bitmaps.bitfield("k", [{ operation: "get", type: "u8", offset: -1 }]), "ERR"),
      refuses(Bitmaps.bitfield("k", [{ operation: "incrby", type: "u8", offset: 0, by: 0.5 }]), "ERR")
    ]
  ],
  [
    "integers that do not fit",
    [
      answers(
        Bitmaps.bitfield("k", [
          { operation: "set", type: "u4", offset: 0, value: 17 },
          { operation: "incrby", type: "u4", offset: 0, by: 20, overflow: "saturate" },
          { operation: "incrby", type: "u4", offset: 0, by: 1, overflow: "fail" },
          { operation: "set", type: "u4", offset: 0, value: 99, overflow: "fail" },
          { operation: "incrby", type: "u4", offset: 0, by: 2 },
          { operation: "incrby", type: "u4", offset: 0, by: -2, overflow: "wrap" }
        ]),
        [Option.some(0), Option.some(15), none, none, Option.some(1), Option.some(15)]
      ),
      answers(
        Bitmaps.bitfield("k", [
          { operation: "set", type: "i4", index: 2, value: -99, overflow: "saturate" },
          { operation: "incrby", type: "i4", index: 2, by: -1, overflow: "saturate" },
          { operation: "incrby", type: "i4", index: 2, by: -1, overflow: "wrap" },
          { operation: "incrby", type: "i4", index: 2, by: 1, overflow: "fail" }
        ]),
        [Option.some(0), Option.some(-8), Option.some(7), none]
      )
    ]
  ],
  [
    "refused on another type",
    [
      answers(Hashes.hset("h", { a: 1 }), 1),
      ...[
        Bitmaps.bitcount("h"),
        Bitmaps.bitfield("h", [{ operation: "get", type: "u1", offset: 0 }]),
        Bitmaps.bitop("or", "to", ["h"]),
        Bitmaps.bitop("not", "to", "h"),
        Bitmaps.bitpos("h", 1),
        Bitmaps.getbit("h", 0),
        Bitmaps.setbit("h", 0, 1)
      ].map((command) => refuses(command, "WRONGTYPE"))
    ]
  ]
]
