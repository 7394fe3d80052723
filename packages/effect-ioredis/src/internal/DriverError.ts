/** Turns what the driver throws into errors of this library: only the adapter meets it. */
import {
  type ConnectionFailure,
  connectionError,
  type Redirect,
  type RedisCommandError,
  RedisOperationError,
  RedisTimeoutError
} from "../RedisError.ts"
import { codeOf, knownScriptText, knownText } from "./replyTexts.ts"

/** Describes what is known of the command that failed, and how much may be shown. */
export interface Context {
  readonly command: string
  /** The codes that the command declares beside Redis' own. */
  readonly errors?: ReadonlyArray<string> | undefined
  /**
   * The last error that the connection itself reported: the driver says to a command only that it
   * is "not writeable".
   */
  readonly connectionError?: unknown
  readonly timeoutMillis?: number | undefined
  /** Shows what scripts raise as it is, data included. */
  readonly showScriptErrors?: boolean | undefined
}

/**
 * Turns what a driver threw into a `RedisCommandError`. An unknown error is taken for a lost
 * connection whose outcome is unknown, the most careful reading.
 */
export const classify = (error: unknown, context: Context): RedisCommandError => {
  const { command } = context
  const { message, name } = describe(error)
  if (name === "ReplyError") return operationError(error, context)
  if (message === "Command timed out")
    return RedisTimeoutError.after(command, context.timeoutMillis ?? 0, redact(error))
  const cause = context.connectionError ?? error
  if (notSent.test(message)) return connectionError(command, reasonOf(cause) ?? "NotReady", "never", redact(cause))
  const reason = message === "Connection is closed." ? "Closed" : (reasonOf(cause) ?? "Reset")
  return connectionError(command, reason, "unknown", redact(cause))
}

const notSent = /isn't writeable|Cluster isn't ready|None of startup nodes|Failed to refresh slots/

const operationError = (error: unknown, { command, errors, showScriptErrors }: Context): RedisOperationError => {
  const { message } = describe(error)
  const code = codeIn(message, command, errors)
  // EXECABORT says nothing of what was wrong; the driver keeps the replies of the commands that
  // were.
  const subject = code === "EXECABORT" ? (previousError(error) ?? error) : error
  const shown = shownText(subject, { command, errors, showScriptErrors })
  const verb = code === "EXECABORT" ? "discarded" : "refused"
  const isInScript = code === "NOPERM" && deniedInScript.test(message)
  const text = `${command} was ${verb} by Redis: ${shown}${(isInScript ? adviceInScript : advices[code]) ?? ""}`
  const redirect = redirectIn(message)
  return new RedisOperationError({ command, code, message: text, redirect, cause: redacted("ReplyError", shown) })
}

// A script may raise what Redis says before it begins with one, and whoever took its word would run
// it again. The code is given to Redis' own words alone, whatever the script declares.
const codeIn = (message: string, command: string, errors: Context["errors"]): string => {
  const code = codeOf(message, errors)
  if (!scripts.has(command)) return code
  if (deniedInScript.test(message)) return "NOPERM"
  return beforeScripts.has(code) && !saidBeforeScripts.test(message) ? "ERR" : code
}

// Redis looks again whether a user may do what his script does, and then says ERR: the first is
// what 7.0 says, the second what versions from 7.2 on say. A script that raises only the text of
// what it caught has its own place before it.
const deniedInScript =
  /^(?:ERR |NOPERM )?(?:user_(?:script|function):\d{1,6}: (?:ERR |NOPERM )?)?(?:The user executing the script can't |ACL failure in script: )/

const beforeScripts = new Set(["NOSCRIPT", "MOVED", "ASK", "EXECABORT"])

const saidBeforeScripts = /^(?:NOSCRIPT No matching script\.(?: Please use EVAL\.)?|(?:MOVED|ASK) \d{1,5} \S*:\d{1,5})$/

// "MOVED 3999 10.0.0.1:6379", and without a host where it is that of the server which says so. An
// address of IPv6 has colons of its own.
const redirectIn = (message: string): Redirect | undefined => {
  const [, code, slot, host = "", port] = /^(MOVED|ASK) (\d{1,5}) (.*):(\d{1,5})$/.exec(message) ?? []
  if (code === undefined) return undefined
  return { slot: Number(slot), host: host === "?" ? "" : host, port: Number(port), ask: code === "ASK" }
}

/**
 * The reason of a connection's failure, read from the error it reported, or `undefined` where the
 * error does not say.
 */
export const reasonOf = (error: unknown): ConnectionFailure | undefined => {
  const { code, message, name } = describe(error)
  if (name === "ReplyError") {
    if (message.startsWith("ERR max number of clients")) return "TooManyClients"
    return authCodes.has(codeOf(message)) ? "Auth" : "NotReady"
  }
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS") || code === "EPROTO") return "Tls"
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code)) return "Tls"
  if (message.includes("before secure TLS connection was established")) return "Tls"
  if (message.startsWith("Socket timeout")) return "Stalled"
  return reasonByCode[code]
}

const silent = "The connection was silent for too long and was replaced."

/**
 * A copy of a driver's error that holds no argument, key, value or password.
 *
 * Of a reply it keeps what Redis itself said, of an error of the system its message, and of the
 * driver's own errors those that quote nothing.
 */
export const redact = (error: unknown): Error | undefined => {
  if (error === undefined) return undefined
  const { code, message, name } = describe(error)
  if (name === "ReplyError") return redacted(name, shownText(error, { command: "" }))
  // From Node 22 on the codes of OpenSSL have a slash: ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE.
  if (/^[A-Z][A-Z0-9_/]+$/.test(code)) return Object.assign(redacted(name, message), { code })
  const known = ownTexts.find(([text]) => message.startsWith(text))
  return redacted(name, known === undefined ? "an error whose text is not shown, for it may hold data" : known[1])
}

// Where the copy was made says nothing about the failure, and the driver's own frames could quote
// arguments.
const redacted = (name: string, message: string): Error =>
  Object.assign(new Error(message), { name, stack: `${name}: ${message}` })

// How the driver's own texts begin, and what is said in their place where they mislead or quote
// what came.
const ownTexts: ReadonlyArray<readonly [begin: string, shown: string]> = [
  ["Reached the max retries per request limit", "The connection was lost."],
  ["Command aborted due to connection close", "The connection was lost."],
  ["Command queue state error", "Redis sent a reply that no command was waiting for."],
  ["Unknown RESP type", "The server sent bytes that are not Redis' protocol."],
  ["Protocol error", "The server sent bytes that are not Redis' protocol."],
  ["Too many Cluster redirections", "Too many Cluster redirections."],
  ["Socket timeout", silent],
  ...[
    "Connection is closed.",
    "Command timed out",
    "The connection was replaced.",
    "Stream isn't writeable and enableOfflineQueue options is false",
    "Cluster isn't ready and enableOfflineQueue options is false",
    "None of startup nodes is available",
    "Failed to refresh slots cache.",
    "Client network socket disconnected before secure TLS connection was established",
    "Connection lost",
    "Socket closed"
  ].map((text) => [text, text] as const)
]

// What of a reply may be shown: Redis' own words, and of a script only what is known, with its
// line.
const shownText = (error: unknown, { command, errors, showScriptErrors }: Context): string => {
  const { message } = describe(error)
  const name = nameOf(error) || command.toUpperCase()
  const unknown = `${codeIn(message, name, errors)} ${notShown}`
  if (!scripts.has(name)) return knownText(message, name) ?? unknown
  if (showScriptErrors === true) return message
  const { line, text } = knownScriptText(message, name)
  return `${text ?? unknown}${line === undefined ? "" : `, at line ${line} of the script`}`
}

const notShown = "(the reply's text is not shown, for it may hold data)"

const scripts = new Set(["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO", "SCRIPT", "FUNCTION"])

const authCodes = new Set(["NOAUTH", "WRONGPASS", "NOPERM", "DENIED"])

const reasonByCode: Readonly<Record<string, ConnectionFailure>> = {
  ECONNREFUSED: "Refused",
  ENOENT: "Refused",
  ENOTFOUND: "Dns",
  EAI_AGAIN: "Dns",
  ETIMEDOUT: "Timeout",
  ECONNRESET: "Reset",
  EPIPE: "Reset"
}

const advices: Readonly<Record<string, string>> = {
  NOAUTH: ". Give a password",
  WRONGPASS: ". Check the user name and password",
  NOPERM: ". Grant the user this command and these keys",
  OOM: ". Raise maxmemory or choose an eviction policy",
  MISCONF: ". Redis cannot save its data to disk and therefore refuses writes",
  READONLY: ". This server is a replica",
  CROSSSLOT:
    ". On a cluster, the keys of one command must be in one slot: give them a part in braces in common, as {user:1}:name and {user:1}:mail have"
}

const adviceInScript = ". Grant the user what the script does"

const describe = (error: unknown): { readonly name: string; readonly message: string; readonly code: string } => ({
  name: stringField(error, "name") ?? "Error",
  message: stringField(error, "message") ?? "",
  code: stringField(error, "code") ?? ""
})

const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

const stringField = (value: unknown, key: string): string | undefined => {
  const found = field(value, key)
  return typeof found === "string" ? found : undefined
}

const nameOf = (error: unknown): string => (stringField(field(error, "command"), "name") ?? "").toUpperCase()

const previousError = (error: unknown): unknown => {
  const previous = field(error, "previousErrors")
  return Array.isArray(previous) ? previous[0] : undefined
}
