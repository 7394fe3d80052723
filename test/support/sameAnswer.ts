import type { Answer, Line } from "./RawConnection.ts"

/**
 * Compares the answers of two servers to the same lines, in their order: as they are, but for what hangs on order, on
 * chance or on time by nature.
 */
export class Comparison {
  // The names of the commands that a transaction has queued.
  #queued: Array<string> = []

  /** Tells whether two servers have given a line the same answer. */
  isSame(line: Line, one: Answer, other: Answer): boolean {
    const name = nameOf(line)
    if (name === "MULTI") this.#queued = []
    if (one === "+QUEUED" && other === "+QUEUED") this.#queued.push(name)
    else if (name === "EXEC" && Array.isArray(one) && Array.isArray(other)) {
      return (
        one.length === other.length &&
        one.every((answer, index) => isSame(this.#queued[index] ?? "", answer, other[index] ?? null))
      )
    }
    return isSame(name, one, other)
  }
}

// Of a command that has several, the second word is part of its name.
const nameOf = ([name, word = ""]: Line): string => {
  const full = `${name} ${word}`.toUpperCase()
  return rules.has(full) ? full : String(name).toUpperCase()
}

const isSame = (name: string, one: Answer, other: Answer): boolean => {
  const rule = rules.get(name) ?? ((answer) => answer)
  return JSON.stringify(rule(one)) === JSON.stringify(rule(other)) || isCloseTo(name, one, other)
}

// A second may end between the two.
const isCloseTo = (name: string, one: Answer, other: Answer): boolean => {
  const most = name.startsWith("P") ? 5000 : 5
  if (!/TTL|EXPIRETIME/.test(name)) return false
  const [here, there] = [integerOf(one), integerOf(other)]
  return here >= 0 && there >= 0 && Math.abs(here - there) <= most
}

const integerOf = (answer: Answer): number =>
  typeof answer === "string" && answer.startsWith(":") ? Number(answer.slice(1)) : -1

type Rule = (answer: Answer) => Answer

const isList = (answer: Answer): answer is ReadonlyArray<Answer> => Array.isArray(answer)

const ofList =
  (rule: (items: ReadonlyArray<Answer>) => ReadonlyArray<Answer>): Rule =>
  (answer) =>
    isList(answer) ? rule(answer) : answer

// Of items that come in any order, those that are there.
const sorted = ofList((items) => items.map(String).sort())

const sortedPairs = ofList((items) =>
  items.flatMap((item, index) => (index % 2 === 0 ? [JSON.stringify([item, items[index + 1]])] : [])).sort()
)

// Of what is drawn, what kind it is and how many there are; errors are as they are.
const shape: Rule = (answer) => {
  if (isList(answer)) return answer.map(shape)
  return answer?.startsWith("-") === true ? answer : (answer?.slice(0, 1) ?? null)
}

// Ten minutes, which no test takes.
const roughly: Rule = (answer) =>
  answer?.toString().startsWith(":") === true ? `:${Math.round(integerOf(answer) / 600_000)}` : answer

// The third item of each pending entry says how long it has been idle.
const pending = ofList((rows) =>
  rows.map(ofList((row) => row.map((item, index) => (index === 2 ? roughly(item) : item))))
)

// Of names and values in turns, however deep. How Redis cuts the keys of its tree is not simulated.
const streamInfo: Rule = ofList((items) =>
  items.map((item, index) => {
    const name = items[index - 1]
    if (name === "$radix-tree-nodes") return "some"
    return name === "$idle" ? roughly(item) : streamInfo(item)
  })
)

// A cursor, and a list in no particular order.
const scanned =
  (rule: Rule): Rule =>
  (answer) =>
    isList(answer) ? [answer[0] ?? null, rule(answer[1] ?? null)] : answer

// Names and values in turns, one of which each connection has for itself.
const greeting = ofList((items) => items.map((item, index) => (items[index - 1] === "$id" ? "some" : item)))

const rules: ReadonlyMap<string, Rule> = new Map([
  // Each connection has another one.
  ["CLIENT ID", shape],
  ["HELLO", greeting],
  ["HGETALL", sortedPairs],
  ["HKEYS", sorted],
  ["HRANDFIELD", shape],
  ["HSCAN", scanned(sortedPairs)],
  ["HVALS", sorted],
  // What a server says of itself is its own.
  ["INFO", shape],
  ["KEYS", sorted],
  ["PUBSUB CHANNELS", sorted],
  ["RANDOMKEY", shape],
  ["SCAN", scanned(sorted)],
  ["SDIFF", sorted],
  ["SINTER", sorted],
  ["SMEMBERS", sorted],
  ["SPOP", sorted],
  ["SRANDMEMBER", shape],
  ["SSCAN", scanned(sorted)],
  ["SUNION", sorted],
  ["TIME", shape],
  // Its IDs are the time.
  ["XADD AUTO", shape],
  ["XINFO", streamInfo],
  ["XPENDING", pending],
  ["ZRANDMEMBER", shape]
])
