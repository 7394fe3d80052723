import { Clock, Effect, Result, type Scope } from "effect"
import { RedisClient, type RedisCommand, type RedisConnection, RedisConnector, type RedisError } from "effect-ioredis"

/** A connector in a test's hands, on the clock of the test. */
export interface FakeConnector {
  readonly connector: RedisConnector.RedisConnector["Service"]
  /** Where somebody tried to connect, and as whom. */
  readonly logins: ReadonlyArray<readonly [RedisConnector.RedisAddress, RedisConnector.RedisLogin]>
  /** The names of the commands that came after the introduction of a connection. */
  readonly sent: ReadonlyArray<string>
}

export interface Options {
  /** What comes of a command; it is never answered where this gives `undefined`. Default: never. */
  readonly answer?: (command: RedisCommand.RedisCommand) => RedisConnection.ReplyResult | undefined
  /** What comes of connecting. Default: a connection, at once. */
  readonly connecting?: Effect.Effect<void, RedisError.RedisConnectionError>
  /** How long an open connection waits for outstanding replies. Default: not at all. */
  readonly drain?: Effect.Effect<void>
}

/** Connections that are lost with their scope alone, and that always hear something, so that none of them stalls. */
export const make = (options: Options = {}): Effect.Effect<FakeConnector> =>
  Effect.map(Clock.Clock, (clock) => {
    const logins: Array<readonly [RedisConnector.RedisAddress, RedisConnector.RedisLogin]> = []
    const sent: Array<string> = []
    const submit = (command: RedisCommand.RedisCommand) => {
      sent.push(command.name)
      return options.answer?.(command)
    }
    return {
      logins,
      sent,
      connector: {
        clock,
        connect: (address, login) =>
          Effect.suspend(() => {
            logins.push([address, login])
            return Effect.as(options.connecting ?? Effect.void, connection(submit, options.drain ?? Effect.void))
          })
      }
    }
  })

/** A client on it. */
export const client = (
  { connector }: FakeConnector,
  options: Omit<RedisClient.Options, "requireReady"> = {}
): Effect.Effect<RedisClient.RedisClient, never, Scope.Scope> =>
  Effect.orDie(RedisClient.make(options)).pipe(Effect.provideService(RedisConnector.RedisConnector, connector))

const introduce = (command: RedisCommand.RedisCommand): RedisConnection.ReplyResult =>
  Result.succeed(command.name === "INFO" ? "run_id:fake\r\nrole:master\r\n" : "OK")

const connection = (
  submit: (command: RedisCommand.RedisCommand) => RedisConnection.ReplyResult | undefined,
  drain: Effect.Effect<void>
): RedisConnection.RedisConnection => {
  let activity = 0
  let inFlight = 0
  let times = 0
  return {
    submit: (command, onReply) => {
      // The third answer of TIME ends the introduction.
      const introduces = times < 3
      if (command.name === "TIME") times++
      inFlight++
      const result = introduces ? introduce(command) : submit(command)
      if (result === undefined) return
      // No reply comes before `submit` has returned.
      queueMicrotask(() => {
        inFlight--
        onReply(result)
      })
    },
    isOpen: () => true,
    inFlight: () => inFlight,
    activity: () => activity++,
    onLoss: () => () => {},
    onPush: () => () => {},
    drain,
    destroy: () => {}
  }
}
