import { type Context, Result, type Tracer } from "effect"
import type { Cancel, Dispatch, Done, NodeEvent, OperationKind, SendOptions } from "../dispatch.ts"
import type { Reply, RedisCommand } from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import type { Attempts } from "./Attempts.ts"
import { batchName } from "./batchName.ts"
import { CommandCall, kindOf, operationKindOf, Settings } from "./Calls.ts"
import type { CommandSpan, CommandSpans } from "./CommandSpan.ts"
import { errorTypeOfAll, interrupted } from "./errorType.ts"
import * as Joins from "./Joins.ts"
import type { LiveSettings } from "./LiveSettings.ts"
import * as Scatter from "./Scatter.ts"
import type { Topology } from "./topology/Topology.ts"

/** The callback side of a client. */
export interface Dispatcher extends Dispatch {
  /**
   * `send` for a caller whose retries run in a context of his own, and whose command may have a
   * span already.
   */
  readonly sendIn: (
    context: Context.Context<never>,
    command: RedisCommand,
    options: SendOptions,
    done: Done<Reply>,
    trace?: CommandSpan
  ) => Cancel
  readonly sendAllIn: (
    context: Context.Context<never>,
    commands: ReadonlyArray<RedisCommand>,
    options: Parameters<Dispatch["sendAll"]>[1],
    done: Parameters<Dispatch["sendAll"]>[2],
    trace?: CommandSpan
  ) => Cancel
  readonly commandSpans: CommandSpans
  /** Grows whenever keys have other owners than before. */
  readonly version: () => number
}

/** Takes in an operation that is no single call, and how long it took. */
export type RecordOperation = (operation: string, errorType: string, millis: number) => void

/** What one is made of. */
export interface Options
  extends Pick<
    Dispatcher,
    "clock" | "closeWithin" | "commandSpans" | "followSettings" | "note" | "operationLog" | "outage" | "watchHistory"
  > {
  readonly attempts: Attempts
  readonly context: Context.Context<never>
  readonly listeners: Set<(event: NodeEvent) => void>
  /** The monotonic time in milliseconds. */
  readonly now: () => number
  readonly onDefect: (defect: unknown) => void
  readonly live: LiveSettings
  readonly record: RecordOperation
  readonly topology: Topology
}

/** Makes one on a topology. `listeners` are told of the events of its nodes. */
export const make = ({
  attempts,
  clock,
  closeWithin,
  commandSpans,
  context,
  followSettings,
  listeners,
  live,
  note,
  now,
  onDefect,
  operationLog,
  outage,
  record,
  topology,
  watchHistory
}: Options): Dispatcher => {
  const settingsOf = makeSettingsOf(topology, context, onDefect, live)
  const scatter = makeScatter({ attempts, now, record })

  const sendIn: Dispatcher["sendIn"] = (of, command, options, done, trace) => {
    joins.flush()
    return start(settingsOf(of, options, operationKindOf(command), trace), command, options, done)
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

  const sendAllIn: Dispatcher["sendAllIn"] = (of, commands, options, done, trace) => {
    joins.flush()
    if (commands.length > 0) {
      const settings = settingsOf(of, options, kindOf(commands), trace)
      return scatter(settings, nameOf(commands), commands, options.sendings, done)
    }
    done([])
    return ignore
  }

  const joins = Joins.make(
    topology.placeOf,
    (command, timeout, spans, done) => {
      const options = { timeout }
      return spans.length === 0
        ? start(settingsOf(context, options, "read"), command, noOptions, done)
        : onBehalfOf(commandSpans, spans, command.name, itself, done, (trace, done) =>
            start(settingsOf(context, options, "read", trace), command, noOptions, done)
          )
    },
    onDefect
  )

  // Keys of different slots cannot be read together, and keys of one slot seldom meet: a join for
  // each takes two thirds more processor time than a get for each.
  const mayJoin = topology.slotOf === undefined

  const get: Dispatch["get"] = (key, { bytes, first, sending, timeout = live.read.operationTimeout }, done) => {
    const span = commandSpans.current()
    if (mayJoin && first === undefined) return joins.get(key, { bytes, span, timeout }, done)
    const command = first === undefined ? Joins.get(key) : Joins.getFirst(key, first)
    return span === undefined
      ? start(settingsOf(context, { timeout }, "read"), command, { sending }, done)
      : onBehalfOf(commandSpans, [span], command.name, itself, done, (trace, done) =>
          start(settingsOf(context, { timeout }, "read", trace), command, { sending }, done)
        )
  }

  const send: Dispatch["send"] = (command, options, done) => {
    const span = commandSpans.current()
    return span === undefined
      ? sendIn(context, command, options, done)
      : onBehalfOf(commandSpans, [span], command.name, itself, done, (trace, done) =>
          sendIn(context, command, options, done, trace)
        )
  }

  const sendAll: Dispatch["sendAll"] = (commands, options, done) => {
    const span = commandSpans.current()
    if (span === undefined || commands.length === 0) return sendAllIn(context, commands, options, done)
    return onBehalfOf(commandSpans, [span], nameOf(commands), firstFailure, done, (trace, done) =>
      sendAllIn(context, commands, options, done, trace)
    )
  }

  return {
    clock,
    operationTimeout: (kind) => live.timesOf(kind === "read" ? "read" : "write").operationTimeout,
    nodes: topology.nodes,
    nodeOf: topology.nodeFor,
    slotOf: topology.slotOf,
    version: topology.version,
    refresh: topology.refresh,
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    send,
    sendAll,
    sendIn,
    sendAllIn,
    get,
    followSettings,
    watchHistory,
    closeWithin,
    note,
    outage,
    operationLog,
    commandSpans
  }
}

// Most calls want the same as the one before, so that its settings serve them too. A call that
// somebody traces has settings of its own.
const makeSettingsOf = (
  topology: Topology,
  context: Context.Context<never>,
  onDefect: (defect: unknown) => void,
  live: LiveSettings
) => {
  const settings = (
    of: Context.Context<never>,
    { answer, node, readFrom, retry, session, waitToSend = 0 }: SendOptions,
    timeout: number,
    trace: CommandSpan | undefined
  ): Settings =>
    new Settings(
      topology,
      { answer, node, readFrom, retry: retry !== false, session, timeout, trace, waitToSend },
      of,
      onDefect
    )

  let last = settings(context, noOptions, live.read.operationTimeout, undefined)

  return (of: Context.Context<never>, options: SendOptions, kind: OperationKind, trace?: CommandSpan): Settings => {
    const timeout = options.timeout ?? live.timesOf(kind).operationTimeout
    if (trace !== undefined) return settings(of, options, timeout, trace)
    const { answer, node, readFrom, retry, session, waitToSend = 0 } = options
    const isSame =
      last.timeout === timeout &&
      last.context === of &&
      last.answer === answer &&
      last.session === session &&
      last.node === node &&
      last.readFrom === readFrom &&
      last.retry === (retry !== false) &&
      last.waitToSend === waitToSend
    if (!isSame) last = settings(of, options, timeout, undefined)
    return last
  }
}

// Sends something on behalf of spans, and tells them how it ended.
const onBehalfOf = <A>(
  commandSpans: CommandSpans,
  spans: ReadonlyArray<Tracer.Span>,
  name: string,
  endOf: (value: A) => ReplyResult | undefined,
  done: (value: A) => void,
  start: (trace: CommandSpan, done: (value: A) => void) => Cancel
): Cancel => {
  const trace = commandSpans.begin(name, spans)
  const cancel = start(trace, (value) => {
    trace.end(endOf(value) ?? Result.void)
    done(value)
  })
  return () => {
    trace.leave()
    cancel()
  }
}

const itself = (result: ReplyResult): ReplyResult => result

const firstFailure = (results: ReadonlyArray<ReplyResult>): ReplyResult | undefined => results.find(Result.isFailure)

const nameOf = (commands: ReadonlyArray<RedisCommand>): string =>
  commands.length === 1 ? (commands[0]?.name ?? "") : batchName("PIPELINE", commands)

// The parts of what concerns several nodes are one operation, which is none of theirs.
const makeScatter =
  ({
    attempts,
    now,
    record
  }: {
    readonly attempts: Attempts
    readonly now: () => number
    readonly record: RecordOperation
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
      end(errorTypeOfAll(results))
      done(results)
    })
    return () => {
      end(interrupted)
      cancel()
    }
  }

const noOptions: SendOptions = {}

const ignore = () => {}
