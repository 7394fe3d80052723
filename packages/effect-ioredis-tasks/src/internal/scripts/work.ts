import { Result } from "effect"
import { type RedisCommand, RedisScript } from "effect-ioredis"
import type { QueueKeys } from "../QueueKeys.ts"
import * as lua from "./lua.ts"

/**
 * What becomes of a task that a worker has.
 *
 * `done` and `cancelled` end it. `retry` lets it be begun again in some milliseconds, `back` as
 * well, and does not count. `lost` does so as if the worker were gone: nothing was decided about
 * another attempt. `undecided` hands back what was lost before and was not begun again: it does not
 * count, and whoever takes it next decides. `dead` keeps a task for somebody to look at. So does
 * `gone`, of which the same is true: whoever had it last was gone, and it was not begun again.
 */
export interface Settlement {
  readonly id: string
  /** The one by which the worker took it. What another has taken since is left alone. */
  readonly token: string
  readonly kind: "done" | "cancelled" | "retry" | "back" | "lost" | "undecided" | "dead" | "gone"
  /**
   * In how many milliseconds it may be begun again. Of what is over, for how long its id is
   * remembered; 0 is for as long as that of any other.
   */
  readonly delay: number
  /** The result, or why it is dead. */
  readonly value: string
}

/** A call of a worker. */
export interface Call {
  readonly keys: QueueKeys
  readonly worker: string
  /** Numbers the worker's calls. A call of the same number is the same call. */
  readonly call: number
  /** For how many milliseconds what it takes is its own. */
  readonly lease: number
  /** How many tasks it takes at most. */
  readonly want: number
  /** For how many milliseconds the id of what is over is remembered. */
  readonly remember: number
  /** For how many milliseconds a result is kept. */
  readonly resultLife: number
  /** At most so many tasks are begun in so many milliseconds; 0 is no limit. */
  readonly rate: { readonly limit: number; readonly window: number }
  readonly settlements: ReadonlyArray<Settlement>
}

/** A task that a worker has taken. */
export interface Taken {
  readonly id: string
  /** How often it was begun, this time included. */
  readonly attempt: number
  /** For how many milliseconds it is the worker's own. */
  readonly lease: number
  /** What was stored of it. */
  readonly stored: string
  /** Says that whoever had it before was gone. */
  readonly wasLost: boolean
}

export interface Worked {
  /** Has the places of settlements whose task was not the worker's own any more. */
  readonly refused: ReadonlySet<number>
  readonly taken: ReadonlyArray<Taken>
  /** In how many milliseconds something may be to be done, as far as is known. */
  readonly due: number | undefined
}

/** The token of what a call takes. */
export const tokenOf = ({ call, worker }: Pick<Call, "call" | "worker">): string => `${worker}:${call}`

/** The results that are not a handler's. */
export const outcomes = { cancelled: `{"_tag":"Cancelled"}`, expired: `{"_tag":"Expired"}` }

/** How many tasks one call looks at before it leaves the rest to the next. */
export const mostMet = 1_000

/**
 * Settles what is done, gives back what was lost, lets begin what is due, and takes the next.
 *
 * Each of these acts on what Redis holds at that moment, so that none is forgotten where a worker
 * is gone. It may run twice: what a call has settled and taken is kept until the worker's next one.
 */
export const work: RedisScript.RedisScript<Call, Worked> = RedisScript.make({
  lua: `#!lua flags=allow-oom
local tasks, delayed, leases, attempts, dead, causes = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local over, wake, last, paused, rate, cancelled, progress = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local heard, waiting = KEYS[14], { KEYS[15], KEYS[16], KEYS[17] }
local worker, call, lease, want = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local remember, resultLife, limit, window = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local results, told = ARGV[9], ARGV[10]
local token = worker .. ":" .. ARGV[2]
local finished = {}
${lua.now}${lua.hear}${lua.wakeOne}${lua.wait}${lua.finish}
-- Most of what one call takes and settles was begun as often, by the same token: it is read once.
local counts, owners = {}, {}
local function attemptOf(holding)
  holding = holding or "0"
  if not counts[holding] then
    local attempt, owner = string.match(holding, "^(%d+):?(.*)$")
    counts[holding], owners[holding] = tonumber(attempt), owner
  end
  return counts[holding], owners[holding]
end
-- A number that is given to many commands is written once.
local function written(time) return string.format("%.17g", time) end
-- One command for many takes a tenth of the time.
local function all(command, key, args)
  if #args > 0 then redis.call(command, key, unpack(args)) end
end
-- Whoever takes what was lost decides whether it was tried often enough.
local function lost(attempt) return attempt .. ":lost" end
local function again(id, attempt, delay, atFront)
  -- What was handed back from its first attempt was never begun.
  if attempt == 0 then redis.call("HDEL", attempts, id) else redis.call("HSET", attempts, id, attempt) end
  if delay == 0 then
    wait(id, atFront)
    return wakeOne()
  end
  redis.call("ZADD", delayed, now + delay, id)
  if redis.call("ZRANGE", delayed, 0, 0)[1] == id then wakeOne() end
end
-- The ids of what is settled and their values, and what many in a row have in common.
local function settle()
  local refused, count = {}, tonumber(ARGV[11])
  if count == 0 then return refused end
  local holdings = redis.call("HMGET", attempts, unpack(ARGV, 12, 11 + count))
  local someCancelled = redis.call("EXISTS", cancelled) == 1
  local free, gone, remembered, settled, forgotten = {}, {}, {}, {}, written(now + remember)
  local nth = 0
  for at = 12 + 2 * count, #ARGV, 4 do
    local owner, kind, delay = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
    for _ = 1, tonumber(ARGV[at + 3]) do
      nth = nth + 1
      local id, attempt, holder = ARGV[11 + nth], attemptOf(holdings[nth])
      if holder ~= owner or settled[id] then
        refused[#refused + 1] = nth
      else
        settled[id] = true
        free[#free + 1] = id
        local kind, delay, value = kind, delay, ARGV[11 + count + nth]
        if someCancelled and redis.call("SREM", cancelled, id) == 1 and kind ~= "done" then
          kind, delay, value = "cancelled", 0, '${outcomes.cancelled}'
        end
        if kind == "done" or kind == "cancelled" then
          gone[#gone + 1] = id
          remembered[#remembered + 1] = delay > 0 and now + delay or forgotten
          remembered[#remembered + 1] = id
          keep(id, value, kind == "done" and resultLife or remember)
          finished[#finished + 1] = id
        elseif kind == "dead" or kind == "gone" then
          redis.call("HSET", attempts, id, kind == "gone" and attempt - 1 or attempt)
          redis.call("ZADD", dead, now, id)
          redis.call("HSET", causes, id, value)
          finished[#finished + 1] = id
        elseif kind == "back" then
          again(id, attempt - 1, delay, true)
        elseif kind == "lost" then
          again(id, lost(attempt), delay, true)
        elseif kind == "undecided" then
          again(id, lost(attempt - 1), delay, true)
        else
          again(id, attempt, delay, false)
        end
      end
    end
  end
  all("ZREM", leases, free)
  for _, key in ipairs({ tasks, attempts, progress }) do all("HDEL", key, gone) end
  all("ZADD", over, remembered)
  return refused
end
local function giveBack(lapsed)
  for _, id in ipairs(redis.call("ZRANGE", leases, "-inf", lapsed, "BYSCORE", "LIMIT", 0, 100)) do
    local attempt = attemptOf(redis.call("HGET", attempts, id))
    redis.call("ZREM", leases, id)
    if redis.call("SREM", cancelled, id) == 1 then
      finish(id, '${outcomes.cancelled}')
      finished[#finished + 1] = id
    else
      again(id, lost(attempt), 0, true)
    end
  end
end
local function promote()
  for _, id in ipairs(redis.call("ZRANGE", delayed, "-inf", now, "BYSCORE", "LIMIT", 0, 100)) do
    redis.call("ZREM", delayed, id)
    wait(id, false)
  end
end
local function forget()
  all("ZREM", over, redis.call("ZRANGE", over, "-inf", now, "BYSCORE", "LIMIT", 0, 300))
end
-- How many may be begun now.
local function permitted()
  if redis.call("EXISTS", paused) == 1 then return 0 end
  if limit == 0 then return want end
  local first = redis.call("LINDEX", rate, -1)
  while first and tonumber(first) <= now - window do
    redis.call("RPOP", rate)
    first = redis.call("LINDEX", rate, -1)
  end
  return math.max(0, math.min(want, limit - redis.call("LLEN", rate)))
end
-- Notes when they were begun, and says in how many milliseconds another may be.
local function began(count)
  if limit == 0 then return -1 end
  for _ = 1, count do redis.call("LPUSH", rate, now) end
  if count > 0 then redis.call("PEXPIRE", rate, math.ceil(window)) end
  if redis.call("LLEN", rate) < limit then return -1 end
  return math.max(1, math.ceil(redis.call("LINDEX", rate, -1) + window - now))
end
-- Cancelled and expired tasks are met on the way: no more of them at once than Redis has time for.
local function take(most)
  local ids, taken, wereLost, held, leased, met = {}, {}, {}, {}, {}, 0
  local lapses = written(now + lease)
  while #ids < most and met < ${mostMet} do
    -- From the first of the lists that has any.
    local first = redis.call("LMPOP", 3, waiting[1], waiting[2], waiting[3], "LEFT", "COUNT", most - #ids)
    if not first then break end
    local popped = first[2]
    met = met + #popped
    local contents = redis.call("HMGET", tasks, unpack(popped))
    local holdings = redis.call("HMGET", attempts, unpack(popped))
    for at, id in ipairs(popped) do
      local stored = contents[at]
      local expires = stored and tonumber(string.match(stored, "^%d+ (%d+)") or 0)
      if stored == "" then
        redis.call("HDEL", tasks, id)
      elseif stored and expires > 0 and expires <= now then
        finish(id, '${outcomes.expired}')
        finished[#finished + 1] = id
      elseif stored then
        local begun, owner = attemptOf(holdings[at])
        ids[#ids + 1] = id
        if owner == "lost" then wereLost[#wereLost + 1] = #ids end
        held[#held + 1] = id
        held[#held + 1] = begun + 1 .. ":" .. token
        leased[#leased + 1] = lapses
        leased[#leased + 1] = id
        taken[#taken + 1] = id
        taken[#taken + 1] = begun + 1
        taken[#taken + 1] = stored
      end
    end
  end
  all("HSET", attempts, held)
  all("ZADD", leases, leased)
  return ids, taken, wereLost, met >= ${mostMet}
end
-- What a call has taken that is made again, as far as its worker still has it, and for how long it
-- has all of that.
local function takenBefore(ids, lostBefore)
  local taken, wereLost, left = {}, {}, lease
  for at, id in ipairs(ids) do
    local attempt, holder = attemptOf(redis.call("HGET", attempts, id))
    if holder == token then
      left = math.min(left, tonumber(redis.call("ZSCORE", leases, id)) - now)
      taken[#taken + 1] = id
      taken[#taken + 1] = attempt
      taken[#taken + 1] = redis.call("HGET", tasks, id)
      for _, one in ipairs(lostBefore) do if one == at then wereLost[#wereLost + 1] = #taken / 3 end end
    end
  end
  return taken, wereLost, math.max(0, left)
end
local function dueIn(givesBackFrom)
  local due = -1
  for key, from in pairs({ [delayed] = 0, [leases] = givesBackFrom }) do
    local first = redis.call("ZRANGE", key, 0, 0, "WITHSCORES")[2]
    local wait = first and math.max(1, math.ceil(math.max(tonumber(first), from) - now))
    if wait and (due == -1 or wait < due) then due = wait end
  end
  return due
end

local answered = cjson.decode(redis.call("GET", last) or '{"call":0}')
if answered.call == call then
  local taken, wereLost, left = takenBefore(answered.ids, answered.wereLost)
  return { answered.refused, taken, wereLost, math.floor(left), 1 }
end
-- One that comes after a later one is of no use to anybody: its worker has its answer.
if answered.call > call then
  local all = {}
  for nth = 1, tonumber(ARGV[11]) do all[nth] = nth end
  return { all, {}, {}, math.floor(lease), 1 }
end
local refused = settle()
local lapsed, givesBackFrom = hear(lease)
giveBack(lapsed)
promote()
forget()
local ids, taken, wereLost, isCutShort = take(permitted())
local rateDue = began(#ids)
redis.call("SET", last, cjson.encode({ call = call, refused = refused, ids = ids, wereLost = wereLost }), "PX", ${lua.heardFor})
if #finished > 0 then redis.call("SPUBLISH", told, cjson.encode(finished)) end
local due = isCutShort and 1 or dueIn(givesBackFrom)
-- Whoever has enough waits for nothing. Another takes what is left, and has to know of what is due
-- before it would ask by itself.
local isDueSoon = due ~= -1 and due < math.min(lease / 2, ${lua.longestIdle})
if #ids == want and (isDueSoon or redis.call("EXISTS", unpack(waiting)) > 0) then wakeOne() end
if rateDue > 0 and (due == -1 or rateDue < due) then due = rateDue end
return { refused, taken, wereLost, math.floor(lease), due }`,
  keys: ({ keys, worker }: Call) => [
    keys.tasks,
    keys.delayed,
    keys.leases,
    keys.attempts,
    keys.dead,
    keys.causes,
    keys.over,
    keys.wake,
    `${keys.calls}${worker}`,
    keys.paused,
    keys.rate,
    keys.cancelled,
    keys.progress,
    keys.heard,
    ...keys.waiting
  ],
  args: ({ call, keys, lease, rate, remember, resultLife, settlements, want, worker }) => [
    worker,
    call,
    lease,
    want,
    remember,
    resultLife,
    rate.limit,
    rate.window,
    keys.results,
    keys.told,
    ...settlementsAsArgs(settlements)
  ],
  decode: (reply) => {
    if (!Array.isArray(reply)) return Result.fail("an array")
    const [refused, taken, wereLost, lease, due] = reply
    if (!Array.isArray(refused) || !Array.isArray(taken) || !Array.isArray(wereLost)) return Result.fail("three lists")
    if (typeof lease !== "number" || typeof due !== "number") return Result.fail("two times")
    return Result.succeed({
      refused: new Set(refused.map((nth) => Number(nth) - 1)),
      taken: takenOf(taken, lease, wereLost),
      due: due < 0 ? undefined : due
    })
  },
  kind: "repeatable"
})

// Many in a row are alike but for their id and value, and each argument costs Redis a fifth of a
// microsecond.
const settlementsAsArgs = (settlements: ReadonlyArray<Settlement>): ReadonlyArray<RedisCommand.Argument> => {
  const groups: Array<Pick<Settlement, "token" | "kind" | "delay"> & { times: number }> = []
  for (const { delay, kind, token } of settlements) {
    const last = groups.at(-1)
    if (last !== undefined && last.token === token && last.kind === kind && last.delay === delay) last.times++
    else groups.push({ token, kind, delay, times: 1 })
  }
  return [
    settlements.length,
    ...settlements.map(({ id }) => id),
    ...settlements.map(({ value }) => value),
    ...groups.flatMap(({ delay, kind, times, token }) => [token, kind, delay, times])
  ]
}

const takenOf = (
  parts: ReadonlyArray<RedisCommand.Reply>,
  lease: number,
  wereLost: ReadonlyArray<RedisCommand.Reply>
): ReadonlyArray<Taken> => {
  const taken: Array<Taken> = []
  for (let at = 0; at < parts.length; at += 3) {
    const wasLost = wereLost.includes(taken.length + 1)
    taken.push({
      id: String(parts[at]),
      attempt: Number(parts[at + 1]),
      lease,
      stored: String(parts[at + 2]),
      wasLost
    })
  }
  return taken
}
