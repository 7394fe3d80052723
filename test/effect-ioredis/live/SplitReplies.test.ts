import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { IoredisConnector, RedisCommand, RedisConnection } from "effect-ioredis"
import * as FreePort from "../../support/FreePort.ts"
import * as RedisServer from "../../support/RedisServer.ts"

/** Passes on what a server says piece by piece, each of which ends between the two bytes of a line's end. */
const splitting = (target: number) =>
  Effect.gen(function* () {
    const port = yield* FreePort.make
    const sockets = new Set<Net.Socket>()
    yield* Effect.acquireRelease(
      Effect.callback<Net.Server>((resume) => {
        const proxy = Net.createServer({ noDelay: true }, (client) => {
          const server = Net.connect(target, "127.0.0.1")
          const pieces: Array<Buffer> = []
          // Each piece has to come in a turn of its own.
          const pump = (): void => {
            const piece = pieces[0]
            if (piece === undefined) return
            client.write(piece, () => {
              pieces.shift()
              setImmediate(pump)
            })
          }
          client.pipe(server)
          server.on("data", (chunk) => {
            const isIdle = pieces.length === 0
            for (let from = 0; from < chunk.length; ) {
              const at = chunk.indexOf(13, from)
              const to = at === -1 ? chunk.length : at + 1
              pieces.push(chunk.subarray(from, to))
              from = to
            }
            if (isIdle) pump()
          })
          for (const socket of [client, server]) {
            sockets.add(socket)
            socket.on("error", () => {})
            socket.on("close", () => {
              client.destroy()
              server.destroy()
            })
          }
        })
        proxy.listen(port, "127.0.0.1", () => resume(Effect.succeed(proxy)))
      }),
      (proxy) =>
        Effect.sync(() => {
          proxy.close()
          for (const socket of sockets) socket.destroy()
        })
    )
    return port
  })

describe("Replies whose lines come in two parts", () => {
  it.live("belong to their commands, and cost no connection", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const { connect } = yield* IoredisConnector.make()
      const connection = yield* connect({ host: "127.0.0.1", port: yield* splitting(server.port) }, {})
      const send = (name: string, ...args: ReadonlyArray<string>) =>
        RedisConnection.send(connection, RedisCommand.make(name, args))
      for (let round = 1; round <= 20; round++) {
        const replies = yield* Effect.all(
          [send("SET", "k", "v"), send("GET", "k"), send("INCR", "n"), send("MGET", "k", "x"), send("INCR", "n")],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(replies, ["OK", "v", 2 * round - 1, ["v", null], 2 * round])
      }
    }).pipe(Effect.scoped)
  )
})
