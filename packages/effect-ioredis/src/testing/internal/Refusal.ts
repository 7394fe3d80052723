import type * as Fault from "../Fault.ts"
import { covers } from "./Access.ts"
import type { Client, Impact } from "./Command.ts"
import { isAllowed } from "./PubSubCommands.ts"
import * as Wire from "./Wire.ts"

/**
 * The error reply that a fault gives to a command in the place of executing it; `name` is as in
 * `CLIENT|KILL`.
 */
export const ofFault = (fault: Fault.Fault, name: string, impact: Impact): Wire.ErrorReply | undefined => {
  if (fault._tag !== "Error") return undefined
  const { code, commands, message } = fault
  const hit =
    commands === undefined ? refuses(code, name, impact) : Array.from(commands).some((entry) => covers(entry, name))
  return hit ? new Wire.ErrorReply({ message: `${code} ${message}` }) : undefined
}

/** The error reply that a fault gives to a login. A server that loads its data takes logins. */
export const ofLogin = (fault: Fault.Fault): Wire.ErrorReply | undefined =>
  fault._tag === "Error" && fault.commands === undefined && loginCodes.has(fault.code)
    ? new Wire.ErrorReply({ message: `${fault.code} ${fault.message}` })
    : undefined

const loginCodes = new Set(["BUSY", "NOAUTH", "WRONGPASS"])

/** Tells what a replica says to a command that writes. */
export const readOnly = (): Wire.ErrorReply =>
  new Wire.ErrorReply({ message: "READONLY You can't write against a read only replica." })

/** Tells what a client is told that waits on a server which becomes a replica. */
export const unblocked = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"

/** Tells what a node of a cluster says to whoever selects another database than the first. */
export const selectInCluster = "ERR SELECT is not allowed in cluster mode"

/** What a client is told that is subscribed and asks for something else. */
export const ofSubscribed = ({ subscriptions }: Client, name: string): Wire.ErrorReply | undefined =>
  !subscriptions.isAny || isAllowed(name)
    ? undefined
    : new Wire.ErrorReply({
        message: `ERR Can't execute '${name.toLowerCase()}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
      })

const refuses = (code: string, name: string, impact: Impact): boolean => {
  const [command = ""] = name.split("|")
  if (command === "AUTH" || command === "HELLO") return false
  switch (code) {
    case "OOM":
      return impact === "grow"
    case "READONLY":
    case "NOREPLICAS":
      return impact !== "none"
    case "MISCONF":
      return impact !== "none" || command === "PING"
    case "LOADING":
    case "MASTERDOWN":
      return !answeredWithoutData.has(command)
    default:
      return true
  }
}

// The flags `loading` and `stale` of Redis 7.0.
const answeredWithoutData = new Set(["CLIENT", "ECHO", "INFO", "ROLE", "SELECT", "TIME"])
