/**
 * What this process has acknowledged and Redis has not confirmed.
 *
 * **Details**
 *
 * The promise: a later read in this process never returns a value that this process wrote or read before its last acknowledged intent for
 * that key. A miss contradicts nothing, and other processes' writes are their own.
 *
 * - An intent (a value to be set, a key to be removed) is unconfirmed until Redis says so: a timeout or a cut is no confirmation. Reads of a
 *   journaled key are answered from here. An expired value becomes a removal; a removal leaves only when it is confirmed.
 * - Replay invalidates: once the circuit is closed, what is unconfirmed is unlinked in Redis, in batches, one at a time. So another
 *   process's newer value is never overwritten by an old intent. A region that has one writer may have its values written instead
 *   (`replay: "write"`), for the rest of their lives; a value that Redis refuses is unlinked.
 * - A command that got no reply may still be executed later, from the buffer of a server that was frozen. Such an attempt is a doubt about
 *   its session. A confirmation settles the doubts of its own session, whose commands run in order; those of an earlier session only after
 *   `CLIENT KILL ID` has ended it on the server. Where that is refused, the key stays here for as long as the value in doubt would live.
 * - The last 10,000 confirmed keys are remembered: when the server's `run_id` changes it was started anew, perhaps from an old dump, and
 *   those keys are unlinked before they are trusted.
 * - `clear`, and more than `maxEntries` or `maxBytes`, mark the whole region: Redis is not read for it until it has been emptied there.
 * - A user without the permission to write (NOPERM) makes the region run on memory until the next connection, and says so in the log.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect, Fiber, Latch, Result, type Scope, Stream } from "effect"
import { type RedisClient, RedisCommand, RedisConnection, RedisError } from "effect-ioredis"
import { Hit, type Write } from "./CacheTier.ts"
import * as Metrics from "./internal/Metrics.ts"
import * as Recent from "./internal/Recent.ts"
import * as MemoryCache from "./MemoryCache.ts"

/**
 * How much is kept (defaults: 10,000 entries and 16 MiB), and how long closing may take to confirm what is left (default 2 seconds).
 *
 * **Gotchas**
 *
 * Only a connection that is up is asked. Under `TestClock` nobody moves the time while a scope closes: a test that ends with a frozen Redis
 * that nobody has noticed sets `closeTimeout` to 0, or heals Redis first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly maxEntries?: number | undefined
  readonly maxBytes?: number | undefined
  readonly closeTimeout?: Duration.Input | undefined
}

/**
 * A region of the journal, how it is emptied in Redis, and what is replayed of a value: its removal, or the value itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalRegion {
  readonly name: string
  readonly replay: "invalidate" | "write"
  readonly empty: Effect.Effect<unknown, RedisError.RedisError>
  readonly setCommand: (redisKey: string, payload: string, timeToLive: number) => RedisCommand.RedisCommand
}

/**
 * One write in progress. `onAttempt` follows each sending of it; `end` has an effect once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ticket {
  readonly onAttempt: (
    session: RedisConnection.Session | undefined
  ) => (result: RedisClient.AttemptResult | undefined) => void
  readonly end: () => void
}

/**
 * What a read is answered with in the place of Redis: what the journal says, or whatever memory has.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = { readonly _tag: "Journal"; readonly hit: Hit<unknown> | undefined } | { readonly _tag: "Memory" }

/**
 * The journal of one cache.
 *
 * @category models
 * @since 0.1.0
 */
export interface WriteJournal {
  readonly region: (region: JournalRegion) => RegionJournal
  readonly size: () => number
}

/**
 * The part of the journal that is one region's. Keys are whole Redis keys. `begin` takes what is to be written, or nothing for a removal. `isEmpty` says that there is no answer for any key. `clear` ends
 * when the region has been emptied in Redis, or at once with `false` where that has to wait. `runsOnMemory` says that Redis takes no writes
 * of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface RegionJournal {
  readonly isEmpty: () => boolean
  readonly answer: (key: string) => Answer | undefined
  readonly begin: (key: string, write: Write<unknown> | undefined) => Ticket
  readonly clear: Effect.Effect<boolean>
  readonly runsOnMemory: () => boolean
}

/**
 * Makes a journal that replays over `client` until its scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  client: RedisClient.RedisClient,
  options: Options = {}
): Effect.fn.Return<WriteJournal, never, Scope.Scope> {
  const maxEntries = options.maxEntries ?? 10_000
  const maxBytes = options.maxBytes ?? 16 * 1024 * 1024
  const closeTimeout = options.closeTimeout ?? "2 seconds"
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const scope = yield* Effect.scope
  const entries = new Map<string, Entry>()
  const confirmed = Recent.make<Region>(rememberedKeys)
  const regions: Array<Region> = []
  const runIds = new Map<RedisConnection.RedisConnection, string | undefined>()
  const work = Latch.makeUnsafe()
  const recovered = Latch.makeUnsafe()
  let numbers = 0
  let intents = 0
  let bytes = 0

  const now = () => MemoryCache.now(clock)

  const start = (): void => {
    recovered.openUnsafe()
    work.openUnsafe()
  }

  const memberOf = (key: string) => RedisConnection.memberFor(client.connection, unlink(key))

  const forget = (entry: Entry): void => {
    if (entries.get(entry.key) !== entry) return
    entries.delete(entry.key)
    if (entry.counted) count(entry, -1)
    entry.counted = false
  }

  const count = ({ intent }: Entry, sign: 1 | -1): void => {
    if (intent._tag === "Suspect") return
    intents += sign
    if (intent._tag === "Set") bytes += sign * intent.bytes
  }

  const confirm = (entry: Entry): void => {
    forget(entry)
    confirmed.add(entry.key, entry.region)
  }

  // Redis is not read for the region until it was emptied there; what was journaled of it is part of that.
  const mark = (region: Region): void => {
    region.dirty = ++numbers
    region.older = region.sending
    for (const entry of entries.values()) {
      if (entry.region !== region) continue
      region.doubts.push(...entry.doubts)
      forget(entry)
    }
    work.openUnsafe()
  }

  const begin = (region: Region, key: string, write: Write<unknown> | undefined): Ticket => {
    const known = entries.get(key)
    const entry = known ?? new Entry(key, region, suspect)
    if (entry.counted) count(entry, -1)
    entry.number = ++numbers
    entry.intent = write === undefined ? remove : new KeptValue(write, now(), region.replay === "write")
    entry.writing++
    if (entry.counted) count(entry, 1)
    if (known === undefined) entries.set(key, entry)
    return new Writing(entry, write?.timeToLive ?? 0)
  }

  // What is on its way is bounded by whoever waits for it; what was left unconfirmed, by the journal.
  const keep = (entry: Entry): void => {
    work.openUnsafe()
    if (entry.counted || entry.writing > 0) return
    entry.counted = true
    count(entry, 1)
    if (intents <= maxEntries && bytes <= maxBytes) return
    mark(entry.region)
    Effect.runForkWith(context)(
      Effect.logWarning("The write journal is full: the region is emptied in Redis").pipe(
        Effect.annotateLogs({ region: entry.region.name })
      )
    )
  }

  class Writing implements Ticket {
    readonly entry: Entry
    readonly number: number
    readonly life: number
    writing = true

    constructor(entry: Entry, life: number) {
      this.entry = entry
      this.number = entry.number
      this.life = life
    }

    onAttempt(session: RedisConnection.Session | undefined) {
      return follow(this.entry, this.number, session, this.life)
    }

    end(): void {
      if (!this.writing) return
      this.writing = false
      this.entry.writing--
      if (entries.get(this.entry.key) === this.entry) keep(this.entry)
    }
  }

  // What becomes of one sending of a write that may leave a value for `life` milliseconds.
  const follow = (entry: Entry, number: number, session: RedisConnection.Session | undefined, life: number) => {
    const order = ++numbers
    const { region } = entry
    let sending = true
    region.sending++
    return (result: RedisClient.AttemptResult | undefined): void => {
      if (sending) arrive(region, order)
      sending = false
      if (result === undefined || isUnknown(result)) {
        // A removal that is executed late costs a miss.
        if (life === 0) return
        const doubt: Doubt = { session, order, life, member: memberOf(entry.key), until: Number.POSITIVE_INFINITY }
        // An entry that was dropped meanwhile was dropped for the whole region.
        if (entries.get(entry.key) === entry) entry.doubts = [...entry.doubts, doubt]
        else entry.region.doubts.push(doubt)
        return
      }
      const refusal = Result.isFailure(result) ? result.failure : undefined
      if (refusal !== undefined && !(refusal._tag === "RedisOperationError" && isRefusal(refusal))) return
      // Commands of one session run in order: those sent before this one have run.
      if (entry.doubts.length > 0) {
        entry.doubts = entry.doubts.filter((doubt) => doubt.session !== session || doubt.order > order)
      }
      if (refusal === undefined && entry.number === number && entry.doubts.length === 0) confirm(entry)
      if (refusal !== undefined && entry.intent._tag === "Set" && !RedisError.isRetryable(refusal, "repeatable")) {
        entry.intent.text = undefined
      }
      if (refusal?.code === "NOPERM") deny(entry.region)
    }
  }

  const arrive = (region: Region, order: number): void => {
    region.sending--
    if (region.dirty === undefined || order > region.dirty) return
    region.older--
    if (region.older === 0) work.openUnsafe()
  }

  const deny = (region: Region): void => {
    if (region.denied) return
    region.denied = true
    mark(region)
    Effect.runForkWith(context)(
      Effect.logError("Redis lets this user not write: the region runs on this process's memory").pipe(
        Effect.annotateLogs({ region: region.name })
      )
    )
  }

  const answer = (region: Region, key: string): Answer | undefined => {
    const entry = entries.get(key)
    if (entry === undefined) return region.dirty === undefined ? undefined : fromMemory
    switch (entry.intent._tag) {
      case "Suspect":
        return fromMemory
      case "Remove":
        return removed
      case "Set": {
        const { bytes, expiresAt, value } = entry.intent
        const timeToLive = expiresAt - now()
        return timeToLive > 0 ? { _tag: "Journal", hit: new Hit(value, timeToLive, bytes) } : removed
      }
    }
  }

  // A new session may be of a server that was started anew, or of another one.
  const meet = (member: RedisConnection.RedisConnection): void => {
    const runId = member.session()?.runId
    const known = runIds.has(member)
    const same = runId !== undefined && runIds.get(member) === runId
    runIds.set(member, runId)
    for (const region of regions) region.denied = false
    if (known && !same) distrust(member)
    start()
  }

  const distrust = (member: RedisConnection.RedisConnection): void => {
    for (const [key, region] of confirmed.all()) {
      if (memberOf(key) !== member) continue
      confirmed.delete(key)
      if (entries.has(key)) continue
      const entry = new Entry(key, region, suspect)
      entry.number = ++numbers
      entries.set(key, entry)
    }
    for (const region of regions) if (region.wasEmptied && region.dirty === undefined) mark(region)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Replay
  // -------------------------------------------------------------------------------------------------------------------

  const allDoubts = () => [...Array.from(entries.values()), ...regions].flatMap(({ doubts }) => doubts)

  const isStale = ({ member, session, until }: Doubt) => session !== member.session() && !Number.isFinite(until)

  const settle = (isSettled: (doubt: Doubt) => boolean): void => {
    const open = (doubt: Doubt) => !isSettled(doubt)
    for (const entry of entries.values()) if (entry.doubts.length > 0) entry.doubts = entry.doubts.filter(open)
    for (const region of regions) region.doubts = region.doubts.filter(open)
  }

  // Ends the sessions that may still execute something on the server, so that nothing comes late.
  const fence = Effect.fnUntraced(function* (member: RedisConnection.RedisConnection) {
    const current = member.session()
    settle((doubt) => doubt.until <= now())
    const sessions = new Set(
      allDoubts()
        .filter((doubt) => doubt.member === member && isStale(doubt))
        .map(({ session }) => session)
    )
    for (const session of sessions) {
      const isGone = session?.runId !== undefined && current?.runId !== undefined && session.runId !== current.runId
      const killed = isGone || (yield* kill(member, session))
      if (killed) settle((doubt) => doubt.session === session)
      else outlive(session)
    }
  })

  const kill = (member: RedisConnection.RedisConnection, session: RedisConnection.Session | undefined) =>
    session?.id === undefined
      ? Effect.succeed(false)
      : client.send(RedisCommand.make("CLIENT", ["KILL", "ID", session.id]), { retry: false, on: member }).pipe(
          Effect.as(true),
          Effect.catchIf(
            (error) => error._tag === "RedisOperationError" && RedisError.outcome(error) === "success",
            (error) => Effect.succeed(error.message.includes("No such client"))
          )
        )

  // The server will not end the session: what comes of it late is waited for until it would have expired.
  const outlive = (session: RedisConnection.Session | undefined): void => {
    for (const doubt of allDoubts()) {
      if (doubt.session === session) doubt.until = Math.min(doubt.until, now() + doubt.life)
    }
  }

  const isReady = (entry: Entry, member: RedisConnection.RedisConnection): boolean =>
    entry.writing === 0 &&
    !entry.region.denied &&
    memberOf(entry.key) === member &&
    entry.doubts.every((doubt) => doubt.session === member.session())

  const replayBatch = (member: RedisConnection.RedisConnection, batch: ReadonlyArray<Entry>) => {
    const numbersThen = batch.map(({ number }) => number)
    const lives = batch.map(lifeToWrite)
    return client.pipeline(
      batch.map(({ intent, key, region }, index) => {
        const life = lives[index] ?? 0
        return life > 0 && intent._tag === "Set" && intent.text !== undefined
          ? region.setCommand(key, intent.text, life)
          : unlink(key)
      }),
      {
        retry: false,
        on: member,
        isCurrent: (index) => {
          const entry = batch[index]
          return entry !== undefined && entry.number === numbersThen[index] && isReady(entry, member)
        },
        onAttempt: (index, session) => {
          const entry = batch[index]
          return entry === undefined ? ignore : follow(entry, numbersThen[index] ?? 0, session, lives[index] ?? 0)
        }
      }
    )
  }

  // For how long a value is to be written once more; 0 where the key is to be unlinked.
  const lifeToWrite = ({ intent }: Entry): number =>
    intent._tag === "Set" && intent.text !== undefined ? Math.max(0, Math.floor(intent.expiresAt - now())) : 0

  const emptyRegion = Effect.fnUntraced(function* (region: Region) {
    const { dirty } = region
    const isOpen = ({ member, session, until }: Doubt) => session !== member.session() && until > now()
    // A write that was on its way before may take another connection than what empties the region, and arrive after it.
    if (dirty === undefined || region.denied || region.older > 0 || region.doubts.some(isOpen)) return
    const { doubts } = region
    yield* region.empty
    region.doubts = region.doubts.filter((doubt) => !doubts.includes(doubt))
    region.wasEmptied = true
    if (region.dirty === dirty) {
      region.dirty = undefined
      region.emptied.openUnsafe()
    }
  })

  yield* Metrics.showJournalEntries(() => entries.size)

  const members = client.connection.members ?? [client.connection]

  const replayOnce = Effect.gen(function* () {
    let refusal: RedisError.RedisOperationError | undefined
    for (const member of members) {
      if (!isUp(member)) continue
      yield* fence(member)
      const ready = Array.from(entries.values()).filter((entry) => isReady(entry, member))
      for (let from = 0; from < ready.length; from += batchSize) {
        const results = yield* replayBatch(member, ready.slice(from, from + batchSize))
        refusal = results.filter(Result.isFailure).find(({ failure }) => isRefusal(failure))?.failure ?? refusal
      }
    }
    yield* Effect.forEach(regions, emptyRegion, { discard: true })
    if (refusal !== undefined) return yield* refusal
  })

  const isLeft = () =>
    Array.from(entries.values()).some(({ region, writing }) => writing === 0 && !region.denied) ||
    regions.some(({ denied, dirty }) => dirty !== undefined && !denied)

  // Ever more slowly while it fails; a circuit that closes and a connection that is made start it anew. An open circuit that is due takes it
  // for the probe.
  const replay = Effect.gen(function* () {
    let pause = firstPause
    while (true) {
      yield* work.await
      yield* work.close
      if (!isLeft() && !allDoubts().some(isStale)) {
        pause = firstPause
        continue
      }
      yield* recovered.close
      const result = yield* Effect.result(replayOnce)
      if (Result.isFailure(result)) {
        yield* Effect.timeoutOption(recovered.await, pause)
        pause = Math.min(pause * 2, longestPause)
      } else if (isLeft()) {
        yield* Effect.timeoutOption(work.await, firstPause)
      } else continue
      yield* work.open
    }
  })

  const stop = members.map((member) => {
    if (isUp(member)) meet(member)
    return member.listen((event) => {
      if (event._tag === "Ready") meet(member)
    })
  })
  yield* Effect.forkScoped(
    Stream.runForEach(client.breaker.changes, ({ _tag }) => Effect.sync(() => _tag === "Closed" && start()))
  )
  const replaying = yield* Effect.forkIn(replay, scope)

  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      for (const end of stop) end()
      yield* Fiber.interrupt(replaying)
      if (isLeft() && members.some(isUp) && Duration.toMillis(closeTimeout) > 0) {
        client.circuit.makeDue()
        yield* Effect.timeoutOption(Effect.result(replayOnce), closeTimeout)
      }
      if (!isLeft()) return
      yield* Effect.logWarning("The cache closes with writes that Redis has not confirmed").pipe(
        Effect.annotateLogs({
          keys: entries.size,
          regionsToBeEmptied: regions.filter(({ dirty }) => dirty !== undefined).map(({ name }) => name)
        })
      )
    })
  )

  return {
    size: () => entries.size,
    region: (options) => {
      const region: Region = {
        ...options,
        dirty: undefined,
        sending: 0,
        older: 0,
        denied: false,
        wasEmptied: false,
        doubts: [],
        emptied: Latch.makeUnsafe()
      }
      regions.push(region)
      return {
        isEmpty: () => entries.size === 0 && region.dirty === undefined,
        answer: (key) => answer(region, key),
        begin: (key, intent) => begin(region, key, intent),
        runsOnMemory: () => region.denied,
        clear: Effect.suspend(() => {
          region.emptied.closeUnsafe()
          mark(region)
          const canWait = client.circuit.isClosed() && !region.denied
          return canWait ? Effect.as(region.emptied.await, true) : Effect.succeed(false)
        })
      }
    }
  }
})

// Classes for what `Deadlines` of effect-ioredis says of things in flight.
class Entry {
  readonly key: string
  readonly region: Region
  number = 0
  writing = 0
  counted = false
  intent: Kept
  doubts: ReadonlyArray<Doubt> = none

  constructor(key: string, region: Region, intent: Kept) {
    this.key = key
    this.region = region
    this.intent = intent
  }
}

// A suspect was confirmed, by a server that may have forgotten it.
type Kept = KeptValue | { readonly _tag: "Remove" } | { readonly _tag: "Suspect" }

// `text` is what a replay writes; without it, a replay unlinks.
class KeptValue {
  readonly _tag = "Set"
  readonly value: unknown
  readonly bytes: number
  readonly expiresAt: number
  text: string | undefined

  constructor({ text, timeToLive, value }: Write<unknown>, now: number, keepsText: boolean) {
    this.value = value
    this.bytes = text.length
    this.expiresAt = now + timeToLive
    this.text = keepsText ? text : undefined
  }
}

const none: ReadonlyArray<Doubt> = []

interface Region extends JournalRegion {
  dirty: number | undefined
  // Writes sent whose end is not known yet, and those of them that were sent before it was marked.
  sending: number
  older: number
  denied: boolean
  wasEmptied: boolean
  doubts: Array<Doubt>
  readonly emptied: Latch.Latch
}

// A sending whose reply never came: it may still be executed.
interface Doubt {
  readonly session: RedisConnection.Session | undefined
  readonly member: RedisConnection.RedisConnection
  readonly order: number
  readonly life: number
  until: number
}

const rememberedKeys = 10_000
const batchSize = 500
const firstPause = 1000
const longestPause = 30_000

const isUp = (member: RedisConnection.RedisConnection): boolean => member.status() === "Ready"

const remove: Kept = { _tag: "Remove" }
const suspect: Kept = { _tag: "Suspect" }
const removed: Answer = { _tag: "Journal", hit: undefined }
const fromMemory: Answer = { _tag: "Memory" }
const ignore = () => {}

// How many keys there were does not matter: it may be sent again.
const unlink = (key: string) => RedisCommand.make("UNLINK", [key], { kind: "repeatable" })

const isRefusal = (error: RedisError.RedisOperationError): boolean => RedisError.outcome(error) !== "ignored"

const isUnknown = (result: RedisClient.AttemptResult): boolean =>
  Result.isFailure(result) &&
  (result.failure._tag === "RedisTimeoutError" ||
    (result.failure._tag === "RedisConnectionError" && result.failure.sent === "unknown"))
