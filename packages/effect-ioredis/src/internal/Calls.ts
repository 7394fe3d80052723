import * as commandKeys from "./commandKeys.ts"
import { type Context, Result } from "effect"
import type { Node, OperationKind, Sending, Session } from "../dispatch.ts"
import * as RedisCommandModule from "../RedisCommand.ts"
import type * as RedisCommand from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { Carrier, RedisNode } from "./node/RedisNode.ts"
import type { Topology } from "./topology/Topology.ts"
import type { Attempt, Call } from "./Attempt.ts"
import type { CommandSpan } from "./CommandSpan.ts"
import * as InDoubt from "./InDoubt.ts"
import { type Key, keyFrom } from "./keyText.ts"
import type { NodeSession } from "./node/NodeSession.ts"
import * as Sendings from "./Sendings.ts"
import * as Split from "./Split.ts"

// What sending needs of an attempt, whatever it answers.
type Carried = Pick<Attempt<never>, "node" | "carriedBy" | "hear">

/** Says how a call is made. */
export interface Manner {
  readonly timeout: number
  readonly retry: boolean
  readonly answer: "ignored" | undefined
  readonly session: Session | undefined
  readonly node: Node | undefined
  readonly readFrom: "master" | "replica" | undefined
  readonly waitToSend: number
  /** Is told what happens to the call, where somebody traces it. */
  readonly trace: CommandSpan | undefined
}

/** Holds what all attempts of a call share. */
export class Settings implements Manner {
  readonly topology: Topology
  readonly timeout: number
  readonly retry: boolean
  readonly answer: "ignored" | undefined
  readonly session: Session | undefined
  readonly node: Node | undefined
  readonly readFrom: "master" | "replica" | undefined
  readonly waitToSend: number
  readonly trace: CommandSpan | undefined
  readonly context: Context.Context<never>
  readonly onDefect: (defect: unknown) => void

  constructor(
    topology: Topology,
    { answer, node, readFrom, retry, session, timeout, trace, waitToSend }: Manner,
    context: Context.Context<never>,
    onDefect: (defect: unknown) => void
  ) {
    this.topology = topology
    this.timeout = timeout
    this.retry = retry
    this.answer = answer
    this.session = session
    this.node = node
    this.readFrom = readFrom
    this.waitToSend = waitToSend
    this.trace = trace
    this.context = context
    this.onDefect = onDefect
  }

  /** Tells whether a command is split by the places of its keys. */
  splits(command: RedisCommand.RedisCommand): boolean {
    return this.session === undefined && this.topology.isSpread() && Split.isSplittable(command)
  }

  /** How the answers of all masters are put together, of a command that concerns each of them. */
  responseOf(command: RedisCommand.RedisCommand): commandKeys.ResponsePolicy | undefined {
    if (this.topology.slotOf === undefined || this.session !== undefined || this.node !== undefined) return undefined
    return commandKeys.responseOf(command.name, command.args)
  }

  /** Tells whether several sendings are made of a command. */
  divides(command: RedisCommand.RedisCommand): boolean {
    return this.splits(command) || this.responseOf(command) !== undefined
  }

  /**
   * The node that a command goes to now. A session or a node that it was given is one of the
   * topology's own, for nobody else makes them.
   */
  nodeFor(command: RedisCommand.RedisCommand | undefined): RedisNode {
    const { node, session, topology } = this
    if (session !== undefined) return (session as NodeSession).node
    if (node !== undefined) return node as RedisNode
    return topology.nodeFor(command && keyOf(command))
  }

  /** The node that the first attempt goes to. Every further one goes to the owner of the keys. */
  firstNodeFor(command: RedisCommand.RedisCommand | undefined): RedisNode {
    const { node, readFrom, session, topology } = this
    const mayBeReplica = readFrom === "replica" && session === undefined && node === undefined
    const replica = mayBeReplica ? topology.replicaFor(command && keyOf(command)) : undefined
    return replica ?? this.nodeFor(command)
  }

  /** The same, with less time. */
  within(timeout: number): Settings {
    const { context, onDefect, topology } = this
    return new Settings(topology, { ...this, timeout }, context, onDefect)
  }
}

abstract class SettledCall {
  readonly settings: Settings
  readonly name: string
  /** Counts the attempts that have failed. */
  failed = 0

  constructor(settings: Settings, name: string) {
    this.settings = settings
    this.name = name
  }

  get timeout(): number {
    return this.settings.timeout
  }

  get readFrom(): "master" | "replica" | undefined {
    return this.settings.readFrom
  }

  get retry(): boolean {
    return this.settings.retry
  }

  get waitToSend(): number {
    return this.settings.waitToSend
  }

  get context(): Context.Context<never> {
    return this.settings.context
  }

  get trace(): CommandSpan | undefined {
    return this.settings.trace
  }

  // Sends one command on one connection, if there is one.
  protected submit(
    attempt: Carried,
    command: RedisCommand.RedisCommand,
    carrier: Carrier | undefined,
    sending: Sending | undefined,
    onReply: (result: ReplyResult) => void
  ): void {
    if (carrier === undefined) {
      onReply(Result.fail(notConnected(attempt.node, command.name)))
      return
    }
    attempt.carriedBy(carrier.session)
    Sendings.submit(carrier, command, sending, this.settings.onDefect, onReply)
  }

  // A session that must carry the call is the node's own, for no other gives sessions out.
  protected carrier(node: RedisNode, command: RedisCommand.RedisCommand): Carrier | undefined {
    const { session } = this.settings
    const key = keyOf(command)
    if (session === undefined) {
      if (key === undefined || !this.settings.splits(command)) return node.carrierFor(key)
      const own = node.sessionFor(key)
      return own && node.carrierOf(command.args, own)
    }
    return session.isOpen() ? node.carrierFor(key, session as NodeSession) : undefined
  }

  // A session that was lost does not come back.
  protected mayRepeat(error: RedisError.RedisCommandError, kind: RedisCommand.CommandKind): boolean {
    return this.settings.session?.isOpen() !== false && RedisError.isRetryable(error, kind, this.settings)
  }
}

/** One command. */
export class CommandCall extends SettledCall implements Call<RedisCommand.Reply> {
  readonly command: RedisCommand.RedisCommand
  readonly kind: OperationKind
  readonly sending: Sending | undefined
  // Where the next attempt goes because another server has said so, and whether it is to be asked
  // for this one command.
  #next: RedisNode | undefined = undefined
  #isAsking = false
  readonly isWhole = true
  /** The node that the last attempt was sent to. */
  asked: RedisNode | undefined

  constructor(
    settings: Settings,
    command: RedisCommand.RedisCommand,
    sending: Sending | undefined,
    asked?: RedisNode | undefined
  ) {
    super(settings, command.name)
    this.command = command
    this.kind = operationKindOf(command)
    this.sending = sending
    this.asked = asked
  }

  node(): RedisNode {
    if (this.#next !== undefined) return this.#next
    return this.asked === undefined ? this.settings.firstNodeFor(this.command) : this.settings.nodeFor(this.command)
  }

  send(attempt: Attempt<RedisCommand.Reply>): void {
    const { command, sending } = this
    const own = this.carrier(attempt.node, command)
    const carrier = own !== undefined && this.#isAsking ? new AskingCarrier(own) : own
    this.asked = attempt.node
    this.#next = undefined
    this.#isAsking = false
    this.submit(attempt, command, carrier, sending, (result) => attempt.end(result, carrier?.session))
  }

  retryable(error: RedisError.RedisCommandError): RedisCommand.CommandKind | undefined {
    const { kind } = this.command
    return this.mayRepeat(error, kind) ? kind : undefined
  }

  follow(error: RedisError.RedisCommandError): boolean {
    const { node, session, topology } = this.settings
    if (error._tag !== "RedisOperationError" || error.redirect === undefined) return false
    if (session !== undefined || node !== undefined || this.asked === undefined) return false
    this.#next = topology.follow(this.asked, error.redirect)
    this.#isAsking = error.redirect.ask
    return this.#next !== undefined
  }
}

// Sends ASKING with a command, and only with it: whatever came next would be taken for it.
class AskingCarrier implements Carrier {
  readonly carrier: Carrier

  constructor(carrier: Carrier) {
    this.carrier = carrier
  }

  get session(): NodeSession {
    return this.carrier.session
  }

  submit(command: RedisCommand.RedisCommand, onReply: (result: ReplyResult) => void): void {
    // What follows on the same connection in the same turn leaves with it.
    this.carrier.submit(asking, ignore)
    this.carrier.submit(command, onReply)
  }
}

const asking = RedisCommandModule.make("ASKING")

const ignore = () => {}

/**
 * Several commands of one node, back to back, each with its own result. An attempt sends those that
 * have none yet, and of those that failed the ones that may be sent again.
 */
export class BatchCall extends SettledCall implements Call<ReadonlyArray<ReplyResult>> {
  readonly commands: ReadonlyArray<RedisCommand.RedisCommand>
  /** Is a read where each of them is. */
  readonly kind: OperationKind
  readonly sendings: ReadonlyArray<Sending | undefined> | undefined
  /** The node that it is for, where no key says so. */
  readonly home: RedisNode | undefined
  readonly results: Array<ReplyResult | undefined>
  /** By command: what an earlier attempt left open. */
  readonly doubts: Array<RedisError.RedisCommandError | undefined> = []
  readonly isWhole = false
  /** The node that the last attempt was sent to. */
  asked: RedisNode | undefined = undefined
  private sentBefore = false

  constructor(
    settings: Settings,
    name: string,
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    sendings: ReadonlyArray<Sending | undefined> | undefined,
    home?: RedisNode
  ) {
    super(settings, name)
    this.commands = commands
    this.kind = kindOf(commands)
    this.sendings = sendings
    this.home = home
    this.results = commands.map(() => undefined)
  }

  node(): RedisNode {
    if (this.home !== undefined) return this.home
    const leader = this.commands.find(hasKey) ?? this.commands[0]
    return this.asked === undefined ? this.settings.firstNodeFor(leader) : this.settings.nodeFor(leader)
  }

  send(attempt: Attempt<ReadonlyArray<ReplyResult>>): void {
    if (this.sentBefore) this.giveUpWaiting()
    const pending = this.commands.flatMap((_, index) => (this.isPending(index) ? [index] : []))
    const round = new Round(this, attempt, pending)
    for (const index of pending) this.forget(index)
    this.asked = attempt.node
    this.sentBefore = true
    for (const index of pending) this.sendOne(round, index)
  }

  retryable(error: RedisError.RedisCommandError): RedisCommand.CommandKind | undefined {
    for (let index = 0; index < this.commands.length; index++) {
      const failure = this.failureOf(index, error)
      const kind = this.commands[index]?.kind
      if (failure !== undefined && kind !== undefined && this.mayRepeat(failure, kind)) return kind
    }
    return undefined
  }

  /** Each command that was sent elsewhere goes on by itself: see `Scatter`. */
  follow(): boolean {
    return false
  }

  /** Gives what came of each command, where `error` is what came of those that have no result. */
  resultsOr(error: RedisError.RedisCommandError): ReadonlyArray<ReplyResult> {
    return this.results.map((result = Result.fail(error), index) =>
      Result.isSuccess(result) ? result : Result.fail(InDoubt.since(this.doubts[index], result.failure))
    )
  }

  // What was sent and has no result had none in time, and may be executed still.
  private giveUpWaiting(): void {
    this.commands.forEach(({ name }, index) => {
      this.results[index] ??= Result.fail(RedisError.RedisTimeoutError.after(name, this.timeout))
    })
  }

  // Before a command is sent again.
  private forget(index: number): void {
    const result = this.results[index]
    if (result !== undefined && Result.isFailure(result) && RedisError.endOf(result) === "doubtful") {
      this.doubts[index] = result.failure
    }
    this.results[index] = undefined
  }

  private sendOne(round: Round, index: number): void {
    const command = this.commands[index]
    if (command === undefined) return
    const { attempt } = round
    const carrier = this.carrier(attempt.node, command)
    this.submit(attempt, command, carrier, this.sendings?.[index], (result) => {
      if (carrier !== undefined) attempt.hear(carrier.session, result)
      round.settle(index, result)
    })
  }

  private isPending(index: number): boolean {
    const result = this.results[index]
    if (result === undefined) return true
    const kind = this.commands[index]?.kind
    return Result.isFailure(result) && kind !== undefined && this.mayRepeat(result.failure, kind)
  }

  private failureOf(index: number, error: RedisError.RedisCommandError): RedisError.RedisCommandError | undefined {
    const result = this.results[index]
    if (result === undefined) return error
    return Result.isFailure(result) ? result.failure : undefined
  }
}

// One attempt of a batch: what comes after its end belongs to no other.
class Round {
  readonly call: BatchCall
  readonly attempt: Attempt<ReadonlyArray<ReplyResult>>
  readonly indices: ReadonlyArray<number>
  outstanding: number

  constructor(call: BatchCall, attempt: Attempt<ReadonlyArray<ReplyResult>>, indices: ReadonlyArray<number>) {
    this.call = call
    this.attempt = attempt
    this.indices = indices
    this.outstanding = indices.length
  }

  settle(index: number, result: ReplyResult): void {
    const { results } = this.call
    if (!this.attempt.isOver()) results[index] = result
    this.outstanding--
    if (this.outstanding > 0) return
    const failure = worstOf(this.call, this.indices)
    this.attempt.end(
      failure === undefined ? Result.succeed(this.call.results as ReadonlyArray<ReplyResult>) : Result.fail(failure)
    )
  }
}

// What an attempt of a batch says of the server: that it cannot serve, where one command says so,
// or else what can be tried again. What an earlier attempt failed with was said of that one.
const worstOf = (call: BatchCall, indices: ReadonlyArray<number>): RedisError.RedisCommandError | undefined => {
  const failures = indices.flatMap((index) => {
    const result = call.results[index]
    return result !== undefined && Result.isFailure(result) ? [result.failure] : []
  })
  return (
    failures.find((error) => RedisError.outcome(error) === "failure") ??
    failures.find((error) => call.retryable(error) !== undefined)
  )
}

/** Tells whether a command only reads, as far as settings may treat that differently. */
export const operationKindOf = ({ kind }: RedisCommand.RedisCommand): OperationKind =>
  kind === "read" ? "read" : "write"

/** Tells the same of several commands: they only read where each of them does. */
export const kindOf = (commands: ReadonlyArray<RedisCommand.RedisCommand>): OperationKind =>
  commands.every(({ kind }) => kind === "read") ? "read" : "write"

/** The first key of a command. */
export const keyOf = (command: RedisCommand.RedisCommand): Key | undefined => {
  const key = commandKeys.keyOf(command.name, command.args)
  return key === undefined ? undefined : keyFrom(key)
}

/** Tells whether a command names a key. */
export const hasKey = (command: RedisCommand.RedisCommand): boolean =>
  commandKeys.keyOf(command.name, command.args) !== undefined

const notConnected = (node: RedisNode, command: string): RedisError.RedisConnectionError => {
  const known = node.lastError()
  const reason = node.status() === "Closed" ? "Closed" : (known?.reason ?? "NotReady")
  const cause = known?.cause
  if (known === undefined || reason === "Closed") return RedisError.connectionError(command, reason, "never", cause)
  // What is known may name the sentinel that it comes from.
  const message = known.message.replace("No connection to Redis", `${command} was not sent`)
  return new RedisError.RedisConnectionError({ command, reason, sent: "never", message, cause })
}
