/**
 * Lets the simulated Redis of `effect-ioredis/testing` serve queues of tasks, by counterparts in
 * JavaScript of their Lua scripts.
 *
 * **Example** (A queue on a simulated Redis)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Task, TaskQueue } from "effect-ioredis-tasks"
 * import { scripts } from "effect-ioredis-tasks/testing"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const Greet = Task.make({
 *   name: "greet",
 *   version: 1,
 *   payload: Schema.Struct({ name: Schema.String }),
 *   id: ({ name }) => name
 * })
 *
 * const program = Effect.gen(function* () {
 *   const queue = yield* TaskQueue.TaskQueue
 *   yield* queue.offer(Greet, { name: "Ada" }) // => "Enqueued"
 *   yield* queue.offer(Greet, { name: "Ada" }) // => "Duplicate"
 * })
 *
 * const Simulated = TaskQueue.layer({ name: "greetings" }).pipe(
 *   Layer.provide(RedisClient.layer()),
 *   Layer.provide(SimulatedRedis.layer({ scripts }))
 * )
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @since 0.1.0
 */
import { SimulatedScript } from "effect-ioredis/testing"
import { cleanUp } from "./internal/persistence/cleanUp.ts"
import { cancel } from "./internal/scripts/cancel.ts"
import { inspect } from "./internal/scripts/inspect.ts"
import { lead } from "./internal/scripts/lead.ts"
import { letters } from "./internal/scripts/letters.ts"
import { look } from "./internal/scripts/look.ts"
import { grace, heardFor } from "./internal/scripts/lua.ts"
import { offer } from "./internal/scripts/offer.ts"
import { renew } from "./internal/scripts/renew.ts"
import { replay } from "./internal/scripts/replay.ts"
import { tell } from "./internal/scripts/tell.ts"
import { mostMet, outcomes, work } from "./internal/scripts/work.ts"
import { longestOf } from "./internal/Wakeup.ts"

// Each function below does what the one of its name does in the Lua sources, in the same order.

type Call = SimulatedScript.Call
type Waiting = readonly [high: string, normal: string, low: string]

const textOf = (value: SimulatedScript.Value | undefined): string | undefined =>
  typeof value === "string" ? value : undefined

const textsOf = (value: SimulatedScript.Value): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : []

const numberOf = (value: SimulatedScript.Value | undefined): number | undefined =>
  typeof value === "string" || typeof value === "number" ? Number(value) : undefined

const matched = (text: string, pattern: RegExp): string | undefined => pattern.exec(text)?.[1]

// -------------------------------------------------------------------------------------------------
// lua.ts
// -------------------------------------------------------------------------------------------------

const nowOf = (call: Call): number => {
  const [seconds, micros] = textsOf(call("TIME"))
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

const hear = (call: Call, heard: string, now: number, lease: number): readonly [lapsed: number, from: number] => {
  const latest = now + grace
  const [, known = "0", till = "0", last = "0"] = /^(\d+) (\d+) (\d+)$/.exec(textOf(call("GET", heard)) ?? "") ?? []
  const before = Math.min(Number(known), latest)
  const isCutOff = before <= now && Number(till) <= now
  const from = isCutOff ? latest : before
  const left = isCutOff ? before : Math.min(Number(last), now)
  call("SET", heard, `${from} ${Math.ceil(now + (lease * 2) / 3)} ${left}`, "PX", heardFor)
  return [from <= now ? now : left, from]
}

const wakeOne = (call: Call, wake: string): void => {
  if (call("EXISTS", wake) === 0) call("RPUSH", wake, 1)
}

const wait = (call: Call, tasks: string, waiting: Waiting, id: string, atFront: boolean): void => {
  const stored = textOf(call("HGET", tasks, id))
  if (stored === undefined) return
  const priority = Number(matched(stored, /^\d+ \d+ (\d)/) ?? 1)
  call(atFront ? "LPUSH" : "RPUSH", waiting[priority] ?? "", id)
}

interface Ending {
  readonly now: number
  readonly tasks: string
  readonly attempts: string
  readonly progress: string
  readonly over: string
  readonly results: string
  readonly remember: number
}

const keep = (call: Call, { results }: Ending, id: string, result: string, life: number): void => {
  if (result !== "" && life > 0) call("SET", results + id, result, "PX", Math.ceil(life))
}

const finish = (
  call: Call,
  ending: Ending,
  id: string,
  result: string,
  life = ending.remember,
  lifeOfResult = ending.remember
): void => {
  call("HDEL", ending.tasks, id)
  call("HDEL", ending.attempts, id)
  call("HDEL", ending.progress, id)
  call("ZADD", ending.over, ending.now + life, id)
  keep(call, ending, id, result, lifeOfResult)
}

// -------------------------------------------------------------------------------------------------
// The scripts of queues
// -------------------------------------------------------------------------------------------------

const simulatedOffer = SimulatedScript.make(
  offer,
  (
    [tasks = "", over = "", delayed = "", wake = "", ...waiting],
    [id = "", content = "", priority = "", ...times],
    call
  ) => {
    const [delay = 0, life = 0] = times.map(Number)
    const now = nowOf(call)
    const known = textOf(call("HGET", tasks, id))
    if (known !== undefined && known !== "") return content !== "" && known.endsWith(content) ? 1 : 0
    const remembered = numberOf(call("ZSCORE", over, id))
    if (remembered !== undefined && remembered > now) return 0
    if (known !== undefined) for (const list of waiting) call("LREM", list, 0, id)
    const expires = life === 0 ? 0 : now + life
    call("HSET", tasks, id, `${(now + delay).toFixed(0)} ${expires.toFixed(0)} ${priority} ${content}`)
    if (delay > 0) {
      call("ZADD", delayed, now + delay, id)
      if (textsOf(call("ZRANGE", delayed, 0, 0))[0] === id) wakeOne(call, wake)
    } else {
      call("RPUSH", waiting[Number(priority)] ?? "", id)
      wakeOne(call, wake)
    }
    return 1
  }
)

const simulatedCancel = SimulatedScript.make(cancel, (keys, args, call) => {
  const [tasks = "", delayed = "", leases = "", attempts = "", dead = "", ...others] = keys
  const [causes = "", over = "", cancelled = "", progress = ""] = others
  const [id = "", remember, results = "", told = ""] = args
  const now = nowOf(call)
  const ending = { now, tasks, attempts, progress, over, results, remember: Number(remember) }
  const stored = textOf(call("HGET", tasks, id))
  if (stored === "") return 3
  if (stored === undefined) {
    const remembered = numberOf(call("ZSCORE", over, id))
    if (remembered === undefined || remembered <= now) return 0
    return textOf(call("GET", results + id)) === outcomes.cancelled ? 3 : 1
  }
  if (call("ZSCORE", leases, id) !== null) {
    call("SADD", cancelled, id)
    return 2
  }
  let isWaiting = call("ZREM", delayed, id) === 0
  if (call("ZREM", dead, id) === 1) {
    call("HDEL", causes, id)
    isWaiting = false
  }
  finish(call, ending, id, outcomes.cancelled)
  if (isWaiting) call("HSET", tasks, id, "")
  call("SPUBLISH", told, JSON.stringify([id]))
  return 3
})

const simulatedReplay = SimulatedScript.make(replay, (keys, ids, call) => {
  const [tasks = "", dead = "", causes = "", attempts = "", wake = "", progress = "", ...lists] = keys
  const [high = "", normal = "", low = ""] = lists
  const now = nowOf(call)
  let replayed = 0
  for (const id of ids) {
    if (call("ZREM", dead, id) !== 1) continue
    call("HDEL", causes, id)
    call("HDEL", attempts, id)
    call("HDEL", progress, id)
    const rest = matched(textOf(call("HGET", tasks, id)) ?? "", /^\d+ \d+( .*)$/s)
    if (rest !== undefined) call("HSET", tasks, id, `${now} 0${rest}`)
    wait(call, tasks, [high, normal, low], id, false)
    replayed++
  }
  if (replayed > 0) wakeOne(call, wake)
  return replayed
})

const simulatedInspect = SimulatedScript.make(inspect, (keys, _args, call) => {
  const [tasks = "", delayed = "", leases = "", dead = "", paused = "", attempts = "", ...waiting] = keys
  const now = nowOf(call)
  let oldest = 0
  const counts = waiting.map((list) => {
    for (const id of textsOf(call("LRANGE", list, 0, 19))) {
      const due = matched(textOf(call("HGET", tasks, id)) ?? "", /^(\d+)/)
      if (due !== undefined && call("HEXISTS", attempts, id) === 0) oldest = Math.max(oldest, now - Number(due))
    }
    return call("LLEN", list)
  })
  const overdue = textsOf(call("ZRANGE", delayed, "-inf", now, "BYSCORE", "LIMIT", 0, 20, "WITHSCORES"))
  for (let at = 0; at < overdue.length; at += 2) {
    if (call("HEXISTS", attempts, overdue[at] ?? "") === 0) oldest = Math.max(oldest, now - Number(overdue[at + 1]))
  }
  return [...counts, ...[delayed, leases, dead].map((key) => call("ZCARD", key)), call("EXISTS", paused), oldest]
})

const simulatedLook = SimulatedScript.make(look, (keys, [id = "", results = ""], call) => {
  const [tasks = "", leases = "", delayed = "", dead = "", over = "", progress = "", causes = ""] = keys
  const now = nowOf(call)
  const stored = textOf(call("HGET", tasks, id))
  const stateOf = (): number => {
    if (stored === undefined || stored === "") {
      const remembered = numberOf(call("ZSCORE", over, id))
      return remembered !== undefined && remembered > now ? 5 : 0
    }
    if (call("ZSCORE", leases, id) !== null) return 3
    if (call("ZSCORE", delayed, id) !== null) return 2
    return call("ZSCORE", dead, id) === null ? 1 : 4
  }
  const state = stateOf()
  const outcome = state === 4 ? call("HGET", causes, id) : state === 5 ? call("GET", results + id) : null
  return [state, call("HGET", progress, id), outcome]
})

const simulatedLetters = SimulatedScript.make(letters, (keys, [offset, limit], call) => {
  const [dead = "", tasks = "", attempts = "", causes = ""] = keys
  const page = textsOf(call("ZRANGE", dead, Number(offset), Number(offset) + Number(limit) - 1, "REV", "WITHSCORES"))
  return page.flatMap((id, at) => {
    if (at % 2 === 1) return []
    const attempt = matched(textOf(call("HGET", attempts, id)) ?? "0", /^(\d+)/) ?? null
    return [[id, page[at + 1] ?? "", attempt, call("HGET", tasks, id) ?? "", call("HGET", causes, id) ?? ""]]
  })
})

const simulatedLead = SimulatedScript.make(lead, ([key = ""], [process = "", lease, told, enqueued], call) => {
  const now = nowOf(call)
  const [leader, until, known] = ["leader", "until", "last"].map((field) => call("HGET", key, field))
  const last = numberOf(known) ?? 0
  if (textOf(leader) !== undefined && leader !== process && Number(until) > now) return [0, now, last]
  const latest = last === Number(told) ? Number(enqueued) : last
  call("HSET", key, "leader", process, "until", now + Number(lease), "last", latest)
  return [1, now, latest]
})

// -------------------------------------------------------------------------------------------------
// The scripts of workers
// -------------------------------------------------------------------------------------------------

// By what token somebody has a task, if anybody has.
const holderOf = (call: Call, attempts: string, id: string): string | undefined =>
  matched(textOf(call("HGET", attempts, id)) ?? "", /^\d+:(.*)$/s)

const simulatedRenew = SimulatedScript.make(renew, (keys, [lease, ...held], call) => {
  const [leases = "", attempts = "", cancelled = "", heard = ""] = keys
  const now = nowOf(call)
  hear(call, heard, now, Number(lease))
  return held.flatMap((id, at) => {
    if (at % 2 === 1) return []
    if (holderOf(call, attempts, id) !== held[at + 1]) return [0]
    call("ZADD", leases, now + Number(lease), id)
    return [1 + Number(call("SISMEMBER", cancelled, id))]
  })
})

const simulatedTell = SimulatedScript.make(
  tell,
  ([attempts = "", progress = ""], [id = "", token, far = "", told = ""], call) => {
    if (holderOf(call, attempts, id) !== token) return 0
    call("HSET", progress, id, far)
    call("SPUBLISH", told, JSON.stringify([id]))
    return 1
  }
)

/** What the parts of one call of `work` share. */
interface Round extends Ending {
  readonly call: Call
  readonly delayed: string
  readonly leases: string
  readonly dead: string
  readonly causes: string
  readonly wake: string
  readonly last: string
  readonly paused: string
  readonly rate: string
  readonly cancelled: string
  readonly heard: string
  readonly waiting: Waiting
  readonly worker: string
  readonly number: number
  readonly token: string
  readonly lease: number
  readonly want: number
  readonly limit: number
  readonly window: number
  readonly resultLife: number
  readonly told: string
  readonly finished: Array<string>
}

const roundOf = (keys: ReadonlyArray<string>, args: ReadonlyArray<string>, call: Call): Round => {
  const [tasks = "", delayed = "", leases = "", attempts = "", dead = "", causes = "", ...others] = keys
  const [over = "", wake = "", last = "", paused = "", rate = "", cancelled = "", progress = "", ...more] = others
  const [heard = "", high = "", normal = "", low = ""] = more
  const [worker = "", number = "", lease, want, remember, resultLife, ...settings] = args
  const [limit, window, results = "", told = ""] = settings
  return {
    ...{ call, tasks, delayed, leases, attempts, dead, causes },
    ...{ over, wake, last, paused, rate, cancelled, progress, heard },
    ...{ waiting: [high, normal, low], worker, number: Number(number), token: `${worker}:${number}` },
    ...{ lease: Number(lease), want: Number(want), remember: Number(remember), resultLife: Number(resultLife) },
    ...{ limit: Number(limit), window: Number(window), results, told },
    ...{ now: nowOf(call), finished: [] }
  }
}

const attemptOf = ({ attempts, call }: Round, id: string): readonly [attempt: number, holder: string] => {
  const [, attempt = "0", holder = ""] = /^(\d+):?(.*)$/s.exec(textOf(call("HGET", attempts, id)) ?? "0") ?? []
  return [Number(attempt), holder]
}

const lost = (attempt: number): string => `${attempt}:lost`

const again = (round: Round, id: string, attempt: number | string, delay: number, atFront: boolean): void => {
  const { attempts, call, delayed, now, tasks, waiting, wake } = round
  if (attempt === 0) call("HDEL", attempts, id)
  else call("HSET", attempts, id, attempt)
  if (delay === 0) {
    wait(call, tasks, waiting, id, atFront)
    wakeOne(call, wake)
    return
  }
  call("ZADD", delayed, now + delay, id)
  if (textsOf(call("ZRANGE", delayed, 0, 0))[0] === id) wakeOne(call, wake)
}

const settle = (round: Round, id: string, owner: string, asked: string, wait: number, given: string): boolean => {
  const { call, cancelled, causes, dead, finished, leases, now } = round
  const [attempt, holder] = attemptOf(round, id)
  if (holder !== owner) return false
  call("ZREM", leases, id)
  const isCancelled = call("SREM", cancelled, id) === 1 && asked !== "done"
  const [kind, delay, value] = isCancelled ? ["cancelled", 0, outcomes.cancelled] : [asked, wait, given]
  if (kind === "done" || kind === "cancelled") {
    const { remember, resultLife } = round
    finish(call, round, id, value, delay > 0 ? delay : remember, kind === "done" ? resultLife : remember)
    finished.push(id)
  } else if (kind === "dead" || kind === "gone") {
    call("HSET", round.attempts, id, kind === "gone" ? attempt - 1 : attempt)
    call("ZADD", dead, now, id)
    call("HSET", causes, id, value)
    finished.push(id)
  } else if (kind === "back") {
    again(round, id, attempt - 1, delay, true)
  } else if (kind === "lost") {
    again(round, id, lost(attempt), delay, true)
  } else if (kind === "undecided") {
    again(round, id, lost(attempt - 1), delay, true)
  } else {
    again(round, id, attempt, delay, false)
  }
  return true
}

const giveBack = (round: Round, lapsed: number): void => {
  const { call, cancelled, finished, leases } = round
  for (const id of textsOf(call("ZRANGE", leases, "-inf", lapsed, "BYSCORE", "LIMIT", 0, 100))) {
    const [attempt] = attemptOf(round, id)
    call("ZREM", leases, id)
    if (call("SREM", cancelled, id) === 1) {
      finish(call, round, id, outcomes.cancelled)
      finished.push(id)
    } else again(round, id, lost(attempt), 0, true)
  }
}

const promote = ({ call, delayed, now, tasks, waiting }: Round): void => {
  for (const id of textsOf(call("ZRANGE", delayed, "-inf", now, "BYSCORE", "LIMIT", 0, 100))) {
    call("ZREM", delayed, id)
    wait(call, tasks, waiting, id, false)
  }
}

const forget = ({ call, now, over }: Round): void => {
  const forgotten = textsOf(call("ZRANGE", over, "-inf", now, "BYSCORE", "LIMIT", 0, 300))
  if (forgotten.length > 0) call("ZREM", over, ...forgotten)
}

const permitted = ({ call, limit, now, paused, rate, want, window }: Round): number => {
  if (call("EXISTS", paused) === 1) return 0
  if (limit === 0) return want
  const first = () => numberOf(call("LINDEX", rate, -1)) ?? Number.POSITIVE_INFINITY
  while (first() <= now - window) call("RPOP", rate)
  return Math.max(0, Math.min(want, limit - Number(call("LLEN", rate))))
}

const began = ({ call, limit, now, rate, window }: Round, count: number): number => {
  if (limit === 0) return -1
  for (let one = 0; one < count; one++) call("LPUSH", rate, now)
  if (count > 0) call("PEXPIRE", rate, Math.ceil(window))
  if (Number(call("LLEN", rate)) < limit) return -1
  return Math.max(1, Math.ceil(Number(call("LINDEX", rate, -1)) + window - now))
}

const take = (
  round: Round,
  most: number
): readonly [ids: ReadonlyArray<string>, wereLost: ReadonlyArray<number>, isCutShort: boolean] => {
  const { attempts, call, finished, lease, leases, now, tasks, token, waiting } = round
  const ids: Array<string> = []
  const wereLost: Array<number> = []
  let met = 0
  for (const list of waiting) {
    while (ids.length < most && met < mostMet) {
      const popped = call("LPOP", list, most - ids.length)
      if (popped === null) break
      met += textsOf(popped).length
      for (const id of textsOf(popped)) {
        const stored = textOf(call("HGET", tasks, id))
        if (stored === undefined) continue
        const expires = Number(matched(stored, /^\d+ (\d+)/) ?? 0)
        if (stored === "") call("HDEL", tasks, id)
        else if (expires > 0 && expires <= now) {
          finish(call, round, id, outcomes.expired)
          finished.push(id)
        } else {
          const [begun, owner] = attemptOf(round, id)
          if (owner === "lost") wereLost.push(ids.length + 1)
          call("HSET", attempts, id, `${begun + 1}:${token}`)
          call("ZADD", leases, now + lease, id)
          ids.push(id)
        }
      }
    }
  }
  return [ids, wereLost, met >= mostMet]
}

const dueIn = ({ call, delayed, leases, now }: Round, givesBackFrom: number): number => {
  let due = -1
  for (const [key, from] of [
    [delayed, 0],
    [leases, givesBackFrom]
  ] as const) {
    const [, first] = textsOf(call("ZRANGE", key, 0, 0, "WITHSCORES"))
    if (first === undefined) continue
    const wait = Math.max(1, Math.ceil(Math.max(Number(first), from) - now))
    if (due === -1 || wait < due) due = wait
  }
  return due
}

/** What is kept of a worker's last call. */
interface Answered {
  readonly call: number
  readonly refused: ReadonlyArray<number>
  readonly ids: ReadonlyArray<string>
  readonly wereLost: ReadonlyArray<number>
}

/** The places of settlements that were refused. */
const settleAll = (round: Round, [counted, ...parts]: ReadonlyArray<string>): ReadonlyArray<number> => {
  const count = Number(counted)
  const refused: Array<number> = []
  const settled = new Set<string>()
  let nth = 0
  for (let at = 2 * count; at < parts.length; at += 4) {
    const [owner = "", kind = "", delay, times] = parts.slice(at, at + 4)
    for (let time = 0; time < Number(times); time++) {
      const id = parts[nth] ?? ""
      const value = parts[count + nth] ?? ""
      nth++
      if (!settled.has(id) && settle(round, id, owner, kind, Number(delay), value)) settled.add(id)
      else refused.push(nth)
    }
  }
  return refused
}

const answerOf = (round: Round, settlements: ReadonlyArray<string>): Answered & { readonly due: number } => {
  const { call, finished, heard, last, lease, now, number, told, waiting, wake, want } = round
  const refused = settleAll(round, settlements)
  const [lapsed, givesBackFrom] = hear(call, heard, now, lease)
  giveBack(round, lapsed)
  promote(round)
  forget(round)
  const [ids, wereLost, isCutShort] = take(round, permitted(round))
  const rateDue = began(round, ids.length)
  const answered: Answered = { call: number, refused, ids, wereLost }
  call("SET", last, JSON.stringify(answered), "PX", heardFor)
  if (finished.length > 0) call("SPUBLISH", told, JSON.stringify(finished))
  const due = isCutShort ? 1 : dueIn(round, givesBackFrom)
  const isDueSoon = due !== -1 && due < longestOf(lease)
  if (ids.length === want && (isDueSoon || Number(call("EXISTS", ...waiting)) > 0)) wakeOne(call, wake)
  return { ...answered, due: rateDue > 0 && (due === -1 || rateDue < due) ? rateDue : due }
}

const simulatedWork = SimulatedScript.make(work, (keys, args, call) => {
  const round = roundOf(keys, args, call)
  const { last, lease, leases, now, number, tasks, token } = round
  // It wrote that itself.
  const known: Answered = JSON.parse(textOf(call("GET", last)) ?? `{"call":0}`)
  const answer = (): Answered & { readonly due: number } => {
    if (known.call === number) return { ...known, due: 1 }
    if (known.call < number) return answerOf(round, args.slice(10))
    const all = Array.from({ length: Number(args[10]) }, (_, at) => at + 1)
    return { call: number, refused: all, ids: [], wereLost: [], due: 1 }
  }
  const { due, ids, refused, wereLost } = answer()
  const taken: Array<SimulatedScript.Value> = []
  const lost: Array<number> = []
  let left = lease
  for (const [at, id] of ids.entries()) {
    const [attempt, holder] = attemptOf(round, id)
    if (holder !== token) continue
    left = Math.min(left, Number(call("ZSCORE", leases, id)) - now)
    taken.push(id, attempt, call("HGET", tasks, id))
    if (wereLost.includes(at + 1)) lost.push(taken.length / 3)
  }
  return [refused, taken, lost, Math.max(0, Math.floor(left)), due]
})

// -------------------------------------------------------------------------------------------------
// The script of Effect's own queues
// -------------------------------------------------------------------------------------------------

const simulatedCleanUp = SimulatedScript.make(cleanUp, (keys, args, call) => {
  const [tasks = "", attempts = "", over = "", dead = "", causes = ""] = keys
  const [remember = 0, timeToLive = 0, failedTimeToLive = 0] = args.map(Number)
  const now = nowOf(call)
  const old = (key: string, from: number | "-inf", to: number) =>
    textsOf(call("ZRANGE", key, from, to, "BYSCORE", "LIMIT", 0, 500))
  const forgotten = old(over, remember, now + remember - timeToLive)
  if (forgotten.length > 0) call("ZREM", over, ...forgotten)
  const failed = failedTimeToLive >= 0 ? old(dead, "-inf", now - failedTimeToLive) : []
  if (failed.length > 0) {
    call("ZREM", dead, ...failed)
    for (const key of [tasks, attempts, causes]) call("HDEL", key, ...failed)
  }
  return forgotten.length + failed.length
})

/**
 * The counterparts of all scripts of queues and workers.
 *
 * @category scripts
 * @since 0.1.0
 */
export const scripts: ReadonlyArray<SimulatedScript.SimulatedScript> = [
  simulatedOffer,
  simulatedWork,
  simulatedRenew,
  simulatedTell,
  simulatedCancel,
  simulatedReplay,
  simulatedInspect,
  simulatedLook,
  simulatedLetters,
  simulatedLead,
  simulatedCleanUp
]
