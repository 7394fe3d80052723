import { Effect } from "effect"
import { type RedisClient, RuntimeSettings } from "effect-ioredis"

/** Gives the settings of a client's profile, if it has one. */
export const profileOf = (
  client: RedisClient.RedisClient
): Effect.Effect<RuntimeSettings.ProfileSettings | undefined> =>
  Effect.map(client.stats, ({ settings: { profile } }) => profile && RuntimeSettings.profiles[profile])
