import { Cause, Clock, Effect, Exit, type Fiber, Option, Random, References } from "effect"
import { RedisCommand } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as History from "./History.ts"
import * as Process from "./Process.ts"
import * as Reference from "./Reference.ts"
import * as VirtualTime from "./VirtualTime.ts"
import { stored } from "../support/Stored.ts"

/** Runs a history in virtual time and says which promises it broke. */
export const run = (
  history: History.History,
  seams: Process.Seams = {}
): Effect.Effect<ReadonlyArray<Reference.Violation>> =>
  Effect.scoped(play(history, seams)).pipe(
    Effect.catchCause((cause) =>
      Effect.succeed([{ rule: "died" as const, message: `the history itself: ${Cause.pretty(cause)}` }])
    ),
    Random.withSeed(`model ${history.seed}`),
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.provide(TestClock.layer())
  )

const play = Effect.fnUntraced(function* (history: History.History, seams: Process.Seams) {
  const server = yield* SimulatedRedis.make({ latency: history.latency, seed: history.seed })
  const open = (number: number) =>
    Effect.provideService(Process.open(number, { ...history, seams }), SimulatedRedis.SimulatedRedis, server)
  const clock = yield* Clock.Clock
  const log = Reference.emptyLog()
  const violations: Array<Reference.Violation> = []
  const closed: Array<Process.Process> = []
  const actors = new Map<number, Fiber.Fiber<unknown, unknown>>()
  let process = yield* open(0)
  let dump: ReadonlyMap<string, { readonly text: string; readonly expiresAt: number | undefined }> = new Map()
  let order = 0
  let ids = 0

  const now = (): Reference.Moment => ({ order: ++order, at: clock.currentTimeMillisUnsafe() })
  const violated = (rule: Reference.Rule, message: string) => violations.push({ rule, message })

  const lookUp = (step: number, owner: number, call: Extract<History.Call, { readonly _tag: "GetOrSet" }>) =>
    Effect.suspend(() => {
      const { fails, key, region, takes } = call
      const record: Reference.LookupRecord = {
        id: `${fails ? "f" : "l"}${++ids}`,
        process: owner,
        region,
        key,
        step,
        from: now(),
        to: undefined
      }
      log.lookups.push(record)
      return Effect.sleep(takes).pipe(
        Effect.andThen(fails ? Effect.fail(record.id) : Effect.succeed(record.id)),
        Effect.onExit(() =>
          Effect.sync(() => {
            record.to = now()
          })
        )
      )
    })

  const perform = (record: Reference.CallRecord, region: Process.Region): Effect.Effect<Reference.Result, string> => {
    const { call, process: owner, step, writes } = record
    const values = (found: ReadonlyArray<Option.Option<string>>): Reference.Result => ({
      _tag: "Values",
      values: found.map(Option.getOrUndefined)
    })
    const outcomes = (all: ReadonlyArray<string>): Reference.Result => ({ _tag: "Outcomes", outcomes: all })
    const one = (outcome: string) => outcomes([outcome])
    switch (call._tag) {
      case "Get":
        return Effect.map(region.get(History.keyName(call.key)), (found) => values([found]))
      case "GetMany":
        return Effect.map(region.getMany(call.keys.map(History.keyName)), values)
      case "Set":
        return Effect.map(region.set(History.keyName(call.key), writes[0] ?? "", { timeToLive: call.life }), one)
      case "SetMany":
        return Effect.map(
          region.setMany(
            call.keys.map((key, index) => [History.keyName(key), writes[index] ?? ""] as const),
            { timeToLive: call.life }
          ),
          outcomes
        )
      case "Remove":
        return Effect.map(region.remove(History.keyName(call.key)), one)
      case "RemoveMany":
        return Effect.map(region.removeMany(call.keys.map(History.keyName)), outcomes)
      case "Clear":
        return Effect.map(region.clear, one)
      case "GetOrSet":
        return Effect.map(
          region.getOrSet(History.keyName(call.key), lookUp(step, owner, call), { timeToLive: call.life }),
          (value) => values([Option.some(value)])
        )
    }
  }

  const start = Effect.fnUntraced(function* (step: number, call: History.Call) {
    const region = process.regions[call.region]
    if (region === undefined) return yield* Effect.die(new Error("no such region"))
    const isSet = call._tag === "Set" || call._tag === "SetMany"
    const record: Reference.CallRecord = {
      step,
      process: process.number,
      call,
      writes: isSet ? History.keysOf(call).map(() => `v${++ids}`) : [],
      from: now(),
      to: undefined,
      result: { _tag: "Pending" }
    }
    log.calls.push(record)
    const performed = process.counted(perform(record, region)).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          record.to = now()
          record.result = resultOf(exit)
        })
      )
    )
    return yield* Effect.forkChild(performed, { startImmediately: true })
  })

  // Writes of somebody else reach Redis only where it executes what it is sent.
  let standsStill = false

  const execute = (name: string, ...args: ReadonlyArray<string | number>) =>
    Effect.orDie(server.execute(RedisCommand.make(name, args)))

  const take = (step: number, is: History.Step): Effect.Effect<void> => {
    switch (is._tag) {
      case "Call": {
        const last = actors.get(is.actor)
        if (last !== undefined && last.pollUnsafe() === undefined) return Effect.void
        return Effect.map(start(step, is.call), (fiber) => {
          actors.set(is.actor, fiber)
        })
      }
      case "Interrupt":
        return Effect.sync(() => actors.get(is.actor)?.interruptUnsafe())
      case "Wait":
        return VirtualTime.pass(is.millis)
      case "Trouble":
        standsStill = is.trouble._tag === "Freeze" || is.trouble._tag === "Refuse"
        return server.inject(faultOf(is.trouble))
      case "Cut":
        return server.inject(Fault.cut(is))
      case "Save":
        return Effect.gen(function* () {
          const entries = yield* server.entries
          const texts = yield* Effect.forEach(entries, ([key, { expiresAt }]) =>
            Effect.map(server.peek(key), (text = "") => [key, { text, expiresAt }] as const)
          )
          dump = new Map(texts)
        })
      case "Restart":
        return Effect.gen(function* () {
          yield* server.restart({ keepData: is.data === "kept" })
          if (is.data !== "old") return
          for (const [key, { expiresAt, text }] of dump) {
            yield* execute("SET", key, text, ...(expiresAt === undefined ? [] : ["PXAT", expiresAt]))
          }
        })
      case "Foreign":
        return Effect.suspend(() => {
          if (standsStill) return Effect.void
          const key = storedKey(is.region, is.key)
          if (is.remove) return execute("UNLINK", key)
          const at = now()
          const id = `x${++ids}`
          log.foreign.push({ id, region: is.region, key: is.key, at })
          return execute(
            "SET",
            key,
            stored(key, JSON.stringify(id), { writtenAt: at.at, life: 600_000 }),
            "PX",
            600_000
          )
        })
      case "Reopen":
        return Effect.gen(function* () {
          yield* close
          process = yield* open(process.number + 1)
        })
    }
  }

  const close = Effect.suspend(() => {
    closed.push(process)
    return Effect.map(process.close, (took) => {
      if (took > closeTimeout) violated("left behind", `closing process ${process.number} took ${took} ms`)
    })
  })

  const finish = Effect.gen(function* () {
    yield* server.heal
    // What a user may not do he may do again on his next connection.
    if (history.steps.some(isDenial)) yield* server.inject(Fault.cut({ executed: true }))
    const recovery = history.steps.some(preventsKill) ? recoveryUnfenced : recoveryFenced
    yield* VirtualTime.pass(recovery)
    // Without RedisHealth it takes a call to find out that Redis is back.
    if (!history.health) {
      yield* VirtualTime.passUntilDone(process.counted(process.regions[0]?.get("probe") ?? Effect.void))
      yield* VirtualTime.pass(recovery)
    }
    for (const record of log.calls) {
      // It would be waited for in vain below.
      if (record.to === undefined) return
    }
    for (const [region] of History.regions.entries()) {
      for (const [key] of History.keys.entries()) {
        const stored = yield* server.peek(storedKey(region, key))
        if (stored === undefined) continue
        log.stored.push({ region, key, value: valueIn(stored), process: process.number, from: now() })
      }
    }
    const journaled = yield* process.journaled
    if (journaled > 0)
      violated("left behind", `the journal still has ${journaled} keys, ${recovery} ms after all was well`)
    for (const [region, name] of History.regions.entries()) {
      for (const [key] of History.keys.entries()) {
        yield* start(history.steps.length, { _tag: "Get", region, key })
      }
      yield* VirtualTime.pass(Process.patience)
      const outcome = yield* VirtualTime.passUntilDone(
        process.counted(process.regions[region]?.set("probe", "probe") ?? Effect.succeed("none"))
      )
      if (outcome !== "Applied") {
        const { _tag } = yield* process.breaker.state
        violated(
          "refused for ever",
          `${recovery} ms after all was well a set in ${name} is ${outcome}, the circuit ${_tag}`
        )
      }
      const probe = `cache:${name}:v1:=probe`
      yield* execute("SET", probe, stored(probe, `"theirs"`, { writtenAt: now().at, life: 60_000 }), "PX", 60_000)
      const read = yield* VirtualTime.passUntilDone(
        process.counted(process.regions[region]?.get("probe") ?? Effect.succeedNone)
      )
      if (Option.getOrUndefined(read) !== "theirs") {
        violated("bypassed for ever", `${recovery} ms after all was well ${name} is not read from Redis`)
      }
    }
  })

  for (const [step, is] of history.steps.entries()) yield* take(step, is)
  yield* finish
  yield* close
  yield* VirtualTime.pass(closeTimeout + Process.patience)
  for (const { left, longestCall, number } of closed) {
    const { fibers, sleepers } = left()
    if (fibers > 0 || sleepers > 0) {
      violated("left behind", `process ${number} left ${fibers} fibers, ${sleepers} of the clock's sleepers`)
    }
    if (longestCall() > Process.operationTimeout) {
      violated("outlived", `a call of the client of process ${number} took ${longestCall()} ms`)
    }
  }
  const sent = (yield* server.received).flatMap(({ args: [, text = ""], at, name }) =>
    name === "SET" ? [{ value: valueIn(text), at }] : []
  )
  return [...Reference.check({ ...log, sent }, Process.patience), ...violations]
})

// A journal goes through what it has at growing intervals of up to 30 seconds, and keeps what it cannot fence for as long as values live.
const recoveryFenced = 70_000
const recoveryUnfenced = 750_000
const closeTimeout = 2000

const storedKey = (region: number, key: number): string =>
  `cache:${History.regionName(region)}:v1:=${History.keyName(key)}`

const valueIn = (stored: string): string => stored.slice(stored.indexOf(":") + 1).replaceAll('"', "")

const resultOf = (exit: Exit.Exit<Reference.Result, string>): Reference.Result => {
  if (Exit.isSuccess(exit)) return exit.value
  if (Cause.hasInterruptsOnly(exit.cause)) return { _tag: "Interrupted" }
  const failure = Cause.findErrorOption(exit.cause)
  return Option.isSome(failure)
    ? { _tag: "LookupFailed", lookup: failure.value }
    : { _tag: "Died", message: Cause.pretty(exit.cause) }
}

const isDenial = (step: History.Step): boolean =>
  step._tag === "Trouble" && step.trouble._tag === "Error" && step.trouble.code === "NOPERM"

// Without CLIENT ID or CLIENT KILL nobody knows when an old connection has done its last.
const preventsKill = (step: History.Step): boolean =>
  isDenial(step) ||
  (step._tag === "Trouble" && step.trouble._tag === "Error" && step.trouble.commands?.includes("CLIENT") === true)

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
