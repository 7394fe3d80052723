import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, type Layer, Result } from "effect"
import { RedisCommand, RedisConnection, type RedisConnector } from "effect-ioredis"

/** Three sentinels that watch a master with one replica, whatever kind of servers they are. */
export interface Sentinels {
  readonly connector: RedisConnector.RedisConnector["Service"]
  /** What the master is called. */
  readonly name: string
  readonly sentinel: RedisConnector.RedisAddress
  readonly master: RedisConnector.RedisAddress
  readonly replica: RedisConnector.RedisAddress
  /** Waits until the sentinel knows all the others, and a server that it watches. */
  readonly informed: Effect.Effect<void>
}

export const Sentinels: Context.Service<Sentinels, Sentinels> = Context.Service<Sentinels>("test/Sentinels")

/** What a sentinel answers, asked of one kind of them. */
export const sentinelsSuite = <E>(
  name: string,
  layer: Layer.Layer<Sentinels, E>,
  options?: { readonly timeout?: number }
): void => {
  describe(`a sentinel: ${name}`, () => {
    it.effect(
      "names the master and whoever belongs to it, and has no data",
      () =>
        Effect.gen(function* () {
          const watched = yield* Sentinels
          yield* watched.informed
          const connection = yield* watched.connector.connect(watched.sentinel, {})
          const ask = (...[name = "", ...args]: ReadonlyArray<string>) =>
            Effect.map(Effect.result(RedisConnection.send(connection, RedisCommand.make(name, args))), (result) =>
              Result.isSuccess(result) ? result.success : result.failure.message
            )
          const fieldsOf = (reply: RedisCommand.Reply) => pairs(Array.isArray(reply) ? reply : [])
          const { master, replica } = watched

          assert.strictEqual(yield* ask("PING"), "PONG")
          assert.deepStrictEqual(yield* ask("ROLE"), ["sentinel", [watched.name]])
          const address = [master.host, String(master.port)]
          assert.deepStrictEqual(yield* ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", watched.name), address)
          assert.isNull(yield* ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "nobody"))

          const described = fieldsOf(yield* ask("SENTINEL", "MASTER", watched.name))
          assert.deepStrictEqual(Object.keys(described), masterFields)
          const { "config-epoch": epoch, ip, flags, name, port, ...rest } = described
          assert.deepStrictEqual({ epoch, ip, flags, name, port }, { ...addressFields(master), ...fixed(watched) })
          assert.deepStrictEqual([rest["num-slaves"], rest["num-other-sentinels"], rest.quorum], ["1", "2", "2"])
          const masters = yield* ask("SENTINEL", "MASTERS")
          assert.deepStrictEqual(
            list(masters).map((reply) => fieldsOf(reply).name),
            [watched.name]
          )

          for (const word of ["REPLICAS", "SLAVES"]) {
            const [found, ...others] = list(yield* ask("SENTINEL", word, watched.name)).map(fieldsOf)
            assert.deepStrictEqual(others, [])
            assert.deepStrictEqual(Object.keys(found ?? {}), replicaFields)
            assert.deepInclude(found, {
              ...addressFields(replica),
              name: `${replica.host}:${replica.port}`,
              flags: "slave",
              "master-host": master.host,
              "master-port": String(master.port)
            })
          }
          const sentinels = list(yield* ask("SENTINEL", "SENTINELS", watched.name)).map(fieldsOf)
          assert.deepStrictEqual(sentinels.map(Object.keys), [sentinelFields, sentinelFields])
          assert.deepStrictEqual(
            sentinels.map(({ flags }) => flags),
            ["sentinel", "sentinel"]
          )

          for (const word of ["MASTER", "REPLICAS", "SENTINELS"]) {
            assert.include(yield* ask("SENTINEL", word, "nobody"), "No such master with that name")
          }
          assert.include(yield* ask("SENTINEL", "MASTER"), "wrong number of arguments")
          for (const line of [["GET", "a"], ["SELECT", "0"], ["CLUSTER", "INFO"], ["READONLY"], ["ECHO", "a"]]) {
            assert.include(yield* ask(...line), "ERR unknown command", line.join(" "))
          }
          const info = String(yield* ask("INFO"))
          assert.match(info, /^redis_mode:sentinel\r$/m)
          const servers = `address=${master.host}:${master.port},slaves=1,sentinels=3`
          assert.include(info, `master0:name=${watched.name},status=ok,${servers}`)
          assert.notInclude(info, "# Replication")
        }).pipe(Effect.scoped, Effect.provide(layer)),
      options?.timeout
    )
  })
}

const list = (reply: RedisCommand.Reply): ReadonlyArray<RedisCommand.Reply> => (Array.isArray(reply) ? reply : [])

const pairs = (flat: ReadonlyArray<RedisCommand.Reply>): Readonly<Record<string, RedisCommand.Reply>> =>
  Object.fromEntries(
    flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), flat[index + 1] ?? null] as const] : []))
  )

const addressFields = ({ host, port }: RedisConnector.RedisAddress) => ({ ip: host, port: String(port) })

const fixed = ({ name }: Sentinels) => ({ name, flags: "master", epoch: "0" })

const instanceFields = [
  ...["name", "ip", "port", "runid", "flags", "link-pending-commands", "link-refcount", "last-ping-sent"],
  ...["last-ok-ping-reply", "last-ping-reply", "down-after-milliseconds"]
]
const reported = ["info-refresh", "role-reported", "role-reported-time"]

const masterFields = [
  ...[...instanceFields, ...reported, "config-epoch", "num-slaves", "num-other-sentinels", "quorum"],
  ...["failover-timeout", "parallel-syncs"]
]

const replicaFields = [
  ...[...instanceFields, ...reported, "master-link-down-time", "master-link-status", "master-host", "master-port"],
  ...["slave-priority", "slave-repl-offset", "replica-announced"]
]

const sentinelFields = [...instanceFields, "last-hello-message", "voted-leader", "voted-leader-epoch"]
