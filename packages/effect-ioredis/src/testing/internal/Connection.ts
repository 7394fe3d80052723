import { Effect, Redacted, Result, type Scope } from "effect"
import { at, isCompound } from "../../internal/Compound.ts"
import * as DriverError from "../../internal/DriverError.ts"
import { tell } from "../../internal/tell.ts"
import type { RedisCommand, Reply } from "../../RedisCommand.ts"
import type { Push, RedisConnection, ReplyResult } from "../../RedisConnection.ts"
import type { RedisLogin } from "../../RedisConnector.ts"
import * as RedisError from "../../RedisError.ts"
import type { Login } from "./Access.ts"
import type { Socket } from "./Socket.ts"
import type { Server } from "./Server.ts"
import type { Timers } from "./Timers.ts"
import * as Wire from "./Wire.ts"

/** Connects to a server and logs in. */
export const connect = (
  server: Server,
  timers: Timers,
  login: RedisLogin
): Effect.Effect<RedisConnection, RedisError.RedisConnectionError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Connection, RedisError.RedisConnectionError>((resume) => {
      const connection = new Connection(server, timers, (result) => resume(Effect.fromResult(result)))
      connection.login(loginOf(login))
      return Effect.sync(() => connection.destroy(closed()))
    }),
    (connection) => Effect.sync(() => connection.destroy(closed())),
    { interruptible: true }
  )

/** Fails as a name does that has no address. */
export const failUnknownHost = (host: string): Effect.Effect<never, RedisError.RedisConnectionError> => {
  const cause = Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND" })
  return Effect.fail(RedisError.connectionError("CONNECT", "Dns", "never", DriverError.redact(cause)))
}

/** Tells what a reply is to the one who sent the command. */
export const result = (command: RedisCommand, wire: Wire.Wire): ReplyResult => {
  return wire instanceof Wire.ErrorReply ? Result.fail(toError(wire, command)) : Result.succeed(toReply(wire, command))
}

const toError = (wire: Wire.ErrorReply, command: RedisCommand): RedisError.RedisCommandError => {
  const code = Wire.codeOf(wire)
  // What the simulation says of itself quotes nothing, and is no reply of Redis.
  if (code.startsWith("NOSIMULATED")) {
    return new RedisError.RedisOperationError({
      command: command.name,
      code,
      message: wire.message,
      cause: new Error(wire.message)
    })
  }
  const error = { name: "ReplyError", message: wire.message, command }
  return DriverError.classify(error, { command: command.name, errors: command.errors })
}

const toReply = (wire: Wire.Wire, command: RedisCommand): Reply => {
  if (wire === null || typeof wire === "number") return wire
  if (typeof wire === "bigint") return Number.isSafeInteger(Number(wire)) ? Number(wire) : wire
  if (typeof wire === "string") return command.reply === "text" ? wire : Buffer.from(wire)
  if (wire instanceof Uint8Array) return command.reply === "text" ? Buffer.from(wire).toString() : wire
  if (wire instanceof Wire.ErrorReply) {
    const error = toError(wire, command)
    return error._tag === "RedisOperationError" ? error : error.message
  }
  return wire.map((item, index) => toReply(item, isCompound(command) ? command[at](index, wire.length) : command))
}

type LoginDone = (result: Result.Result<Connection, RedisError.RedisConnectionError>) => void

/** The client's end: replies have no name, they belong to the commands in flight in their order. */
class Connection implements RedisConnection {
  readonly #server: Server
  readonly #timers: Timers
  readonly #listeners = new Set<(error: RedisError.RedisConnectionError) => void>()
  readonly #pushListeners = new Set<(push: Push) => void>()
  #inFlight: Array<InFlight> = []
  #socket: Socket | undefined
  #loginDone: LoginDone | undefined
  #lost: RedisError.RedisConnectionError | undefined
  #activity = 0

  constructor(server: Server, timers: Timers, loginDone: LoginDone) {
    this.#server = server
    this.#timers = timers
    this.#loginDone = loginDone
  }

  login(login: Login): void {
    this.#socket = this.#server.open({
      reply: (wire) => this.#onReply(wire),
      push: (push) => this.#onPush(push),
      closed: (error) => this.#lose(error)
    })
    if (this.#socket !== undefined) this.#server.write(this.#socket, { _tag: "Login", login })
  }

  readonly submit = (command: RedisCommand, onReply: (result: ReplyResult) => void): void => {
    const lost = this.#lost
    if (lost !== undefined || this.#socket === undefined) {
      const error = RedisError.connectionError(command.name, lost?.reason ?? "NotReady", "never", lost?.cause)
      this.#timers.soon(() => this.#tell(onReply, Result.fail(error)))
      return
    }
    this.#inFlight.push(new InFlight(command, onReply))
    this.#server.write(this.#socket, { _tag: "Command", name: command.name, args: command.args.map(Wire.encode) })
  }

  readonly isOpen = (): boolean => this.#lost === undefined

  readonly inFlight = (): number => this.#inFlight.length

  readonly activity = (): number => this.#activity

  readonly onLoss = (listener: (error: RedisError.RedisConnectionError) => void): (() => void) => {
    if (this.#lost !== undefined) {
      this.#tell(listener, this.#lost)
      return () => {}
    }
    // A set would take one function that is given twice for one listener.
    const listening = (error: RedisError.RedisConnectionError) => listener(error)
    this.#listeners.add(listening)
    return () => this.#listeners.delete(listening)
  }

  readonly onPush = (listener: (push: Push) => void): (() => void) => {
    if (this.#lost !== undefined) return () => {}
    const listening = (push: Push) => listener(push)
    this.#pushListeners.add(listening)
    return () => this.#pushListeners.delete(listening)
  }

  readonly drain = Effect.void

  readonly destroy = (error: RedisError.RedisConnectionError): void => this.#end(error)

  #onReply(wire: Wire.Wire): void {
    this.#activity++
    if (this.#lost !== undefined) return
    if (this.#loginDone !== undefined) this.#onLoginReply(wire, this.#loginDone)
    else {
      const next = this.#inFlight.shift()
      if (next === undefined) this.#lose(new Error("Redis sent a reply that nobody asked for"))
      else this.#tell(next.onReply, result(next.command, wire))
    }
  }

  #onPush(push: Push): void {
    this.#activity++
    for (const listener of this.#pushListeners) this.#tell(listener, push)
  }

  #onLoginReply(wire: Wire.Wire, loginDone: LoginDone): void {
    if (wire instanceof Wire.ErrorReply) {
      const reason = notNow.has(Wire.codeOf(wire)) ? "NotReady" : "Auth"
      this.#lose({ name: "ReplyError", message: wire.message }, reason)
    } else {
      this.#loginDone = undefined
      loginDone(Result.succeed(this))
    }
  }

  #lose(error: unknown, reason: RedisError.ConnectionFailure = DriverError.reasonOf(error) ?? "Reset"): void {
    const sent = this.#loginDone === undefined ? "unknown" : "never"
    this.#end(RedisError.connectionError("CONNECT", reason, sent, DriverError.redact(error)))
  }

  #end(error: RedisError.RedisConnectionError): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    if (this.#socket !== undefined) this.#server.close(this.#socket)
    const { cause, reason } = error
    const inFlight = this.#inFlight
    this.#inFlight = []
    for (const { command, onReply } of inFlight) {
      this.#tell(onReply, Result.fail(RedisError.connectionError(command.name, reason, "unknown", cause)))
    }
    const listeners = Array.from(this.#listeners)
    this.#listeners.clear()
    this.#pushListeners.clear()
    for (const listener of listeners) this.#tell(listener, error)
    this.#loginDone?.(Result.fail(error))
  }

  #tell<A>(callback: (value: A) => void, value: A): void {
    tell(callback, value, this.#timers.report)
  }
}

/** A command and who waits for its reply. */
class InFlight {
  readonly command: RedisCommand
  readonly onReply: (result: ReplyResult) => void

  constructor(command: RedisCommand, onReply: (result: ReplyResult) => void) {
    this.command = command
    this.onReply = onReply
  }
}

// A server that refuses a login with one of these may take it later.
const notNow = new Set(["BUSY", "LOADING"])

const loginOf = ({ clientName = "effect-ioredis", db = 0, password, username }: RedisLogin): Login => ({
  username,
  password: password && Redacted.value(password),
  db,
  clientName
})

const closed = () => RedisError.connectionError("CONNECT", "Closed", "never", new Error("Connection is closed."))
