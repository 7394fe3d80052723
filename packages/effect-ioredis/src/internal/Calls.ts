import { type Context, Result } from "effect"
import type { Sending, Session } from "../dispatch.ts"
import * as RedisCommand from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { Carrier, RedisNode } from "../RedisNode.ts"
import type { RedisTopology } from "../RedisTopology.ts"
import type { Attempt, Call } from "./Attempts.ts"
import type { NodeSession } from "./node/NodeSession.ts"
import * as Sendings from "./Sendings.ts"
import * as Split from "./Split.ts"


// What sending needs of an attempt, whatever it answers.
type Carried = Pick<Attempt<never>, "node" | "carriedBy">

/** What all attempts of a call share. */
export class Settings {
  readonly topology: RedisTopology
  readonly timeout: number
  readonly retry: boolean
  readonly answer: "ignored" | undefined
  readonly session: Session | undefined
  readonly context: Context.Context<never>
  readonly onDefect: (defect: unknown) => void

  constructor(
    topology: RedisTopology,
    timeout: number,
    retry: boolean,
    answer: "ignored" | undefined,
    session: Session | undefined,
    context: Context.Context<never>,
    onDefect: (defect: unknown) => void
  ) {
    this.topology = topology
    this.timeout = timeout
    this.retry = retry
    this.answer = answer
    this.session = session
    this.context = context
    this.onDefect = onDefect
  }
}

abstract class SettledCall {
  readonly settings: Settings
  readonly name: string

  constructor(settings: Settings, name: string) {
    this.settings = settings
    this.name = name
  }

  get timeout(): number {
    return this.settings.timeout
  }

  get retry(): boolean {
    return this.settings.retry
  }

  get context(): Context.Context<never> {
    return this.settings.context
  }

  // Sends one command on one connection, if there is one.
  protected submit(
    attempt: Carried,
    command: RedisCommand.RedisCommand,
    carrier: Carrier | undefined,
    sending: Sending | undefined,
    onReply: (result: ReplyResult) => void
  ): void {
    if (carrier === undefined) return onReply(Result.fail(notConnected(attempt.node, command.name)))
    attempt.carriedBy(carrier.session)
    Sendings.submit(carrier, command, sending, this.settings.onDefect, onReply)
  }

  // A session that must carry the call is the node's own, for no other gives sessions out.
  protected carrier(node: RedisNode, key: string | undefined): Carrier | undefined {
    const { session } = this.settings
    if (session === undefined) return node.carrierFor(key)
    return session.isOpen() ? (session as NodeSession) : undefined
  }

  protected nodeOf(key: string | undefined): RedisNode {
    const { session, topology } = this.settings
    return session === undefined ? topology.nodeFor(key) : (session as NodeSession).node
  }
}

/** One command. */
export class CommandCall extends SettledCall implements Call<RedisCommand.Reply> {
  readonly command: RedisCommand.RedisCommand
  readonly sending: Sending | undefined

  constructor(settings: Settings, command: RedisCommand.RedisCommand, sending: Sending | undefined) {
    super(settings, command.name)
    this.command = command
    this.sending = sending
  }

  node(): RedisNode {
    return this.nodeOf(keyOf(this.command))
  }

  send(attempt: Attempt<RedisCommand.Reply>): void {
    const { command, sending } = this
    const carrier = this.carrier(attempt.node, keyOf(command))
    this.submit(attempt, command, carrier, sending, (result) => attempt.end(result))
  }

  retryable(error: RedisError.RedisCommandError): RedisCommand.CommandKind | undefined {
    const { kind } = this.command
    return RedisError.isRetryable(error, kind, this.settings) ? kind : undefined
  }
}

/**
 * Several commands, back to back, each with its own result. An attempt sends those that have none
 * yet, and of those that failed the ones that may be sent again.
 */
export class BatchCall extends SettledCall implements Call<ReadonlyArray<ReplyResult>> {
  readonly commands: ReadonlyArray<RedisCommand.RedisCommand>
  readonly sendings: ReadonlyArray<Sending | undefined> | undefined
  readonly results: Array<ReplyResult | undefined>

  constructor(
    settings: Settings,
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    sendings: ReadonlyArray<Sending | undefined> | undefined
  ) {
    super(settings, commands.length === 1 ? (commands[0]?.name ?? "") : "PIPELINE")
    this.commands = commands
    this.sendings = sendings
    this.results = commands.map(() => undefined)
  }

  node(): RedisNode {
    const [first] = this.commands
    return this.nodeOf(first && keyOf(first))
  }

  send(attempt: Attempt<ReadonlyArray<ReplyResult>>): void {
    const round = new Round(this, attempt)
    const pending = this.commands.flatMap((_, index) => (this.isPending(index) ? [index] : []))
    round.outstanding = pending.length
    for (const index of pending) this.results[index] = undefined
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

  /** What came of each command, where `error` is what came of those that have no result. */
  resultsOr(error: RedisError.RedisCommandError): ReadonlyArray<ReplyResult> {
    return this.results.map((result) => result ?? Result.fail(error))
  }

  private sendOne(round: Round, index: number): void {
    const command = this.commands[index]
    if (command === undefined) return
    const { attempt } = round
    const done = (result: ReplyResult): void => round.settle(index, result)
    if (Split.isSplittable(command) && this.settings.session === undefined) {
      return this.sendParts(attempt, command, this.sendings?.[index], done)
    }
    this.submit(attempt, command, this.carrier(attempt.node, keyOf(command)), this.sendings?.[index], done)
  }

  private sendParts(
    attempt: Carried,
    command: RedisCommand.RedisCommand,
    sending: Sending | undefined,
    done: (result: ReplyResult) => void
  ): void {
    const parts = Split.split(command, (key) => attempt.node.sessionFor(keyText(key)))
    const replies: Array<RedisCommand.Reply> = []
    let outstanding = parts.length
    let failure: RedisError.RedisCommandError | undefined
    parts.forEach((part, index) => {
      this.submit(attempt, part.command, this.carrier(attempt.node, keyOf(part.command)), sending, (result) => {
        if (Result.isSuccess(result)) replies[index] = result.success
        else failure ??= result.failure
        outstanding--
        if (outstanding > 0) return
        done(failure === undefined ? Result.succeed(Split.join(command, parts, replies)) : Result.fail(failure))
      })
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

  private mayRepeat(error: RedisError.RedisCommandError, kind: RedisCommand.CommandKind): boolean {
    return RedisError.isRetryable(error, kind, this.settings)
  }
}

// One attempt of a batch: what comes after its end belongs to no other.
class Round {
  readonly call: BatchCall
  readonly attempt: Attempt<ReadonlyArray<ReplyResult>>
  outstanding = 0

  constructor(call: BatchCall, attempt: Attempt<ReadonlyArray<ReplyResult>>) {
    this.call = call
    this.attempt = attempt
  }

  settle(index: number, result: ReplyResult): void {
    const { results } = this.call
    if (!this.attempt.isOver()) results[index] = result
    this.outstanding--
    if (this.outstanding > 0) return
    const failure = worstOf(this.call)
    this.attempt.end(failure === undefined ? Result.succeed(this.call.results as ReadonlyArray<ReplyResult>) : Result.fail(failure))
  }
}

// What an attempt of a batch says of the server: that it cannot serve, where one command says so,
// or else what can be tried again.
const worstOf = (call: BatchCall): RedisError.RedisCommandError | undefined => {
  const failures = call.results.flatMap((result) => (result !== undefined && Result.isFailure(result) ? [result.failure] : []))
  return failures.find((error) => RedisError.outcome(error) === "failure") ?? failures.find((error) => call.retryable(error) !== undefined)
}

const keyOf = (command: RedisCommand.RedisCommand): string | undefined => {
  const key = RedisCommand.keyOf(command)
  return key === undefined ? undefined : keyText(key)
}

const notConnected = (node: RedisNode, command: string): RedisError.RedisConnectionError => {
  const known = node.lastError()
  const reason = node.status() === "Closed" ? "Closed" : (known?.reason ?? "NotReady")
  return RedisError.connectionError(command, reason, "never", known?.cause)
}

// A key of bytes has a text too, which need not be readable to choose a connection by.
const keyText = (key: RedisCommand.Argument): string =>
  key instanceof Uint8Array ? Buffer.from(key).toString("latin1") : String(key)
