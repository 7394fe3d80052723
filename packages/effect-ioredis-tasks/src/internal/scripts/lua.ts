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
 * `finish(id, result, life)`: ends a task for good. Its id is remembered for `life` milliseconds,
 * or for `remember`, and its result kept for `resultLife`. It needs `tasks`, `attempts`,
 * `progress`, `over` and `results`.
 */
export const finish = `
local function keep(id, result)
  if result ~= "" and resultLife ~= "0" then redis.call("SET", results .. id, result, "PX", resultLife) end
end
local function finish(id, result, life)
  redis.call("HDEL", tasks, id)
  redis.call("HDEL", attempts, id)
  redis.call("HDEL", progress, id)
  redis.call("ZADD", over, now + (life or remember), id)
  keep(id, result)
end
`
