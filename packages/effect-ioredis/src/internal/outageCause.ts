import type { ErrorStats } from "../RedisClient.ts"
import type { OutageCause } from "../RedisHealth.ts"

/** Says in one word what an error that counts as an outage tells of the server. */
export const outageCause = ({ _tag, code = "", reason = "NotReady" }: ErrorStats): OutageCause => {
  switch (_tag) {
    case "RedisTimeoutError":
      return "NoReply"
    case "RedisCircuitBreakerOpenError":
      return "CircuitOpen"
    case "RedisOperationError":
      return causes[code] ?? "NotReady"
    case "RedisConnectionError":
      // A server that is there may have answered the login.
      return reason === "NotReady" ? (causes[code] ?? reason) : reason
  }
}

// The error replies that count as an outage.
const causes: Readonly<Record<string, OutageCause>> = {
  BUSY: "Busy",
  LOADING: "Loading",
  MASTERDOWN: "MasterDown",
  NOAUTH: "Auth",
  WRONGPASS: "Auth"
}
