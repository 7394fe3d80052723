import { Effect } from "effect"
import type { Server } from "./Servers.ts"

/** What a server has, as a text to be compared. */
export const holdsWhat = (server: Server): Effect.Effect<string> =>
  Effect.flatMap(server.entries, (entries) =>
    Effect.map(
      Effect.forEach(Array.from(entries).sort(), ([key, { expiresAt }]) =>
        Effect.map(server.peek(key), (value) => `${key} ${expiresAt} ${value}`)
      ),
      (all) => all.join("\n")
    )
  )
