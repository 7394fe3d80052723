import type { RedisCommandError, RedisConnectionError } from "../../RedisError.ts"

/**
 * Says what an error tells a circuit breaker about Redis.
 *
 * **Details**
 *
 * `"failure"`: transport errors, timeouts, and the replies that say Redis cannot serve now.
 * `"success"`: every other reply, for it came from a Redis that lives. `"ignored"`: what says
 * nothing about the server (the breaker's own refusal, a saturated client, a command that was not
 * sent, and what a server of a cluster says because of others: CLUSTERDOWN, TRYAGAIN).
 *
 * @category predicates
 * @since 0.1.0
 */
export const outcome = (error: RedisCommandError): "success" | "failure" | "ignored" => {
  switch (error._tag) {
    case "RedisTimeoutError":
      return "failure"
    case "RedisConnectionError":
      return error.reason === "Saturated" || isFirstConnecting(error) ? "ignored" : "failure"
    case "RedisCircuitBreakerOpenError":
      return "ignored"
    case "RedisOperationError":
      if (outageCodes.has(error.code)) return "failure"
      return ownCodes.has(error.code) || clusterCodes.has(error.code) ? "ignored" : "success"
  }
}

// Redis cannot serve anyone right now: these count as an outage although they are replies.
const outageCodes = new Set(["LOADING", "MASTERDOWN", "BUSY", "NOAUTH", "WRONGPASS"])

// Nothing is known of a server to which the first connection is still being made: calls in their
// hundreds opened the circuit of each server that joined a cluster.
const isFirstConnecting = ({ cause, reason, sent }: RedisConnectionError): boolean =>
  reason === "NotReady" && sent === "never" && cause === undefined

// What a server says because of others of its cluster. Where it counted as an outage, one dead
// master opened the circuits of the healthy ones.
const clusterCodes = new Set(["CLUSTERDOWN", "TRYAGAIN"])

/** Codes of this library, for commands that were never sent. */
export const ownCodes = new Set(["ARGUMENT", "UNSUPPORTED", "SUPERSEDED"])
