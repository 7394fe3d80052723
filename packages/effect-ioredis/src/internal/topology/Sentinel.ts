/**
 * One master at a time, whose address the sentinels know.
 *
 * It is one node, whose address is asked at each connect: a failover is a change of what the node's
 * data descend from. Each sentinel is asked for itself, so that one that is frozen delays no other.
 * Of what they say, the highest epoch holds: one that was cut off names an old master for a while.
 * Where none answers, the last address that was known is used.
 */
import { Clock, Effect, Latch, Result, type Scope } from "effect"
import type { NodeEvent } from "../../dispatch.ts"
import * as RedisCommand from "../../RedisCommand.ts"
import * as RedisConnection from "../../RedisConnection.ts"
import { type RedisAddress, RedisConnector } from "../../RedisConnector.ts"
import * as RedisError from "../../RedisError.ts"
import type { SentinelOptions } from "../../RedisTopology.ts"
import { isHopeless } from "../isHopeless.ts"
import * as Monotonic from "../Monotonic.ts"
import type { LiveSettings } from "../LiveSettings.ts"
import * as Reauthentication from "../node/Reauthentication.ts"
import type { RedisNode } from "../node/RedisNode.ts"
import type { NodeMaker } from "../NodeMaker.ts"
import * as Waiters from "../Waiters.ts"
import { addressText, isSameAddress, translate } from "../address.ts"
import * as Replicas from "./Replicas.ts"
import * as Single from "./Single.ts"
import { slotOf } from "../slot.ts"
import type { Topology } from "./Topology.ts"

/** Makes the topology of a master that sentinels watch. */
export const make = Effect.fnUntraced(function* (
  options: SentinelOptions,
  live: LiveSettings,
  maker: NodeMaker,
  listeners: Set<(event: NodeEvent) => void>
): Effect.fn.Return<Topology, never, Scope.Scope | RedisConnector> {
  const clock = yield* Clock.Clock
  const known = new Known(options.sentinels.length)
  const haste = new Haste(() => Monotonic.millis(clock))
  const replicas = new Replicas.Replicas(maker)
  const { node } = maker.make({
    label: "",
    locate: known.locate,
    role: "master",
    slots: () => [],
    onRefusal: ({ code }) => {
      if (tellsOfMaster.has(code)) haste.begin()
    }
  })
  listeners.add(({ _tag }) => {
    if (_tag === "SessionLost") haste.begin()
  })
  yield* Effect.forEach(
    options.sentinels,
    (address) => Effect.forkScoped(watch(address, options, live, { known, node, replicas, haste })),
    {
      discard: true
    }
  )
  return {
    ...Single.make(node),
    problem: known.problem,
    replicaFor: (key) => replicas.of(node, key === undefined ? 0 : slotOf(key))
  }
})

// What the sentinels are asked for, and who is told.
interface Watched {
  readonly known: Known
  readonly node: RedisNode
  readonly replicas: Replicas.Replicas
  readonly haste: Haste
}

// -------------------------------------------------------------------------------------------------
// What is known of the master
// -------------------------------------------------------------------------------------------------

interface Master {
  readonly address: RedisAddress
  readonly epoch: number
  /** The sentinel that has told. */
  readonly source: RedisAddress
}

class Known {
  readonly #sentinels: number
  readonly #heard: Latch.Latch = Latch.makeUnsafe()
  readonly #problems = new Map<RedisAddress, RedisError.RedisConnectionError>()
  // The epochs that those who answer have told last.
  readonly #told = new Map<RedisAddress, number>()
  #master: Master | undefined = undefined

  constructor(sentinels: number) {
    this.#sentinels = sentinels
  }

  /** Gives the master's address as soon as a sentinel has told it, or all have failed. */
  readonly locate: Effect.Effect<RedisAddress, RedisError.RedisConnectionError> = Effect.andThen(
    this.#heard.await,
    Effect.suspend(() => {
      if (this.#master !== undefined) return Effect.succeed(this.#master.address)
      return Effect.fail(this.#worst() ?? RedisError.connectionError("CONNECT", "NotReady", "never"))
    })
  )

  /** Says why the master may have changed without this client's knowing: no sentinel answers. */
  readonly problem = (): RedisError.RedisConnectionError | undefined =>
    this.#problems.size === this.#sentinels ? this.#worst() : undefined

  /** Tells whether the master is there, as far as is known. */
  isMaster(address: RedisAddress): boolean {
    return this.#master !== undefined && isSameAddress(this.#master.address, address)
  }

  /** Takes what a sentinel has said, and gives the address if whoever connects has another one. */
  learn(found: Master): RedisAddress | undefined {
    const before = this.#master
    const wasSoughtInVain = this.problem() !== undefined
    this.#problems.delete(found.source)
    this.#told.set(found.source, found.epoch)
    if (before !== undefined && !this.#isLater(found, before)) return undefined
    this.#master = found
    this.#heard.openUnsafe()
    const isNews = before === undefined ? wasSoughtInVain : !isSameAddress(before.address, found.address)
    return isNews ? found.address : undefined
  }

  // An epoch belongs to one failover, and whoever has told it may correct himself, or another one
  // when he is gone. Where at least half of them answer and know only earlier epochs, they were set
  // up anew: one that was cut off is fewer.
  #isLater({ epoch, source }: Master, before: Master): boolean {
    if (epoch > before.epoch) return true
    if (epoch === before.epoch) return source === before.source || !this.#told.has(before.source)
    const epochs = Array.from(this.#told.values())
    return epochs.length * 2 >= this.#sentinels && epochs.every((each) => each < before.epoch)
  }

  /** A sentinel does not say who is the master. */
  fail(source: RedisAddress, problem: RedisError.RedisConnectionError): void {
    this.#told.delete(source)
    this.#problems.set(source, problem)
    // As long as another one may know, nothing is wrong.
    if (this.problem() !== undefined) this.#heard.openUnsafe()
  }

  // A mistake in the settings says more than a sentinel that is away.
  #worst(): RedisError.RedisConnectionError | undefined {
    const problems = Array.from(this.#problems.values())
    return problems.find(isHopeless) ?? problems[0]
  }
}

// Sentinels are asked more often while a failover may be under way.
class Haste {
  readonly #now: () => number
  readonly #waiters = Waiters.make()
  #until = Number.NEGATIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  begin(): void {
    this.#until = this.#now() + hasteFor
    this.#waiters.wake()
  }

  pause(node: RedisNode): Effect.Effect<unknown> {
    return Effect.suspend(() =>
      !node.isReady() || this.#now() < this.#until
        ? Effect.sleep(inHaste)
        : Effect.raceFirst(Effect.sleep(betweenPolls), this.#waiters.changed)
    )
  }
}

// -------------------------------------------------------------------------------------------------
// Asking one sentinel
// -------------------------------------------------------------------------------------------------

const watch = Effect.fnUntraced(function* (
  sentinel: RedisAddress,
  options: SentinelOptions,
  live: LiveSettings,
  { haste, known, node, replicas }: Watched
) {
  // Those that are far away, or whose login is, are left longer each time: at most as long as the
  // client itself has to connect.
  let patience = leastPatience
  const inTime = <A, R>(effect: Effect.Effect<A, RedisError.RedisConnectionError, R>) =>
    Effect.timeoutOrElse(effect, {
      duration: patience,
      orElse: () => {
        patience = Math.max(patience, Math.min(patience * 2, live.base.connectTimeout))
        return Effect.fail(RedisError.connectionError("CONNECT", "Timeout", "never"))
      }
    })
  const connector = yield* RedisConnector
  const noLogin = RedisError.connectionError("CONNECT", "Login", "never")
  const ask = Effect.catchCause(
    Effect.isEffect(options.login) ? options.login : Effect.succeed(options.login ?? {}),
    () => Effect.fail(noLogin)
  )

  const attend = Effect.gen(function* () {
    const { connection, login } = yield* inTime(
      Effect.flatMap(ask, (login) =>
        Effect.map(connector.connect(sentinel, login), (connection) => ({ connection, login }))
      )
    )
    const { name } = live.base
    yield* Effect.forkScoped(
      Reauthentication.keep({ name, address: sentinel, connection, login, isReplaceable: true, ask })
    )
    let activity = node.activity()
    while (true) {
      const { address, epoch, isWell } = yield* inTime(askMaster(connection, options))
      const moved = known.learn({ address, epoch, source: sentinel })
      if (moved !== undefined) node.relocate(moved)
      if (replicas.isWanted && known.isMaster(address)) {
        const addresses = yield* inTime(askReplicas(connection, options))
        if (addresses !== undefined) yield* replicas.learn(new Map([[node, addresses]]))
      }
      // A sentinel says that a master is down, and that it is replaced, before it names another
      // one.
      const isSilent = node.inFlight() > 0 && node.activity() === activity
      activity = node.activity()
      if (!isWell || isSilent) haste.begin()
      yield* haste.pause(node)
    }
  })
  return yield* Effect.scoped(attend).pipe(
    Effect.catch((problem) => Effect.sync(() => known.fail(sentinel, ofSentinel(sentinel, problem)))),
    Effect.andThen(Effect.sleep(beforeNext)),
    Effect.forever
  )
})

// Sentinels have users and certificates of their own.
const ofSentinel = (
  address: RedisAddress,
  problem: RedisError.RedisConnectionError
): RedisError.RedisConnectionError => {
  const own =
    problem.reason === "Auth" ? ", which has users of its own (sentinelPassword, REDIS_SENTINEL_PASSWORD)" : ""
  // A spread would leave the cause out, for that is not enumerable.
  const { cause, command, reason, sent } = problem
  return new RedisError.RedisConnectionError({
    command,
    reason,
    sent,
    cause,
    message: `${problem.message}. This was the sentinel at ${addressText(address)}${own}`
  })
}

// The address is asked for by itself, for in a failover the description still has the old one.
const askMaster = Effect.fnUntraced(function* (
  connection: RedisConnection.RedisConnection,
  { addressMap, master }: SentinelOptions
) {
  const commands = ["GET-MASTER-ADDR-BY-NAME", "MASTER"].map((what) => RedisCommand.make("SENTINEL", [what, master]))
  const [place, description] = yield* Effect.all(
    commands.map((command) => Effect.result(RedisConnection.send(connection, command))),
    { concurrency: "unbounded" }
  )
  if (place === undefined || Result.isFailure(place)) return yield* problemOf(place?.failure)
  if (!Array.isArray(place.success)) return yield* RedisError.connectionError("CONNECT", "UnknownMaster", "never")
  const [host, port] = place.success
  const described = description !== undefined && Result.isSuccess(description) ? description.success : []
  const fields = Array.isArray(described) ? described : []
  const epoch = Number(fieldOf(fields, "config-epoch"))
  return {
    address: translate(addressMap, { host: String(host), port: Number(port) }),
    epoch: Number.isFinite(epoch) ? epoch : 0,
    isWell: !/s_down|o_down|failover_in_progress/.test(String(fieldOf(fields, "flags")))
  }
})

// Those that the sentinel reaches, and that reach the master; `undefined` where it does not say.
const askReplicas = (
  connection: RedisConnection.RedisConnection,
  { addressMap, master }: SentinelOptions
): Effect.Effect<ReadonlyArray<RedisAddress> | undefined, RedisError.RedisConnectionError> =>
  Effect.matchEffect(RedisConnection.send(connection, RedisCommand.make("SENTINEL", ["REPLICAS", master])), {
    onFailure: (error) =>
      error._tag === "RedisOperationError" ? Effect.succeed(undefined) : Effect.fail(problemOf(error)),
    onSuccess: (reply) =>
      Effect.succeed(
        (Array.isArray(reply) ? reply : []).flatMap((fields) => {
          const field = (name: string) => String(fieldOf(Array.isArray(fields) ? fields : [], name) ?? "")
          const isAway = /down|disconnected/.test(field("flags")) || field("master-link-status") === "err"
          const port = Number(field("port"))
          return isAway || !(port > 0) ? [] : [translate(addressMap, { host: field("ip"), port })]
        })
      )
  })

const problemOf = (error: RedisError.RedisCommandError | undefined): RedisError.RedisConnectionError => {
  if (error?._tag === "RedisConnectionError") return error
  if (error?._tag !== "RedisOperationError") return RedisError.connectionError("CONNECT", "NotReady", "never", error)
  if (loginCodes.has(error.code)) return RedisError.connectionError("CONNECT", "Auth", "never", error)
  // One that is no sentinel says so.
  return new RedisError.RedisConnectionError({
    command: "CONNECT",
    reason: "NotReady",
    sent: "never",
    message: `No connection to Redis: ${error.message}`,
    cause: error
  })
}

// Names and values by turns.
const fieldOf = (fields: ReadonlyArray<RedisCommand.Reply>, name: string): RedisCommand.Reply | undefined => {
  const index = fields.indexOf(name)
  return index === -1 ? undefined : fields[index + 1]
}

const loginCodes: ReadonlySet<string> = new Set(["NOAUTH", "WRONGPASS", "NOPERM"])

// What a server says that is no master any more, or no longer has its replicas.
const tellsOfMaster: ReadonlySet<string> = new Set(["READONLY", "NOREPLICAS", "MASTERDOWN", "LOADING"])

// In milliseconds.
const betweenPolls = 1000
const inHaste = 50
const hasteFor = 3000
const beforeNext = 500
const leastPatience = 1000
