import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Redacted } from "effect"
import type { RedisClient, RedisConnector } from "effect-ioredis"
import type { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Captured from "../../support/Captured.ts"
import { sent, type Server, withRedis } from "../../support/VirtualRedis.ts"

// In virtual time, with a password that is good for 1,000 seconds unless a test says otherwise.

/** Where the login comes from, in the hands of a test. */
class Vault {
  username: string | undefined = "app"
  password = "first"
  expiresIn: RedisConnector.RedisLogin["expiresIn"] = "1000 seconds"
  isAway = false
  asked = 0

  readonly login = Effect.suspend(() => {
    this.asked++
    if (this.isAway) return Effect.fail("the vault is away, and said hunter2")
    const { expiresIn, password, username } = this
    return Effect.succeed({ username, password: Redacted.make(password), expiresIn })
  })
}

const withVault = <A, E>(
  use: (vault: Vault, redis: RedisClient.RedisClient, server: Server) => Effect.Effect<A, E>,
  options: RedisClient.Options = {}
) => {
  const vault = new Vault()
  const access: SimulatedRedis.Options = { password: "nobody's", users: { app: "first", other: "second" } }
  return withRedis({ login: vault.login, ...options }, access)((redis, server) => use(vault, redis, server))
}

const auths = (server: Server) => Effect.map(sent(server, "AUTH"), (all) => all.map(({ args }) => args.join(" ")))

describe("A password that expires", () => {
  it.effect("is asked for again before 0.8 of its time, on the connection that is open", () =>
    withVault((vault, redis, server) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* auths(server), [])
        vault.password = "next"
        yield* server.setAccess({ users: { app: "next" } })
        yield* TestClock.adjust("699 seconds")
        assert.deepStrictEqual(yield* auths(server), [])
        yield* TestClock.adjust("102 seconds")
        assert.deepStrictEqual(yield* auths(server), ["app next"])
        yield* TestClock.adjust("1602 seconds")
        assert.deepStrictEqual(yield* auths(server), Array(3).fill("app next"))
        assert.strictEqual((yield* server.attempts).length, 1)
        assert.strictEqual((yield* redis.stats).connection, "Ready")
      })
    )
  )

  it.effect("may come with another user, and may expire no more", () =>
    withVault((vault, _redis, server) =>
      Effect.gen(function* () {
        Object.assign(vault, { username: "other", password: "second", expiresIn: undefined })
        yield* TestClock.adjust("10 hours")
        assert.deepStrictEqual(yield* auths(server), ["other second"])
        assert.strictEqual(vault.asked, 2)
      })
    )
  )

  it.effect("that lasts for ever, or of which nobody says how long, is not asked for again", () =>
    Effect.gen(function* () {
      for (const expiresIn of [undefined, "Infinity"] as const) {
        yield* withRedis({ login: Effect.succeed({ expiresIn }) })((_redis, server) =>
          Effect.gen(function* () {
            yield* TestClock.adjust("10 hours")
            assert.deepStrictEqual(yield* auths(server), [])
          })
        )
      }
    })
  )

  it.effect("is asked for by each connection of a pool, and not at one moment", () =>
    withVault(
      (vault, _redis, server) =>
        Effect.gen(function* () {
          assert.strictEqual(vault.asked, 5)
          yield* TestClock.adjust("802 seconds")
          const all = yield* sent(server, "AUTH")
          assert.strictEqual(new Set(all.map(({ connection }) => connection)).size, 5)
          assert.strictEqual(new Set(all.map(({ at }) => at)).size, 5)
        }),
      { connections: 5 }
    )
  )

  it.effect("that nobody gives, or that Redis refuses, is asked for again, and the connection stays", () => {
    const captured = Captured.make()
    const warnings = () => captured.logs.filter((line) => line.includes("logged in to anew"))
    return withVault((vault, redis, server) =>
      Effect.gen(function* () {
        vault.isAway = true
        yield* TestClock.adjust("801 seconds")
        const [first = ""] = warnings()
        for (const text of ["redis", "localhost:6379", "Login", "Look at where its password comes from"]) {
          assert.include(first, text)
        }
        vault.isAway = false
        vault.password = "hunter2 is not it"
        // At 1, 3, 7, 15 and 31 seconds, and every 30 then, give or take.
        yield* TestClock.adjust("10 minutes")
        const refused = (yield* auths(server)).length
        assert.isAbove(refused, 18)
        assert.isBelow(refused, 28)
        assert.include(warnings().at(-1), "WRONGPASS")
        assert.strictEqual((yield* server.attempts).length, 1)
        assert.isTrue(yield* redis.set("a", "1"))
        vault.password = "first"
        yield* TestClock.adjust("31 seconds")
        assert.strictEqual((yield* auths(server)).at(-1), "app first")
        const logged = warnings().length
        // From here on in its own time.
        const asked = vault.asked
        yield* TestClock.adjust("600 seconds")
        assert.strictEqual(vault.asked, asked)
        yield* TestClock.adjust("202 seconds")
        assert.strictEqual(vault.asked, asked + 1)
        assert.strictEqual(warnings().length, logged)
        assert.notInclude(captured.text(), "hunter2")
      })
    ).pipe(Effect.provide(captured.layer))
  })

  it.effect("is of no interest any more once the connection is lost", () => {
    const captured = Captured.make()
    return withVault((vault, redis, server) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("500 seconds")
        yield* redis.reconnect
        yield* TestClock.adjust("1 second")
        assert.strictEqual(vault.asked, 2)
        // The first connection's time would be over.
        yield* TestClock.adjust("400 seconds")
        assert.strictEqual(vault.asked, 2)
        yield* TestClock.adjust("401 seconds")
        assert.strictEqual((yield* auths(server)).length, 1)
        assert.notInclude(captured.text(), "logged in to anew")
      })
    ).pipe(Effect.provide(captured.layer))
  })

  it.effect("that is good for no time at all is not asked for in a loop", () =>
    withVault((vault, _redis, server) =>
      Effect.gen(function* () {
        vault.expiresIn = 0
        yield* TestClock.adjust("801 seconds")
        const before = vault.asked
        const at = yield* Clock.currentTimeMillis
        yield* TestClock.adjust("10 seconds")
        assert.isAtMost(vault.asked - before, ((yield* Clock.currentTimeMillis) - at) / 100)
        assert.strictEqual(yield* server.connections, 1)
      })
    )
  )
})
