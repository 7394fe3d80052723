/** Says what a client does, for whoever has turned the lines of single operations on. */
import type { Happening } from "../RedisEvents.ts"
import { show } from "./clientSettings.ts"
import type { LiveSettings } from "./LiveSettings.ts"
import type { Fields, OperationLog } from "./OperationLog.ts"

/** Says which settings are in effect, without what is secret. */
export const sayStart = (log: OperationLog, live: LiveSettings): void =>
  log.write("Redis settings in effect", { settings: JSON.stringify(show(live, 0)) })

/** Says what happened to a connection or to a circuit. The rest is told of in other ways. */
export const sayEvent = (log: OperationLog, event: Happening): void => {
  switch (event._tag) {
    case "NodeAdded":
      log.write("Redis connection pool made", { node: event.node, connections: event.connections })
      break
    case "ConnectionReady":
      log.write("Redis connection is ready", { operation: "CONNECT", node: event.node })
      break
    case "ConnectionLost":
      log.write("Redis connection was lost", failureOf(event))
      break
    case "ConnectionFailed":
      log.write("Redis connection could not be made", failureOf(event))
      break
    case "ConnectionsClosed":
      log.write("Redis connections are closed", { connections: event.connections })
      break
    case "CircuitChanged":
      sayCircuit(log, event)
      break
    default:
  }
}

type Changed = Extract<Happening, { readonly _tag: "CircuitChanged" }>

const sayCircuit = (log: OperationLog, { failures, from, node, to }: Changed): void => {
  const fields = { node, error_count: failures, circuit_breaker_state: to }
  if (to === "Closed") log.write("Redis circuit is closed", fields)
  else if (to === "HalfOpen") log.write("Redis circuit is half-open", fields)
  else if (from === "HalfOpen") log.write("Redis circuit is open again", fields)
  else log.write("Redis circuit is open", fields)
}

const failureOf = ({ message, node, reason }: Extract<Happening, { readonly message: string }>): Fields => ({
  operation: "CONNECT",
  node,
  error_type: "RedisConnectionError",
  error_message: message,
  reason
})
