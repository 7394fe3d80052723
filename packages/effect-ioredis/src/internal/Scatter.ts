/**
 * Sends commands to the nodes that own their keys, and puts the answers together: the one place
 * that knows that a call may concern several nodes.
 *
 * A command that says nothing but its keys is split by their places, and one that concerns every
 * master of a cluster is sent to each. Parts and commands of one node are one batch, which has
 * attempts of its own, so that the trouble of one node is no other's. A command of which a node says
 * that its key is elsewhere goes on by itself.
 */
import { Result } from "effect"
import type { Cancel, Sending } from "../dispatch.ts"
import type * as RedisCommand from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { Attempts } from "./Attempts.ts"
import { BatchCall, CommandCall, hasKey, type Settings } from "./Calls.ts"
import * as EveryMaster from "./EveryMaster.ts"
import * as InDoubt from "./InDoubt.ts"
import { keyText } from "./keyText.ts"
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
  const groups = unitsByNode(settings, commands, sendings, gathering)
  const cancels = Array.from(groups, ([node, units]) =>
    sendTo(attempts, now, batchOf(settings, name, node, units), (results) => {
      for (const [index, unit] of units.entries()) gathering.settle(unit, results[index])
    })
  )
  return () => {
    for (const cancel of cancels) cancel()
  }
}

// A batch follows its keys to their owner. One without keys of which every master has its own part
// stays with that master.
const batchOf = (settings: Settings, name: string, node: RedisNode, units: ReadonlyArray<Unit>): BatchCall => {
  const commands = units.map(({ command }) => command)
  const stays = units.some(({ isForAll }) => isForAll) && !commands.some(hasKey)
  return new BatchCall(
    settings,
    name,
    commands,
    units.map(({ sending }) => sending),
    stays ? node : undefined
  )
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
      const elsewhere = followed(call, index, result, until - now())
      if (elsewhere === undefined) continue
      outstanding++
      const cancel = attempts.start(elsewhere, (result) => {
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

const followed = (call: BatchCall, index: number, result: ReplyResult, left: number): CommandCall | undefined => {
  const command = call.commands[index]
  if (command === undefined || Result.isSuccess(result) || left <= 0) return undefined
  const next = new CommandCall(call.settings.within(left), command, call.sendings?.[index])
  return next.follow(result.failure, call.asked) ? next : undefined
}

// A command as it is sent: a whole one, or a part of one.
interface Unit {
  readonly command: RedisCommand.RedisCommand
  readonly sending: Sending | undefined
  readonly index: number
  readonly part: number
  /** Says whether every master has a part of the command. */
  readonly isForAll: boolean
}

const unitsByNode = (
  settings: Settings,
  commands: ReadonlyArray<RedisCommand.RedisCommand>,
  sendings: ReadonlyArray<Sending | undefined> | undefined,
  gathering: Gathering
): ReadonlyMap<RedisNode, ReadonlyArray<Unit>> => {
  const byNode = new Map<RedisNode, Array<Unit>>()
  commands.forEach((whole, index) => {
    const division = divisionOf(settings, whole)
    gathering.expect(index, division)
    division.parts.forEach(({ command, node }, part) => {
      const unit = { command, sending: sendings?.[index], index, part, isForAll: node !== undefined }
      const owner = node ?? settings.firstNodeFor(command)
      const units = byNode.get(owner)
      if (units === undefined) byNode.set(owner, [unit])
      else units.push(unit)
    })
  })
  return byNode
}

// What is sent in the place of a command, and what comes of it.
interface Division {
  /** A part that has a node goes there, and every other one to the owner of its keys. */
  readonly parts: ReadonlyArray<{ readonly command: RedisCommand.RedisCommand; readonly node?: RedisNode }>
  readonly join: (results: ReadonlyArray<ReplyResult>) => ReplyResult
}

const divisionOf = (settings: Settings, command: RedisCommand.RedisCommand): Division => {
  const response = settings.responseOf(command)
  if (response !== undefined) {
    return {
      parts: settings.topology.nodes().map((node) => ({ command, node })),
      join: (results) => EveryMaster.join(response, results)
    }
  }
  if (!settings.splits(command)) return { parts: [{ command }], join: theOnlyOne }
  const parts = Split.split(command, (key) => settings.topology.placeOf(keyText(key)))
  return {
    parts,
    join: (results) =>
      InDoubt.ofParts(results) ??
      Result.succeed(
        Split.join(
          command,
          parts,
          results.map((result) => (Result.isSuccess(result) ? result.success : null))
        )
      )
  }
}

const theOnlyOne = ([result]: ReadonlyArray<ReplyResult>): ReplyResult => result ?? Result.fail(lost("PIPELINE"))

// What has come of the commands so far.
class Gathering {
  readonly commands: ReadonlyArray<RedisCommand.RedisCommand>
  readonly done: Gathered
  readonly divisions: Array<Division> = []
  readonly results: Array<Array<ReplyResult>> = []
  outstanding = 0

  constructor(commands: ReadonlyArray<RedisCommand.RedisCommand>, done: Gathered) {
    this.commands = commands
    this.done = done
  }

  expect(index: number, division: Division): void {
    this.divisions[index] = division
    this.results[index] = []
    this.outstanding += division.parts.length
  }

  settle({ command, index, part }: Unit, result: ReplyResult | undefined): void {
    const own = this.results[index]
    if (own !== undefined) own[part] = result ?? Result.fail(lost(command.name))
    this.outstanding--
    if (this.outstanding === 0) this.done(this.divisions.map((division, index) => this.resultOf(division, index)))
  }

  private resultOf(division: Division, index: number): ReplyResult {
    const results = this.results[index] ?? []
    return results.length === 1 ? theOnlyOne(results) : division.join(results)
  }
}

// No batch gives fewer results than it has commands.
const lost = (command: string) => RedisError.connectionError(command, "Reset", "unknown")
