import { Effect, type Scope } from "effect"
import { Redis as Driver } from "ioredis"
import * as Actor from "../replay/Actor.ts"
import * as OwnCache from "../support/OwnCache.ts"
import type * as RedisServer from "../support/RedisServer.ts"
import * as Wait from "../support/Wait.ts"
import * as QuietProcess from "./QuietProcess.ts"

/** What an event did to the values of a server and to its clients. */
export interface Seen {
  /** Keys and values in Redis before the event, those that others wrote during it included, and after it. */
  readonly before: ReadonlyMap<string, string | null>
  readonly after: ReadonlyMap<string, string | null>
  readonly sizeBefore: number
  readonly sizeAfter: number
  /** Keys that the process under test reads otherwise than Redis holds them. */
  readonly readOtherwise: number
  /** Clients of others that were connected before and are not any more; after a restart, those that connected after it. */
  readonly strangersGone: ReadonlyArray<number>
  /** What the process under test printed. */
  readonly printed: string
}

/** What happens to a server that two processes use, and what was written meanwhile by another than the first. */
export interface Event {
  readonly server: RedisServer.RedisServer
  readonly login?: { readonly user: string; readonly password: string } | undefined
  readonly connections?: number | undefined
  /** Whether it ends every connection. */
  readonly restarts?: boolean | undefined
  readonly happens: (
    second: Actor.Actor,
    first: Actor.Actor
  ) => Effect.Effect<
    ReadonlyArray<readonly [name: string, value: string]>,
    RedisServer.RedisServerError | { readonly message: string },
    Scope.Scope
  >
}

const each = 300

/**
 * Two processes write values and read each other's, the second writes over some of the first one's, and then it happens. The
 * first is what is tested: what it does on its own accord afterwards must not cost a value that the server still has.
 */
export const play = Effect.fnUntraced(function* (event: Event) {
  const { server } = event
  const first = yield* QuietProcess.start({
    LOST_PORT: String(server.port),
    LOST_USER: event.login?.user ?? "",
    LOST_PASSWORD: event.login?.password ?? "",
    LOST_CONNECTIONS: String(event.connections ?? 1)
  })
  const second = yield* processOn(server.port)
  const strangers = yield* Effect.forEach([1, 2, 3], () => stranger(server.port))
  const idsAtFirst = yield* Effect.forEach(strangers, idOf)

  yield* set(first.actor, names("first"), "1")
  yield* set(second, names("second"), "1")
  yield* readAll(first.actor)
  yield* readAll(second)
  yield* set(second, names("first").slice(0, 100), "2")

  const heldBefore = yield* held(server)
  const since = yield* event.happens(second, first.actor)
  yield* Wait.until("the process under test is back", isBack(first.actor))
  const ids = event.restarts === true ? yield* Effect.forEach(strangers, idOf) : idsAtFirst
  // Since then: the second process writes over what the first one knows.
  yield* set(second, names("first").slice(100, 150), "3")
  // Whatever is asked once a second has been asked, and whatever follows from it is done.
  for (let tenth = 0; tenth < 25; tenth++) {
    yield* first.actor({ _tag: "Read", keys: names("first").slice(200, 210) })
    yield* Effect.sleep("100 millis")
  }

  const after = yield* held(server)
  const before = new Map(heldBefore)
  for (const [name, value] of [
    ...since,
    ...names("first")
      .slice(100, 150)
      .map((name) => [name, "3"] as const)
  ]) {
    before.set(OwnCache.redisKey(Actor.regionName, name), value)
  }
  const reads = yield* readAll(first.actor)
  const clients = String(yield* server.cli("CLIENT", "LIST"))
  const seen: Seen = {
    before,
    after,
    sizeBefore: before.size,
    sizeAfter: after.size,
    readOtherwise: all.filter((key, n) => (after.get(OwnCache.redisKey(Actor.regionName, key)) ?? null) !== reads[n])
      .length,
    strangersGone: ids.filter((id) => !new RegExp(`\\bid=${id} `).test(clients)),
    printed: yield* first.end
  }
  return seen
})

/** Values that Redis held and holds no more, or others in their place. */
export const lost = (seen: Seen): ReadonlyArray<string> =>
  Array.from(seen.before).flatMap(([key, value]) =>
    seen.after.get(key) === value ? [] : [`${key}: ${value} became ${seen.after.get(key) ?? "absent"}`]
  )

/** A cache of its own in this process. */
export const processOn = Effect.fnUntraced(function* (port: number) {
  const { cache } = yield* OwnCache.make({ redis: { host: "127.0.0.1", port, resetTimeout: "200 millis" } })
  return Actor.obey(yield* OwnCache.region(cache, { name: Actor.regionName }))
})

export const names = (whose: "first" | "second"): ReadonlyArray<string> =>
  Array.from({ length: each }, (_, n) => `${whose}-${n}`)

const all = [...names("first"), ...names("second")]

const readAll = (actor: Actor.Actor) => actor({ _tag: "Read", keys: all })

/** Writes until each was confirmed. */
export const set = (actor: Actor.Actor, keys: ReadonlyArray<string>, value: string) =>
  Wait.until(
    `${keys.length} values are written`,
    Effect.map(actor({ _tag: "Ask", steps: keys.map((key) => ({ key, does: "set" as const, value })) }), (outcomes) =>
      outcomes.every((outcome) => outcome === "Applied")
    )
  )

// One for each time: where nobody may end a session, a write that was cut stays in doubt for as long as it would live,
// and so does its key.
const probes: Array<string> = []

/** Whether a write of the process is confirmed. */
export const isBack = (actor: Actor.Actor): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const key = `probe-${probes.length}`
    probes.push(key)
    return Effect.map(
      actor({ _tag: "Ask", steps: [{ key, does: "set", value: "?" }] }),
      ([outcome]) => outcome === "Applied"
    )
  })

const held = Effect.fnUntraced(function* (server: RedisServer.RedisServer) {
  if (probes.length > 0) {
    yield* server.cli("DEL", ...probes.map((key) => OwnCache.redisKey(Actor.regionName, key)))
  }
  const size = yield* server.cli("DBSIZE")
  const keys = (yield* server.cli("KEYS", "*")) as ReadonlyArray<string> // as KEYS answers
  const values = (yield* server.cli("MGET", ...keys)) as ReadonlyArray<string | null> // as MGET answers
  if (size !== keys.length) return yield* Effect.die(new Error(`DBSIZE ${size} beside ${keys.length} keys`))
  return new Map(keys.map((key, n) => [key, jsonText(OwnCache.payload(values[n] ?? null))]))
})

const jsonText = (json: string | undefined): string | null => (json === undefined ? null : json.replaceAll('"', ""))

/** Somebody else's connection, by a driver of its own. */
const stranger = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const driver = new Driver({ host: "127.0.0.1", port, retryStrategy: () => 20 })
      driver.on("error", () => {})
      return driver
    }),
    (driver) => Effect.sync(() => driver.disconnect())
  )

const idOf = (driver: Driver) => Effect.promise(() => driver.client("ID"))
