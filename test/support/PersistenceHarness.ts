import { Effect } from "effect"
import type { Harness } from "../suites/persistence.ts"
import type * as RedisServer from "./RedisServer.ts"
import * as Wait from "./Wait.ts"

/** What the suite of Effect's modules asks of real servers: of all masters, wherever a key is. */
export const ofServers = (masters: ReadonlyArray<Pick<RedisServer.RedisServer, "cli">>): Harness => {
  const askAll = (...args: ReadonlyArray<string>) =>
    Effect.orDie(Effect.forEach(masters, (master) => master.cli(...args)))
  return {
    play: (test) => test,
    waitFor: (condition) => Wait.until("it holds", condition),
    isAwaited: () =>
      Effect.map(askAll("INFO", "clients"), (all) => all.some((info) => /blocked_clients:1/.test(String(info)))),
    listeners: (channel) =>
      Effect.map(askAll("PUBSUB", "NUMSUB", channel), (all) =>
        all.reduce((sum: number, reply) => sum + (Array.isArray(reply) ? Number(reply[1]) : 0), 0)
      ),
    forgetScripts: Effect.asVoid(askAll("SCRIPT", "FLUSH"))
  }
}
