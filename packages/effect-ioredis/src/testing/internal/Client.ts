import { Duration, Effect, Result, type Scope } from "effect"
import * as DriverError from "../../internal/DriverError.ts"
import * as ReconnectDelay from "../../internal/ReconnectDelay.ts"
import type { RedisCommand, Reply } from "../../RedisCommand.ts"
import type { ConnectionEvent, Session as Identity, RedisConnection, Status } from "../../RedisConnection.ts"
import * as RedisError from "../../RedisError.ts"
import * as SeededRandom from "./SeededRandom.ts"
import type { Server, Socket } from "./Server.ts"
import * as Timers from "./Timers.ts"
import * as Wire from "./Wire.ts"

/** How the client waits. The driver's backstop is twice `commandTimeout`. */
export interface Options {
  readonly connectTimeout: Duration.Input
  readonly commandTimeout: Duration.Input
  readonly maxInFlight: number
  readonly seed: number
}

/** A client of the simulated server that does as `IoredisConnection` does. */
export const make = Effect.fnUntraced(function* (
  server: Server,
  options: Options
): Effect.fn.Return<RedisConnection, never, Scope.Scope> {
  const timers = yield* Timers.make
  const random = SeededRandom.make(options.seed)
  const connectTimeout = Duration.toMillis(options.connectTimeout)
  const backstop = Duration.toMillis(options.commandTimeout) * 2
  const listeners = new Set<(event: ConnectionEvent) => void>()
  let status: Status = "Connecting"
  let lastError: RedisError.RedisConnectionError | undefined
  let session: Session | undefined
  let attempts = 0
  let activity = 0

  const notify = (event: ConnectionEvent): void => {
    for (const listener of Array.from(listeners)) listener(event)
  }

  const connect = (): void => {
    const current: Session = {
      socket: server.open({
        reply: (wire) => {
          if (session === current) onReply(current, wire)
        },
        closed: (error) => end(current, error)
      }),
      pending: [],
      heardAt: timers.now(),
      cancelTimer: () => {}
    }
    session = current
    shakeHands(current)
  }

  const shakeHands = (current: Session): void => {
    current.cancelTimer = timers.after(connectTimeout, () => end(current, timedOut()))
    current.socket.write("Handshake")
  }

  const onReply = (current: Session, wire: Wire.Wire): void => {
    activity++
    current.heardAt = timers.now()
    if (status === "Ready") {
      const next = current.pending.shift()
      if (next !== undefined) next.done(result(next.command, wire))
      return
    }
    current.cancelTimer()
    if (!(wire instanceof Wire.ErrorReply)) onReady(current)
    // The driver asks a server that is loading its data again and again.
    else if (wire.message.startsWith("LOADING"))
      current.cancelTimer = timers.after(loadingRetry, () => shakeHands(current))
    else end(current, { name: "ReplyError", message: wire.message })
  }

  const onReady = (current: Session): void => {
    status = "Ready"
    current.identity = { id: current.socket.id, runId: server.runId() }
    attempts = 0
    lastError = undefined
    current.cancelTimer = () => {}
    notify({ _tag: "Ready" })
  }

  // The end of a connection, or of the attempt to make one, whoever ended it.
  const end = (current: Session, error: unknown): void => {
    if (session !== current) return
    session = undefined
    current.cancelTimer()
    current.socket.close()
    const lost = status === "Ready"
    const reason = DriverError.reasonOf(error) ?? "Reset"
    const cause = DriverError.redact(error)
    lastError = RedisError.connectionError("CONNECT", reason, "never", cause)
    if (lost) status = "Reconnecting"
    timers.after(Math.round(ReconnectDelay.millis(++attempts, random())), connect)
    notify({ _tag: lost ? "Lost" : "Failed", error: lastError })
    fail(current, reason, cause)
  }

  const fail = ({ pending }: Session, reason: RedisError.ConnectionFailure, cause: unknown): void => {
    for (const { command, done } of pending.splice(0)) {
      done(Result.fail(RedisError.connectionError(command.name, reason, "unknown", cause)))
    }
  }

  const send: RedisConnection["send"] = (command, done) => {
    const refuse = (reason: RedisError.ConnectionFailure) =>
      done(Result.fail(RedisError.connectionError(command.name, reason, "never", lastError?.cause)))
    if (status === "Closed") return refuse("Closed")
    if (status !== "Ready" || session === undefined || session.leaving) return refuse(lastError?.reason ?? "NotReady")
    if (session.pending.length >= options.maxInFlight) return refuse("Saturated")
    session.pending.push({ command, done })
    if (session.pending.length === 1) expectReply(session)
    session.socket.write({ name: command.name, args: command.args.map(Wire.encode) })
  }

  // Silence with a command in flight ends the connection: the driver's `socketTimeout`.
  const expectReply = (current: Session): void => {
    current.heardAt = timers.now()
    if (current.watched) return
    const watch = (millis: number): void => {
      current.watched = true
      current.cancelTimer = timers.after(millis, () => {
        current.watched = false
        const left = current.heardAt + backstop - timers.now()
        if (current.pending.length === 0) return
        if (left > 0) watch(left)
        else end(current, silence(backstop))
      })
    }
    watch(backstop)
  }

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      status = "Closed"
      notify({ _tag: "Closed" })
      listeners.clear()
      const last = session
      session = undefined
      last?.socket.close()
      if (last !== undefined) fail(last, "Closed", new Error("Connection is closed."))
    })
  )
  connect()

  return {
    send,
    status: () => status,
    session: () => (status === "Ready" ? session?.identity : undefined),
    inFlight: () => session?.pending.length ?? 0,
    activity: () => activity,
    lastError: () => lastError,
    reconnect: (reason) => {
      const current = session
      if (current === undefined) return
      current.leaving = true
      current.socket.close()
      timers.soon(() =>
        end(current, reason === "Stalled" ? DriverError.stalled() : new Error("The connection was replaced."))
      )
    },
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  }
})

// One connection from the attempt to make it to its end. Replies have no name: they belong to `pending` in order.
interface Session {
  readonly socket: Socket
  identity?: Identity
  readonly pending: Array<{ readonly command: RedisCommand; readonly done: Done }>
  heardAt: number
  cancelTimer: () => void
  watched?: boolean
  leaving?: boolean
}

type Done = (result: Result.Result<Reply, RedisError.RedisCommandError>) => void

const loadingRetry = 500

/** What a reply is to the one who sent the command. */
export const result = (command: RedisCommand, wire: Wire.Wire): Result.Result<Reply, RedisError.RedisCommandError> => {
  if (!(wire instanceof Wire.ErrorReply)) return Result.succeed(Wire.decode(wire, command.reply))
  const error = { name: "ReplyError", message: wire.message, command }
  return Result.fail(DriverError.classify(error, { command: command.name }))
}

const timedOut = () => Object.assign(new Error("connect ETIMEDOUT"), { code: "ETIMEDOUT" })

const silence = (millis: number) => new Error(`Socket timeout. Expecting data, but didn't receive any in ${millis}ms.`)
