import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Schema, Scope, Semaphore } from "effect"
import { Report } from "effect-ioredis-cli"
import * as QueueKeys from "../../../packages/effect-ioredis-tasks/src/internal/QueueKeys.ts"
import * as Certificates from "../../support/Certificates.ts"
import * as DroppingServer from "../../support/DroppingServer.ts"
import * as FreePort from "../../support/FreePort.ts"
import * as HostileServer from "../../support/HostileServer.ts"
import * as MutualTlsServer from "../../support/MutualTlsServer.ts"
import * as RedisCluster from "../../support/RedisCluster.ts"
import * as RedisSentinels from "../../support/RedisSentinels.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Replication from "../../support/Replication.ts"
import * as RewritingProxy from "../../support/RewritingProxy.ts"
import * as TcpProxy from "../../support/TcpProxy.ts"
import * as CliProcess from "../../support/cliProcess.ts"

const password = "pa55-w0rd"

// A cache that nothing is wrong with.
const cache = { password, config: ["maxmemory 100mb", "maxmemory-policy allkeys-lru"] }

const durable = { password, config: ["appendonly yes"] }

const scope = Scope.makeUnsafe()
let program = ""
beforeAll(() =>
  Effect.runPromise(
    Effect.map(Scope.provide(CliProcess.program, scope), (file) => {
      program = file
    })
  )
)
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

// More at once would slow each other down.
const two = Semaphore.makeUnsafe(2)

/** Runs the doctor, and times it. Whatever comes of it, no output may hold the password. */
const doctor = (args: ReadonlyArray<string>, settings: Readonly<Record<string, string>> = {}) =>
  Effect.map(
    two.withPermits(1)(Effect.timed(CliProcess.run(program, ["doctor", ...args], settings))),
    ([took, ended]) => {
      assert.notInclude(ended.stdout + ended.stderr, password)
      return { ...ended, took }
    }
  )

/** The name of what stands first. */
const firstIn = (stdout: string): string | undefined => /^\S .*\[([a-z-]+)\]$/m.exec(stdout.split("\n")[0] ?? "")?.[1]

/** It is named first, with evidence and what to do, and the process says that something is wrong. */
const names = (id: string, evidence: RegExp, remedy: RegExp, { code, stderr, stdout }: CliProcess.Ended) => {
  assert.strictEqual(firstIn(stdout), id, stdout + stderr)
  const [block = ""] = stdout.split("\n\n")
  const lines = block.split("\n").slice(1)
  assert.isTrue(
    lines.some((line) => !line.startsWith("  →") && evidence.test(line)),
    `${evidence} in\n${block}`
  )
  assert.isTrue(
    lines.some((line) => line.startsWith("  → ") && remedy.test(line)),
    `${remedy} in\n${block}`
  )
  assert.include(block, `docs/doctor.md#${id}`)
  assert.strictEqual(code, 1)
}

const at = (port: number, scheme = "redis") => `${scheme}://:${password}@127.0.0.1:${port}`

describe.concurrent("effect-ioredis doctor", { timeout: 30_000 }, () => {
  it.live("finds queues of tasks, and says which are not well", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ ...cache, config: ["appendonly yes"] })
      const mails = QueueKeys.of("tasks", "mails")
      const healthy = yield* doctor([server.url, "--queue", "mails"])
      assert.include(healthy.stdout, "[queue-unknown]")
      const stored = `${Date.now() - 600_000} 0 1 {}`
      yield* server.cli("HSET", mails.tasks, "mail:1", stored, "mail:2", stored)
      yield* server.cli("RPUSH", mails.waiting[1], "mail:1")
      names(
        "queue-waiting",
        /queue mails has 1 tasks, .* waits for 10 minutes/,
        /workers run/,
        yield* doctor([server.url])
      )
      yield* server.cli("HSET", mails.attempts, "mail:1", "1")
      yield* server.cli("ZADD", mails.dead, "1", "mail:2")
      const dead = yield* doctor([server.url, "--queue", "mails"])
      names("queue-dead", /queue mails has 1 dead letters/, /replay/, dead)
      assert.notInclude(dead.stdout, "queue-waiting")
      yield* server.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
      names("queue-eviction", /allkeys-lru, and has the queues mails/, /noeviction/, yield* doctor([server.url]))
    })
  )

  it.live("says nothing of a healthy cache, and leaves nothing in it", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make(cache)
      const { code, stdout } = yield* doctor([server.url])
      assert.match(stdout, /^✔ healthy {2}redis:\/\/127\.0\.0\.1:\d+ as a cache, Redis \d\S+, PING \S+ ms\n$/)
      assert.strictEqual(code, 0)
      assert.include(yield* server.cli("INFO", "persistence"), "rdb_changes_since_last_save:0\r\n")
    })
  )

  it.live("says nothing of healthy durable data, and has a report for scripts", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make(durable)
      const settings = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), REDIS_PASSWORD: password }
      const { code, stdout } = yield* doctor(["--use", "durable", "--json"], settings)
      const report = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Report.Report))(stdout)
      assert.deepStrictEqual(report.findings, [])
      assert.isTrue(report.healthy)
      assert.strictEqual(report.servers[0]?.reached, true)
      assert.strictEqual(code, 0)
    })
  )

  it.live("down", () =>
    Effect.gen(function* () {
      const nobody = yield* FreePort.make
      names("down", /ECONNREFUSED/, /Start Redis/, yield* doctor([], { REDIS_URL: at(nobody) }))
    })
  )

  it.live("silent, within its time", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make(cache)
      yield* server.freeze
      const ended = yield* doctor([server.url, "--timeout", "3"])
      names("silent", /answered nothing for/, /SLOWLOG GET/, ended)
      assert.isBelow(Duration.toSeconds(ended.took), 10)
    })
  )

  it.live("a server that ends the connection after the login", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make(cache)
      const atOnce = yield* DroppingServer.make(server.port, "AtFirstCommand")
      names("hung-up", /ended the connection at PING/, /Look at its log/, yield* doctor([at(atOnce.port)]))
      const later = yield* DroppingServer.make(server.port, "AfterPing")
      names("hung-up", /ended the connection at/, /Look at its log/, yield* doctor([at(later.port)]))
    })
  )

  it.live("something else than Redis", () =>
    Effect.gen(function* () {
      const web = yield* HostileServer.make({ login: "HTTP/1.1 400 Bad Request\r\n\r\n" })
      const plain = `redis://127.0.0.1:${web.port}`
      names("not-redis", /not as Redis does/, /Correct host and port/, yield* doctor([plain]))
      const agreeable = yield* HostileServer.make({ answer: () => "+OK\r\n" })
      const other = yield* doctor([`redis://127.0.0.1:${agreeable.port}`])
      names("not-redis", /something else than PONG/, /Correct host and port/, other)
    })
  )

  it.live("without TLS at a port of TLS", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ ...cache, tls: true })
      names("tls-expected", /TLS handshake/, /rediss:\/\//, yield* doctor([at(server.port)]))
    })
  )

  it.live("with TLS at a port without", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make(cache)
      const settings = { CACHE_SOCKET_CONNECT_TIMEOUT_MS: "700" }
      names("tls-unexpected", /without TLS/, /redis:\/\//, yield* doctor([at(server.port, "rediss")], settings))
    })
  )

  it.live("an authority that is not trusted", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ ...cache, tls: true })
      names("tls-untrusted", /SELF_SIGNED|self.signed/, /REDIS_TLS_CA/, yield* doctor([server.url]))
    })
  )

  it.live("a certificate of the client that is missing", () =>
    Effect.gen(function* () {
      const server = yield* MutualTlsServer.make
      const settings = { REDIS_TLS_CA: server.file("ca.pem", server.ca) }
      names("tls", /CERTIFICATE_REQUIRED/, /REDIS_TLS_CERT/, yield* doctor([at(server.port, "rediss")], settings))
    })
  )

  it.live("no password, and a wrong one", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ ...cache, password: "another" })
      const plain = `redis://127.0.0.1:${server.port}`
      names("password-missing", /NOAUTH/, /REDIS_PASSWORD/, yield* doctor([plain]))
      names("password-wrong", /WRONGPASS/, /REDIS_PASSWORD/, yield* doctor([plain], { REDIS_PASSWORD: password }))
    })
  )

  it.live("an ACL that lacks what the library wants", () =>
    Effect.gen(function* () {
      const rules = "~cache:* &* +@all -set -eval -client|kill"
      const server = yield* RedisServer.make({ ...cache, users: [{ name: "app", password, rules }] })
      const url = `redis://app:${password}@127.0.0.1:${server.port}`
      const ended = yield* doctor([url])
      names("permissions", /SET .*memory alone/, /ACL SETUSER app \+client\|kill \+set \+eval$/, ended)
      // The line that it gives is the cure.
      yield* server.cli(..."ACL SETUSER app +client|kill +set +eval".split(" "))
      assert.strictEqual((yield* doctor([url])).code, 0)
    })
  )

  it.live("the user of the guide is enough", () =>
    Effect.gen(function* () {
      const rules =
        "~cache:* &__redis__:invalidate +get +mget +set +unlink +getrange +strlen +setrange +pexpireat +eval +evalsha +scan +ping +info +time +select +client|id +client|setname +client|kill +client|tracking +subscribe"
      const server = yield* RedisServer.make({ ...cache, users: [{ name: "app", password, rules }] })
      const ended = yield* doctor([`redis://app:${password}@127.0.0.1:${server.port}`])
      assert.include(ended.stdout, "✔ healthy")
      assert.strictEqual(ended.code, 0)
    })
  )

  it.live("a replica", () =>
    Effect.gen(function* () {
      const master = yield* RedisServer.make(cache)
      const following = [`replicaof 127.0.0.1 ${master.port}`, `masterauth ${password}`]
      const server = yield* RedisServer.make({ ...cache, config: [...cache.config, ...following] })
      const remedy = new RegExp(`master: 127.0.0.1:${master.port}`)
      yield* Replication.inSync(server)
      names("replica", /role:slave/, remedy, yield* doctor([server.url]))
    })
  )

  it.live("a policy that evicts durable data", () =>
    Effect.gen(function* () {
      const config = [...cache.config, ...durable.config]
      const server = yield* RedisServer.make({ password, config })
      names("eviction", /allkeys-lru/, /noeviction/, yield* doctor([server.url, "--use", "durable"]))
    })
  )

  it.live("durable data that are nowhere but in memory", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ password })
      names("persistence", /aof_enabled:0/, /appendonly yes/, yield* doctor([server.url, "--use", "durable"]))
    })
  )

  it.live("an old release", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make(cache)
      const { port } = yield* RewritingProxy.make(server.port, RewritingProxy.release("5.0.14"))
      names("version", /redis_version:5\.0\.14/, /7\.0 or later/, yield* doctor([at(port)]))
    })
  )

  it.live("a clock that is off", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make(cache)
      const { port } = yield* RewritingProxy.make(server.port, RewritingProxy.clockAhead(300))
      names("clock", /5 minutes ahead/, /NTP/, yield* doctor([at(port)]))
    })
  )

  it.live("keys of another type", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make(cache)
      yield* server.cli("HSET", "cache:users:v1:=ada", "name", "Ada")
      yield* server.cli("SET", "cache:users:v1:=grace", '{"name":"Grace"}')
      const ended = yield* doctor([server.url])
      names("foreign-keys", /1 of 2 keys looked at are of type hash/, /--type hash/, ended)
      assert.include(ended.stdout, "1 of 2 keys looked at are strings in another format")
      assert.notMatch(ended.stdout, /ada|grace|Ada/)
    })
  )

  it.live("a slow way", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make(cache)
      const proxy = yield* TcpProxy.make(server.port)
      yield* proxy.delay(40)
      names("slow", /p50 \d+ ms/, /same region/, yield* doctor([at(proxy.port)]))
    })
  )

  it.live("a cluster with a killed master", () =>
    Effect.gen(function* () {
      const cluster = yield* RedisCluster.make({ ...cache, replicas: 0 })
      yield* cluster.node(1).kill
      const nodes = cluster.nodes().map(({ port }) => `127.0.0.1:${port}`)
      const settings = { REDIS_CLUSTER_NODES: nodes.join(","), REDIS_PASSWORD: password }
      const lost = new RegExp(`master 127.0.0.1:${cluster.node(1).port} of slots 5461-10922: .*refused`)
      names("cluster-slots", lost, /cluster-require-full-coverage/, yield* doctor([], settings))
    })
  )

  it.live("a master that no sentinel knows", () =>
    Effect.gen(function* () {
      const { sentinels, name } = yield* RedisSentinels.make({ password, config: cache.config })
      const places = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",")
      const settings = { REDIS_SENTINELS: places, REDIS_PASSWORD: password }
      const unknown = yield* doctor([], { ...settings, REDIS_SENTINEL_MASTER: "orders" })
      names("sentinel-unknown-master", /knows no master/, /REDIS_SENTINEL_MASTER/, unknown)
      const known = yield* doctor([], { ...settings, REDIS_SENTINEL_MASTER: name })
      assert.include(known.stdout, "✔ healthy")
      assert.strictEqual(known.code, 0)
    })
  )

  it.live("a sentinel in the place of Redis, and Redis in the place of a sentinel", () =>
    Effect.gen(function* () {
      const { name, sentinels } = yield* RedisSentinels.make({})
      const sentinel = `127.0.0.1:${sentinels[0]?.port}`
      const asRedis = yield* doctor([`redis://${sentinel}`])
      names("sentinel-unexpected", /redis_mode:sentinel/, new RegExp(`REDIS_SENTINELS=${sentinel}`), asRedis)
      const server = yield* RedisServer.make({})
      const settings = { REDIS_SENTINELS: `127.0.0.1:${server.port}`, REDIS_SENTINEL_MASTER: name }
      names("sentinel-disabled", /unknown command/, /REDIS_SENTINELS/, yield* doctor([], settings))
    })
  )

  it.live("what cannot be run ends with 2", () =>
    Effect.gen(function* () {
      const bad = yield* doctor([], { REDIS_URL: `http://:${password}@localhost` })
      assert.include(bad.stderr, "REDIS_URL does not begin with redis:// or rediss://")
      const two = yield* doctor(["redis://localhost", at(6379)])
      const flag = yield* doctor(["--password", password])
      assert.deepStrictEqual(
        [bad, two, flag].map(({ code, stdout }) => [code, stdout]),
        [
          [2, ""],
          [2, ""],
          [2, ""]
        ]
      )
      assert.include(flag.stderr, "USAGE")
      assert.include((yield* doctor(["--help"])).stdout, "USAGE")
    })
  )

  it.live("the certificates of a server that asks for one are read like the library reads them", () =>
    Effect.gen(function* () {
      const certificates = yield* Certificates.make
      const server = yield* RedisServer.make({ ...cache, tls: certificates })
      const { certFile, keyFile } = certificates.client
      const settings = { REDIS_TLS_CA: certificates.caFile, REDIS_TLS_CERT: certFile, REDIS_TLS_KEY: keyFile }
      assert.strictEqual((yield* doctor([server.url], settings)).code, 0)
    })
  )
})
