import { Effect, Fiber, Layer, Schedule } from "effect"
import { IoredisConnector, Redis, RedisClient, RedisCommand, RedisConnection } from "effect-ioredis"
import { openResources } from "./openResources.ts"

/**
 * A process of its own, because only there is everything that is open known: opens and closes in every state of the
 * server (its port and process id are the arguments), writes down what was open before and after, and has to end by
 * itself.
 */
export interface Closed {
  readonly state: string
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
}

const port = Number(process.argv[2])
const pid = Number(process.argv[3])
const closedPort = Number(process.argv[4])

const signal = (name: NodeJS.Signals) => Effect.sync(() => process.kill(pid, name))

const until = (condition: Effect.Effect<boolean>) =>
  Effect.flatMap(condition, (is) => (is ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.retry({ schedule: Schedule.spaced("2 millis"), times: 2000 }),
    Effect.orDie
  )

const layer = (at: number) =>
  Redis.layer({
    host: "127.0.0.1",
    port: at,
    closeTimeout: "150 millis",
    connectTimeout: "100 millis",
    commandTimeout: "10 seconds",
    healthCheckInterval: "20 millis"
  })

const connect = (host: string, at: number) =>
  Effect.flatMap(IoredisConnector.make(), (connector) => connector.connect({ host, port: at }, {}))

const get = Effect.flatMap(RedisClient.RedisClient, (redis) => redis.get("a"))

const states: Readonly<Record<string, Effect.Effect<unknown, unknown>>> = {
  "up, with a client and its health": Effect.scoped(Effect.asVoid(Effect.provide(get, layer(port)))),
  "up, the connection alone": Effect.scoped(
    Effect.flatMap(connect("127.0.0.1", port), (connection) =>
      RedisConnection.send(connection, RedisCommand.make("PING"))
    )
  ),
  "before it was ready": Effect.scoped(
    Effect.flatMap(Effect.forkScoped(connect("127.0.0.1", port), { startImmediately: true }), Fiber.interrupt)
  ),
  frozen: Effect.gen(function* () {
    yield* get
    yield* signal("SIGSTOP")
  }).pipe(Effect.provide(layer(port)), Effect.scoped, Effect.ensuring(signal("SIGCONT"))),
  "frozen, with commands in flight": Effect.gen(function* () {
    const redis = yield* RedisClient.RedisClient
    yield* get
    yield* signal("SIGSTOP")
    yield* Effect.forkScoped(Effect.all([get, get, get], { concurrency: "unbounded" }), {
      startImmediately: true
    })
    yield* until(Effect.map(redis.stats, ({ inFlight }) => inFlight === 3))
  }).pipe(Effect.scoped, Effect.provide(layer(port)), Effect.ensuring(signal("SIGCONT"))),
  "made while frozen": Effect.gen(function* () {
    yield* signal("SIGSTOP")
    yield* Effect.scoped(Layer.build(layer(port)))
  }).pipe(Effect.ensuring(signal("SIGCONT"))),
  "never connected": Effect.scoped(Layer.build(layer(closedPort))),
  "no such host": Effect.scoped(Effect.exit(connect("no-such-host.invalid", port))),
  "killed, reconnecting": Effect.gen(function* () {
    yield* get
    const redis = yield* RedisClient.RedisClient
    yield* signal("SIGKILL")
    yield* until(Effect.map(redis.stats, ({ connectError }) => connectError?.reason === "Refused"))
  }).pipe(Effect.scoped, Effect.provide(layer(port)))
}

const program = Effect.forEach(Object.entries(states), ([state, run]) =>
  Effect.gen(function* () {
    yield* nextTurn
    const before = openResources()
    yield* run
    yield* nextTurn
    return { state, before, after: openResources() } satisfies Closed
  })
)

// A timer counts as open while the code it has woken runs, and a socket that was destroyed until its
// turn of the event loop is at its end, which is after what was to run immediately.
const turn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
const nextTurn = Effect.andThen(turn, turn)

const fiber = Effect.runFork(program)
fiber.addObserver((exit) => console.log(JSON.stringify(exit._tag === "Success" ? exit.value : String(exit.cause))))
