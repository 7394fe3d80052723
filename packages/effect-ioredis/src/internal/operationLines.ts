/** Says what a client does, for whoever has turned the lines of single operations on. */
import type { Happening } from "../RedisEvents.ts"
import { type ClientSettings, show } from "./clientSettings.ts"
import type { Fields, OperationLog } from "./OperationLog.ts"

/** Says which settings are in effect, without what is secret. */
export const sayStart = (log: OperationLog, settings: ClientSettings): void =>
  log.write("Redis settings in effect", { settings: JSON.stringify(show(settings)) })

/** Says what happened to a connection or to a circuit. */
export const sayEvent = (log: OperationLog, event: Happening): void => {
  switch (event._tag) {
    case "NodeAdded":
      return log.write("Redis connection pool made", { node: event.node, connections: event.connections })
    case "ConnectionReady":
      return log.write("Redis connection is ready", { operation: "CONNECT", node: event.node })
    case "ConnectionLost":
      return log.write("Redis connection was lost", failureOf(event))
    case "ConnectionFailed":
      return log.write("Redis connection could not be made", failureOf(event))
    case "ConnectionsClosed":
      return log.write("Redis connections are closed", { connections: event.connections })
    case "CircuitChanged":
      return sayCircuit(log, event)
    case "HistoryChanged":
    case "NodeRemoved":
    case "OutageBegan":
    case "OutageEnded":
    case "SlotsMoved":
      return
  }
}

type Changed = Extract<Happening, { readonly _tag: "CircuitChanged" }>

const sayCircuit = (log: OperationLog, { failures, from, node, to }: Changed): void => {
  const fields = { node, error_count: failures, circuit_breaker_state: to }
  if (to === "Closed") return log.write("Redis circuit is closed", fields)
  if (to === "HalfOpen") return log.write("Redis circuit is half-open", fields)
  return from === "HalfOpen"
    ? log.write("Redis circuit is open again", fields)
    : log.write("Redis circuit is open", fields)
}

const failureOf = ({ message, node, reason }: Extract<Happening, { readonly message: string }>): Fields => ({
  operation: "CONNECT",
  node,
  error_type: "RedisConnectionError",
  error_message: message,
  reason
})
