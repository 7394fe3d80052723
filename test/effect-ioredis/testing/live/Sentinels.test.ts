import { Effect, Layer } from "effect"
import { IoredisConnector } from "effect-ioredis"
import * as RedisSentinels from "../../../support/RedisSentinels.ts"
import type * as RedisServer from "../../../support/RedisServer.ts"
import * as Wait from "../../../support/Wait.ts"
import { Sentinels, sentinelsSuite } from "../../../suites/sentinels.ts"

const addressOf = ({ port }: RedisServer.RedisServer) => ({ host: "127.0.0.1", port })

const live = Layer.effect(
  Sentinels,
  Effect.gen(function* () {
    // On a busy machine servers may keep sentinels waiting, who should not take them for dead.
    const redis = yield* RedisSentinels.make({ downAfter: 10_000 })
    const sentinel = redis.sentinel(0)
    const describes = (word: string, fields: ReadonlyArray<string>) =>
      Wait.until(
        `SENTINEL ${word} tells of everybody`,
        Effect.map(
          sentinel.cli("SENTINEL", word, redis.name),
          (reply) =>
            fields.every((field) => JSON.stringify(reply).includes(field)) &&
            !JSON.stringify(reply).includes("disconnected")
        )
      )
    return {
      connector: yield* IoredisConnector.make(),
      name: redis.name,
      sentinel: addressOf(sentinel),
      master: addressOf(redis.server(0)),
      replica: addressOf(redis.server(1)),
      informed: Effect.andThen(
        describes("REPLICAS", ['"flags","slave"', `"master-port","${redis.server(0).port}"`]),
        describes("SENTINELS", ['"flags","sentinel"'])
      )
    }
  })
)

sentinelsSuite("Redis", live, { timeout: 60_000 })
