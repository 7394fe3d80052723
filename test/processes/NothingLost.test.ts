import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Lost from "../lost/play.ts"
import type * as Actor from "../replay/Actor.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as Resp from "../support/Resp.ts"
import * as Wait from "../support/Wait.ts"

const kept = Effect.fnUntraced(function* (event: Lost.Event) {
  const seen = yield* Lost.play(event)
  const lost = Lost.lost(seen)
  assert.deepStrictEqual(
    {
      lost: lost.length,
      examples: lost.slice(0, 3),
      size: seen.sizeAfter,
      readOtherwise: seen.readOtherwise,
      strangersGone: seen.strangersGone,
      printed: seen.printed
    },
    { lost: 0, examples: [], size: seen.sizeBefore, readOtherwise: 0, strangersGone: [], printed: "" }
  )
  assert.isAtLeast(seen.sizeAfter, 600)
})

const nothingElse = [] as const

const mighty = { user: "mighty", password: "secret" }
const modest = { user: "modest", password: "secret" }
const users = [
  { name: mighty.user, password: mighty.password },
  { name: modest.user, password: modest.password, rules: "~* &* +@all -@dangerous" }
]

// Side by side: nearly all of it is waiting.
describe("nothing that Redis still has is lost", { timeout: 60_000, concurrent: true }, () => {
  it.live("when the first replica attaches", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ ...replicates, users })
      yield* kept({
        server,
        login: mighty,
        happens: () =>
          Effect.gen(function* () {
            const id = yield* infoOf(server, "master_replid")
            yield* replicaOf(server)
            assert.notStrictEqual(yield* infoOf(server, "master_replid"), id)
            yield* noticed(server)
            return nothingElse
          })
      })
    })
  )

  it.live("when the backlog is given up after the last replica has left", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ users, config: [...replicates.config, "repl-backlog-ttl 2"] })
      const replica = yield* replicaOf(server)
      yield* kept({
        server,
        login: mighty,
        happens: () =>
          Effect.gen(function* () {
            const id = yield* infoOf(server, "master_replid")
            yield* replica.kill
            yield* Wait.until(
              "the history is given a new name",
              Effect.map(infoOf(server, "master_replid"), (now) => now !== id)
            )
            yield* noticed(server)
            return nothingElse
          })
      })
    })
  )

  it.live("when the master is switched as planned, and back", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ ...replicates, users })
      const replica = yield* replicaOf(server)
      yield* kept({
        server,
        login: mighty,
        happens: () =>
          Effect.gen(function* () {
            yield* switchTo(server, replica)
            const there = yield* Lost.processOn(replica.port)
            const names = Lost.names("first").slice(150, 200)
            yield* Lost.set(there, names, "4")
            // The process under test logs in to what is a replica now.
            yield* noticed(server)
            yield* Effect.sleep("1 second")
            yield* switchTo(replica, server)
            yield* noticed(server)
            return names.map((name) => [name, "4"] as const)
          })
      })
    })
  )

  for (const [who, login] of [
    ["a user with +@all", mighty],
    ["a user with +@all -@dangerous", modest]
  ] as const) {
    for (const connections of [1, 3]) {
      it.live(`when the connections of ${who} blink (${connections})`, () =>
        Effect.gen(function* () {
          const server = yield* RedisServer.make({ users })
          yield* kept({
            server,
            login,
            connections,
            happens: (second, first) => blinks(server, login.user, second, first)
          })
        })
      )
    }

    it.live(`when a server that keeps everything on disk restarts under ${who}`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make({ users, config: ["appendonly yes", "appendfsync always"] })
        yield* kept({
          server,
          login,
          restarts: true,
          happens: (second, first) =>
            Effect.gen(function* () {
              const names = Lost.names("first").slice(150, 200)
              for (const value of ["5", "6"]) {
                yield* server.kill
                yield* server.start
                yield* Lost.set(second, names, value)
                yield* Wait.until("the process under test is back", Lost.isBack(first))
              }
              return names.map((name) => [name, "6"] as const)
            })
        })
      })
    )
  }
})

/** What happened is there to be seen by whoever asks once a second, and then by whoever asks in each new session. */
const noticed = Effect.fnUntraced(function* (server: RedisServer.RedisServer) {
  yield* Effect.sleep("1500 millis")
  yield* server.cli("CLIENT", "KILL", "USER", mighty.user)
})

const replicates = { config: ["repl-diskless-sync-delay 0", "repl-ping-replica-period 1"] }

const infoOf = Effect.fnUntraced(function* (server: RedisServer.RedisServer, field: string) {
  const text = String(yield* server.cli("INFO", "replication"))
  return new RegExp(`^${field}:(.*?)\r?$`, "m").exec(text)?.[1] ?? ""
})

const replicaOf = Effect.fnUntraced(function* (server: RedisServer.RedisServer) {
  const replica = yield* RedisServer.make(replicates)
  yield* replica.cli("REPLICAOF", "127.0.0.1", server.port)
  yield* Wait.until(
    "the replica has everything",
    Effect.gen(function* () {
      const up = (yield* infoOf(replica, "master_link_status")) === "up"
      return up && (yield* infoOf(server, "slave0")).includes("state=online")
    })
  )
  return replica
})

/** As a planned switch goes: FAILOVER waits until the replica has everything, and then exchanges the two. */
const switchTo = Effect.fnUntraced(function* (from: RedisServer.RedisServer, to: RedisServer.RedisServer) {
  yield* Wait.until(
    "a failover is accepted",
    Effect.match(from.cli("FAILOVER", "TO", "127.0.0.1", to.port), {
      onSuccess: () => true,
      onFailure: (error) => Resp.isReplyError(error) && error.message.includes("already in progress")
    })
  )
  yield* Wait.until(
    "the two are exchanged",
    Effect.gen(function* () {
      const master = (yield* infoOf(to, "role")) === "master"
      return master && (yield* infoOf(from, "master_link_status")) === "up"
    })
  )
})

/** Every connection of the process under test is ended, several times; the second process writes meanwhile. */
const blinks = Effect.fnUntraced(function* (
  server: RedisServer.RedisServer,
  user: string,
  second: Actor.Actor,
  first: Actor.Actor
) {
  const names = Lost.names("first").slice(150, 200)
  for (const value of ["7", "8", "9"]) {
    assert.isAtLeast(Number(yield* server.cli("CLIENT", "KILL", "USER", user)), 1)
    yield* Lost.set(second, names, value)
    yield* Wait.until("the process under test is back", Lost.isBack(first))
  }
  return names.map((name) => [name, "9"] as const)
})
