import { Clock, Context, Effect } from "effect"
import type { RedisConnector } from "../../RedisConnector.ts"
import * as RedisError from "../../RedisError.ts"
import * as Monotonic from "../Monotonic.ts"
import type { FaultSwitch, Kind } from "./FaultSwitch.ts"
import { FaultyConnection, type Surroundings } from "./FaultyConnection.ts"

/** A connector whose logins and connections are befallen by faults while the switch is on. */
export const make = (
  inner: RedisConnector["Service"],
  faults: FaultSwitch,
  context: Context.Context<never>
): RedisConnector["Service"] => {
  const { clock } = inner
  const fork = Effect.runForkWith(Context.add(context, Clock.Clock, clock))
  const around: Surroundings = {
    faults,
    now: () => Monotonic.millis(clock),
    after: (millis, f) => {
      const fiber = fork(Effect.andThen(Effect.sleep(millis), Effect.sync(f)))
      return () => fiber.interruptUnsafe()
    },
    // What was thrown may quote a reply.
    onDefect: (defect) => {
      const name = defect instanceof Error ? defect.name : typeof defect
      fork(Effect.logError(`A callback of a Redis command threw ${name}. Others were served`))
    }
  }
  return {
    clock,
    connect: (address, login) =>
      Effect.suspend(() => before(faults.ofLogin(), faults)).pipe(
        Effect.provideService(Clock.Clock, clock),
        Effect.andThen(inner.connect(address, login)),
        Effect.map((connection) => new FaultyConnection(connection, around))
      )
  }
}

// What becomes of a login before it leaves.
const before = (
  fault: Kind | undefined,
  { settings, whenOff }: FaultSwitch
): Effect.Effect<void, RedisError.RedisConnectionError> => {
  switch (fault) {
    case undefined:
      return Effect.void
    case "Delay":
      return Effect.raceFirst(Effect.sleep(settings.delay), whenOff)
    case "Mute":
      return whenOff
    case "Refuse":
      return failed("Refused", "refused by FaultInjection")
    case "Cut":
      return failed("Reset", "cut by FaultInjection")
  }
}

const failed = (reason: RedisError.ConnectionFailure, message: string) =>
  Effect.fail(RedisError.connectionError("CONNECT", reason, "never", new Error(message)))
