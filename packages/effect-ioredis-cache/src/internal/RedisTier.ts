import { Clock, Effect, Exit, Random, Result, Stream } from "effect"
import { type RedisClient, RedisCommand, type RedisError } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import type { WriteOutcome } from "../Cache.ts"
import type { CacheTier, Cancel, Current, Done, FoundThere, Hit, Replaced, TierRegion, Write } from "./CacheTier.ts"
import * as Findings from "./Findings.ts"
import * as HeaderFirst from "./HeaderFirst.ts"
import * as Commands from "./journal/commands.ts"
import { Entry, type Intent, remove, SetIntent } from "./journal/Ledger.ts"
import * as Scripts from "./journal/scripts.ts"
import * as Sender from "./journal/Sender.ts"
import * as Lease from "./Lease.ts"
import * as LeasedRuns from "./LeasedRuns.ts"
import { idleSleep } from "./idleSleep.ts"
import { now } from "./now.ts"
import * as StoredValue from "./StoredValue.ts"

/**
 * A tier in Redis.
 */
export interface RedisTier<in out Value> extends CacheTier<Value, RedisError.RedisError> {
  /**
   * Reads a key, and tells of a value what a nearer store needs to know. A `sending` follows the
   * command in a cluster, where a server may name another one to be asked.
   */
  readonly get: (
    key: string,
    current: Current,
    done: Done<FoundThere<Value>, RedisError.RedisError>,
    sending?: Dispatch.Sending
  ) => Cancel
  /** Reads several keys, likewise. */
  readonly getMany: (
    keys: ReadonlyArray<string>,
    isCurrent: (index: number) => boolean,
    done: Done<ReadonlyArray<FoundThere<Value>>, RedisError.RedisError>,
    timeLeft?: number,
    sending?: Dispatch.Sending
  ) => Cancel
  /** Says how long a value of the region was, so that reads of short ones are sent together. */
  readonly learn: (length: number) => void
  /**
   * Tells the time of `now` at which the circuit breaker refuses to ask Redis for the key, if it
   * does.
   */
  readonly refusedAt: (key: string, kind?: Dispatch.OperationKind) => number | undefined
  /**
   * The indexes of keys by the server that owns them, or `undefined` where one owns them all: what
   * is asked for together fails together.
   */
  readonly byNode: (keys: ReadonlyArray<string>) => ReadonlyArray<ReadonlyArray<number>> | undefined
}

/**
 * Sets how a cache that stands on a tier uses it.
 */
export interface TierOptions<out Value> extends Findings.Options<Value> {
  /**
   * The longest that a call takes, in milliseconds. It is asked for at each call. Default: the
   * client's `operationTimeout`.
   */
  readonly timeout?: number | undefined
  /** Tells whether leases may be taken now. Default: always. */
  readonly mayLease?: (() => boolean) | undefined
}

type Timeouts = Pick<TierOptions<unknown>, "timeout" | "mayLease">

/** Makes the tiers of regions, for a cache that stands on the client. */
export const make = Effect.fnUntraced(function* (client: RedisClient.RedisClient) {
  const scope = yield* Effect.scope
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const fork = (effect: Effect.Effect<void>): void => {
    run(Effect.forkIn(effect, scope))
  }
  const random = yield* Random.Random
  const stamps = StoredValue.makeStampSource(() => random.nextDoubleUnsafe())
  const clock = yield* Clock.Clock
  const environment: Environment = { client, clock, dispatch: Dispatch.of(client), fork, stamps }
  return <Value>(region: TierRegion<Value>, options: TierOptions<Value> = {}): RedisTier<Value> =>
    makeTier(environment, region, options)
})

interface Environment extends Findings.Environment {
  readonly dispatch: Dispatch.Dispatch
  readonly stamps: StoredValue.StampSource
}

const makeTier = <Value>(
  environment: Environment,
  region: TierRegion<Value>,
  options: TierOptions<Value>
): RedisTier<Value> => {
  const { clock, dispatch } = environment
  const size = new SizeEstimate()
  const headerFirst = HeaderFirst.make(options.kept)
  const judge = Findings.make(environment, region, options)
  const writes = makeWrites(environment, region, options)
  const learn = (length: number): void => {
    size.learn(length)
    headerFirst.learn(length)
  }
  const find: Findings.Judge<Value> = (key, reply, isCurrent, time) => {
    if (reply instanceof Uint8Array) learn(reply.length)
    return judge(key, reply, isCurrent, time)
  }
  const timeOf = (key: string): number => dispatch.nodeOf(key).time()

  const getWhole = (
    key: string,
    current: Current,
    done: Done<FoundThere<Value>, RedisError.RedisError>,
    timeout: number | undefined,
    sending: Dispatch.Sending | undefined
  ): Cancel => {
    const end: Dispatch.Done<RedisCommand.Reply> = (result) => {
      if (Result.isSuccess(result))
        return done(Exit.succeed(find(key, result.success, current.isCurrent(), timeOf(key))))
      if (!isForeign(result.failure)) return done(Exit.fail(result.failure))
      region.onUnreadable(key, "it is of another Redis type")
      done(Exit.succeed(missedOtherType))
    }
    return dispatch.get(key, { bytes: size.bytes, timeout, sending }, end)
  }

  const get: RedisTier<Value>["get"] = (key, current, done, sending) => {
    const stamp = headerFirst.stampOf(key)
    if (stamp === undefined) return getWhole(key, current, done, options.timeout, sending)
    const { timeout } = options
    const beganAt = now(clock)
    const timeLeft = () => timeout && Math.max(1, timeout - (now(clock) - beganAt))
    return headerFirst.get(
      key,
      stamp,
      {
        first: (first, end) => dispatch.get(key, { bytes: 0, first, timeout, sending }, end),
        judge: (header) => judge(key, header, current.isCurrent(), timeOf(key)),
        whole: () => getWhole(key, current, done, timeLeft(), sending)
      },
      done
    )
  }

  return {
    glance: () => undefined,
    stale: () => undefined,
    learn,
    refusedAt: refusedAtOf(environment),
    byNode: byNodeOf(dispatch),
    known: () => undefined,
    // Only what this tier has found is handed in.
    lifeOf: (hit) => {
      const { lifeThere, origin } = hit as Hit<Value>
      return { timeToLive: lifeThere, origin }
    },
    replacedBy: replacedByOf(dispatch, options),
    leased: leasedOf(environment, region, options),
    now: timeOf,
    get,
    peek: get,
    getMany: (keys, isCurrent, done, timeLeft = options.timeout, sending) => {
      if (keys.length === 0) {
        done(Exit.succeed([]))
        return ignore
      }
      const command = RedisCommand.make("MGET", keys, { reply: "bytes" })
      return dispatch.send(command, { timeout: timeLeft, sending }, (result) => {
        if (Result.isFailure(result)) return done(Exit.fail(result.failure))
        const replies = Array.isArray(result.success) ? result.success : []
        const timeOf = timesOf(dispatch)
        done(Exit.succeed(keys.map((key, index) => find(key, replies[index] ?? null, isCurrent(index), timeOf(key)))))
      })
    },
    ...writes,
    set: (write, current, done) => {
      learn(write.payload.length)
      return writes.set(write, current, done)
    },
    setMany: (all, isCurrent, done, timeLeft) => {
      for (const { payload } of all) learn(payload.length)
      return writes.setMany(all, isCurrent, done, timeLeft)
    },
    clear: clearOf(environment, region)
  }
}

const leasedOf = <Value>(
  { dispatch, stamps }: Environment,
  { keyspace, lease, onLease }: TierRegion<Value>,
  options: Timeouts
): LeasedRuns.Leased<Value> | undefined => {
  if (lease !== true) return undefined
  const leases = Lease.make({
    dispatch,
    keyspace,
    get patience() {
      return options.timeout
    },
    isOn: options.mayLease,
    tokenOf: stamps.next,
    onAnswer: onLease
  })
  return (environment) => LeasedRuns.make({ ...environment, leases })
}

const clearOf = (
  { client, clock, dispatch }: Environment,
  { keyspace, tags }: Pick<TierRegion<never>, "keyspace" | "tags">
): RedisTier<never>["clear"] =>
  Effect.suspend(() => {
    const beganAt = now(clock)
    // With tags nobody waits for this, so that what is written meanwhile has to stay.
    const unlinkEarlier = Effect.fnUntraced(function* (keys: ReadonlyArray<string>) {
      const sinceThen = now(clock) - beganAt
      const commands = keys.map((key) =>
        Commands.unlinkEarlier(key, Math.floor(dispatch.nodeOf(key).time() - sinceThen), true)
      )
      const outcomes = yield* Sender.sendAllOnce(dispatch, commands, {})
      for (const outcome of outcomes) yield* Effect.fromResult(outcome)
      yield* idleSleep(clock, 50)
    })
    const unlink = (keys: ReadonlyArray<string>) => client.run(RedisCommand.make("UNLINK", keys), { answer: "ignored" })
    return client.scan({ match: `${keyspace}*`, count: 500 }).pipe(
      Stream.grouped(500),
      Stream.runForEach((keys) => (tags ? unlinkEarlier(keys) : unlink(keys))),
      Effect.as("Applied")
    )
  })

// What values of a region take, roughly: an average of the last ones. Until the first is seen, each
// is asked for alone: one may be huge.
class SizeEstimate {
  bytes = 64 * 1024
  #seen = 0

  learn(length: number): void {
    this.#seen = Math.min(this.#seen + 1, 16)
    this.bytes += (length - this.bytes) / this.#seen
  }
}

// The circuit has looked at the clock of the client: for sockets the live one, even where the
// program has a `TestClock`.
const refusedAtOf = ({ clock, dispatch }: Environment): RedisTier<never>["refusedAt"] => {
  const isOurClock = dispatch.clock === clock
  return (key, kind) => {
    const at = dispatch.nodeOf(key).refusedAt(kind)
    return at === undefined || isOurClock ? at : now(clock)
  }
}

const byNodeOf = (dispatch: Dispatch.Dispatch): RedisTier<never>["byNode"] => {
  if (dispatch.slotOf === undefined) return () => undefined
  return (keys) => {
    const indexes = new Map<string, Array<number>>()
    for (const [index, key] of keys.entries()) {
      const { name } = dispatch.nodeOf(key)
      const same = indexes.get(name)
      if (same === undefined) indexes.set(name, [index])
      else same.push(index)
    }
    return indexes.size > 1 ? Array.from(indexes.values()) : undefined
  }
}

// The whole value is read, although its beginning would do: that is one command, whose reply is of
// one moment.
const replacedByOf =
  (dispatch: Dispatch.Dispatch, options: Timeouts): RedisTier<never>["replacedBy"] =>
  (key, done) =>
    dispatch.get(key, { bytes: 0, timeout: options.timeout }, (result) => {
      if (Result.isSuccess(result)) {
        return done(
          Exit.succeed(result.success instanceof Uint8Array ? Findings.replacedOf(result.success) : undefined)
        )
      }
      done(isForeign(result.failure) ? Exit.succeed(otherType) : Exit.fail(result.failure))
    })

// The time of each key's node, which is asked for once for neighbours of one node: to read a clock
// for each of 50 keys takes a fortieth of a `getMany`.
const timesOf = (dispatch: Dispatch.Dispatch): ((key: string) => number) => {
  let last: Dispatch.Node | undefined
  let time = 0
  return (key) => {
    const node = dispatch.nodeOf(key)
    if (node !== last) time = node.time()
    last = node
    return time
  }
}

type Writes<Value> = Pick<RedisTier<Value>, "answersAt" | "setAtOnce" | "set" | "setMany" | "remove" | "fill" | "touch">

// Without a journal a write is sent and no more: whoever calls is told what failed.
const makeWrites = <Value>(
  { dispatch, stamps }: Environment,
  policy: Commands.RegionPolicy & Pick<TierRegion<Value>, "staleFor">,
  times: Timeouts
): Writes<Value> => {
  const timeOf = (key: string) => Math.floor(dispatch.nodeOf(key).time())

  // `age` is how long ago it was written: a value lives as long from when it is stored.
  const intentOf = ({ extension, payload, timeToLive, value }: Write<Value>, lookupTime = 0, age = 0) =>
    new SetIntent({
      value,
      payload,
      extension,
      life: timeToLive + age,
      staleFor: policy.staleFor,
      lookupTime,
      expiresAt: timeToLive
    })

  const entryOf = (key: string, intent: Intent) =>
    new Entry(key, policy, undefined, intent, { stamp: stamps.next(), writtenAt: timeOf(key) })

  // A script that Redis does not know takes two commands, and no more time than one.
  const within = (timeLeft = times.timeout ?? dispatch.operationTimeout("idempotent")) => ({
    timeout: timeLeft,
    now: () => now(dispatch.clock)
  })

  const sendAll = <Outcome>(
    entries: ReadonlyArray<Entry<Commands.RegionPolicy>>,
    isCurrent: (index: number) => boolean,
    appliedOf: AppliedOf<Outcome>,
    done: Done<ReadonlyArray<Outcome | "Deferred">, RedisError.RedisError>,
    timeLeft: number | undefined
  ): Cancel => {
    if (entries.length === 0) {
      done(Exit.succeed([]))
      return ignore
    }
    const commands = entries.flatMap((entry) => Commands.commandOf(entry, situation) ?? [])
    const sendings = commands.map((_, index) => new UnlessOvertaken(() => isCurrent(index)))
    const options = { ...within(timeLeft), answer: "ignored", sendings } as const
    return Sender.sendAll(dispatch, commands, options, (outcomes) =>
      done(outcomesOf(outcomes, commands, sendings, appliedOf))
    )
  }

  return {
    // Whoever has nothing but Redis is told by Redis.
    answersAt: () => undefined,
    setAtOnce: () => "Rejected",
    set: (write, current, done) =>
      sendAll([entryOf(write.key, intentOf(write))], () => current.isCurrent(), applied, firstOf(done), undefined),
    setMany: (writes, isCurrent, done, timeLeft) =>
      sendAll(
        writes.map((write) => entryOf(write.key, intentOf(write))),
        isCurrent,
        applied,
        done,
        timeLeft
      ),
    remove: (keys, isCurrent, done, timeLeft) =>
      sendAll(
        keys.map((key) => entryOf(key, remove)),
        isCurrent,
        removed,
        done,
        timeLeft
      ),
    touch: (key, timeToLive, done) => {
      const entry = entryOf(key, Commands.touchOf(timeOf(key), timeToLive, policy.staleFor))
      return sendAll([entry], always, applied, firstOf(done), undefined)
    },
    fill: ({ beganAt, lease, lookupTime, replaces, write }, isCurrent, done) => {
      const { key } = write
      const version = { stamp: stamps.next(), writtenAt: Math.floor(beganAt) }
      const intent = intentOf(write, lookupTime, Math.max(0, timeOf(key) - version.writtenAt))
      const bytes = Commands.storedOf(key, "filled", intent, version)
      const command = Commands.fillOf(key, bytes, write.timeToLive + policy.staleFor, replaces, true, lease)
      if (command === undefined) {
        done(Exit.succeed("Deferred"))
        return ignore
      }
      const sending = new UnlessOvertaken(isCurrent)
      return Sender.send(dispatch, command, { ...within(), retry: false, sending }, (outcome) =>
        done(Exit.map(outcomesOf([outcome], [command], [sending], stored), first))
      )
    }
  }
}

// Nothing of a write that something newer has overtaken is sent.
class UnlessOvertaken implements Dispatch.Sending {
  readonly isCurrent: () => boolean
  /** Counts how often it was sent. */
  count = 0

  constructor(isCurrent: () => boolean) {
    this.isCurrent = isCurrent
  }

  begin(): boolean {
    if (!this.isCurrent()) return false
    this.count++
    return true
  }

  end(): void {}
}

// The strict cache tells of a refused script as of any refusal.
const situation: Commands.Situation = { now: 0, scripts: true }

const otherType: Replaced = { start: new Uint8Array(0), length: Scripts.otherType }

const missedOtherType: FoundThere<never> = { hit: undefined, source: "redis", replaces: otherType }

const ignore = () => {}

const always = () => true

const first = (outcomes: ReadonlyArray<WriteOutcome>): WriteOutcome => outcomes[0] ?? "Deferred"

const firstOf =
  (done: Done<WriteOutcome, RedisError.RedisError>): Done<ReadonlyArray<WriteOutcome>, RedisError.RedisError> =>
  (exit) =>
    done(Exit.map(exit, first))

// Of what something newer has overtaken, that is the one that counts: this process has it, and
// Redis is told by it.
const outcomesOf = <Outcome>(
  outcomes: ReadonlyArray<Sender.Outcome>,
  commands: ReadonlyArray<RedisCommand.RedisCommand>,
  sendings: ReadonlyArray<UnlessOvertaken>,
  appliedOf: AppliedOf<Outcome>
): Exit.Exit<ReadonlyArray<Outcome | "Deferred">, RedisError.RedisError> => {
  const refused = outcomes.find((one) => Result.isFailure(one) && !isSuperseded(one.failure))
  if (refused !== undefined && Result.isFailure(refused)) return Exit.fail(refused.failure)
  return Exit.succeed(
    outcomes.map((one, index) =>
      Result.isSuccess(one) ? appliedOf(one.success, commands[index], sendings[index]?.count ?? 0) : "Deferred"
    )
  )
}

// What came of a command that Redis has confirmed, by its reply to the so-manieth sending.
type AppliedOf<Outcome> = (
  reply: RedisCommand.Reply,
  command: RedisCommand.RedisCommand | undefined,
  sendings: number
) => Outcome

const applied: AppliedOf<"Applied"> = () => "Applied"

// SET answers nil, and a script 0, where something else is there.
const stored: AppliedOf<WriteOutcome> = (reply) => (reply === null || reply === 0 ? "Deferred" : "Applied")

const removed: AppliedOf<"Applied" | "Absent"> = (reply, command, sendings) =>
  command !== undefined && Commands.saysAbsent(command, reply, sendings) ? "Absent" : "Applied"

const isSuperseded = (error: RedisError.RedisError): boolean =>
  error._tag === "RedisOperationError" && error.code === "SUPERSEDED"

// A list or a hash under the key, say: for MGET that is a miss, and so it is for GET.
const isForeign = (error: RedisError.RedisError): boolean =>
  error._tag === "RedisOperationError" && error.code === "WRONGTYPE"
