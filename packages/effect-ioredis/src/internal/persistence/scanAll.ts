import { Effect, Stream } from "effect"
import type { Redis } from "effect/persistence/Redis"
import type { RedisClient } from "../../RedisClient.ts"
import type { UseOptions } from "../../persistence.ts"
import { scanWithin } from "./scanWithin.ts"
import { toEffect } from "./toEffect.ts"

type Send = Redis["Service"]["send"]

/**
 * Lets a SCAN see the whole of a cluster. The command asks one server, and its cursor says nothing
 * of the others: whoever begins one is given all that there is, and a cursor that is at its end.
 */
export const scanAll =
  (client: RedisClient, send: Send, use: UseOptions): Send =>
  <A>(command: string, ...args: ReadonlyArray<string>) => {
    const [cursor, ...options] = args
    const match = command.toUpperCase() === "SCAN" && cursor === "0" ? matchOf(options) : undefined
    if (match === undefined) return send<A>(command, ...args)
    return Effect.mapBoth(Stream.runCollect(scanWithin(client, match, use)), {
      // The caller says what is answered, and nobody checks it.
      onSuccess: (keys) => ["0", keys] as A,
      onFailure: toEffect
    })
  }

// What the options ask for, if that is nothing but a pattern.
const matchOf = (options: ReadonlyArray<string>): { readonly match?: string } | undefined => {
  const [word, value, ...more] = options
  if (word === undefined) return {}
  if (value === undefined) return undefined
  const rest = matchOf(more)
  switch (word.toUpperCase()) {
    case "COUNT":
      return rest
    case "MATCH":
      return rest && { match: value, ...rest }
    default:
      return undefined
  }
}
