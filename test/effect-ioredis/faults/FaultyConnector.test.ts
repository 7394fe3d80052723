import { Effect } from "effect"
import type { RedisConnector } from "effect-ioredis"
import type * as FaultInjection from "effect-ioredis/FaultInjection"
import { redisConnectionSuite } from "../../suites/redisConnection.ts"
import { simulatedHarness } from "../../suites/simulatedHarness.ts"
import * as Faulty from "../../support/Faulty.ts"

// Where nothing befalls a command, a connection behind faults is a connection as every other.

const states: Readonly<
  Record<string, (faults: FaultInjection.FaultInjection) => Effect.Effect<void, FaultInjection.FaultInjectionError>>
> = {
  off: () => Effect.void,
  "on, at a rate of 0": ({ turnOn }) => turnOn({ rate: 0, duration: "1 hour" }),
  "on, and off again": ({ turnOff, turnOn }) => Effect.andThen(turnOn({ rate: 1 }), turnOff)
}

for (const [state, use] of Object.entries(states)) {
  const behind = (connector: RedisConnector.RedisConnector["Service"]) => Faulty.behind()(connector, use)
  redisConnectionSuite(`SimulatedRedis behind faults that are ${state}`, simulatedHarness(behind))
}
