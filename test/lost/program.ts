import * as Net from "node:net"
import { createInterface } from "node:readline"
import { Effect, Schema } from "effect"
import * as Actor from "../replay/Actor.ts"
import * as OwnCache from "../support/OwnCache.ts"

/**
 * A Node process with the cache in it, told what to do line by line. It answers on a pipe of its own, so that whatever comes
 * on stdout or stderr was not asked for; the program's own logger is off.
 */
const replies = new Net.Socket({ fd: 3 })
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const program = Effect.gen(function* () {
  const { cache } = yield* OwnCache.make({
    redis: {
      host: "127.0.0.1",
      port: Number(process.env.LOST_PORT),
      username: process.env.LOST_USER || undefined,
      password: process.env.LOST_PASSWORD || undefined,
      maxConnections: Number(process.env.LOST_CONNECTIONS ?? 1)
    }
  })
  const region = yield* OwnCache.region(cache, { name: Actor.regionName })
  const obey = Actor.obey(region)
  replies.write("[]\n")
  for (;;) {
    const { done, value } = yield* Effect.promise(() => lines.next())
    if (done === true) return
    const command = yield* Effect.orDie(Schema.decodeEffect(Actor.CommandLine)(value))
    replies.write(`${JSON.stringify(yield* obey(command))}\n`)
  }
})

Effect.runPromise(Effect.scoped(program)).finally(() => {
  process.stdin.destroy()
  replies.destroy()
})
