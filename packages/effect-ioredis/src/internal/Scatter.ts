/**
 * Sends commands to the nodes that own their keys, and puts the answers together: the one place
 * that knows that a call may concern several nodes.
 *
 * A command that says nothing but its keys is split by their places, and one that concerns every
 * master of a cluster is sent to each. Parts and commands of one node are one batch, which has
 * attempts of its own, so that the trouble of one node is no other's. A command of which a node
 * says that its key is elsewhere goes on by itself.
 */
import { Result } from "effect"
import type { Cancel, Sending } from "../dispatch.ts"
import type * as RedisCommand from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import { type Attempts, isRedirect } from "./Attempts.ts"
import { BatchCall, CommandCall, hasKey, type Settings } from "./Calls.ts"
import type { ResponsePolicy } from "./commandKeys.ts"
import * as EveryMaster from "./EveryMaster.ts"
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
  const gathering = new Gathering(done)
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

// A command as it is sent: a whole one, or a part of one. Classes for what `Deadlines` says of
// things in flight.
class Unit {
  readonly command: RedisCommand.RedisCommand
  readonly sending: Sending | undefined
  readonly index: number
  readonly part: number
  /** Says whether every master has a part of the command. */
  readonly isForAll: boolean

  constructor(
    command: RedisCommand.RedisCommand,
    sending: Sending | undefined,
    index: number,
    part: number,
    isForAll: boolean
  ) {
    this.command = command
    this.sending = sending
    this.index = index
    this.part = part
    this.isForAll = isForAll
  }
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
    division.parts.forEach(({ command }, part) => {
      const node = division.nodes?.[part] ?? settings.firstNodeFor(command)
      const unit = new Unit(command, sendings?.[index], index, part, division.nodes !== undefined)
      const units = byNode.get(node)
      if (units === undefined) byNode.set(node, Array.of(unit))
      else units.push(unit)
    })
  })
  return byNode
}

// What is sent in the place of a command.
class Division {
  readonly command: RedisCommand.RedisCommand
  readonly parts: ReadonlyArray<Split.Part<unknown>>
  /** Where the parts go, of a command of which every master has one. */
  readonly nodes: ReadonlyArray<RedisNode> | undefined
  readonly response: ResponsePolicy | undefined

  constructor(
    command: RedisCommand.RedisCommand,
    parts: ReadonlyArray<Split.Part<unknown>>,
    nodes?: ReadonlyArray<RedisNode>,
    response?: ResponsePolicy
  ) {
    this.command = command
    this.parts = parts
    this.nodes = nodes
    this.response = response
  }

  /** What came of the command, by what came of its parts. */
  join(results: ReadonlyArray<ReplyResult>): ReplyResult {
    const [first] = results
    if (results.length === 1 && first !== undefined) return first
    if (this.response !== undefined) return EveryMaster.join(this.response, results)
    const replies = results.map((result) => (Result.isSuccess(result) ? result.success : null))
    return InDoubt.ofParts(results) ?? Result.succeed(Split.join(this.command, this.parts, replies))
  }
}

const divisionOf = (settings: Settings, command: RedisCommand.RedisCommand): Division => {
  const whole = new Split.Part(undefined, command, noPositions)
  const response = settings.responseOf(command)
  if (response !== undefined) {
    const nodes = settings.topology.nodes()
    return new Division(
      command,
      nodes.map(() => whole),
      nodes,
      response
    )
  }
  if (!settings.splits(command)) return new Division(command, Array.of(whole))
  return new Division(
    command,
    Split.split(command, (key) => settings.topology.placeOf(keyFrom(key)))
  )
}

const noPositions: ReadonlyArray<number> = []

// What has come of the commands so far.
class Gathering {
  readonly done: Gathered
  readonly divisions: Array<Division> = []
  readonly results: Array<Array<ReplyResult>> = []
  outstanding = 0

  constructor(done: Gathered) {
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
    if (this.outstanding > 0) return
    this.done(this.divisions.map((division, index) => division.join(this.results[index] ?? [])))
  }
}

// No batch gives fewer results than it has commands.
const lost = (command: string) => RedisError.connectionError(command, "Reset", "unknown")
