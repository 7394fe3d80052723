import { NodeRuntime } from "@effect/platform-node"
import { Config, ConfigProvider, Console, Effect, Layer } from "effect"
import * as RedisServer from "../../../test/support/RedisServer.ts"
import * as Shop from "./Shop.ts"

// The shop with two private Redis servers, which end with it.
const start = Effect.gen(function* () {
  const cache = yield* RedisServer.make()
  const durable = yield* RedisServer.make({ config: ["appendonly yes", "appendfsync always"] })
  const settings = ConfigProvider.fromUnknown({
    HOST: "127.0.0.1",
    REDIS_URL: cache.url,
    DURABLE: { REDIS_URL: durable.url },
    // Order numbers begin anew with the servers, and so do the orders.
    SHOP_DATABASE: "memory://"
  })
  yield* Layer.build(Shop.layer).pipe(Effect.provide(ConfigProvider.layerAdd(settings, { asPrimary: true })))
  const port = yield* Config.Port("PORT").pipe(Config.withDefault(3000))
  yield* Console.log(guide(`http://127.0.0.1:${port}`, yield* cache.pid, yield* durable.pid))
  return yield* Effect.never
}).pipe(Effect.scoped)

const guide = (url: string, cache: number, durable: number) => `
The shop is open at ${url}. Try, in another terminal:

  curl -i -c jar ${url}/sign-in -d '{"customer":"ada"}' -H 'content-type: application/json'
  curl -b jar ${url}/me
  curl -b jar ${url}/orders -d '{"product":"tea","quantity":2}' -H 'content-type: application/json'
  curl ${url}/products
  curl ${url}/bestsellers
  curl -N ${url}/prices                     # live, until Ctrl-C
  curl ${url}/health
  curl ${url}/metrics

Then let the Redis of the cache hang, and all of this again. Everything works, sign-in says
"rate-limit: not enforced", and /prices shows a gap when it is back:

  kill -STOP ${cache}
  kill -CONT ${cache}

The Redis that numbers the orders and keeps the sessions is another one. Without it an order is
refused with 503, and nothing else is:

  kill -STOP ${durable}
  kill -CONT ${durable}

Ctrl-C closes the shop, and both of them.
`

NodeRuntime.runMain(start)
