import { Effect } from "effect"
import type { Session } from "../../dispatch.ts"
import type { RedisConnection, ReplyResult } from "../../RedisConnection.ts"
import type { RedisCommand } from "../../RedisCommand.ts"
import type { RedisAddress } from "../../RedisConnector.ts"
import { connectionError, type RedisConnectionError } from "../../RedisError.ts"
import type { Watch } from "./StallRule.ts"
import type { Carrier, RedisNode } from "./RedisNode.ts"
import type { Connected } from "./Lane.ts"
import { isSameAddress } from "../address.ts"

/**
 * One login of a node, from the moment at which it may be used to its loss.
 *
 * Invariants: `heardAt` ≥ `openedAt`; once `connection` is lost, nothing is carried any more.
 */
export class NodeSession implements Session, Carrier {
  readonly node: RedisNode
  readonly connection: RedisConnection
  readonly address: RedisAddress
  readonly database: number
  readonly username: string
  readonly id: number | undefined
  readonly runId: string | undefined
  /** Monotonic milliseconds. */
  readonly openedAt: number
  readonly maxInFlight: number
  /** Counts the commands of calls. */
  carried = 0
  /** Counts the replies to these and to the client's own questions, after the introduction. */
  replies = 0
  /** Says when the last reply came, in monotonic milliseconds. */
  heardAt: number
  /** Holds the stall rule's watch over it, while there is one. */
  watch: Watch | undefined = undefined
  /** Says whether this program has ended it of its own will, which says nothing of the server. */
  isReplaced = false
  /** Says whether the client logs in as another user by now, so that nobody else is given it. */
  isOutdated = false
  /** Is still to answer, and what is sent meanwhile is held back. */
  #before: NodeSession | undefined = undefined
  #heldBack: Array<() => void> = []

  constructor(
    node: RedisNode,
    { address, connection, database, introduction: { history, id }, username }: Connected,
    openedAt: number,
    maxInFlight: number
  ) {
    this.maxInFlight = maxInFlight
    this.node = node
    this.connection = connection
    this.address = address
    this.database = database
    this.username = username
    this.id = id
    this.runId = history.runId
    this.openedAt = openedAt
    this.heardAt = openedAt
  }

  isOpen(): boolean {
    return this.connection.isOpen()
  }

  /** A node with one connection needs no more of a carrier than the session. */
  get session(): NodeSession {
    return this
  }

  isFull(): boolean {
    return this.connection.inFlight() + this.#heldBack.length >= this.maxInFlight
  }

  /** Counts what has no reply yet, in those before it as well. */
  inFlight(): number {
    return this.connection.inFlight() + this.#heldBack.length + (this.#before?.inFlight() ?? 0)
  }

  submit(command: RedisCommand, onReply: (result: ReplyResult) => void): void {
    this.carried++
    this.submitInTurn(command, onReply)
  }

  /** Sends what is no call's, after what is held back by now. */
  submitInTurn(command: RedisCommand, onReply: (result: ReplyResult) => void): void {
    if (this.#before === undefined) this.connection.submit(command, onReply)
    else this.#heldBack.push(() => this.connection.submit(command, onReply))
  }

  /** Holds back what is sent from now on, because another session has still to answer. */
  follow(before: NodeSession): void {
    this.#before = before
  }

  /** Sends what was held back. */
  release(): void {
    const held = this.#heldBack
    this.#before = undefined
    this.#heldBack = []
    for (const submit of held) submit()
  }

  /** Ends when nothing is in flight any more, in those before it as well. */
  get drain(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const before = this.#before
      if (before === undefined) return this.connection.drain
      return Effect.andThen(
        before.drain,
        Effect.suspend(() => {
          this.release()
          return this.connection.drain
        })
      )
    })
  }

  /** Tells whether it reaches other data than another session does. */
  isElsewhere({ address, database }: NodeSession): boolean {
    return database !== this.database || !isSameAddress(address, this.address)
  }

  /** Ends those before it: what comes after it would overtake what they have not answered. */
  replaceBefore(): void {
    this.#before?.replaceBefore()
    this.#before?.replace()
  }

  /** Ends it because this program wants another one. */
  replace(): void {
    this.end(connectionError("CONNECT", "Reset", "unknown", new Error("The connection was replaced.")))
  }

  /** Ends it because this program wants it no more. */
  end(error: RedisConnectionError): void {
    this.isReplaced = true
    this.connection.destroy(error)
  }

  hear(at: number): void {
    this.replies++
    this.heardAt = at
  }

  /**
   * Tells whether its loss says nothing against the server: it answered a command, or was sent
   * none. A server that lets clients log in and drops whoever asks for something is not used again
   * sooner for each login.
   */
  isProven(): boolean {
    return this.replies > 0 || this.carried === 0
  }
}
