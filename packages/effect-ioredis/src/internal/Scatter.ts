/**
 * Sends commands to the nodes that own their keys, and puts the answers together: the one place
 * that knows that a call may concern several nodes.
 *
 * A command that says nothing but its keys is split by their places. Parts and commands of one node
 * are one batch, which has attempts of its own, so that the trouble of one node is no other's. A
 * command of which a node says that its key is elsewhere goes on by itself.
 */
import { Result } from "effect"
import type { Cancel, Sending } from "../dispatch.ts"
import type * as RedisCommand from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import { type Attempts, isRedirect } from "./Attempts.ts"
import { BatchCall, CommandCall, type Settings } from "./Calls.ts"
import * as InDoubt from "./InDoubt.ts"
import { keyFrom } from "./keyText.ts"
import type { RedisNode } from "./node/RedisNode.ts"
import * as Split from "./Split.ts"

/** Is told of all results, in the order of the commands. */
export type Gathered = (results: ReadonlyArray<ReplyResult>) => void

/** Sends commands back to back. */
export const start = (
  attempts: Attempts,
  now: () => number,
  settings: Settings,
  commands: ReadonlyArray<RedisCommand.RedisCommand>,
  sendings: ReadonlyArray<Sending | undefined> | undefined,
  done: Gathered
): Cancel => {
  const name = commands.length === 1 ? (commands[0]?.name ?? "") : "PIPELINE"
  const splits = commands.some((command) => settings.splits(command))
  // One server that owns every key has all commands as they are.
  if (settings.topology.slotOf === undefined && !splits) {
    return sendTo(attempts, now, new BatchCall(settings, name, commands, sendings), done)
  }
  const gathering = new Gathering(commands, done)
  const cancels = Array.from(unitsByNode(settings, commands, sendings, gathering), (units) =>
    sendTo(
      attempts,
      now,
      new BatchCall(
        settings,
        name,
        units.map(({ command }) => command),
        units.map(({ sending }) => sending)
      ),
      (results) => {
        for (const [index, unit] of units.entries()) gathering.settle(unit, results[index])
      }
    )
  )
  return () => {
    for (const cancel of cancels) cancel()
  }
}

// Sends the commands of one node. Those whose key is elsewhere go there one by one.
const sendTo = (attempts: Attempts, now: () => number, call: BatchCall, done: Gathered): Cancel => {
  const until = now() + call.timeout
  const following: Array<Cancel> = []
  const first = attempts.start(call, (result) => {
    const results = Array.from(Result.isSuccess(result) ? result.success : call.resultsOr(result.failure))
    let outstanding = 1
    const settle = (): void => {
      outstanding--
      if (outstanding === 0) done(results)
    }
    for (const [index, result] of results.entries()) {
      const command = call.commands[index]
      const left = until - now()
      if (command === undefined || Result.isSuccess(result) || !isRedirect(result.failure) || left <= 0) continue
      outstanding++
      const elsewhere = new CommandCall(call.settings.within(left), command, call.sendings?.[index], call.asked)
      const cancel = attempts.goOn(elsewhere, result.failure, call.doubts[index], (result) => {
        results[index] = result
        settle()
      })
      following.push(cancel)
    }
    settle()
  })
  return () => {
    first()
    for (const cancel of following) cancel()
  }
}

// A command as it is sent: a whole one, or a part of one. A class for what `Deadlines` says of
// things in flight.
class Unit {
  readonly command: RedisCommand.RedisCommand
  readonly sending: Sending | undefined
  readonly index: number
  readonly part: number

  constructor(command: RedisCommand.RedisCommand, sending: Sending | undefined, index: number, part: number) {
    this.command = command
    this.sending = sending
    this.index = index
    this.part = part
  }
}

const unitsByNode = (
  settings: Settings,
  commands: ReadonlyArray<RedisCommand.RedisCommand>,
  sendings: ReadonlyArray<Sending | undefined> | undefined,
  gathering: Gathering
): Iterable<ReadonlyArray<Unit>> => {
  const byNode = new Map<RedisNode, Array<Unit>>()
  commands.forEach((whole, index) => {
    const parts = partsOf(settings, whole)
    gathering.expect(index, parts)
    parts.forEach(({ command }, part) => {
      const node = settings.nodeFor(command)
      const unit = new Unit(command, sendings?.[index], index, part)
      const units = byNode.get(node)
      if (units === undefined) byNode.set(node, Array.of(unit))
      else units.push(unit)
    })
  })
  return byNode.values()
}

const partsOf = (settings: Settings, command: RedisCommand.RedisCommand): ReadonlyArray<Split.Part<unknown>> =>
  settings.splits(command)
    ? Split.split(command, (key) => settings.topology.placeOf(keyFrom(key)))
    : Array.of(new Split.Part(undefined, command, noPositions))

const noPositions: ReadonlyArray<number> = []

// What has come of the commands so far.
class Gathering {
  readonly commands: ReadonlyArray<RedisCommand.RedisCommand>
  readonly done: Gathered
  readonly parts: Array<ReadonlyArray<Split.Part<unknown>>> = []
  readonly results: Array<Array<ReplyResult>> = []
  outstanding = 0

  constructor(commands: ReadonlyArray<RedisCommand.RedisCommand>, done: Gathered) {
    this.commands = commands
    this.done = done
  }

  expect(index: number, parts: ReadonlyArray<Split.Part<unknown>>): void {
    this.parts[index] = parts
    this.results[index] = []
    this.outstanding += parts.length
  }

  settle({ command, index, part }: Unit, result: ReplyResult | undefined): void {
    const own = this.results[index]
    if (own !== undefined) own[part] = result ?? Result.fail(lost(command.name))
    this.outstanding--
    if (this.outstanding === 0) this.done(this.commands.map((command, index) => this.resultOf(command, index)))
  }

  private resultOf(command: RedisCommand.RedisCommand, index: number): ReplyResult {
    const results = this.results[index] ?? []
    const [first] = results
    if (results.length === 1 && first !== undefined) return first
    const failures = results.flatMap((result) => (Result.isFailure(result) ? [result] : []))
    const worst = failures.find((failure) => RedisError.endOf(failure) === "doubtful") ?? failures[0]
    if (worst !== undefined) {
      return failures.length < results.length ? Result.fail(InDoubt.inPart(worst.failure)) : worst
    }
    const replies = results.map((result) => (Result.isSuccess(result) ? result.success : null))
    return Result.succeed(Split.join(command, this.parts[index] ?? [], replies))
  }
}

// No batch gives fewer results than it has commands.
const lost = (command: string) => RedisError.connectionError(command, "Reset", "unknown")
