import { Result } from "effect"
import { effectScripts } from "../../../internal/persistence/effectScripts.ts"
import * as SimulatedScript from "../../SimulatedScript.ts"
import { numberOr, texts } from "./bytes.ts"
import { recordId } from "./recordId.ts"

type Call = SimulatedScript.Call

// An id is taken for as long as its job is not done, and longer.
const isNew = (ids: string, id: string, call: Call): boolean => call("ZADD", ids, "NX", "+inf", id) === 1

const offer = SimulatedScript.make(effectScripts.offer, ([queue = "", ids = ""], [id = "", payload = ""], call) => {
  if (isNew(ids, id, call)) call("RPUSH", queue, payload)
  return null
})

const offerDelayed = SimulatedScript.make(
  effectScripts.offerDelayed,
  ([delayed = "", ids = ""], [id = "", payload = "", visibleAt = ""], call) => {
    if (isNew(ids, id, call)) call("ZADD", delayed, visibleAt, payload)
    return null
  }
)

// No job is removed before the ids of all are known.
const idsOf = (payloads: ReadonlyArray<string>): ReadonlyArray<string> =>
  payloads.map((payload) => Result.getOrElse(recordId(payload), (problem) => SimulatedScript.fail(`ERR ${problem}`)))

const take = SimulatedScript.make(
  effectScripts.take,
  (
    [queue = "", pending = "", delayed = "", attempts = "", owners = ""],
    [lockPrefix = "", size = "", life = "", now = ""],
    call
  ) => {
    const due = texts(call("ZRANGEBYSCORE", delayed, "-inf", now, "LIMIT", 0, 100))
    for (const payload of due) call("RPUSH", queue, payload)
    if (due.length > 0) call("ZREM", delayed, ...due)
    const payloads = texts(call("LRANGE", queue, 0, Number(size) - 1))
    if (payloads.length === 0) return null
    const ids = idsOf(payloads)
    call("LTRIM", queue, payloads.length, -1)
    return payloads.flatMap((payload, index) => {
      const id = ids[index] ?? ""
      const lock = `${lockPrefix}${index + 1}`
      call("SET", lock, 1, "PX", life)
      call("HSET", owners, id, lock)
      call("HSET", pending, id, payload)
      return [payload, call("HINCRBY", attempts, id, 1), lock]
    })
  }
)

interface Claim {
  readonly pending: string
  readonly lock: string
  readonly owners: string
  readonly id: string
}

// Only whoever has a job may end it: another may have it by now.
const release = ({ id, lock, owners, pending }: Claim, call: Call): boolean => {
  if (call("HGET", owners, id) !== lock) return false
  call("HDEL", owners, id)
  call("DEL", lock)
  call("HDEL", pending, id)
  return true
}

const complete = SimulatedScript.make(
  effectScripts.complete,
  ([pending = "", lock = "", attempts = "", ids = "", owners = ""], [id = "", now = ""], call) => {
    if (!release({ pending, lock, owners, id }, call)) return 0
    call("HDEL", attempts, id)
    call("ZADD", ids, "XX", now, id)
    return null
  }
)

const requeue = SimulatedScript.make(
  effectScripts.requeue,
  ([queue = "", pending = "", lock = "", attempts = "", owners = ""], [id = "", payload = ""], call) => {
    if (!release({ pending, lock, owners, id }, call)) return 0
    if (Number(call("HINCRBY", attempts, id, -1)) <= 0) call("HDEL", attempts, id)
    call("RPUSH", queue, payload)
    return null
  }
)

const retry = SimulatedScript.make(
  effectScripts.retry,
  ([pending = "", lock = "", delayed = "", owners = ""], [id = "", payload = "", visibleAt = ""], call) => {
    if (!release({ pending, lock, owners, id }, call)) return 0
    call("ZADD", delayed, visibleAt, payload)
    return null
  }
)

const failed = SimulatedScript.make(
  effectScripts.failed,
  ([pending = "", lock = "", failed = "", attempts = "", ids = "", owners = ""], [id = "", payload = ""], call) => {
    if (!release({ pending, lock, owners, id }, call)) return 0
    call("HDEL", attempts, id)
    call("RPUSH", failed, payload)
    call("ZADD", ids, "XX", "+inf", id)
    return null
  }
)

const giveBack = SimulatedScript.make(
  effectScripts.giveBack,
  (
    [queue = "", pending = "", attempts = "", failed = "", ids = "", owners = ""],
    [maxAttempts = "", now = ""],
    call
  ) => {
    for (const id of texts(call("HKEYS", pending))) {
      const lock = call("HGET", owners, id)
      if (typeof lock === "string" && call("EXISTS", lock) === 1) continue
      const payload = String(call("HGET", pending, id))
      const made = numberOr(0, call("HGET", attempts, id))
      if (made >= Number(maxAttempts)) {
        const why = `"attempts":${made},"lastFailure":"Lock expired after final attempt","failedAt":${now}`
        call("RPUSH", failed, `${payload.slice(0, -1)},${why}}`)
        call("HDEL", attempts, id)
        call("ZADD", ids, "XX", "+inf", id)
      } else {
        call("RPUSH", queue, payload)
      }
      call("HDEL", owners, id)
      call("HDEL", pending, id)
    }
    return null
  }
)

const renewLocks = SimulatedScript.make(effectScripts.renewLocks, (keys, [life = "", ...ids], call) => {
  ids.forEach((id, index) => {
    const [lock = "", owners = ""] = keys.slice(index * 2)
    if (call("HGET", owners, id) === lock) call("SET", lock, 1, "PX", life)
  })
  return null
})

const trimmedAtMost = 1000

const trimFailed = SimulatedScript.make(effectScripts.trimFailed, ([failed = "", ids = ""], [cutoff = ""], call) => {
  for (let removed = 0; removed < trimmedAtMost; removed++) {
    const record = call("LINDEX", failed, 0)
    if (typeof record !== "string") return removed
    const id = recordId(record)
    if (Result.isSuccess(id)) {
      const [, failedAt = ""] = /,"failedAt":([^,}]+)\}$/.exec(record) ?? []
      if (failedAt !== "" && Number(failedAt) >= Number(cutoff)) return removed
      call("ZREM", ids, id.success)
    }
    call("LPOP", failed)
  }
  return trimmedAtMost
})

/** The counterparts of the scripts of Effect's `PersistedQueue`. */
export const queueScripts: ReadonlyArray<SimulatedScript.SimulatedScript> = [
  offer,
  offerDelayed,
  take,
  complete,
  requeue,
  retry,
  failed,
  giveBack,
  renewLocks,
  trimFailed
]
