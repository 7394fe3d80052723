/** Parts of several scripts, each of which defines what its name says. */

/** `now`: milliseconds of the server's clock, which every time of a queue is of. */
export const now = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/** `wakeOne()`: wakes one idle worker, unless one is being woken. It needs `wake`. */
export const wakeOne = `
local function wakeOne()
  if redis.call("EXISTS", wake) == 0 then redis.call("RPUSH", wake, 1) end
end
`

/**
 * `wait(id, atFront)`: lets a task be begun. What is stored of it begins with its times and its
 * priority; an empty text is a task that was cancelled while it waited. It needs `tasks` and
 * `waiting`.
 */
export const wait = `
local function wait(id, atFront)
  local stored = redis.call("HGET", tasks, id)
  if not stored then return end
  local priority = tonumber(string.match(stored, "^%d+ %d+ (%d)") or 1)
  redis.call(atFront and "LPUSH" or "RPUSH", waiting[priority + 1], id)
end
`

/**
 * `finish(id, result)`: ends a task for good that no handler has done. Its id and result are
 * remembered for as long: where nothing is found of an id that is remembered, its handler was done
 * and had nothing to say.
 *
 * `keep(id, result, life)`: keeps a result for so many milliseconds, if there is any. Both need
 * `tasks`, `attempts`, `progress`, `over`, `results` and `remember`.
 */
export const finish = `
local function keep(id, result, life)
  if result ~= "" and life > 0 then redis.call("SET", results .. id, result, "PX", math.ceil(life)) end
end
local function finish(id, result)
  redis.call("HDEL", tasks, id)
  redis.call("HDEL", attempts, id)
  redis.call("HDEL", progress, id)
  redis.call("ZADD", over, now + remember, id)
  keep(id, result, remember)
end
`

/**
 * For how many milliseconds nothing is given back where nobody was heard for long: workers are
 * connected again within a second of each other, and a lost task begins within two seconds of its
 * lease.
 */
export const grace = 1_500

/** In how many milliseconds an idle worker asks again, whatever it has heard. */
export const longestIdle = 15_000

/**
 * For how many milliseconds Redis knows when it has heard of a worker, and what it has answered to
 * a worker's last call, however long leases are.
 */
export const heardFor = 86_400_000

/**
 * `hear(lease)`: notes that a worker with such leases was heard, and says what may be given back:
 * the leases that have lapsed by one time, and from another on all that have. Where none was heard
 * for so long that leases could lapse, Redis was away for all of them: each is left the time to
 * settle what it has done meanwhile. What was left that time before is not left it again, or it
 * would wait for ever where workers are heard now and then. That is kept, for whoever is heard
 * first may be one that gives nothing back. It needs `heard`.
 */
export const hear = `
local function hear(lease)
  local latest = now + ${grace}
  local from, till, left = string.match(redis.call("GET", heard) or "", "^(%d+) (%d+) (%d+)$")
  from, left = math.min(tonumber(from or 0), latest), math.min(tonumber(left or 0), now)
  if from <= now and tonumber(till or 0) <= now then from, left = latest, from end
  redis.call("SET", heard, string.format("%d %d %d", from, math.ceil(now + lease * 2 / 3), left), "PX", ${heardFor})
  return from <= now and now or left, from
end
`
