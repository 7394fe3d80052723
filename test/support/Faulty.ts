import { Context, Effect, Layer } from "effect"
import { RedisConnector } from "effect-ioredis"
import * as FaultInjection from "effect-ioredis/FaultInjection"

// A connector with the switch of its faults, without a client on it.

export const behind =
  (options?: FaultInjection.Options) =>
  (
    connector: RedisConnector.RedisConnector["Service"],
    use: (faults: FaultInjection.FaultInjection) => Effect.Effect<void, FaultInjection.FaultInjectionError> = () =>
      Effect.void
  ) =>
    Effect.gen(function* () {
      const context = yield* Layer.build(FaultInjection.layer(options))
      yield* use(Context.get(context, FaultInjection.FaultInjection))
      return Context.get(context, RedisConnector.Middleware)(connector)
    })
