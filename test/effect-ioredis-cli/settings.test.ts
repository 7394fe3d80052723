import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted } from "effect"
import * as Settings from "../../packages/effect-ioredis-cli/src/internal/settings.ts"

const password = "pa55-w0rd"

const read = (
  env: Readonly<Record<string, string>>,
  given: { readonly url?: string; readonly envPrefix?: string } = {}
) =>
  Settings.read({
    url: given.url === undefined ? undefined : Redacted.make(given.url),
    envPrefix: given.envPrefix
  }).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { ...env } })))

const loginOf = ({ redis: { client } }: Settings.Target) => (Effect.isEffect(client.login) ? undefined : client.login)

const passwordOf = (target: Settings.Target): string | undefined => {
  const secret = loginOf(target)?.password
  return secret === undefined ? undefined : Redacted.value(secret)
}

describe("settings", () => {
  it.effect("come from the environment, as those of the library do", () =>
    Effect.gen(function* () {
      const target = yield* read({ REDIS_URL: `rediss://app:${password}@redis.example:7000/3`, CACHE_PREFIX: "shop" })
      assert.strictEqual(Settings.targetText(target.redis), "rediss://redis.example:7000/3")
      assert.strictEqual(passwordOf(target), password)
      assert.strictEqual(target.prefix, "shop")
    })
  )

  it.effect("are the default ones where there are none", () =>
    Effect.gen(function* () {
      const target = yield* read({})
      assert.strictEqual(Settings.targetText(target.redis), "redis://localhost:6379")
      assert.strictEqual(target.prefix, "cache")
    })
  )

  it.effect("a URL takes the place of the place alone", () =>
    Effect.gen(function* () {
      const env = {
        REDIS_URL: "no URL at all",
        REDIS_SENTINELS: "sentinel:26379",
        REDIS_SENTINEL_MASTER: "orders",
        REDIS_CLUSTER_NODES: "node:6379",
        REDIS_NAT_MAP: "a:1=b:2",
        REDIS_PASSWORD: password
      }
      const target = yield* read(env, { url: "redis://redis.example" })
      assert.strictEqual(Settings.targetText(target.redis), "redis://redis.example:6379")
      assert.strictEqual(passwordOf(target), password)
    })
  )

  it.effect("have the prefix that the library would give them", () =>
    Effect.gen(function* () {
      const env = {
        REDIS_URL: "redis://other",
        SESSIONS_REDIS_URL: "redis://sessions",
        SESSIONS_REDIS_PASSWORD: password
      }
      const target = yield* read(env, { envPrefix: "SESSIONS" })
      assert.strictEqual(Settings.targetText(target.redis), "redis://sessions:6379")
      assert.strictEqual(target.prefix, "sessions")
      const given = yield* read(env, { envPrefix: "SESSIONS", url: "redis://given" })
      assert.strictEqual(Settings.targetText(given.redis), "redis://given:6379")
      assert.strictEqual(passwordOf(given), password)
    })
  )

  it.effect("name sentinels and clusters", () =>
    Effect.gen(function* () {
      const sentinels = yield* read({ REDIS_SENTINELS: "one:26379,two:26379", REDIS_SENTINEL_MASTER: "orders" })
      assert.strictEqual(Settings.targetText(sentinels.redis), "master orders of sentinels one:26379, two:26379")
      const cluster = yield* read({ REDIS_CLUSTER_NODES: "one:6379,two:6379" })
      assert.strictEqual(Settings.targetText(cluster.redis), "cluster of one:6379, two:6379")
    })
  )

  it.effect("that are wrong are told without the password", () =>
    Effect.gen(function* () {
      const url = yield* Effect.flip(read({}, { url: `http://:${password}@localhost` }))
      const both = yield* Effect.flip(
        read({ REDIS_URL: `redis://:${password}@localhost`, REDIS_CLUSTER_NODES: "one:6379" })
      )
      for (const { message } of [url, both]) assert.notInclude(message, password)
      assert.include(url.message, "url does not begin with redis:// or rediss://")
      assert.include(both.message, "each say where Redis is")
    })
  )
})
