import { at, type Commands, grow, read, type Run, upper, write } from "./Command.ts"
import { scoresAt } from "./RedisStore.ts"
import * as SortedSet from "./SortedSet.ts"
import * as Wire from "./Wire.ts"

/** What the bounds of a range are. */
type By = "RANK" | "BYSCORE" | "BYLEX"

/** What the name of a command already says, so that it takes no word for it. */
interface Said {
  readonly by?: By
  readonly isReversed?: boolean
  readonly stores?: boolean
}

const range =
  (said: Said): Run =>
  (args, { store }) => {
    const words = said.stores === true ? args.slice(1) : args
    const { by, isReversed, limit, withScores } = optionsOf(words.slice(3), said)
    if (limit.count !== -1 && by === "RANK") {
      return Wire.fail("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
    }
    if (withScores && by === "BYLEX") {
      return Wire.fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
    }
    const select = selection(by, isReversed, at(words, 1), at(words, 2))
    const selected = select(Array.from(scoresAt(store, at(words, 0)) ?? []))
    const found = by === "RANK" ? selected : limited(selected, limit)
    return said.stores === true ? SortedSet.put(store, at(args, 0), found) : SortedSet.show(found, withScores)
  }

const optionsOf = (words: ReadonlyArray<Buffer>, said: Said) => {
  let { by, isReversed } = said
  let withScores = false
  let limit = { offset: 0, count: -1 }
  for (let index = 0; index < words.length; index++) {
    const word = upper(words[index])
    if (word === "WITHSCORES" && said.stores !== true) withScores = true
    else if (word === "LIMIT" && index + 2 < words.length) {
      limit = { offset: Wire.integer(words[++index]), count: Wire.integer(words[++index]) }
    } else if (word === "REV" && isReversed === undefined) isReversed = true
    else if ((word === "BYLEX" || word === "BYSCORE") && by === undefined) by = word
    else return Wire.syntaxError()
  }
  return { by: by ?? "RANK", isReversed: isReversed === true, withScores, limit }
}

// A reversed range names its upper bound first, unless it is one of ranks, which count from there.
const selection = (by: By, isReversed: boolean, first: Buffer, second: Buffer) => {
  type Entries = ReadonlyArray<SortedSet.Scored>
  if (by === "RANK") {
    const select = SortedSet.rankRange(first, second)
    return (entries: Entries) => select(isReversed ? entries.slice().reverse() : entries)
  }
  const [low, high] = isReversed ? [second, first] : [first, second]
  const range = by === "BYSCORE" ? SortedSet.scoreRange(low, high) : SortedSet.memberRange(low, high)
  return (entries: Entries) => SortedSet.within(entries, range, isReversed)
}

// Below 0, an offset is behind everything, and a count is none.
const limited = <A>(entries: ReadonlyArray<A>, limit: { readonly offset: number; readonly count: number }) => {
  if (limit.offset < 0) return []
  return entries.slice(limit.offset, limit.count < 0 ? undefined : limit.offset + limit.count)
}

const countIn =
  (read: typeof SortedSet.scoreRange): Run =>
  (args, { store }) => {
    const range = read(at(args, 1), at(args, 2))
    return SortedSet.within(Array.from(scoresAt(store, at(args, 0)) ?? []), range).length
  }

const remove =
  (by: By): Run =>
  (args, { store }) => {
    const select = selection(by, false, at(args, 1), at(args, 2))
    const scores = scoresAt(store, at(args, 0)) ?? new Map<string, number>()
    const removed = new Set(select(Array.from(scores)).map(([member]) => member))
    if (removed.size > 0) {
      SortedSet.keep(
        store,
        at(args, 0),
        Array.from(scores).filter(([member]) => !removed.has(member))
      )
    }
    return removed.size
  }

/** The commands on what lies between two ranks, scores or members. */
export const ranges: Commands = {
  zrange: read(-4, range({})),
  zrangestore: grow(-5, range({ stores: true })),
  zrevrange: read(-4, range({ by: "RANK", isReversed: true })),
  zrangebyscore: read(-4, range({ by: "BYSCORE", isReversed: false })),
  zrevrangebyscore: read(-4, range({ by: "BYSCORE", isReversed: true })),
  zrangebylex: read(-4, range({ by: "BYLEX", isReversed: false })),
  zrevrangebylex: read(-4, range({ by: "BYLEX", isReversed: true })),
  zcount: read(4, countIn(SortedSet.scoreRange)),
  zlexcount: read(4, countIn(SortedSet.memberRange)),
  zremrangebyrank: write(4, remove("RANK")),
  zremrangebyscore: write(4, remove("BYSCORE")),
  zremrangebylex: write(4, remove("BYLEX"))
}
