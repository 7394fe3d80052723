import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Report } from "effect-ioredis-cli"
import { findingsOf } from "../../packages/effect-ioredis-cli/src/internal/diagnose.ts"
import type { Denial, Facts, Queue } from "../../packages/effect-ioredis-cli/src/internal/facts/Facts.ts"
import { percentiles } from "../../packages/effect-ioredis-cli/src/internal/facts/latency.ts"
import { wants } from "../../packages/effect-ioredis-cli/src/internal/facts/wants.ts"
import { clusterOf, factsOf, reached, sentinelsOf, unreached } from "./facts.ts"

/** What is found, most important first. */
const found = (facts: Facts): string =>
  findingsOf(facts)
    .map(({ id, severity }) => `${severity} ${id}`)
    .join(", ")

const info = (info: Readonly<Record<string, string>>) => factsOf(reached({ info }))

const durable = (info: Readonly<Record<string, string>>, save?: string) =>
  factsOf(reached({ info: { maxmemory_policy: "noeviction", ...info }, save }), { use: "durable" })

const withQueue = (queue: Partial<Queue>, info: Readonly<Record<string, string>> = {}, save = "3600 1") =>
  factsOf(
    reached({
      queues: [{ name: "mails", waiting: 0, dead: 0, isPaused: false, oldest: 0, ...queue }],
      info: { maxmemory_policy: "noeviction", ...info },
      save
    })
  )

const denied = (rules: ReadonlyArray<string>, said = "NOPERM"): ReadonlyArray<Denial> =>
  wants("cache")
    .filter(({ rule }) => rules.includes(rule))
    .map((want) => ({ want, said }))

const refused = (said: string, given: { readonly hasPassword?: boolean } = {}) =>
  factsOf(unreached({ reason: "Auth", said, ...given }))

const masters = (...servers: Facts["servers"]): Pick<Facts, "servers"> => ({ servers })

const unknown = { _tag: "Unknown" } as const
const away = { _tag: "Unreached", said: "the server refused the connection" } as const

const loss = { command: "INFO", said: "the connection was lost" }
const silence = { command: "INFO", waited: 2000, isEnd: false }

const table: ReadonlyArray<readonly [what: string, facts: Facts, found: string]> = [
  ["a healthy cache", factsOf(reached()), ""],
  ["healthy durable data", durable({}), ""],
  ["a healthy cluster", factsOf(reached(), { place: clusterOf() }), ""],
  ["healthy sentinels", factsOf(reached(), { place: sentinelsOf() }), ""],
  [
    "what a user may not ask",
    factsOf({ ...reached(), info: {}, clock: undefined, keys: undefined, latency: undefined }),
    ""
  ],

  ["refused", factsOf(unreached({ reason: "Refused" })), "critical down"],
  ["an unknown name", factsOf(unreached({ reason: "Dns" })), "critical dns"],
  ["loading", factsOf(unreached({ reason: "NotReady", said: "LOADING" })), "critical not-ready"],
  ["no answer", factsOf(unreached({ reason: "Timeout" })), "critical silent"],
  ["no answer later on", factsOf(reached({ silence })), "critical silent"],
  ["no connection", factsOf(unreached({ reason: "Timeout", accepts: false })), "critical unreachable"],
  ["cut at once", factsOf(unreached({ reason: "Reset" })), "critical unreachable"],
  ["no way there", factsOf(unreached({ reason: "Reset", accepts: false })), "critical unreachable"],
  ["a connection that is ended later on", factsOf(reached({ loss })), "critical hung-up"],
  ["another protocol", factsOf(unreached({ reason: "Closed", code: "ERR_REDIS_PROTOCOL" })), "critical not-redis"],
  ["another answer to PING", factsOf(reached({ isOther: true, loss })), "critical not-redis"],
  ["too slow for the time", factsOf(reached({ silence: { ...silence, isEnd: true } })), "warning incomplete"],

  ["TLS is expected", factsOf(unreached({ reason: "Reset", speaksTls: true })), "critical tls-expected"],
  [
    "TLS is expected by one that is silent",
    factsOf(unreached({ reason: "Timeout", speaksTls: true })),
    "critical tls-expected"
  ],
  [
    "TLS is not expected",
    factsOf(unreached({ reason: "Timeout", tls: true, speaksPlain: true })),
    "critical tls-unexpected"
  ],
  [
    "an unknown authority",
    factsOf(unreached({ reason: "Tls", code: "SELF_SIGNED_CERT_IN_CHAIN" })),
    "critical tls-untrusted"
  ],
  ["another handshake", factsOf(unreached({ reason: "Tls", code: "CERT_HAS_EXPIRED" })), "critical tls"],

  ["no password", refused("NOAUTH Authentication required"), "critical password-missing"],
  ["a wrong one", refused("WRONGPASS invalid", { hasPassword: true }), "critical password-wrong"],
  [
    "one too many",
    refused("ERR AUTH <password> called without any password configured for the default user.", { hasPassword: true }),
    "critical password-needless"
  ],
  ["a database that is not there", refused("ERR DB index is out of range"), "critical database"],
  ["another refusal", refused("NOPERM"), "critical login"],
  ["protected mode", refused("DENIED Redis is running in protected mode"), "critical protected-mode"],

  ["too many clients", factsOf(unreached({ reason: "TooManyClients" })), "critical clients-full"],
  ["nearly too many", info({ connected_clients: "9000" }), "warning clients-near"],
  ["not nearly", info({ connected_clients: "8999" }), ""],

  ["SET and EVAL are missing", factsOf(reached({ denied: denied(["+set", "+eval"]) })), "critical permissions"],
  ["INFO is missing", factsOf(reached({ denied: denied(["+info"]) })), "warning permissions"],
  ["near alone is missing", factsOf(reached({ denied: denied(["+subscribe"]) })), "notice permissions-near"],

  ["a replica", info({ role: "slave" }), "critical replica"],
  ["a replica that sentinels name", { ...info({ role: "slave" }), place: sentinelsOf() }, "critical replica"],

  [
    "full",
    info({ maxmemory_policy: "noeviction", used_memory: "100000000" }),
    "critical memory-full, warning eviction-none"
  ],
  ["full, and evicting", info({ used_memory: "100000000" }), ""],
  ["full of what may not be evicted", factsOf(reached({ outOfMemory: true })), "critical memory-full"],
  ["nearly full", durable({ used_memory: "90000000" }), "warning memory-near"],
  ["not nearly full", durable({ used_memory: "89000000" }), ""],
  ["no limit", info({ maxmemory: "0" }), "notice memory-unlimited"],
  ["no limit, durable", durable({ maxmemory: "0" }), ""],

  ["a cache that evicts nothing", info({ maxmemory_policy: "noeviction" }), "warning eviction-none"],
  ["a cache that evicts what expires", info({ maxmemory_policy: "volatile-lru" }), ""],
  ["durable data that may go", durable({ maxmemory_policy: "allkeys-lfu" }), "critical eviction"],
  [
    "durable data that may go if they expire",
    durable({ maxmemory_policy: "volatile-ttl" }),
    "warning eviction-expiring"
  ],
  ["both, and everything may go", { ...info({}), use: "both" }, "critical eviction"],
  ["both, and nothing may go", { ...info({ maxmemory_policy: "noeviction" }), use: "both" }, "warning eviction-none"],
  ["both, as it should be", { ...info({ maxmemory_policy: "volatile-lru" }), use: "both" }, ""],

  ["nothing on disk", durable({ aof_enabled: "0" }, ""), "critical persistence"],
  ["dumps alone", durable({ aof_enabled: "0" }, "3600 1"), "warning persistence-window"],
  ["nobody knows", durable({ aof_enabled: "0" }), "notice persistence-unknown"],
  ["nothing on disk, a cache", factsOf(reached({ info: { aof_enabled: "0" }, save: "" })), ""],
  ["a disk that is full", info({ rdb_last_bgsave_status: "err" }), "critical persistence-failing"],

  ["a queue", withQueue({}), ""],
  ["a queue that may go", withQueue({}, { maxmemory_policy: "allkeys-lru" }), "critical queue-eviction"],
  ["a queue whose results may go", withQueue({}, { maxmemory_policy: "volatile-lru" }), ""],
  ["a queue that is not on disk", withQueue({}, { aof_enabled: "0" }, ""), "critical queue-persistence"],
  ["a queue of durable data", { ...withQueue({}, { aof_enabled: "0" }, ""), use: "durable" }, "critical persistence"],
  ["dead letters", withQueue({ dead: 2 }), "warning queue-dead"],
  ["tasks that wait", withQueue({ waiting: 2, oldest: 300_000 }), "warning queue-waiting"],
  ["tasks that do not wait long", withQueue({ waiting: 2, oldest: 299_000 }), ""],
  ["a paused queue", withQueue({ waiting: 2, isPaused: true, oldest: 300_000 }), "warning queue-paused"],
  ["a paused queue without tasks", withQueue({ isPaused: true }), ""],
  ["a queue that is not there", { ...withQueue({}), queues: ["mails", "shop:mails"] }, "notice queue-unknown"],

  ["a clock ahead", factsOf(reached({ clock: { ahead: 1200, uncertainty: 100 } })), "warning clock"],
  ["a clock behind", factsOf(reached({ clock: { ahead: -1200, uncertainty: 100 } })), "warning clock"],
  ["a clock that may be right", factsOf(reached({ clock: { ahead: 1200, uncertainty: 300 } })), ""],

  [
    "a hash",
    factsOf(reached({ keys: { looked: 9, otherTypes: { hash: 1 }, otherFormats: 0 } })),
    "warning foreign-keys"
  ],
  [
    "another format",
    factsOf(reached({ keys: { looked: 9, otherTypes: {}, otherFormats: 2 } })),
    "warning foreign-keys"
  ],

  ["slow", factsOf(reached({ latency: { tries: 50, p50: 20, p90: 25, p99: 30 } })), "warning slow"],
  ["slow at times", factsOf(reached({ latency: { tries: 50, p50: 1, p90: 200, p99: 500 } })), "warning slow"],
  ["not slow", factsOf(reached({ latency: { tries: 50, p50: 19, p90: 199, p99: 999 } })), ""],
  ["a long command", factsOf(reached({ slowest: { command: "KEYS", millis: 150 } })), "notice slow-commands"],

  ["an old release", info({ redis_version: "6.2.14" }), "warning version"],
  ["a new one", info({ redis_version: "10.0.0" }), ""],

  ["a node of a cluster", info({ cluster_enabled: "1" }), "critical cluster-unexpected"],
  [
    "no cluster",
    factsOf(reached(), {
      servers: [],
      place: { _tag: "Cluster", view: undefined, problem: { _tag: "NoCluster", address: "redis:6379", said: "ERR" } }
    }),
    "critical cluster-disabled"
  ],
  [
    "a cluster that may not be asked",
    factsOf(reached(), {
      servers: [],
      place: { _tag: "Cluster", view: undefined, problem: { _tag: "Refused", address: "redis:6379", said: "NOPERM" } }
    }),
    "critical cluster-refused"
  ],
  [
    "no node answers",
    factsOf(unreached({}), { place: { _tag: "Cluster", view: undefined, problem: undefined } }),
    "critical down"
  ],
  [
    "a dead master",
    factsOf(reached(), { place: clusterOf(), ...masters(unreached({ address: "two:6379" }), reached()) }),
    "critical cluster-slots"
  ],
  [
    "a master that lets us not in",
    factsOf(unreached({ address: "two:6379", reason: "Auth", said: "WRONGPASS" }), { place: clusterOf() }),
    "critical password-wrong"
  ],
  [
    "slots without a master",
    factsOf(reached(), { place: clusterOf({ ranges: [{ from: 0, to: 100, master: "one:6379", replicas: 1 }] }) }),
    "critical cluster-slots"
  ],
  ["a state that is not ok", factsOf(reached(), { place: clusterOf({ state: "fail" }) }), "critical cluster-slots"],
  ["masters alone", factsOf(reached(), { place: clusterOf({}, 0) }), "warning cluster-replicas"],

  [
    "no sentinel knows it",
    factsOf(reached(), { servers: [], place: sentinelsOf([unknown, unknown, unknown]) }),
    "critical sentinel-unknown-master"
  ],
  [
    "no sentinel answers",
    factsOf(reached(), { servers: [], place: sentinelsOf([away, away, away]) }),
    "critical sentinel-down"
  ],
  [
    "the sentinels refuse",
    factsOf(reached(), { servers: [], place: sentinelsOf([away, { _tag: "Refused", said: "NOAUTH" }, away]) }),
    "critical sentinel-refused"
  ],
  [
    "they are no sentinels",
    factsOf(reached(), { servers: [], place: sentinelsOf([away, { _tag: "NoSentinel", said: "ERR" }, away]) }),
    "critical sentinel-disabled"
  ],
  [
    "a sentinel in the place of Redis",
    factsOf(reached({ info: { redis_mode: "sentinel" }, denied: denied(["+get", "+set", "+subscribe"], "ERR") })),
    "critical sentinel-unexpected"
  ],
  ["one sentinel is away", factsOf(reached(), { place: sentinelsOf([away]) }), "warning sentinel-away"],
  [
    "two of three that are named answer, and they are all that watch",
    factsOf(reached(), { place: sentinelsOf([away], { sentinels: 2 }) }),
    "warning sentinel-redundancy"
  ],
  [
    "settings that name one more that is away",
    factsOf(reached(), { place: sentinelsOf([away], { sentinels: 2, quorum: 3 }) }),
    "critical sentinel-quorum"
  ],
  ["two of three are away", factsOf(reached(), { place: sentinelsOf([away, away]) }), "critical sentinel-quorum"],
  [
    "two sentinels in all",
    factsOf(reached(), { place: sentinelsOf([], { sentinels: 2 }) }),
    "warning sentinel-redundancy"
  ],
  [
    "no replica to take over",
    factsOf(reached(), { place: sentinelsOf([], { replicas: 0 }) }),
    "warning sentinel-redundancy"
  ],
  [
    "taken for dead",
    factsOf(unreached({}), { place: sentinelsOf([], { flags: ["s_down", "o_down", "master"] }) }),
    "critical sentinel-master-down, critical down"
  ]
]

describe("what is found", () => {
  for (const [what, facts, expected] of table) it(what, () => assert.strictEqual(found(facts), expected))

  it("everything at once, the worst first", () => {
    const server = reached({
      info: { maxmemory_policy: "allkeys-lru", aof_enabled: "0", redis_version: "5.0.0" },
      save: "",
      denied: denied(["+info", "+subscribe"]),
      latency: { tries: 50, p50: 90, p90: 94, p99: 95 },
      clock: { ahead: 90_000, uncertainty: 1 }
    })
    assert.strictEqual(
      found(factsOf(server, { use: "durable" })),
      "critical eviction, critical persistence, warning permissions, warning clock, warning slow, warning version, notice permissions-near"
    )
  })

  it("what several servers share is one finding with the evidence of each", () => {
    const at = (address: string) => reached({ address, info: { redis_version: "6.2.0" } })
    const [finding, ...others] = findingsOf(
      factsOf(reached(), { place: clusterOf(), ...masters(at("one:1"), at("two:1")) })
    )
    assert.deepStrictEqual(others, [])
    assert.deepStrictEqual(finding?.evidence, ["one:1 says redis_version:6.2.0", "two:1 says redis_version:6.2.0"])
    assert.lengthOf(finding?.remedy ?? [], 1)
  })

  it("says what to grant, and on what", () => {
    const rules = {
      denied: [...denied(["+get", "+client|kill"], "NOPERM No permissions to access a key"), ...denied(["+set"])]
    }
    const [finding] = findingsOf(factsOf(reached({ ...rules, user: "app" }), { prefix: "shop", place: clusterOf() }))
    assert.deepStrictEqual(finding?.remedy, ["Grant it, on each node: ACL SETUSER app ~shop:* +client|kill +get +set"])
  })

  it("of a replica whose master is away, that is what to look at", () => {
    const follows = { role: "slave", master_host: "one", master_port: "6379" }
    const remedyOf = (status: string, inProgress = "0") =>
      findingsOf(info({ ...follows, master_link_status: status, master_sync_in_progress: inProgress }))[0]?.remedy
    assert.match(remedyOf("down", "1")?.[0] ?? "", /^Connect to its master: one:6379$/)
    assert.match(remedyOf("up")?.[0] ?? "", /^Connect to its master: one:6379$/)
    assert.match(remedyOf("down")?.[0] ?? "", /^Look at its master, one:6379, .*REPLICAOF NO ONE/)
  })

  it("durable data are not told to be evicted", () => {
    const server = reached({ outOfMemory: true })
    const remedyOf = (use: Facts["use"]) => findingsOf(factsOf(server, { use }))[0]
    assert.include(JSON.stringify(remedyOf("cache")), "allkeys-lru, and")
    assert.include(JSON.stringify(remedyOf("both")), "volatile-lru, and")
    const full = durable({ used_memory: "100000000" })
    assert.notInclude(JSON.stringify(findingsOf(full)), "allkeys")
  })

  it("says how much memory is used so that it can be compared", () => {
    const [finding] = findingsOf(durable({ used_memory: "1600000", maxmemory: "1536000" }))
    assert.match(finding?.evidence[0] ?? "", /uses 1\.53 MiB of maxmemory 1\.46 MiB/)
  })

  it("says which slots nobody owns, and how they get an owner", () => {
    const ranges = [
      { from: 0, to: 99, master: "one:6379", replicas: 1 },
      { from: 102, to: 6999, master: "one:6379", replicas: 1 },
      { from: 7001, to: 16_383, master: "two:6379", replicas: 1 }
    ]
    const [finding] = findingsOf(factsOf(reached(), { place: clusterOf({ state: "fail", ranges }) }))
    assert.strictEqual(finding?.evidence[0], "no master owns slots 100-101, 7000")
    assert.match(finding?.remedy[0] ?? "", /^Give them a master: `redis-cli --cluster fix/)
    const lost = factsOf(unreached({ address: "two:6379" }), { place: clusterOf() })
    assert.match(findingsOf(lost)[0]?.remedy[0] ?? "", /^Start the masters/)
  })

  it("evidence is one line each, whatever OpenSSL says", () => {
    const [finding] = findingsOf(factsOf(unreached({ reason: "Tls", code: "ERR_SSL", said: "alert number 116\n" })))
    assert.strictEqual(finding?.evidence[0], "redis:6379: alert number 116, ERR_SSL")
  })

  it("every finding is explained under its name, and the reverse", () => {
    const folder = "packages/effect-ioredis-cli/src/internal/checks"
    const sources = readdirSync(folder).map((file) => readFileSync(`${folder}/${file}`, "utf8"))
    const ids = sources.flatMap((text) => Array.from(text.matchAll(/\bfinding\(\s*"([a-z-]+)"/g), ([, id = ""]) => id))
    const page = readFileSync("docs/doctor.md", "utf8")
    const explained = Array.from(page.matchAll(/^### ([a-z-]+)$/gm), ([, id = ""]) => id)
    assert.deepStrictEqual(explained.toSorted(), Array.from(new Set(ids)).toSorted())
  })

  it("the table has every finding", () => {
    const page = readFileSync("docs/doctor.md", "utf8")
    const explained = Array.from(page.matchAll(/^### ([a-z-]+)$/gm), ([, id = ""]) => id)
    const inTable = table.flatMap(([, , expected]) => expected.split(", ").map((one) => one.replace(/^\w+ /, "")))
    assert.deepStrictEqual(
      explained.filter((id) => !inTable.includes(id)),
      []
    )
  })

  it("every finding says what was seen and what to do", () => {
    for (const [what, facts] of table) {
      for (const { evidence, id, link, remedy, severity } of findingsOf(facts)) {
        assert.isNotEmpty(evidence, what)
        assert.isNotEmpty(remedy, what)
        assert.include(Report.Severity.literals, severity)
        assert.strictEqual(link, `docs/doctor.md#${id}`)
      }
    }
  })
})

it("percentiles", () => {
  const times = Array.from({ length: 50 }, (_, index) => 50 - index)
  assert.deepStrictEqual(percentiles(times), { tries: 50, p50: 25, p90: 45, p99: 50 })
  assert.deepStrictEqual(percentiles([7]), { tries: 1, p50: 7, p90: 7, p99: 7 })
})
