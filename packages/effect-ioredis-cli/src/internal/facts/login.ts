/** Logs in to one server, and finds out why where that fails. */
import * as Net from "node:net"
import { Clock, Duration, Effect, Option, Result, type Scope } from "effect"
import { type RedisConnection, type RedisConnector, RedisError } from "effect-ioredis"
import { addressText } from "./address.ts"
import { type Patience, atMost } from "./Conversation.ts"
import type { Attempt, Unreached } from "./Facts.ts"

type Connector = RedisConnector.RedisConnector["Service"]

/** Gives the open connection, or everything that is known of why there is none. */
export const login = Effect.fnUntraced(function* (
  connector: Connector,
  address: RedisConnector.RedisAddress,
  credentials: RedisConnector.RedisLogin,
  patience: Patience
): Effect.fn.Return<Result.Result<RedisConnection.RedisConnection, Unreached>, never, Scope.Scope> {
  const started = yield* Clock.currentTimeMillis
  const connected = yield* connect(connector, address, credentials, yield* atMost(patience.connect, patience))
  if (Result.isSuccess(connected)) return Result.succeed(connected.success)
  const waited = (yield* Clock.currentTimeMillis) - started
  const error = connected.failure
  const probes = needsProbes(error) ? yield* probe(connector, address, credentials, patience) : noProbes
  return Result.fail<Unreached>({
    _tag: "Unreached",
    ...attemptOf(address, credentials),
    reason: error.reason,
    message: error.message.replace("No connection to Redis: ", ""),
    said: saidOf(error.cause),
    code: codeOf(error.cause),
    waited,
    ...probes
  })
})

/** Says who is to log in where. */
export const attemptOf = (
  address: RedisConnector.RedisAddress,
  { password, tls, username }: RedisConnector.RedisLogin
): Attempt => ({
  address: addressText(address),
  tls: tls !== undefined && tls !== false,
  user: username ?? "default",
  hasPassword: password !== undefined
})

const connect = (
  connector: Connector,
  address: RedisConnector.RedisAddress,
  credentials: RedisConnector.RedisLogin,
  millis: number
) =>
  connector.connect(address, credentials).pipe(
    Effect.timeoutOrElse({
      duration: Duration.millis(millis),
      orElse: () => Effect.fail(RedisError.connectionError("CONNECT", "Timeout", "never"))
    }),
    Effect.result
  )

const noProbes = { accepts: true, speaksTls: false, speaksPlain: false }

// Where the system or the server said itself why, nothing has to be found out.
const needsProbes = ({ reason }: RedisError.RedisConnectionError): boolean =>
  ["Reset", "Closed", "Timeout", "Stalled", "Tls", "NotReady"].includes(reason)

const longestProbe = 2000

const probe = Effect.fnUntraced(function* (
  connector: Connector,
  address: RedisConnector.RedisAddress,
  { tls }: RedisConnector.RedisLogin,
  patience: Patience
) {
  const millis = yield* atMost(longestProbe, patience)
  const speaks = (other: RedisConnector.RedisLogin) =>
    Effect.map(Effect.scoped(connect(connector, address, { ...other, db: 0 }, millis)), isUnderstood)
  const isEncrypted = tls !== undefined && tls !== false
  return yield* Effect.all(
    {
      accepts: accepts(address, millis),
      // Nothing secret is sent, so that it does not matter who answers.
      speaksTls: isEncrypted ? Effect.succeed(false) : speaks({ tls: { rejectUnauthorized: false } }),
      speaksPlain: isEncrypted ? speaks({}) : Effect.succeed(false)
    },
    { concurrency: "unbounded" }
  )
})

// A refused login is an answer as well, and so is an alert of TLS or a certificate to look at.
const isUnderstood = (result: Result.Result<unknown, RedisError.RedisConnectionError>): boolean =>
  Result.isSuccess(result) ||
  ["Auth", "TooManyClients", "NotReady"].includes(result.failure.reason) ||
  (result.failure.reason === "Tls" && /ALERT|CERT|SELF_SIGNED|HANG_UP/.test(codeOf(result.failure.cause)))

// A driver would not say whether it was the connection or the answer that did not come.
const accepts = ({ host, port }: RedisConnector.RedisAddress, millis: number): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const socket = Net.connect({ host, port })
    socket.once("connect", () => resume(Effect.succeed(true)))
    socket.once("error", () => resume(Effect.succeed(false)))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutOption(Duration.millis(millis)), Effect.map(Option.getOrElse(() => false)))

const saidOf = (cause: unknown): string => (cause instanceof Error ? cause.message : "")

const codeOf = (cause: unknown): string => {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, "code") : undefined
  return typeof code === "string" ? code : ""
}
