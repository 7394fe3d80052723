/** What a question of docs/monitoring.md has to be answered while all is well, in an outage, and after it. */
export interface Expected {
  readonly question: string
  readonly fault: string
  readonly phase: "healthy" | "fault" | "after"
  /** Of which lines. */
  readonly labels?: Readonly<Record<string, string>>
  /** Whether each value has to be so, or one of them. */
  readonly holds: "always" | "sometimes"
  readonly says: string
  readonly is: (value: number) => boolean
}

type Judgement = Pick<Expected, "holds" | "says" | "is">

const always = (says: string, is: (value: number) => boolean): Judgement => ({ holds: "always", says, is })

const sometimes = (says: string, is: (value: number) => boolean): Judgement => ({ holds: "sometimes", says, is })

const exactly = (wanted: number) => always(`${wanted}`, (value) => value === wanted)

const above = (bound: number) => (value: number) => value > bound

const below = (bound: number) => (value: number) => value < bound

const of =
  (question: string) =>
  (
    fault: string,
    phase: Expected["phase"],
    judgement: Judgement,
    labels: Readonly<Record<string, string>> = {}
  ): Expected => ({ question, fault, phase, labels, ...judgement })

const there = of("Is Redis there?")
const fails = of("Which Redis fails, and with what?")
const why = of("Why can it not connect?")
const open = of("Is the circuit open, and for how long?")
const refused = of("How many calls does it turn away?")
const slow = of("How slow is Redis to its callers?")
const loop = of("Is Redis slow, or this process?")
const attempts = of("How many attempts does a call make?")
const users = of("Do users notice?")
const who = of("Who answers?")
const good = of("How good is the cache?")
const database = of("Is the database behind it overloaded?")
const sharing = of("How much does sharing spare it?")
const old = of("Is old data served?")
const memory = of("Is memory large enough?")
const journal = of("How near is the journal to its limit?")
const given = of("Were writes given up?")
const told = of("Was Redis told what it missed?")
const readable = of("Can stored values be read?")
const missed = of("Do subscribers miss messages?")
const reserved = of("Are reserved connections used up?")

const many = of("How many tasks wait?")
const oldest = of("For how long does the oldest wait?")
const late = of("How late are tasks begun?")
const offered = of("What is offered, and what comes of it?")
const handlers = of("How long do handlers take?")
const failures = of("What do handlers fail with?")
const workers = of("Are the workers busy?")
const dead = of("Which tasks are dead?")
const twice = of("Does anything run twice?")
const kept = of("How many tasks wait for Redis?")
const lost = of("Were accepted tasks lost?")

const fallback = { cache_source: "fallback" }
const redis = { cache_source: "redis" }

/** At least one for each question. */
export const all: ReadonlyArray<Expected> = [
  there("killed", "healthy", exactly(1)),
  there("killed", "fault", exactly(0)),
  there("killed", "after", exactly(1)),
  fails("OOM", "fault", always("above 0", above(0)), { server_address: "127.0.0.1", error_type: "OOM" }),
  why("killed", "healthy", exactly(0)),
  why("killed", "fault", always("above 0", above(0)), { redis_client_connection_reason: "Refused" }),
  why("password changed", "fault", always("above 0", above(0)), { redis_client_connection_reason: "Auth" }),
  open("killed", "healthy", exactly(0)),
  open("killed", "fault", sometimes("above 30 s", above(30))),
  open("killed", "after", exactly(0)),
  refused("killed", "healthy", exactly(0)),
  refused("killed", "fault", always("above 0", above(0))),
  slow("200 ms slower", "healthy", sometimes("below 0.2 s", below(0.2)), { db_operation_name: "MGET" }),
  slow("200 ms slower", "fault", always("above 0.2 s", above(0.2)), { db_operation_name: "MGET" }),
  loop("busy process", "healthy", sometimes("below 0.2 s", below(0.2))),
  loop("busy process", "fault", always("above 0.2 s", above(0.2))),
  attempts(
    "READONLY",
    "healthy",
    sometimes("about 1", (value) => Math.abs(value - 1) < 0.2)
  ),
  attempts("READONLY", "fault", sometimes("above 1.05", above(1.05))),
  users("killed", "fault", sometimes("below the patience of 0.4 s", below(0.4)), fallback),
  who("killed", "healthy", always("above 0", above(0)), redis),
  who("killed", "fault", exactly(0), redis),
  who("killed", "fault", always("above 0", above(0)), fallback),
  who("killed", "after", always("above 0", above(0)), redis),
  good("new keys only", "healthy", sometimes("above 0.4", above(0.4))),
  good("new keys only", "fault", sometimes("below 0.3", below(0.3))),
  database("killed", "fault", sometimes("above 0", above(0))),
  sharing("killed", "healthy", always("above 0.1", above(0.1))),
  old("killed", "healthy", sometimes("above 0", above(0))),
  memory("killed", "healthy", exactly(0)),
  memory("small memory", "fault", sometimes("above 0", above(0))),
  journal("killed", "healthy", exactly(0)),
  journal("small journal", "fault", sometimes("above 0.8", above(0.8))),
  journal("killed", "after", exactly(0)),
  given("killed", "after", exactly(0)),
  given("small journal", "fault", sometimes("above 0", above(0))),
  told("killed", "healthy", exactly(0)),
  told("killed", "after", sometimes("above 0", above(0)), { cache_result: "confirmed" }),
  readable("garbage", "healthy", exactly(0)),
  readable("garbage", "fault", sometimes("above 0", above(0)), { cache_region: "items" }),
  missed("killed", "healthy", exactly(0)),
  missed("killed", "after", sometimes("above 0", above(0)), { redis_client_gap_reason: "Reconnected" }),
  reserved("killed", "healthy", sometimes("above 0", above(0))),
  reserved(
    "killed",
    "healthy",
    always("at most 1", (value) => value <= 1)
  ),
  many("no worker", "fault", sometimes("above 50", above(50)), { task_state: "waiting" }),
  oldest("no worker", "healthy", always("below 5 s", below(5))),
  oldest("no worker", "fault", sometimes("above 10 s", above(10))),
  late("failing tasks", "healthy", always("below 5 s", below(5))),
  offered("offers without Redis", "healthy", always("above 0", above(0)), { task_offer_outcome: "enqueued" }),
  offered("offers without Redis", "fault", sometimes("above 0", above(0)), { task_offer_outcome: "deferred" }),
  handlers("failing tasks", "healthy", always("below 1 s", below(1))),
  failures("failing tasks", "fault", always("above 0", above(0)), { error_type: "Refused" }),
  workers("failing tasks", "healthy", always("below 1", below(1))),
  dead("failing tasks", "healthy", exactly(0)),
  dead("failing tasks", "fault", sometimes("above 0", above(0)), { task_reason: "Failed" }),
  twice("failing tasks", "healthy", exactly(0)),
  kept("offers without Redis", "healthy", exactly(0)),
  kept("offers without Redis", "fault", sometimes("above 0.8", above(0.8))),
  lost("offers without Redis", "healthy", exactly(0)),
  lost("offers without Redis", "fault", sometimes("above 0", above(0)))
]
