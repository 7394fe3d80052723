import { Redacted } from "effect"
import * as RedisCommand from "../RedisCommand.ts"
import type { RedisLogin } from "../RedisConnector.ts"

/** The command that logs a connection in, or `undefined` for a login without a password. */
export const authCommand = ({ password, username }: RedisLogin): RedisCommand.RedisCommand | undefined =>
  password === undefined
    ? undefined
    : RedisCommand.make("AUTH", [...(username === undefined ? [] : [username]), Redacted.value(password)])
