import { Cause, Clock, Effect, Exit, type Fiber, Option, Random, References, type Scope } from "effect"
import { RedisCommand } from "effect-ioredis"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedRedis, type SimulatedServer } from "effect-ioredis/testing"
import * as Commands from "../../packages/effect-ioredis-cache/src/internal/journal/scripts.ts"
import { payloadOf, stored } from "../support/Stored.ts"
import * as History from "./History.ts"
import * as Log from "./Log.ts"
import * as Process from "./Process.ts"
import * as Reference from "./Reference.ts"
import * as Servers from "./Servers.ts"
import * as VirtualTime from "./VirtualTime.ts"

/**
 * Runs a history in virtual time and says which promises it broke. `onReceived` is given what
 * reached the server, at the end.
 */
export const run = (
  history: History.History,
  seams: Process.Seams = {},
  onReceived: (received: ReadonlyArray<SimulatedServer.Received>) => void = () => {}
): Effect.Effect<ReadonlyArray<Reference.Violation>> =>
  Effect.acquireUseRelease(
    Effect.sync(() => seams.patch?.()),
    () => Effect.scoped(play(history, seams, onReceived)),
    (mend) => Effect.sync(() => mend?.())
  ).pipe(
    Effect.catchCause((cause) =>
      Effect.succeed([{ rule: "died" as const, message: `the history itself: ${Cause.pretty(cause)}` }])
    ),
    Random.withSeed(`model ${history.seed}`),
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.provide(VirtualTime.layer)
  )

const play = Effect.fnUntraced(function* (
  history: History.History,
  seams: Process.Seams,
  onReceived: (received: ReadonlyArray<SimulatedServer.Received>) => void
) {
  // Redis' time is some years after the beginning of time, as a header of the mark of a removal has to be.
  yield* VirtualTime.pass(3_600_000)
  const world = yield* World.make(history, seams)
  for (const [step, is] of history.steps.entries()) {
    const woken = world.processes.filter((process) => process.isWaking())
    yield* world.take(step, is)
    yield* VirtualTime.settle
    // Who goes on hears what has come meanwhile only after what is next to be done.
    for (const process of woken) process.hear()
    world.checkInvariants(step)
  }
  yield* world.finish
  onReceived(yield* world.received)
  return [...Reference.check(history, world.log, Process.patience), ...world.violations]
})

/** The servers, the processes, and what was seen of them. */
class World {
  readonly history: History.History
  readonly seams: Process.Seams
  readonly network: SimulatedRedis.SimulatedRedis
  readonly servers: Servers.Servers
  /** The regions that the history is about, and one for the probes of those without any. */
  readonly regions: ReadonlyArray<number>
  readonly log: Log.Log
  readonly violations: Array<Reference.Violation> = []
  /** The process in each place; the others have been closed or have crashed. */
  readonly processes: Array<Process.Process> = []
  readonly gone: Array<Process.Process> = []
  readonly actors = new Map<string, Fiber.Fiber<unknown, unknown>>()
  #stalled: ReadonlyArray<{ readonly server: Servers.Server; readonly connection: number }> = []
  #opened = 0
  readonly #now: () => Log.Moment
  #ids = 0
  // How many reads were sent to Redis.
  #asked = 0
  // Writes of somebody else reach Redis only where it executes what it is sent.
  #standsStill = false

  static readonly make = Effect.fnUntraced(function* (history: History.History, seams: Process.Seams) {
    const network = yield* SimulatedRedis.make({
      latency: history.latency,
      seed: history.seed,
      denied: history.denied,
      scripts: seams.scripts?.(scripts) ?? scripts
    })
    const log = Log.empty()
    const clock = yield* Clock.Clock
    let order = 0
    const now = () => ({ order: ++order, at: clock.currentTimeMillisUnsafe() })
    const servers = yield* Servers.make(history.world, network, {
      lost: ({ inPlace, server, slots }) => {
        const node = server && `${server.address.host}:${server.address.port}`
        log.losses.push({ moment: now(), inPlace, slots, node })
      },
      moved: (slots) => log.moves.push({ moment: now(), slots })
    })
    const world = new World(history, seams, network, servers, log, now)
    for (const place of history.processes.keys()) yield* world.#open(place)
    return world
  })

  private constructor(
    history: History.History,
    seams: Process.Seams,
    network: SimulatedRedis.SimulatedRedis,
    servers: Servers.Servers,
    log: Log.Log,
    now: () => Log.Moment
  ) {
    this.history = history
    this.seams = seams
    this.network = network
    this.servers = servers
    this.log = log
    this.#now = now
    this.regions = Array.from(new Set([...History.placesOf(history).map(({ region }) => region), probed]))
  }

  #violated(rule: Reference.Rule, message: string): void {
    this.violations.push({ rule, message })
  }

  // -----------------------------------------------------------------------------------------------
  // Processes
  // -----------------------------------------------------------------------------------------------

  #open(place: number): Effect.Effect<void> {
    const options = this.history.processes[place]
    if (options === undefined) return Effect.void
    const { cramped, historyInterval, near } = this.history
    const onSubmit = ({ command, process }: Process.Submitted): void => {
      const storing = storingOf(command.name, command.args.map(String))
      if (command.name === "GET" || command.name === "MGET") this.#asked++
      if (storing !== undefined) this.log.submitted.push({ ...storing, process, moment: this.#now() })
    }
    return Effect.map(
      Process.open(this.#opened++, {
        ...options,
        cramped,
        historyInterval,
        near,
        regions: this.regions,
        network: this.network,
        topology: this.servers.topology,
        seams: this.seams,
        onSubmit
      }),
      (process) => {
        this.processes[place] = process
        process.dispatch.listen(({ _tag, node }) => {
          if (_tag !== "SessionReady" && _tag !== "HistoryChanged" && _tag !== "SlotsMoved") return
          this.log.notices.push({ process: process.number, node: node.name, moment: this.#now() })
        })
      }
    )
  }

  #close(process: Process.Process): Effect.Effect<void> {
    this.gone.push(process)
    return Effect.map(process.close, (took) => {
      if (took > closeTimeout && !process.isCrashed()) {
        this.#violated("left behind", `closing process ${process.number} took ${took} ms`)
      }
    })
  }

  #crash(place: number): void {
    const process = this.processes[place]
    if (process === undefined || process.isCrashed()) return
    process.crash()
    for (const record of this.log.calls) {
      if (record.process !== process.number || record.to !== undefined) continue
      record.to = this.#now()
      record.result = { _tag: "Interrupted" }
    }
  }

  get #alive(): ReadonlyArray<Process.Process> {
    return this.processes.filter((process) => !process.isCrashed())
  }

  /** Whatever is counted is so after each step. */
  checkInvariants(step: number): void {
    for (const process of this.#alive) {
      for (const message of process.journal.checkInvariants()) {
        this.#violated("invariant", `after step ${step}, process ${process.number}: ${message}`)
      }
    }
  }

  // -----------------------------------------------------------------------------------------------
  // Calls
  // -----------------------------------------------------------------------------------------------

  #lookUp({ cache, call, process, step }: Log.CallRecord): Effect.Effect<string, string> {
    return Effect.suspend(() => {
      if (call._tag !== "GetOrSet") return Effect.die(new Error("no lookup"))
      const { fails, key, region, takes } = call
      const id = `${fails ? "f" : "l"}${++this.#ids}`
      const record: Log.LookupRecord = { id, process, cache, region, key, step, from: this.#now(), to: undefined }
      this.log.lookups.push(record)
      return Effect.sleep(takes).pipe(
        Effect.andThen(fails ? Effect.fail(id) : Effect.succeed(id)),
        Effect.onExit(() =>
          Effect.sync(() => {
            record.to = this.#now()
          })
        )
      )
    })
  }

  #start(step: number, process: Process.Process, cache: number, call: History.Call) {
    return Effect.suspend(() => {
      const region = process.caches[cache]?.get(call.region)
      if (region === undefined) return Effect.die(new Error("no such region"))
      const isSet = call._tag === "Set" || call._tag === "SetMany"
      const record: Log.CallRecord = {
        step,
        process: process.number,
        cache,
        call,
        writes: isSet ? History.keysOf(call).map(() => `v${++this.#ids}`) : [],
        from: this.#now(),
        to: undefined,
        result: { _tag: "Pending" },
        fellBack: false,
        wasJournaling: process.journal.size() > 0
      }
      this.log.calls.push(record)
      const performed = Effect.flatMap(process.fallbacks(cache), (before) =>
        Effect.onExit(process.counted(perform(record, region, this.#lookUp(record))), (exit) =>
          Effect.map(process.fallbacks(cache), (after) => {
            if (record.to !== undefined) return
            record.to = this.#now()
            record.result = resultOf(exit)
            record.fellBack = after > before
            record.wasJournaling ||= process.journal.size() > 0
          })
        )
      )
      return Effect.forkChild(performed, { startImmediately: true })
    })
  }

  // -----------------------------------------------------------------------------------------------
  // Steps
  // -----------------------------------------------------------------------------------------------

  take(step: number, is: History.Step): Effect.Effect<void> {
    switch (is._tag) {
      case "Call": {
        const process = this.processes[is.process]
        const actor = `${process?.number} ${is.actor}`
        const last = this.actors.get(actor)
        if (process === undefined || process.isCrashed() || process.isSuspended()) return Effect.void
        if (last !== undefined && last.pollUnsafe() === undefined) return Effect.void
        return Effect.map(this.#start(step, process, is.cache, is.call), (fiber) => {
          this.actors.set(actor, fiber)
        })
      }
      case "Interrupt":
        return Effect.sync(() => {
          const process = this.processes[is.process]
          if (process?.isCrashed() === false) this.actors.get(`${process.number} ${is.actor}`)?.interruptUnsafe()
        })
      case "Wait":
        return VirtualTime.pass(is.millis)
      case "Trouble":
        this.#standsStill = is.trouble._tag === "Freeze" || is.trouble._tag === "Refuse"
        return Effect.andThen(
          this.#each(is.on, (server) => server.inject(faultOf(is.trouble))),
          is.trouble._tag === "None" ? this.servers.revive : Effect.void
        )
      case "Cut":
        return this.#each(is.on, (server) => server.inject(Fault.cut(is)))
      case "Stall":
        return this.#each(is.on, (server) => this.#stall(server))
      case "Resume":
        return Effect.suspend(() => {
          const stalled = this.#stalled
          this.#stalled = []
          return Effect.forEach(stalled, ({ connection, server }) => server.inject(Fault.none, { connection }), {
            discard: true
          })
        })
      case "Strand":
        return Effect.sync(() => this.processes[is.process]?.wire.strand())
      case "Permit":
        return this.#each(undefined, (server) => server.setAccess({ denied: is.denied }))
      case "Crash":
        return Effect.sync(() => this.#crash(is.process))
      case "Reopen":
        return Effect.gen({ self: this }, function* () {
          const process = this.processes[is.process]
          if (process === undefined) return
          yield* this.#close(process)
          yield* this.#open(is.process)
        })
      case "Foreign":
        return this.#foreign(is.region, is.key, is.remove)
      case "Flush":
        return this.#flush(is.on)
      default:
        if (History.isLocal(is)) return this.#befall(is)
        if (is._tag === "Isolate") this.log.splits.push({ from: this.#now(), to: undefined })
        if (is._tag === "Rejoin") this.#endSplits()
        if (is._tag === "Kill") this.#standsStill = true
        return History.isTurn(is) ? this.servers.turn(is) : this.servers.change(is)
    }
  }

  // The server that a step is aimed at, or all of them.
  #each(on: History.Place | undefined, act: (server: Servers.Server) => Effect.Effect<void>): Effect.Effect<void> {
    return on === undefined
      ? Effect.flatMap(this.servers.all, (all) => Effect.forEach(all, act, { discard: true }))
      : Effect.flatMap(this.servers.ownerOf(History.storedKey(on)), act)
  }

  #stall(server: Servers.Server): Effect.Effect<void> {
    return Effect.flatMap(server.clients, (clients) => {
      this.#stalled = [...this.#stalled, ...clients.map((connection) => ({ server, connection }))]
      return Effect.forEach(clients, (connection) => server.inject(Fault.freeze, { connection }), { discard: true })
    })
  }

  #foreign(region: number, key: number, remove: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#standsStill) return Effect.void
      const redisKey = History.storedKey({ region, key })
      const at = this.#now()
      const id = remove ? undefined : `x${++this.#ids}`
      this.log.foreign.push({ id, region, key, at })
      if (id === undefined) return this.#execute("UNLINK", redisKey)
      const text = stored(redisKey, JSON.stringify(id), { writtenAt: at.at, life: 600_000 })
      return this.#execute("SET", redisKey, text, "PX", 600_000)
    })
  }

  // Everything that the owner of a key has is gone, or that all servers have. A key that has moved ahead of its slot is
  // not with its owner.
  #flush(on: History.Place | undefined): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (this.#standsStill) return
      const places = History.placesOf(this.history)
      const keyed = on === undefined ? places : [on]
      const flushed = new Set(yield* Effect.forEach(keyed, (place) => this.servers.ownerOf(History.storedKey(place))))
      this.log.losses.push({ moment: this.#now(), inPlace: false, slots: undefined, node: undefined })
      for (const place of places) {
        const holder = yield* this.servers.holderOf(History.storedKey(place))
        if (on === undefined) flushed.add(holder)
        if (flushed.has(holder)) this.log.foreign.push({ ...place, id: undefined, at: this.#now() })
      }
      const flush = RedisCommand.make("FLUSHALL")
      yield* Effect.forEach(flushed, (server) => Effect.orDie(server.execute(flush)), { discard: true })
    })
  }

  #wake(process: Process.Process): void {
    for (const one of this.log.suspensions) if (one.process === process.number) one.to ??= this.#now()
    process.wake()
  }

  #endSplits(): void {
    for (const split of this.log.splits) split.to ??= this.#now()
  }

  #befall(is: History.Local): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const process = this.processes[is.process]
      if (process === undefined || process.isCrashed()) return
      const { clock, wire } = process
      switch (is._tag) {
        case "Lose":
          return wire.strand(is.which)
        case "Hold":
          return wire.hold(is.which)
        case "Release":
          return process.isSuspended() ? undefined : wire.release(is.which)
        case "Mute":
          return wire.mute(is.which)
        case "Divert": {
          const { elsewhere } = this.servers
          if (elsewhere === undefined) return
          wire.divert((_, login) => this.network.connector.connect(elsewhere.address, login))
          return wire.strand("link")
        }
        case "Return":
          return wire.divert(undefined)
        case "Suspend":
          if (process.isSuspended()) return
          this.log.suspensions.push({ process: process.number, from: this.#now(), to: undefined })
          return process.suspend()
        case "Wake":
          return this.#wake(process)
        case "Jump":
          clock.wallOffset += is.millis
      }
    })
  }

  #execute(name: string, ...args: ReadonlyArray<string | number>): Effect.Effect<void> {
    return Effect.flatMap(this.servers.holderOf(String(args[0])), (server) =>
      Effect.orDie(server.execute(RedisCommand.make(name, args)))
    )
  }

  // -----------------------------------------------------------------------------------------------
  // The end
  // -----------------------------------------------------------------------------------------------

  readonly finish: Effect.Effect<void, never, Scope.Scope> = Effect.gen({ self: this }, function* () {
    yield* this.#recover
    if (this.log.calls.every(({ to }) => to !== undefined)) {
      yield* this.#look
      for (const process of this.#alive) yield* this.#probe(process)
      if (this.history.near !== undefined) yield* this.#probeNear(this.history.near)
    }
    for (const process of this.processes) yield* this.#close(process)
    yield* VirtualTime.pass(closeTimeout + Process.patience)
    for (const process of this.gone) this.#checkLeft(process)
    this.log.executed = (yield* this.received).flatMap(({ args, at, name }) => {
      const storing = storingOf(name, args)
      return storing === undefined ? [] : [{ ...storing, at }]
    })
  })

  /** What reached the servers with data, in the order of its time. */
  get received(): Effect.Effect<ReadonlyArray<SimulatedServer.Received>> {
    return Effect.flatMap(this.servers.all, (all) =>
      Effect.map(
        Effect.forEach(all, ({ received }) => received),
        (received) => received.flat().sort((one, other) => one.at - other.at)
      )
    )
  }

  get #recover(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { steps } = this.history
      yield* this.servers.heal
      this.#endSplits()
      for (const process of this.#alive) {
        this.#wake(process)
        process.wire.heal()
      }
      yield* this.#each(undefined, (server) => server.setAccess({}))
      // What a user may not do he may do again on his next connection.
      const isDenied = this.history.denied.length > 0 || steps.some(isDenial)
      const isRefused = isDenied || (this.history.near !== undefined && steps.some(preventsKill))
      if (isRefused) yield* this.#each(undefined, (server) => server.inject(Fault.cut({ executed: true })))
      const recovery = isDenied || steps.some(preventsKill) ? recoveryUnfenced : recoveryFenced
      // By then whatever was still on its way has come.
      yield* VirtualTime.pass(longestWay)
      for (let passed = 0; passed < recovery && !(yield* this.#isAtRest); passed += pause) {
        // Without RedisHealth it takes a call to find out that Redis is back.
        for (const process of this.#alive) yield* inTime(process, (region) => region.get("probe"))
        yield* VirtualTime.pass(pause)
      }
      for (const process of this.#alive) {
        const left = process.journal.size()
        if (left === 0) continue
        this.#violated(
          "left behind",
          `the journal of process ${process.number} has ${left} keys long after all was well`
        )
      }
      this.checkInvariants(steps.length)
    })
  }

  // Whether nobody has anything left to do.
  get #isAtRest(): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      if (this.log.calls.some(({ to }) => to === undefined)) return false
      for (const { breaker, journal } of this.#alive) {
        if (!journal.isAtRest() || (yield* breaker.state)._tag !== "Closed") return false
      }
      return true
    })
  }

  get #look(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.log.alive = new Set(this.#alive.map(({ number }) => number))
      this.log.end = this.#now()
      const places = History.placesOf(this.history)
      for (const { key, region } of places) {
        const redisKey = History.storedKey({ region, key })
        const text = yield* (yield* this.servers.ownerOf(redisKey)).peek(redisKey)
        this.log.stored.push({ region, key, value: text === undefined ? undefined : valueIn(text) })
      }
      for (const process of this.#alive) {
        for (const place of places) {
          yield* this.#start(this.history.steps.length, process, 0, { _tag: "Get", ...place })
        }
      }
      yield* VirtualTime.pass(Process.patience)
    })
  }

  // Whether Redis is written to and read from again.
  #probe(process: Process.Process): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const regions = new Set(History.placesOf(this.history).map(({ region }) => region))
      for (const index of regions) {
        const name = History.regionName(index)
        const outcome = yield* inTime(process, (region) => region.set("probe", "probe"), index)
        if (outcome !== "Applied") {
          const { _tag } = yield* process.breaker.state
          this.#violated(
            "refused for ever",
            `long after all was well a set of process ${process.number} in ${name} is ${outcome}, the circuit ${_tag}`
          )
        }
        const probe = `cache:${name}:v1:=probe`
        const theirs = stored(probe, `"theirs"`, { writtenAt: this.#laterThanAll + 1000, life: 60_000 })
        yield* this.#execute("SET", probe, theirs, "PX", 60_000)
        const read = yield* inTime(process, (region) => region.get("probe"), index)
        if (Option.getOrUndefined(read) !== "theirs") {
          this.#violated(
            "bypassed for ever",
            `long after all was well process ${process.number} does not read ${name} from Redis`
          )
        }
      }
    })
  }

  // Whether everybody reads from memory again, and then what another process writes, and has something to
  // fall back on when Redis is gone, be it older.
  #probeNear(maxStaleness: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      yield* this.#writeProbe("first")
      for (const process of this.#alive) {
        if (yield* this.#isNearSoon(process)) continue
        this.#violated(
          "not near again",
          `long after all was well process ${process.number} asks Redis for what it has read`
        )
      }
      yield* this.#writeProbe("second")
      yield* VirtualTime.pass(maxStaleness)
      yield* this.#each(undefined, (server) => server.inject(Fault.refuse))
      for (const process of this.#alive) {
        if ((yield* inTime(process, get)) !== undefined) continue
        this.#violated(
          "nothing to fall back on",
          `process ${process.number} has forgotten what was replaced, and Redis is gone`
        )
      }
      yield* this.#each(undefined, (server) => server.inject(Fault.none))
    })
  }

  #writeProbe(value: string): Effect.Effect<void> {
    const probe = `cache:${History.regionName(probed)}:v1:=probe`
    const text = stored(probe, `"${value}"`, { writtenAt: this.#laterThanAll, life: 600_000 })
    return this.#execute("SET", probe, text)
  }

  // A process whose clock was set forward has cleared what others write until then.
  get #laterThanAll(): number {
    const jumps = this.history.steps.map((step) => (step._tag === "Jump" ? Math.max(0, step.millis) : 0))
    return this.#now().at + jumps.reduce((sum, millis) => sum + millis, 0)
  }

  // A link that was lost again and again is made again after a while.
  #isNearSoon(process: Process.Process): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      for (let passed = 0; passed <= 12_000; passed += 1000) {
        yield* inTime(process, get)
        const asked = this.#asked
        if ((yield* inTime(process, get)) === "first" && this.#asked === asked) return true
        yield* VirtualTime.pass(1000)
      }
      return false
    })
  }

  #checkLeft(process: Process.Process): void {
    if (process.isCrashed()) return
    const { fibers, sleepers } = process.left()
    if (fibers > 0 || sleepers > 0) {
      this.#violated(
        "left behind",
        `process ${process.number} left ${fibers} fibers, ${sleepers} of the clock's sleepers`
      )
    }
    const wasSuspended = this.history.steps.some(({ _tag }) => _tag === "Suspend")
    if (process.longestCall() > Process.operationTimeout && !wasSuspended) {
      this.#violated("outlived", `a call of the client of process ${process.number} took ${process.longestCall()} ms`)
    }
  }
}

const get = (region: Process.Region) => Effect.map(region.get("probe"), Option.getOrUndefined)

const inTime = <A>(
  process: Process.Process,
  call: (region: Process.Region) => Effect.Effect<A>,
  region = probed
): Effect.Effect<A> => {
  const one = process.caches[0]?.get(region)
  return one === undefined
    ? Effect.die(new Error("no such region"))
    : VirtualTime.passUntilDone(process.counted(call(one)))
}

const perform = (
  { call, writes }: Log.CallRecord,
  region: Process.Region,
  lookUp: Effect.Effect<string, string>
): Effect.Effect<Log.Result, string> => {
  const values = (found: ReadonlyArray<Option.Option<string>>): Log.Result => ({
    _tag: "Values",
    values: found.map(Option.getOrUndefined)
  })
  // A removal of what is not there is applied like any other.
  const outcomes = (all: ReadonlyArray<string>): Log.Result => ({
    _tag: "Outcomes",
    outcomes: all.map((outcome) => (outcome === "Absent" ? "Applied" : outcome))
  })
  const one = (outcome: string) => outcomes([outcome])
  switch (call._tag) {
    case "Get":
      return Effect.map(region.get(History.keyName(call.key)), (found) => values([found]))
    case "GetMany":
      return Effect.map(region.getMany(call.keys.map(History.keyName)), values)
    case "Set":
      return Effect.map(region.set(History.keyName(call.key), writes[0] ?? "", { timeToLive: call.life }), one)
    case "SetMany": {
      const entries = call.keys.map((key, index) => [History.keyName(key), writes[index] ?? ""] as const)
      return Effect.map(region.setMany(entries, { timeToLive: call.life }), outcomes)
    }
    case "Remove":
      return Effect.map(region.remove(History.keyName(call.key)), one)
    case "RemoveMany":
      return Effect.map(region.removeMany(call.keys.map(History.keyName)), outcomes)
    case "Touch":
      return Effect.map(region.touch(History.keyName(call.key), { timeToLive: call.life }), one)
    case "Clear":
      return Effect.map(region.clear, one)
    case "GetOrSet":
      return Effect.map(region.getOrSet(History.keyName(call.key), lookUp, { timeToLive: call.life }), (value) =>
        values([Option.some(value)])
      )
  }
}

// A journal goes through what it has at growing intervals of up to 30 seconds, and keeps what it cannot
// fence for as long as values live.
const recoveryFenced = 70_000
const recoveryUnfenced = 750_000
// A call takes up to 5 seconds, and a client of a cluster asks every 10 seconds or so who owns what: a region that
// was cleared while a slot moved is emptied again then.
const longestWay = 16_000
// After which it is looked whether anything is left.
const pause = 5000
const closeTimeout = 2000

// The region of the calls that only find out whether Redis is back.
const probed = 0

const places: ReadonlyMap<string, History.Place> = new Map(
  Array.from(History.regions.keys()).flatMap((region) =>
    Array.from(History.keys.keys(), (key) => [History.storedKey({ region, key }), { region, key }] as const)
  )
)

// The text of a value, and nothing of the mark of a removal.
const valueIn = (text: string): string | undefined =>
  text[4] === "x" ? undefined : payloadOf(text).replaceAll('"', "")

// What a command stores under one of the keys, if it does.
const storingOf = (name: string, args: ReadonlyArray<string>): Log.Storing | undefined => {
  const isScript = name === "EVALSHA" || name === "EVAL"
  if (name !== "SET" && !(isScript && storingScripts.has(args[0] ?? ""))) return undefined
  const [key = "", text = ""] = isScript ? args.slice(2) : args
  const place = places.get(key)
  if (place === undefined || text === "") return undefined
  return { ...place, value: valueIn(text), by: isScript ? "script" : args.includes("NX") ? "SET NX" : "SET" }
}

const storingScripts: ReadonlySet<string> = new Set(
  [Commands.replaceKnown, Commands.replaceEarlier, Commands.replaceSame].flatMap(({ lua, sha }) => [lua, sha])
)

const resultOf = (exit: Exit.Exit<Log.Result, string>): Log.Result => {
  if (Exit.isSuccess(exit)) return exit.value
  if (Cause.hasInterruptsOnly(exit.cause)) return { _tag: "Interrupted" }
  const failure = Cause.findErrorOption(exit.cause)
  return Option.isSome(failure)
    ? { _tag: "LookupFailed", lookup: failure.value }
    : { _tag: "Died", message: Cause.pretty(exit.cause) }
}

const isDenial = (step: History.Step): boolean =>
  (step._tag === "Permit" && step.denied.length > 0) ||
  (step._tag === "Trouble" && step.trouble._tag === "Error" && step.trouble.code === "NOPERM")

// Without CLIENT ID or CLIENT KILL nobody knows when an old connection has done its last.
const preventsKill = (step: History.Step): boolean =>
  step._tag === "Trouble" && step.trouble._tag === "Error" && step.trouble.commands?.includes("CLIENT") === true

const faultOf = (trouble: History.Trouble): Fault.Fault => {
  switch (trouble._tag) {
    case "None":
      return Fault.none
    case "Refuse":
      return Fault.refuse
    case "Freeze":
      return Fault.freeze
    case "Delay":
      return Fault.delay(trouble.millis)
    case "Flaky":
      return Fault.flaky(trouble)
    case "Error":
      return Fault.error(trouble.code, { commands: trouble.commands })
  }
}
