import type { Ledger } from "../../examples/worker/src/demo/Ledger.ts"

/** A worker that is broken on purpose, by which the ledger is seen to find what it looks for. */
export interface Variant {
  readonly name: string
  /** What of a script it replaces, by what. */
  readonly from: string
  readonly to: string
  /** How many of the workers that are disturbed stand still. The others are killed. */
  readonly stopShare: number
  /** How many the ledger finds of what it breaks. */
  readonly found: (ledger: Ledger) => number
  readonly what: string
  /** Whether it is to find some, or none: one that is not broken is the control of those that are. */
  readonly expects: "some" | "none"
}

/** All of them. */
export const all: ReadonlyArray<Variant> = [
  {
    name: "fenced",
    stopShare: 1,
    from: "",
    to: "",
    found: ({ settledTwice }) => settledTwice.length,
    what: "settled twice",
    expects: "none"
  },
  {
    name: "no-fence",
    stopShare: 1,
    from: "if holder ~= owner or settled[id] then",
    to: "if settled[id] then",
    found: ({ settledTwice }) => settledTwice.length,
    what: "settled twice",
    expects: "some"
  },
  {
    name: "no-give-back",
    stopShare: 0,
    from: "local lapses = written(now + lease)",
    to: "local lapses = written(now + 86400000)",
    found: ({ lost }) => lost.length,
    what: "lost",
    expects: "some"
  },
  {
    name: "done-at-once",
    stopShare: 0,
    from: 'all("ZADD", leases, leased)',
    to: 'all("ZADD", leases, leased) for _, id in ipairs(ids) do redis.call("ZADD", over, now + remember, id) end',
    found: ({ unearned }) => unearned.length,
    what: "settled without having been done",
    expects: "some"
  }
]

/** The one of a name. */
export const of = (name: string): Variant => {
  const found = all.find((variant) => variant.name === name)
  if (found === undefined) throw new Error(`there is no variant ${name}`)
  return found
}
