/**
 * Lets the simulated Redis of `effect-ioredis/testing` serve a cache, by
 * counterparts in JavaScript of the cache's Lua scripts.
 *
 * **Example** (A cache on a simulated Redis)
 *
 * ```ts
 * import { SimulatedRedis } from "effect-ioredis/testing"
 * import { scripts } from "effect-ioredis-cache/testing"
 *
 * const layer = SimulatedRedis.layer({ scripts })
 * ```
 *
 * @since 0.1.0
 */
import { SimulatedScript } from "effect-ioredis/testing"
import * as Scripts from "./internal/journal/scripts.ts"
import { alphabet, digitsOf, forever, headerLength, longestLife, offsets } from "./internal/StoredValue.ts"

type Call = Parameters<SimulatedScript.Run>[2]

type Field = readonly [start: number, end: number]

const at = (header: string, [start, end]: Field): string => header.slice(start, end)

const number = (digits: string): number => Array.from(digits).reduce((n, digit) => n * 64 + alphabet.indexOf(digit), 0)

// The header of what is stored, or `undefined` where nothing of this format is.
const headerOf = (key: string, call: Call): string | undefined => {
  const [type] = [call("TYPE", key)].flat()
  if (type !== "string") return undefined
  const header = call("GETRANGE", key, 0, headerLength - 1)
  return typeof header === "string" && header.length === headerLength && header.startsWith("E1") && header.endsWith(":")
    ? header
    : undefined
}

const store = (key: string, value: string, life: string, call: Call): number => {
  if (life === "0") call("SET", key, value)
  else call("SET", key, value, "PX", life)
  return 1
}

const replaceKnown = SimulatedScript.make(
  Scripts.replaceKnown,
  ([key = ""], [value = "", life = "", base = "", first = ""], call) => {
    const header = headerOf(key, call)
    if (header !== undefined) {
      const stamp = at(header, offsets.stamp)
      const mine = at(value, offsets.stamp)
      if (stamp === mine) return 1
      const isOwn = at(header, offsets.writer) === at(value, offsets.writer)
      if (isOwn && stamp > mine) return 0
      if (stamp === base || (isOwn && stamp >= first)) return store(key, value, life, call)
      if (at(header, offsets.kind) === "x") return 0
    }
    call("UNLINK", key)
    return 0
  }
)

const replaceEarlier = SimulatedScript.make(
  Scripts.replaceEarlier,
  ([key = ""], [value = "", life = "", latest = "", leavesAbsent], call) => {
    const header = headerOf(key, call)
    if (header === undefined && leavesAbsent !== undefined) return 0
    if (header !== undefined) {
      const stamp = at(header, offsets.stamp)
      const mine = at(value, offsets.stamp)
      if (stamp === mine) return 1
      const isOwn = at(header, offsets.writer) === at(value, offsets.writer)
      if (isOwn ? stamp > mine : at(header, offsets.writtenAt) > latest) return 0
    }
    store(key, value, life, call)
    return header === undefined || at(header, offsets.kind) === "x" ? 2 : 1
  }
)

const unlinkEarlier = SimulatedScript.make(Scripts.unlinkEarlier, ([key = ""], [writtenAt = "", mine = ""], call) => {
  const header = headerOf(key, call)
  if (header === undefined || at(header, offsets.kind) === "x") return 0
  const stamp = at(header, offsets.stamp)
  const isOwn = at(header, offsets.writer) === mine.slice(0, 6)
  return (isOwn ? stamp < mine : at(header, offsets.writtenAt) < writtenAt) ? call("UNLINK", key) : 0
})

const extend = SimulatedScript.make(Scripts.extend, ([key = ""], [end = "", longer = "", askedAt = ""], call) => {
  const header = headerOf(key, call)
  if (header === undefined || at(header, offsets.kind) === "x") return 0
  const written = number(at(header, offsets.writtenAt))
  const life = at(header, offsets.life)
  const stale = at(header, offsets.staleLife)
  const to = Number(end)
  const staleTo = to + Number(longer)
  if (life === forever) return 1
  const ends = written + number(life)
  if (ends <= Number(askedAt)) return 0
  if (to === 0) {
    call("SETRANGE", key, offsets.life[0], forever + forever)
    call("PERSIST", key)
    return 1
  }
  if (ends >= to) return 1
  const from = staleTo - written > longestLife ? Math.max(written, staleTo - longestLife) : written
  const newLife = digitsOf(Math.min(to - from, longestLife), 6)
  call("SETRANGE", key, offsets.writtenAt[0], digitsOf(from, 7) + newLife)
  if (stale !== forever) {
    const newStale = Math.max(number(stale) - (from - written), Math.min(staleTo - from, longestLife))
    call("SETRANGE", key, offsets.staleLife[0], digitsOf(newStale, 6))
  }
  call("PEXPIREAT", key, staleTo, "GT")
  return 1
})

// Tells whether a key still holds so many bytes that begin with these.
const holds = (key: string, start: string, length: string, call: Call): boolean => {
  const [type] = [call("TYPE", key)].flat()
  if (type === "none") return Number(length) === Scripts.absent
  if (type !== "string") return Number(length) === Scripts.otherType
  return call("GETRANGE", key, 0, 63) === start && call("STRLEN", key) === Number(length)
}

const replaceSame = SimulatedScript.make(
  Scripts.replaceSame,
  ([key = ""], [value = "", life = "", start = "", length = ""], call) =>
    holds(key, start, length, call) ? store(key, value, life, call) : 0
)

const fillLeased = SimulatedScript.make(
  Scripts.fillLeased,
  ([key = "", lease = ""], [value = "", life = "", start = "", length = "", token = ""], call) => {
    if (call("GET", lease) !== token) return 0
    call("UNLINK", lease)
    return holds(key, start, length, call) ? store(key, value, life, call) : 0
  }
)

const takeLease = SimulatedScript.make(Scripts.takeLease, ([lease = ""], [token = "", duration = "", seizes], call) => {
  const holder = call("GET", lease)
  if (holder !== null && holder !== token && seizes !== "1") return 0
  call("SET", lease, token, "PX", duration)
  return 1
})

const renewLease = SimulatedScript.make(Scripts.renewLease, ([lease = ""], [token = "", duration = ""], call) => {
  if (call("GET", lease) !== token) return 0
  call("SET", lease, token, "PX", duration)
  return 1
})

const giveLeaseBack = SimulatedScript.make(Scripts.giveLeaseBack, ([lease = ""], [token = ""], call) =>
  call("GET", lease) === token ? call("UNLINK", lease) : 0
)

const deleteIfBegins = SimulatedScript.make(Scripts.deleteIfBegins, ([key = ""], [length, begins = ""], call) =>
  call("STRLEN", key) === Number(length) && call("GETRANGE", key, 0, begins.length - 1) === begins
    ? call("UNLINK", key)
    : 0
)

/**
 * The counterparts of all scripts of the cache.
 *
 * @category scripts
 * @since 0.1.0
 */
export const scripts: ReadonlyArray<SimulatedScript.SimulatedScript> = [
  replaceKnown,
  replaceEarlier,
  unlinkEarlier,
  extend,
  replaceSame,
  fillLeased,
  takeLease,
  renewLease,
  giveLeaseBack,
  deleteIfBegins
]
