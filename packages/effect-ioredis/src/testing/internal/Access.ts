import * as Glob from "./Glob.ts"
import { keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** Sets who may log in, and which commands are refused to everybody. */
export interface Access {
  /** The password of the user `default`, who needs none without it. */
  readonly password?: string | undefined
  /** The passwords of other users, by name. */
  readonly users?: Readonly<Record<string, string>> | undefined
  /**
   * Commands that are answered with NOPERM: `CLIENT` for all of its subcommands, `CLIENT KILL` for
   * one.
   */
  readonly denied?: ReadonlyArray<string> | undefined
  /**
   * Patterns of the channels that may be used, as in the rules of an ACL without their `&`.
   * Default: all.
   */
  readonly channels?: ReadonlyArray<string> | undefined
}

/** Describes what a client says of itself when it logs in. */
export interface Login {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly db: number
  readonly clientName: string
}

/** Why AUTH is refused, if it is. */
export const authRefusal = (
  { password: defaultPassword, users = {} }: Access,
  username: string | undefined,
  password: string
): Wire.ErrorReply | undefined => {
  if (username === undefined && defaultPassword === undefined) {
    return new Wire.ErrorReply({
      message:
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
    })
  }
  const user = username ?? "default"
  const known = user === "default" ? (defaultPassword ?? password) : users[user]
  return known === password ? undefined : wrongPassword()
}

/** Why a login is refused, if it is. */
export const loginRefusal = (access: Access, { password, username }: Login): Wire.ErrorReply | undefined => {
  if (password !== undefined) return authRefusal(access, username, password)
  return access.password === undefined ? undefined : new Wire.ErrorReply({ message: "NOAUTH Authentication required." })
}

/** Why a command is refused to everybody, if it is; `name` is as in `CLIENT|KILL`. */
export const commandRefusal = ({ denied = [] }: Access, name: string): Wire.ErrorReply | undefined =>
  denied.some((entry) => covers(entry.toUpperCase().replace(" ", "|"), name))
    ? new Wire.ErrorReply({ message: `NOPERM this user has no permissions to run the '${name.toLowerCase()}' command` })
    : undefined

/** Why a command is refused for the channels that it names, if it is. */
export const channelRefusal = (
  { channels }: Access,
  name: string,
  args: ReadonlyArray<Buffer>
): Wire.ErrorReply | undefined => {
  if (channels === undefined || channels.includes("*")) return undefined
  const isAllowed = allowedBy[name]?.(channels)
  const named = name.endsWith("PUBLISH") ? args.slice(0, 1) : args
  return isAllowed === undefined || named.every((channel) => isAllowed(keyOf(channel)))
    ? undefined
    : new Wire.ErrorReply({ message: noChannel })
}

/** What an error reply says where a script has called the command: refusals have other words. */
export const inScript = (message: string): string => {
  if (!message.startsWith("NOPERM ")) return message
  return message === noChannel
    ? "ERR The user executing the script can't publish to the channel mentioned in the command"
    : "ERR The user executing the script can't run this command or subcommand"
}

const noChannel = "NOPERM this user has no permissions to access one of the channels used as arguments"

const byPattern = (channels: ReadonlyArray<string>) => (channel: string) =>
  channels.some((pattern) => Glob.matches(pattern)(channel))

// A pattern must be one of those that the rules name.
const allowedBy: Readonly<Record<string, (channels: ReadonlyArray<string>) => (channel: string) => boolean>> = {
  SUBSCRIBE: byPattern,
  SSUBSCRIBE: byPattern,
  PUBLISH: byPattern,
  SPUBLISH: byPattern,
  PSUBSCRIBE: (channels) => (pattern) => channels.includes(pattern)
}

/** Tells whether a name in a list of commands means this command. */
export const covers = (entry: string, name: string): boolean => entry === name || name.startsWith(`${entry}|`)

const wrongPassword = () =>
  new Wire.ErrorReply({ message: "WRONGPASS invalid username-password pair or user is disabled." })
