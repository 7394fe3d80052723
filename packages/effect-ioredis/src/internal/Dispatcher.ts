import { type Clock, type Context, Result } from "effect"
import type { Cancel, Dispatch, Done, NodeEvent, OperationKind, SendOptions } from "../dispatch.ts"
import type { Reply, RedisCommand } from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import type { Attempts } from "./Attempts.ts"
import { batchName } from "./batchName.ts"
import { CommandCall, kindOf, operationKindOf, Settings } from "./Calls.ts"
import { errorType, interrupted } from "./errorType.ts"
import * as Joins from "./Joins.ts"
import type { LiveSettings } from "./LiveSettings.ts"
import { success } from "./Metrics.ts"
import * as Scatter from "./Scatter.ts"
import type { Topology } from "./topology/Topology.ts"

/** The callback side of a client. */
export interface Dispatcher extends Dispatch {
  /** `send` for a caller whose retries run in a context of his own. */
  readonly sendIn: (
    context: Context.Context<never>,
    command: RedisCommand,
    options: SendOptions,
    done: Done<Reply>
  ) => Cancel
  readonly sendAllIn: (
    context: Context.Context<never>,
    commands: ReadonlyArray<RedisCommand>,
    options: Parameters<Dispatch["sendAll"]>[1],
    done: Parameters<Dispatch["sendAll"]>[2]
  ) => Cancel
  /** Grows whenever keys have other owners than before. */
  readonly version: () => number
}

/** Makes one on a topology. `listeners` are told of the events of its nodes. */
export const make = ({
  attempts,
  clock,
  closeWithin,
  context,
  followSettings,
  listeners,
  live,
  now,
  onDefect,
  record,
  topology,
  watchHistory
}: {
  readonly attempts: Attempts
  readonly clock: Clock.Clock
  readonly closeWithin: Dispatch["closeWithin"]
  readonly context: Context.Context<never>
  readonly followSettings: Dispatch["followSettings"]
  readonly listeners: Set<(event: NodeEvent) => void>
  /** The monotonic time in milliseconds. */
  readonly now: () => number
  readonly onDefect: (defect: unknown) => void
  readonly live: LiveSettings
  /** Takes in an operation that several calls are the parts of, and how long it took. */
  readonly record: (operation: string, errorType: string, millis: number) => void
  readonly topology: Topology
  readonly watchHistory: Dispatch["watchHistory"]
}): Dispatcher => {
  const settings = (
    of: Context.Context<never>,
    { answer, node, readFrom, retry, session, waitToSend = 0 }: SendOptions,
    timeout: number
  ): Settings =>
    new Settings(
      topology,
      { answer, node, readFrom, retry: retry !== false, session, timeout, waitToSend },
      of,
      onDefect
    )

  // Most calls want the same as the one before, so that its settings serve them too.
  let last = settings(context, noOptions, live.read.operationTimeout)

  const settingsOf = (of: Context.Context<never>, options: SendOptions, kind: OperationKind): Settings => {
    const { answer, node, readFrom, retry, session, waitToSend = 0 } = options
    const timeout = options.timeout ?? live.timesOf(kind).operationTimeout
    const isSame =
      last.timeout === timeout &&
      last.context === of &&
      last.answer === answer &&
      last.session === session &&
      last.node === node &&
      last.readFrom === readFrom &&
      last.retry === (retry !== false) &&
      last.waitToSend === waitToSend
    if (!isSame) last = settings(of, options, timeout)
    return last
  }

  const sendIn: Dispatcher["sendIn"] = (of, command, options, done) => {
    joins.flush()
    return start(settingsOf(of, options, operationKindOf(command)), command, options, done)
  }

  const start = (settings: Settings, command: RedisCommand, options: SendOptions, done: Done<Reply>): Cancel => {
    if (!settings.divides(command)) {
      return attempts.start(new CommandCall(settings, command, options.sending), done)
    }
    const sendings = options.sending === undefined ? undefined : [options.sending]
    return scatter(settings, command.name, [command], sendings, ([result]) => {
      if (result !== undefined) done(result)
    })
  }

  const scatter = makeScatter({ attempts, now, record })

  const sendAllIn: Dispatcher["sendAllIn"] = (of, commands, options, done) => {
    joins.flush()
    if (commands.length > 0) {
      const operation = commands.length === 1 ? (commands[0]?.name ?? "") : batchName("PIPELINE", commands)
      return scatter(settingsOf(of, options, kindOf(commands)), operation, commands, options.sendings, done)
    }
    done([])
    return ignore
  }

  const joins = Joins.make(
    topology.placeOf,
    (command, timeout, done) => start(settingsOf(context, { timeout }, "read"), command, noOptions, done),
    onDefect
  )

  // Keys of different slots cannot be read together, and keys of one slot seldom meet: a join for
  // each takes two thirds more processor time than a get for each.
  const mayJoin = topology.slotOf === undefined

  const get: Dispatch["get"] = (key, { bytes, first, sending, timeout = live.read.operationTimeout }, done) => {
    if (mayJoin && first === undefined) return joins.get(key, { bytes, timeout }, done)
    const command = first === undefined ? Joins.get(key) : Joins.getFirst(key, first)
    return start(settingsOf(context, { timeout }, "read"), command, { sending }, done)
  }

  return {
    clock,
    nodes: topology.nodes,
    nodeOf: topology.nodeFor,
    slotOf: topology.slotOf,
    version: topology.version,
    refresh: topology.refresh,
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    send: (command, options, done) => sendIn(context, command, options, done),
    sendAll: (commands, options, done) => sendAllIn(context, commands, options, done),
    sendIn,
    sendAllIn,
    get,
    followSettings,
    watchHistory,
    closeWithin
  }
}

// The parts of what concerns several nodes are one operation, which is none of theirs.
const makeScatter =
  ({
    attempts,
    now,
    record
  }: {
    readonly attempts: Attempts
    readonly now: () => number
    readonly record: (operation: string, errorType: string, millis: number) => void
  }) =>
  (
    settings: Settings,
    operation: string,
    commands: ReadonlyArray<RedisCommand>,
    sendings: Parameters<Dispatch["sendAll"]>[1]["sendings"],
    done: Parameters<Dispatch["sendAll"]>[2]
  ): Cancel => {
    const startedAt = now()
    let isTold = false
    const end = (type: string): void => {
      if (isTold) return
      isTold = true
      record(operation, type, now() - startedAt)
    }
    const cancel = Scatter.start(attempts, now, settings, commands, sendings, (results) => {
      end(errorTypeOf(results))
      done(results)
    })
    return () => {
      end(interrupted)
      cancel()
    }
  }

// What the first command that failed has failed with.
const errorTypeOf = (results: ReadonlyArray<ReplyResult>): string => {
  const failed = results.find(Result.isFailure)
  return failed === undefined ? success : errorType(failed.failure)
}

const noOptions: SendOptions = {}

const ignore = () => {}
