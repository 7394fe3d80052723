/** Reads where Redis is, as the library reads it. */
import { Config, ConfigProvider, Effect, type Redacted, Schema } from "effect"
import { RedisConfig, Settings } from "effect-ioredis"
import { addressText } from "./facts/address.ts"

/** What the settings say. */
export interface Target {
  readonly redis: RedisConfig.RedisConfig
  /** Begins the keys of the cache. */
  readonly prefix: string
}

/** What stands in the command line. */
export interface Given {
  /** Wins over whatever the environment says of the place. */
  readonly url: Redacted.Redacted<string> | undefined
  /** Begins the names of all variables. */
  readonly envPrefix: string | undefined
}

/** Reads the environment, and checks everything before anything connects. */
export const read = ({ envPrefix, url }: Given): Effect.Effect<Target, Config.ConfigError> => {
  const settings = Settings.all({
    options: RedisConfig.fromEnv({ prefix: envPrefix }),
    prefix: cachePrefix(envPrefix)
  })
  return ConfigProvider.ConfigProvider.pipe(
    Effect.map((provider) => (url === undefined ? provider : withoutPlace(provider))),
    Effect.flatMap((provider) => settings.parse(provider)),
    Effect.flatMap(({ options, prefix }) =>
      Effect.map(RedisConfig.make({ ...options, ...(url !== undefined && { url }) }), (redis) => ({ redis, prefix }))
    )
  )
}

const Prefix = Schema.String.check(Schema.isMinLength(1)).annotate({
  expected: "what begins the keys of the cache",
  example: "cache"
})

const cachePrefix = (envPrefix: string | undefined): Config.Config<string> => {
  const config = Config.withDefault(Config.schema(Prefix, "CACHE_PREFIX"), envPrefix?.toLowerCase() ?? "cache")
  return envPrefix === undefined ? config : Config.nested(config, envPrefix)
}

// With these, a URL in the command line would be a second place.
const placeVariable = /(^|_)REDIS_(URL|HOST|PORT|SENTINELS|SENTINEL_\w+|CLUSTER_NODES|NAT_MAP)$/

const withoutPlace = (provider: ConfigProvider.ConfigProvider): ConfigProvider.ConfigProvider =>
  ConfigProvider.make((path) => (placeVariable.test(path.join("_")) ? Effect.succeed(undefined) : provider.load(path)))

/** Says where Redis is, without user and password. */
export const targetText = ({ client: { login, topology } }: RedisConfig.RedisConfig): string => {
  const tls = !Effect.isEffect(login) && login?.tls ? "rediss" : "redis"
  switch (topology?._tag) {
    case "Cluster":
      return `cluster of ${topology.seeds.map(addressText).join(", ")}`
    case "Sentinel":
      return `master ${topology.master} of sentinels ${topology.sentinels.map(addressText).join(", ")}`
    default: {
      const address = topology?.address ?? { host: "localhost", port: 6379 }
      const db = !Effect.isEffect(login) && login?.db ? `/${login.db}` : ""
      return `${tls}://${addressText(address)}${db}`
    }
  }
}
