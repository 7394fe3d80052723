import { Effect, Option, Result } from "effect"
import { RedisCommand, type RedisScript } from "effect-ioredis"
import type * as Dispatch from "effect-ioredis/dispatch"
import { SimulatedScript } from "effect-ioredis/testing"
import * as Scripts from "../../packages/effect-ioredis-cache/src/internal/journal/scripts.ts"
import { State } from "../../packages/effect-ioredis-cache/src/internal/journal/State.ts"
import { writerOf } from "../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"
import type { Range } from "./Generate.ts"
import type { History } from "./History.ts"
import { nearVariants } from "./NearVariants.ts"
import type { Region, Seams } from "./Process.ts"
import type { Rule } from "./Reference.ts"
import * as Steps from "./Steps.ts"

/** A cache that is broken on purpose, where that shows, and as what. */
export interface Variant {
  readonly breaks: ReadonlyArray<Rule>
  readonly range: Range
  readonly seams: Seams
  /** A history that shows it, where those that are drawn seldom do. */
  readonly witness?: History | undefined
}

const [unchanged, latest, marked, invalidated, overwritten] = [0, 1, 2, 3, 4] as const

// -------------------------------------------------------------------------------------------------
// Seams
// -------------------------------------------------------------------------------------------------

type Follow = (command: RedisCommand.RedisCommand, sending: Dispatch.Sending) => Dispatch.Sending
type Change = (command: RedisCommand.RedisCommand) => RedisCommand.RedisCommand

/** Puts other commands in the place of those that are sent. */
const sending =
  (change: Change): NonNullable<Seams["dispatch"]> =>
  (dispatch) => ({
    ...dispatch,
    send: (command, options, done) => dispatch.send(change(command), options, done),
    sendAll: (commands, options, done) => dispatch.sendAll(commands.map(change), options, done)
  })

/** Puts another follower in the place of that of each sending. */
const following =
  (change: Follow): NonNullable<Seams["dispatch"]> =>
  (dispatch) => ({
    ...dispatch,
    send: (command, options, done) => {
      const { sending } = options
      const changed = sending === undefined ? options : { ...options, sending: change(command, sending) }
      return dispatch.send(command, changed, done)
    },
    sendAll: (commands, options, done) => {
      const sendings = options.sendings?.map((sending, index) => {
        const command = commands[index]
        return sending === undefined || command === undefined ? sending : change(command, sending)
      })
      return dispatch.sendAll(commands, { ...options, sendings }, done)
    }
  })

/** Takes what is in doubt for what was refused. */
const undoubted = (sending: Dispatch.Sending): Dispatch.Sending => ({
  begin: (session) => sending.begin(session),
  end: (session, end) => sending.end(session, end._tag === "Doubtful" ? { _tag: "Refused", error: end.error } : end)
})

/** Answers some commands without sending them. */
const answering =
  (reply: (command: RedisCommand.RedisCommand) => RedisCommand.Reply | undefined): NonNullable<Seams["dispatch"]> =>
  (dispatch) => ({
    ...dispatch,
    send: (command, options, done) => {
      const told = reply(command)
      if (told === undefined) return dispatch.send(command, options, done)
      done(Result.succeed(told))
      return () => {}
    },
    sendAll: (commands, options, done) => {
      const told = commands.flatMap((command) => reply(command) ?? [])
      if (told.length === 0 || told.length < commands.length) return dispatch.sendAll(commands, options, done)
      done(told.map((reply) => Result.succeed(reply)))
      return () => {}
    }
  })

const isCall = ({ args, name }: RedisCommand.RedisCommand, { lua, sha }: RedisScript.RedisScript): boolean =>
  (name === "EVALSHA" && args[0] === sha) || (name === "EVAL" && args[0] === lua)

/** Puts a wrong counterpart in the place of a script's. It is given the right one. */
const running = (
  script: RedisScript.RedisScript,
  wrong: (right: SimulatedScript.Run) => SimulatedScript.Run
): NonNullable<Seams["scripts"]> => {
  return (scripts) => scripts.map((one) => (one.script === script ? SimulatedScript.make(script, wrong(one.run)) : one))
}

/** Puts another method in the place of one of the journal's state, for the length of a history. */
const patching =
  <Name extends "believes" | "doubt" | "moveSlots">(
    name: Name,
    wrong: (right: State[Name]) => (this: State, ...args: Parameters<State[Name]>) => ReturnType<State[Name]>
  ): NonNullable<Seams["patch"]> =>
  () => {
    const right = State.prototype[name]
    // The methods of a class are no writable properties to its type.
    const methods = State.prototype as { [name in Name]: unknown }
    methods[name] = wrong(right)
    return () => {
      methods[name] = right
    }
  }

type Believes = State["believes"]

/** Believes some of what the right one would not. */
const believing = (isBelieved: (state: State, ...args: Parameters<Believes>) => boolean): NonNullable<Seams["patch"]> =>
  patching(
    "believes",
    (right) =>
      function (...args) {
        return isBelieved(this, ...args) || right.apply(this, args)
      }
  )

const store = (key: string, value: string, life: string, call: SimulatedScript.Call): number => {
  if (life === "0") call("SET", key, value)
  else call("SET", key, value, "PX", life)
  return 1
}

const isMark = (text: unknown): boolean => typeof text === "string" && text[4] === "x"

const withRegion =
  (change: (region: Region) => Region): NonNullable<Seams["region"]> =>
  (region) =>
    Effect.succeed(change(region))

const keepingFailures = (region: Region): Region => {
  const failures = new Map<string, Effect.Effect<never, unknown>>()
  return {
    ...region,
    getOrSet: <E, R>(key: string, lookup: Effect.Effect<string, E, R>, options?: Parameters<Region["getOrSet"]>[2]) => {
      // It is the error of a lookup of the same key.
      const kept = failures.get(key) as Effect.Effect<never, E> | undefined
      return (
        kept ??
        Effect.tapError(region.getOrSet(key, lookup, options), (error) =>
          Effect.sync(() => failures.set(key, Effect.fail(error)))
        )
      )
    }
  }
}

// -------------------------------------------------------------------------------------------------
// Histories that show what is seldom drawn
// -------------------------------------------------------------------------------------------------

const { call, clear, get, getOrSet, history, onCluster, process, remove, set, trouble, wait, withSentinels } = Steps

// What was stranded runs after another process has removed the key.
const removedThenResumed = [
  { _tag: "Strand", process: 0 },
  wait(1000),
  call(remove(), { actor: 1 }),
  wait(100),
  { _tag: "Resume" },
  wait(10),
  call(get, { actor: 2 })
] as const

// A value is written after the removal that followed it.
const lateSet = history([call(set()), wait(10), { _tag: "Stall" }, call(set()), wait(1100), ...removedThenResumed])

const lateFill = history([call(getOrSet(300)), wait(100), { _tag: "Stall" }, wait(250), ...removedThenResumed])

const lateOwnSet = history([
  call(set()),
  wait(10),
  trouble("Freeze"),
  call(set()),
  wait(1100),
  { _tag: "Strand", process: 0 },
  call(set(), { actor: 1 }),
  wait(1100),
  trouble("None")
])

// Another process is there first, because this one comes back only after a while.
const removedMeanwhile = history(
  [
    trouble("Refuse"),
    call(set()),
    wait(12_000),
    trouble("None"),
    { _tag: "Reopen", process: 1 },
    call(remove(), { process: 1 }),
    wait(10)
  ],
  { processes: [process, process] }
)

const replacedBeforeResync = history([
  call(set()),
  { _tag: "Copy" },
  wait(300),
  call(set(), { actor: 1 }),
  wait(10),
  { _tag: "Resync", cut: false },
  call(get, { actor: 2 })
])

// What a read finds tells of older data, of which the server is asked only later.
const shownByRead = history(
  [
    call({ _tag: "SetMany", region: 0, keys: [0, 1], life: 600_000 }),
    wait(10),
    { _tag: "Copy" },
    call({ _tag: "SetMany", region: 0, keys: [0, 1], life: 600_000 }),
    wait(10),
    { _tag: "Resync", cut: false },
    call(get),
    wait(10)
  ],
  { historyInterval: 3_600_000 }
)

// A removal is executed after the value that followed it.
const lateRemoval = history([
  { _tag: "Stall" },
  call(remove(overwritten)),
  wait(12_000),
  call(set(600_000, overwritten), { actor: 1 })
])

// A script is executed after the region was cleared.
const lateScript = history([
  call(get),
  { _tag: "Trouble", trouble: { _tag: "Delay", millis: 3000 } },
  call(set(600_000, latest)),
  wait(1000),
  call(clear(latest), { actor: 1 })
])

// A dump has another process's older value, and no script verifies what this one wrote since.
const olderInDump = history(
  [
    call(set(), { process: 1 }),
    wait(10),
    call(get),
    wait(10),
    { _tag: "Save" },
    wait(300),
    call(set()),
    wait(10),
    { _tag: "Trouble", trouble: { _tag: "Error", code: "OOM", commands: ["EVAL", "EVALSHA"] } },
    { _tag: "Restart", data: "dump" },
    wait(1000),
    call(get)
  ],
  { processes: [process, process] }
)

// A deferred value of before another process's clear.
const valueBeforeClear = history(
  [
    trouble("Refuse"),
    call(set(600_000, latest)),
    wait(12_000),
    trouble("None"),
    { _tag: "Reopen", process: 1 },
    call(clear(latest), { process: 1 }),
    wait(10)
  ],
  { processes: [process, process] }
)

const clearedMeanwhile = history(
  [
    call(getOrSet(2500, marked)),
    wait(300),
    call(remove(marked), { process: 1 }),
    wait(10),
    call(clear(marked), { process: 1 }),
    wait(6000)
  ],
  { processes: [process, process] }
)

// The key of the calls above.
const here = { region: unchanged, key: 0 }

// The new master has another process's value, which this one has read and replaced twice.
const lostByFailover = [
  call(set(), { process: 1 }),
  wait(300),
  call(get),
  wait(10),
  { _tag: "Copy", on: here },
  call(set()),
  wait(300),
  call(set()),
  wait(300),
  { _tag: "Kill", freezes: false, on: here },
  { _tag: "FailOver", planned: false, on: here },
  wait(1000),
  call(get, { actor: 1 }),
  wait(1000)
] as const

// A slot is another's while a write is in doubt, and is back when that runs.
const awayAndBack = onCluster([
  call(set()),
  wait(10),
  { _tag: "Stall", on: here },
  call(set()),
  wait(1100),
  { _tag: "Kill", freezes: true, on: here },
  { _tag: "Strand", process: 0 },
  { _tag: "FailOver", planned: false, on: here },
  wait(2500),
  call(set(), { actor: 1 }),
  wait(1000),
  trouble("None"),
  { _tag: "FailOver", planned: true, on: here },
  wait(2500),
  { _tag: "Resume" },
  wait(10)
])

/** A planned failover and a resharding, which delete nothing. */
export const resharded: History = onCluster([
  call({ _tag: "SetMany", region: unchanged, keys: [0, 1, 2, 3], life: 600_000 }),
  wait(10),
  { _tag: "FailOver", planned: true, on: here },
  wait(2500),
  { _tag: "Migrate", on: here, to: 0 },
  { _tag: "Migrate", on: here, to: 1 },
  { _tag: "MoveKey", on: here },
  call({ _tag: "GetMany", region: unchanged, keys: [0, 1, 2, 3] }),
  wait(1000),
  { _tag: "EndMigration", on: here, finishes: true },
  { _tag: "AddNode" },
  { _tag: "MoveSlot", on: { region: unchanged, key: 2 }, to: 3 },
  call({ _tag: "GetMany", region: unchanged, keys: [0, 1, 2, 3] }),
  wait(12_000),
  { _tag: "RemoveNode" },
  wait(12_000)
])

// A write is in doubt on a master that leaves for good.
const doubtOnGoneNode = onCluster([
  { _tag: "AddNode" },
  { _tag: "MoveSlot", on: here, to: 3 },
  call(set()),
  wait(1000),
  { _tag: "Stall", on: here },
  call(set()),
  wait(1100),
  { _tag: "Trouble", trouble: { _tag: "Refuse" }, on: here },
  { _tag: "Strand", process: 0 },
  { _tag: "RemoveNode" },
  wait(12_000)
])

// -------------------------------------------------------------------------------------------------
// Trust
// -------------------------------------------------------------------------------------------------

const trust: Readonly<Record<string, Variant>> = {
  "a reply with an own lower number is trusted": {
    breaks: ["contradicted"],
    range: { isDense: true, troubles: ["Resync"], calls: ["Set", "Get"] },
    seams: {
      patch: believing(({ trust }, _, key, { stamp }) => {
        const known = trust.get(key)
        return known !== undefined && writerOf(known.confirmed.stamp) === writerOf(stamp)
      })
    }
  },
  "a reply with the stamp known before is trusted": {
    breaks: ["contradicted"],
    range: { isDense: true, troubles: ["Resync"], calls: ["Set", "Remove", "Get"], regions: [unchanged] },
    witness: replacedBeforeResync,
    seams: { patch: believing(({ trust }, _, key, { stamp }) => trust.get(key)?.before === stamp) }
  },
  "a foreign reply that is older is trusted after a change": {
    breaks: ["contradicted"],
    range: {
      isDense: true,
      troubles: ["OldDump", "Resync", "Freeze"],
      calls: ["Set", "Remove", "Get"],
      regions: [unchanged]
    },
    witness: olderInDump,
    seams: {
      patch: believing(({ source, trust }, _, key, { stamp }) => trust.get(key) !== undefined && !source.isOwn(stamp))
    }
  },
  "a change of history that goes unnoticed": {
    breaks: ["stored"],
    range: { isDense: true, troubles: ["OldDump", "Resync"], calls: ["Set", "Remove"] },
    seams: {
      dispatch: (dispatch) => ({
        ...dispatch,
        listen: (listener) => dispatch.listen((event) => event._tag !== "HistoryChanged" && listener(event))
      })
    }
  },
  "a reply that shows a change of history is no more than a miss": {
    breaks: ["stored"],
    range: { isDense: true, troubles: ["Resync"], calls: ["Set", "Get"] },
    witness: shownByRead,
    seams: {
      patch: patching(
        "believes",
        (right) =>
          function (region, key, found) {
            return right.call(this, region, key, found, false)
          }
      )
    }
  },
  "verifying that leaves what is older": {
    breaks: ["stored"],
    range: { isDense: true, troubles: ["OldDump", "Resync"], calls: ["Set", "Remove"] },
    seams: { scripts: running(Scripts.unlinkEarlier, () => () => 0) }
  },
  "verifying that unlinks what is later": {
    breaks: ["good data deleted"],
    range: { isDense: true, troubles: ["FalseAlarm"], calls: ["Set"], regions: [unchanged, latest] },
    seams: {
      scripts: running(
        Scripts.unlinkEarlier,
        () =>
          ([key = ""], _, call) =>
            call("UNLINK", key)
      )
    }
  },
  "emptying that unlinks the marks of removals": {
    breaks: ["followed"],
    range: { isDense: true, troubles: [], calls: ["GetOrSet", "Remove", "Clear"], regions: [marked] },
    witness: clearedMeanwhile,
    seams: {
      scripts: running(
        Scripts.unlinkEarlier,
        () =>
          ([key = ""], _, call) =>
            call("UNLINK", key)
      )
    }
  },
  "what was written before a clear is believed": {
    breaks: ["contradicted"],
    range: { isDense: true, troubles: ["OldDump"], calls: ["Set", "Clear", "Get"], regions: [unchanged] },
    seams: { patch: believing((_, region, __, { writtenAt }) => writtenAt <= region.state.clearedAt) }
  },
  "a session whose writes may still run is not ended": {
    breaks: ["late", "contradicted", "stored"],
    range: {
      isDense: true,
      troubles: ["Delay", "Late"],
      calls: ["Set", "Remove", "Get"],
      regions: [unchanged, overwritten]
    },
    witness: lateSet,
    seams: { dispatch: answering(({ name }) => (name === "CLIENT" ? "OK" : undefined)) }
  },
  "a removal in doubt that is not fenced": {
    breaks: ["not written"],
    range: { isDense: true, troubles: ["Late"], calls: ["Set", "Remove"], regions: [overwritten] },
    witness: lateRemoval,
    seams: {
      dispatch: following((command, sending) => (command.name === "UNLINK" ? undoubted(sending) : sending))
    }
  },
  "a script of `latest` in doubt that is not fenced before its region is emptied": {
    breaks: ["stored"],
    range: { isDense: true, troubles: ["Delay", "Late"], calls: ["Set", "Clear"], regions: [latest] },
    witness: lateScript,
    seams: {
      dispatch: following((command, sending) =>
        isCall(command, Scripts.replaceEarlier) ? undoubted(sending) : sending
      )
    }
  },
  "a write in doubt is taken as confirmed": {
    breaks: ["late", "contradicted", "stored"],
    range: { isDense: true, troubles: ["Delay", "Late"], calls: ["Set", "Remove", "Get"] },
    witness: lateSet,
    seams: {
      dispatch: following((_, sending) => ({
        begin: (session) => sending.begin(session),
        end: (session, end) =>
          sending.end(session, end._tag === "Doubtful" ? { _tag: "Confirmed", result: Result.succeed("OK") } : end)
      }))
    }
  }
}

// -------------------------------------------------------------------------------------------------
// Replay
// -------------------------------------------------------------------------------------------------

const replay: Readonly<Record<string, Variant>> = {
  "a deferred value is written whatever is there": {
    breaks: ["resurrected"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set", "Remove"], regions: [unchanged] },
    witness: removedMeanwhile,
    seams: {
      scripts: running(
        Scripts.replaceKnown,
        () =>
          ([key = ""], [value = "", life = ""], call) =>
            store(key, value, life, call)
      )
    }
  },
  "a deferred value is written where nothing is": {
    breaks: ["resurrected"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set", "Remove"], regions: [unchanged] },
    witness: removedMeanwhile,
    seams: {
      scripts: running(
        Scripts.replaceKnown,
        (right) => (keys, args, call) =>
          call("EXISTS", keys[0] ?? "") === 0
            ? store(keys[0] ?? "", args[0] ?? "", args[1] ?? "", call)
            : right(keys, args, call)
      )
    }
  },
  "a deferred value is not written although nothing has changed": {
    breaks: ["not written"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set"], regions: [unchanged] },
    seams: {
      scripts: running(Scripts.replaceKnown, () => ([key = ""], _, call) => {
        call("UNLINK", key)
        return 0
      })
    }
  },
  "own sendings in doubt are taken for another's": {
    breaks: ["not written"],
    range: { isDense: true, troubles: ["Freeze", "Late", "Flaky"], calls: ["Set"], regions: [unchanged] },
    witness: lateOwnSet,
    seams: {
      scripts: running(
        Scripts.replaceKnown,
        (right) =>
          (keys, [value = "", life = "", base = ""], call) =>
            right(keys, [value, life, base, "~".repeat(12)], call)
      )
    }
  },
  "a deferred removal that is forgotten": {
    breaks: ["stored"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set", "Remove"], regions: [unchanged] },
    seams: {
      dispatch: (dispatch) => ({
        ...dispatch,
        sendAll: (commands, options, done) => {
          const dropped = options.retry === false && commands.every(({ name }) => name === "UNLINK")
          return dispatch.sendAll(dropped ? commands.map(() => RedisCommand.make("PING")) : commands, options, done)
        }
      })
    }
  },
  "a deferred clear that is forgotten": {
    breaks: ["stored"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set", "Clear"] },
    seams: { dispatch: answering(({ name }) => (name === "SCAN" ? ["0", []] : undefined)) }
  },
  "`latest` by which the older one stays": {
    breaks: ["older stays"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set"], regions: [latest] },
    seams: {
      scripts: running(
        Scripts.replaceEarlier,
        () =>
          ([key = ""], [value = "", life = ""], call) =>
            store(key, value, life, call)
      )
    }
  },
  "`latest` without marks of removals": {
    breaks: ["older stays"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set", "Remove"], regions: [latest] },
    seams: {
      dispatch: sending((command) =>
        isCall(command, Scripts.replaceEarlier) && isMark(command.args[3])
          ? RedisCommand.make("UNLINK", [command.args[2] ?? ""])
          : command
      )
    }
  },
  "`latest` that does not ask for another's clear": {
    breaks: ["older stays"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set", "Clear"], regions: [latest] },
    witness: valueBeforeClear,
    seams: {
      dispatch: sending((command) =>
        command.name === "GETRANGE" && String(command.args[0]).endsWith("!cleared")
          ? RedisCommand.make("GETRANGE", ["nothing", 0, 1], { reply: "bytes" })
          : command
      )
    }
  },
  "`latest` by plain SET, which may run late": {
    breaks: ["older stays"],
    range: { isDense: true, troubles: ["Delay", "Late"], calls: ["Set"], regions: [latest] },
    seams: {
      dispatch: sending((command) => {
        const [, , key = "", value = "", life = ""] = command.args
        return isCall(command, Scripts.replaceEarlier) ? RedisCommand.make("SET", [key, value, "PX", life]) : command
      })
    }
  },
  "`invalidate` that writes": {
    breaks: ["replayed"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set"], regions: [invalidated] },
    seams: {
      definition: (options) => (options.replay === "invalidate" ? { ...options, replay: "overwrite" } : options)
    }
  },
  "`overwrite` that does not write": {
    breaks: ["not written"],
    range: { isDense: true, troubles: ["Refuse"], calls: ["Set"], regions: [overwritten] },
    seams: {
      definition: (options) => (options.replay === "overwrite" ? { ...options, replay: "invalidate" } : options)
    }
  },
  "marks that are gone at once": {
    breaks: ["followed"],
    range: { isDense: true, troubles: [], calls: ["GetOrSet", "Remove"], regions: [marked] },
    seams: { definition: (options) => (options.name === "marked" ? { ...options, removedFor: 1 } : options) }
  },
  "a fill that replaces whatever is there": {
    breaks: ["good data deleted"],
    range: { isDense: true, troubles: [], calls: ["GetOrSet", "Set"], regions: [unchanged, latest] },
    seams: {
      dispatch: sending((command) =>
        command.name === "SET" && command.args.at(-1) === "NX"
          ? RedisCommand.make("SET", command.args.slice(0, -1))
          : command
      )
    }
  },
  "a fill in doubt that is not fenced": {
    breaks: ["late", "contradicted", "stored"],
    range: { isDense: true, troubles: ["Delay", "Late"], calls: ["GetOrSet", "Remove", "Get"], regions: [unchanged] },
    witness: lateFill,
    seams: {
      dispatch: following((command, sending) => (command.args.at(-1) === "NX" ? undoubted(sending) : sending))
    }
  },
  "a touch that shortens": {
    breaks: ["good data deleted", "not written"],
    range: { isDense: true, troubles: [], calls: ["Set", "Touch"] },
    seams: {
      scripts: running(
        Scripts.extend,
        () =>
          ([key = ""], [end = ""], call) =>
            call("PEXPIREAT", key, end)
      )
    }
  },
  "a touch that does nothing": {
    breaks: ["not written"],
    range: { isDense: true, troubles: [], calls: ["Set", "Touch"] },
    seams: { scripts: running(Scripts.extend, () => () => 1) }
  }
}

// -------------------------------------------------------------------------------------------------
// Everything else
// -------------------------------------------------------------------------------------------------

const others: Readonly<Record<string, Variant>> = {
  "reads that skip the journal": {
    breaks: ["contradicted"],
    range: { troubles: ["MISCONF", "READONLY"] },
    seams: {
      region: (region, { options, redis }) =>
        Effect.map(redis.region(options), (strict) => ({
          ...region,
          get: (key) => Effect.catch(strict.get(key), () => region.get(key))
        }))
    }
  },
  "single flight that keeps failures": {
    breaks: ["failure kept"],
    range: { troubles: [] },
    seams: { region: withRegion(keepingFailures) }
  },
  "a lookup for every caller": {
    breaks: ["lookups beside each other"],
    range: { troubles: [] },
    seams: {
      region: withRegion((region) => ({
        ...region,
        getOrSet: (key, lookup) =>
          Effect.flatMap(region.get(key), Option.match({ onNone: () => lookup, onSome: Effect.succeed }))
      }))
    }
  },
  "memory that does not forget": {
    breaks: ["contradicted"],
    range: { troubles: ["Refuse"] },
    seams: { memory: (memory) => ({ ...memory, delete: () => false, deletePrefix: () => 0 }) }
  },
  "writes that are acknowledged and not sent": {
    breaks: ["stored"],
    range: { troubles: [], calls: ["Set", "Remove"] },
    seams: {
      connection: (connection) => ({
        ...connection,
        submit: (command, onReply) =>
          connection.submit(command.name === "UNLINK" ? RedisCommand.make("PING") : command, onReply)
      })
    }
  },
  "two regions in one": {
    breaks: ["crossed"],
    range: { troubles: [] },
    seams: {
      region: (_, { cache, options }) =>
        cache.region({ ...options, name: "unchanged", replay: "ifUnchanged", removedFor: undefined })
    }
  },
  "a caller who waits longer": {
    breaks: ["impatient"],
    range: { troubles: ["Freeze"] },
    seams: { patience: 3000 }
  },
  "a fiber that outlives the layer": {
    breaks: ["left behind"],
    range: { troubles: [] },
    seams: { beside: Effect.asVoid(Effect.forkDetach(Effect.sleep("1 day"))) }
  },
  "a circuit that opens for good": {
    breaks: ["refused for ever"],
    range: { troubles: ["Refuse", "Freeze"] },
    seams: {
      dispatch: (dispatch) => {
        let failed = false
        return {
          ...dispatch,
          send: (command, options, done) =>
            failed && options.sending !== undefined
              ? dispatch.send(command, { ...options, timeout: 0 }, done)
              : dispatch.send(command, options, (result) => {
                  failed ||= Result.isFailure(result) && result.failure._tag === "RedisConnectionError"
                  done(result)
                })
        }
      }
    }
  }
}

// -------------------------------------------------------------------------------------------------
// Several servers
// -------------------------------------------------------------------------------------------------

const topologies: Readonly<Record<string, Variant>> = {
  "a key is trusted on the owner that its slot moves to": {
    breaks: ["contradicted"],
    range: { isDense: true, worlds: ["Cluster"], troubles: ["Resync"], calls: ["Set", "Get"], regions: [unchanged] },
    witness: onCluster(lostByFailover, { processes: [process, process] }),
    seams: {
      patch: patching(
        "moveSlots",
        (right) =>
          function (slots, node) {
            const { trust } = this
            // It is the trust of this history alone.
            Object.assign(this, { trust: { ...trust, unverify: () => [] } })
            right.call(this, slots, node)
            Object.assign(this, { trust })
          }
      )
    }
  },
  "a doubt is forgotten when its slot moves": {
    breaks: ["stored", "contradicted"],
    range: { isDense: true, worlds: ["Cluster"], troubles: ["Late"], calls: ["Set", "Get"], regions: [unchanged] },
    witness: awayAndBack,
    seams: {
      patch: patching(
        "moveSlots",
        (right) =>
          function (slots, node) {
            for (const { node: other } of this.nodes.values()) {
              if (other.name !== node.name) for (const lost of this.doubts.sessionsOn(other.name)) this.settle(lost)
            }
            right.call(this, slots, node)
          }
      )
    }
  },
  "a doubt that is not parked where its slot has moved": {
    breaks: ["left behind"],
    range: { isDense: true, worlds: ["Cluster"], troubles: ["Late"], calls: ["Set"], regions: [unchanged] },
    witness: doubtOnGoneNode,
    seams: {
      patch: patching(
        "doubt",
        (right) =>
          function (...args) {
            const { dispatch, doubts } = this
            const has = (key: string) => doubts.inSlots(new Set([dispatch.slotOf?.(key) ?? 0])).includes(key)
            Object.assign(doubts, { has })
            right.apply(this, args)
          }
      )
    }
  },
  "verifying that unlinks what has moved": {
    breaks: ["good data deleted"],
    range: { isDense: true, worlds: ["Cluster"], troubles: ["Late"], calls: ["Set"], regions: [unchanged, latest] },
    witness: resharded,
    seams: {
      scripts: running(
        Scripts.unlinkEarlier,
        () =>
          ([key = ""], _, call) =>
            call("UNLINK", key)
      )
    }
  },
  "a region that is emptied on one master": {
    breaks: ["stored"],
    range: { isDense: true, worlds: ["Cluster"], troubles: [], calls: ["Set", "Clear"], regions: [unchanged] },
    witness: onCluster([
      call({ _tag: "SetMany", region: unchanged, keys: [0, 1, 2, 3], life: 600_000 }),
      wait(10),
      call(clear()),
      wait(1000)
    ]),
    seams: {
      dispatch: (dispatch) => ({ ...dispatch, nodes: () => dispatch.nodes().slice(0, 1) })
    }
  },
  "a failover that sentinels tell of is no change of history": {
    breaks: ["contradicted"],
    range: { isDense: true, worlds: ["Sentinel"], troubles: [], calls: ["Set", "Get"], regions: [unchanged] },
    witness: withSentinels(lostByFailover, { processes: [process, process] }),
    seams: {
      dispatch: (dispatch) => ({
        ...dispatch,
        listen: (listener) => dispatch.listen((event) => event._tag !== "HistoryChanged" && listener(event))
      })
    }
  }
}

export const variants = { ...trust, ...replay, ...topologies, ...others, ...nearVariants }
