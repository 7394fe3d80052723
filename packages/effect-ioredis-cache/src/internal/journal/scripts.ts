/**
 * The scripts that compare a stored value by its header before they replace it.
 *
 * Their counterparts for the simulated Redis are in `effect-ioredis-cache/testing`. Each may run
 * twice or late: it does by itself nothing to what is newer, or says what it does instead. Values
 * are compared by GETRANGE of the first 44 bytes, which costs the server 3 µs at any size.
 *
 * Digits are compared byte by byte. Lua's `<` on texts follows the locale of the server, which may
 * order `_` and lower case otherwise.
 */
import type { RedisError } from "effect-ioredis"
import * as RedisCommand from "effect-ioredis/RedisCommand"
import * as RedisScript from "effect-ioredis/RedisScript"
import { alphabet, digitsOf, longestLife, type Stamp } from "../StoredValue.ts"

// The beginning of what is stored, or the error of a key that holds a list. Any other error is
// raised: a user who may not look has not seen that nothing is there.
const beginning = `
local function beginning(key, last)
  local text = redis.pcall("GETRANGE", key, 0, last)
  if type(text) == "table" and string.sub(text.err, 1, 9) ~= "WRONGTYPE" then error(text) end
  return text
end
`

// The header of what is stored, or nil where nothing of this format is.
const header = `
${beginning}
local function header(key)
  local h = beginning(key, 43)
  if type(h) == "string" and #h == 44 and string.sub(h, 1, 2) == "E1" and string.sub(h, 44) == ":" then return h end
end
local function before(a, b)
  for i = 1, #a do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end
`

// Stores a value for some milliseconds, or for ever if they are 0.
const store = `
local function store(key, value, life)
  if life == "0" then redis.call("SET", key, value) else redis.call("SET", key, value, "PX", life) end
  return 1
end
`

/**
 * Stores ARGV[1] for ARGV[2] milliseconds, or for ever if they are 0, if the key holds the stamp
 * ARGV[3] or what the same writer sent since, from the stamp ARGV[4] on. It leaves alone what it
 * has stored before, what the writer stored later, and the mark of a removal that the writer has
 * not seen. It unlinks everything else. Answers 1 where the value is stored.
 */
export const replaceKnown: RedisScript.RedisScript = RedisScript.make({
  lua: `${header}${store}
local h = header(KEYS[1])
if h then
  local stamp, mine = string.sub(h, 11, 22), string.sub(ARGV[1], 11, 22)
  if stamp == mine then return 1 end
  local own = string.sub(stamp, 1, 6) == string.sub(mine, 1, 6)
  if own and before(mine, stamp) then return 0 end
  if stamp == ARGV[3] or (own and not before(stamp, ARGV[4])) then
    return store(KEYS[1], ARGV[1], ARGV[2])
  end
  if string.sub(h, 5, 5) == "x" then return 0 end
end
redis.call("UNLINK", KEYS[1])
return 0`,
  kind: "idempotent"
})

/**
 * Stores ARGV[1] for ARGV[2] milliseconds unless the key holds what was written later than ARGV[3].
 * Of two writes of one writer the one with the later number stays. The mark of a removal is stored
 * likewise. With ARGV[4] it leaves an absent key absent. Answers 1 where it is stored, and 2 where
 * it is stored in the place of nothing, of a mark or of what is not of this format. Run again, it
 * does not answer 2.
 */
export const replaceEarlier: RedisScript.RedisScript = RedisScript.make({
  lua: `${header}${store}
local h = header(KEYS[1])
if h then
  local stamp, mine = string.sub(h, 11, 22), string.sub(ARGV[1], 11, 22)
  if stamp == mine then return 1 end
  if string.sub(stamp, 1, 6) == string.sub(mine, 1, 6) then
    if before(mine, stamp) then return 0 end
  elseif before(ARGV[3], string.sub(h, 23, 29)) then
    return 0
  end
elseif ARGV[4] then
  return 0
end
store(KEYS[1], ARGV[1], ARGV[2])
return h and string.sub(h, 5, 5) ~= "x" and 1 or 2`,
  kind: "idempotent"
})

/**
 * Unlinks a value that was written earlier than ARGV[1]. Where the stamp ARGV[2] is given, of two
 * writes of its writer the one with the lower number is the earlier, for both may be of one
 * millisecond. It leaves marks of removals alone, and what is not of this format. Answers 1 where
 * it unlinked.
 */
export const unlinkEarlier: RedisScript.RedisScript = RedisScript.make({
  lua: `${header}
local h = header(KEYS[1])
if not h or string.sub(h, 5, 5) == "x" then return 0 end
local stamp, mine = string.sub(h, 11, 22), ARGV[2]
local earlier = before(string.sub(h, 23, 29), ARGV[1])
if mine and string.sub(stamp, 1, 6) == string.sub(mine, 1, 6) then earlier = before(stamp, mine) end
return earlier and redis.call("UNLINK", KEYS[1]) or 0`,
  kind: "idempotent"
})

/**
 * Lets a value be fresh until ARGV[1], in milliseconds of Redis' time, and live for ARGV[2] longer.
 * With 0 it lives for ever. It only ever extends, and leaves alone what was fresh no longer at
 * ARGV[3]. Where the life from the written-at on does not fit its field, it moves the written-at.
 * Answers 1 if there is a fresh value.
 */
export const extend: RedisScript.RedisScript = RedisScript.make({
  lua: `${header}
local alphabet = "${alphabet}"
local function number(digits)
  local n = 0
  for i = 1, #digits do n = n * 64 + string.find(alphabet, string.sub(digits, i, i), 1, true) - 1 end
  return n
end
local function digits(n, width)
  local text = ""
  for _ = 1, width do
    local d = n % 64
    text = string.sub(alphabet, d + 1, d + 1) .. text
    n = (n - d) / 64
  end
  return text
end
local h = header(KEYS[1])
if not h or string.sub(h, 5, 5) == "x" then return 0 end
local written, life, stale = number(string.sub(h, 23, 29)), string.sub(h, 30, 35), string.sub(h, 36, 41)
local to, longer, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), 64 ^ 6 - 2
if life == "zzzzzz" then return 1 end
local ends = written + number(life)
if ends <= tonumber(ARGV[3]) then return 0 end
if to == 0 then
  redis.call("SETRANGE", KEYS[1], 29, "zzzzzzzzzzzz")
  redis.call("PERSIST", KEYS[1])
  return 1
end
if ends >= to then return 1 end
local from = written
if to + longer - written > longest then
  from = math.max(written, to + longer - longest)
end
redis.call("SETRANGE", KEYS[1], 22, digits(from, 7) .. digits(math.min(to - from, longest), 6))
if stale ~= "zzzzzz" then
  redis.call("SETRANGE", KEYS[1], 35, digits(math.max(number(stale) - (from - written), math.min(to + longer - from, longest)), 6))
end
redis.call("PEXPIREAT", KEYS[1], string.format("%.0f", to + longer), "GT")
return 1`,
  kind: "idempotent"
})

/** The length that stands for what is no string at all. */
export const otherType = -1

/** The length that stands for an absent key. */
export const absent = -2

// Stores a value if the key still holds so many bytes that begin with these. SET itself looks
// whether there is a key, because GETRANGE takes an absent one for an empty text.
const fill = `
${beginning}
local function fill(key, value, life, start, length)
  local condition = "NX"
  if length ~= "${absent}" then
    condition = "XX"
    local there = beginning(key, 63)
    if type(there) == "table" then
      if length ~= "${otherType}" then return 0 end
    elseif there ~= start or redis.call("STRLEN", key) ~= tonumber(length) then
      return 0
    end
  end
  local stored
  if life == "0" then stored = redis.call("SET", key, value, condition)
  else stored = redis.call("SET", key, value, "PX", life, condition) end
  return stored and 1 or 0
end
`

/**
 * Stores ARGV[1] for ARGV[2] milliseconds if the key still holds ARGV[4] bytes that begin with
 * ARGV[3], or what is no string where ARGV[4] is -1. Answers 1 if it stored it.
 */
export const replaceSame: RedisScript.RedisScript = RedisScript.make({
  lua: `${fill}
return fill(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])`,
  kind: "idempotent"
})

/**
 * Gives the lease KEYS[2] back that the token ARGV[5] holds, and stores the value of its lookup as
 * `replaceSame` does, or under an absent key where ARGV[4] is -2. It does nothing where the token
 * holds the lease no longer. Answers 1 if it stored the value.
 */
export const fillLeased: RedisScript.RedisScript = RedisScript.make({
  lua: `${fill}
if redis.call("GET", KEYS[2]) ~= ARGV[5] then return 0 end
redis.call("UNLINK", KEYS[2])
return fill(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])`,
  kind: "idempotent"
})

/**
 * Takes a lease for ARGV[2] milliseconds in the name of the token ARGV[1]. From another token it is
 * taken only where ARGV[3] is 1. Answers 1 where it is taken. A token names one sending and those
 * that repeat it, so that a repeated one answers as the first did.
 */
export const takeLease: RedisScript.RedisScript = RedisScript.make({
  lua: `local holder = redis.call("GET", KEYS[1])
if holder and holder ~= ARGV[1] and ARGV[3] ~= "1" then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1`,
  kind: "repeatable"
})

/**
 * Lets a lease last for ARGV[2] milliseconds from now on, if the token ARGV[1] holds it. Answers 1
 * if it does.
 */
export const renewLease: RedisScript.RedisScript = RedisScript.make({
  lua: `if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1`,
  kind: "idempotent"
})

/** Gives a lease back, if the token ARGV[1] holds it. */
export const giveLeaseBack: RedisScript.RedisScript = RedisScript.deleteIfEqual

/** All of them. */
export const all: ReadonlyArray<RedisScript.RedisScript> = [
  replaceKnown,
  replaceEarlier,
  unlinkEarlier,
  extend,
  replaceSame,
  fillLeased,
  takeLease,
  renewLease,
  giveLeaseBack
]

/** A command that calls a script on one key, by its digest. */
export const call = (
  script: RedisScript.RedisScript,
  key: string,
  args: ReadonlyArray<RedisCommand.Argument>
): RedisCommand.RedisCommand => callMany(script, [key], args)

/** The same on several keys, which are of one slot. */
export const callMany = (
  script: RedisScript.RedisScript,
  keys: ReadonlyArray<string>,
  args: ReadonlyArray<RedisCommand.Argument>
): RedisCommand.RedisCommand =>
  RedisCommand.make("EVALSHA", [script.sha, keys.length, ...keys, ...args], { kind: script.kind })

/** The same command with the script's source, for a server that does not know the digest. */
export const withSource = (command: RedisCommand.RedisCommand): RedisCommand.RedisCommand => {
  const script = command.name === "EVALSHA" ? bySha.get(String(command.args[0])) : undefined
  return script === undefined
    ? command
    : RedisCommand.make("EVAL", [script.lua, ...command.args.slice(1)], { kind: script.kind })
}

/** Tells whether a command calls a script. */
export const isScript = ({ name }: RedisCommand.RedisCommand): boolean => name === "EVALSHA" || name === "EVAL"

/** Tells whether the server does not know the script, so that nothing of it was executed. */
export const isUnknownScript = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.code === "NOSCRIPT"

/**
 * Tells whether the user may not run scripts, so that what the command was for has to be done
 * without.
 */
export const isDenied = (command: RedisCommand.RedisCommand, error: RedisError.RedisCommandError): boolean =>
  isScript(command) && error._tag === "RedisOperationError" && error.code === "NOPERM"

/** A moment in Redis' time as a header has it. */
export const moment = (millis: number): string => digitsOf(Math.min(Math.max(0, Math.floor(millis)), 64 ** 7 - 1), 7)

/** A life as the scripts take it. */
export const lifeOf = (millis: number): number =>
  millis === Number.POSITIVE_INFINITY ? 0 : Math.min(millis, longestLife)

/** No stamp: what `replaceKnown` is given where this process knows none. */
export const noStamp: Stamp = ""

const bySha = new Map(all.map((script) => [script.sha, script]))

/**
 * Removes a key only if its value has the length ARGV[1] and begins with the bytes ARGV[2]: for a
 * value that was found broken, of which not the whole need be sent.
 */
export const deleteIfBegins: RedisScript.RedisScript<
  { readonly key: string; readonly length: number; readonly begins: Uint8Array },
  RedisCommand.Reply
> = RedisScript.make({
  lua: `if redis.call("STRLEN", KEYS[1]) == tonumber(ARGV[1]) and redis.call("GETRANGE", KEYS[1], 0, #ARGV[2] - 1) == ARGV[2]
then return redis.call("UNLINK", KEYS[1]) else return 0 end`,
  kind: "idempotent",
  keys: ({ key }) => [key],
  args: ({ begins, length }) => [length, begins]
})
