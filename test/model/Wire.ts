import { Effect, Result } from "effect"
import { type RedisCommand, type RedisConnection, type RedisConnector, RedisError } from "effect-ioredis"

/** Which connections of a process: those that are told of writes, those that carry commands, or all. */
export type Which = "link" | "data" | "all"

/** The network between a process and its servers. */
export interface Wire {
  readonly connect: RedisConnector.RedisConnector["Service"]["connect"]
  /** The connections are lost without the servers hearing of it. */
  readonly strand: (which?: Which) => void
  /** What the servers say on connections that are open now is held back until `release`. */
  readonly hold: (which: Which) => void
  /** Nothing comes and nothing goes until `release`. */
  readonly sleep: () => void
  readonly release: (which: Which) => void
  /** Nothing comes and nothing goes any more on connections that are open now, which stay open. */
  readonly mute: (which: Which) => void
  /** Releases all, and loses those that are mute and carry commands. Links have to find out for themselves. */
  readonly heal: () => void
  /** Lets links that are made from now on reach another server, or none such any more. */
  readonly divert: (to: Connect | undefined) => void
  readonly isCrashed: () => boolean
  /** Nothing of the process reaches a server any more. */
  readonly crash: () => void
}

type Connect = RedisConnector.RedisConnector["Service"]["connect"]

export interface Options {
  readonly connect: Connect
  /** How many connections carry commands. */
  readonly connections: number
  readonly seam: ((connection: RedisConnection.RedisConnection) => RedisConnection.RedisConnection) | undefined
  readonly onSubmit: (command: RedisCommand.RedisCommand) => void
}

/** Makes that of one process. */
export const make = ({ connect, connections, onSubmit, seam }: Options): Wire => {
  const open = new Set<Line>()
  let diverted: Connect | undefined
  let crashed = false

  const each = (which: Which, act: (line: Line) => void): void => {
    for (const line of Array.from(open)) if (which === "all" || line.isLink === (which === "link")) act(line)
  }
  const strand = (which: Which = "all"): void => each(which, (line) => line.connection.destroy(stranded()))
  // While all the others are there, whatever is made is a link.
  const makesLink = (): boolean => Array.from(open).filter(({ isLink }) => !isLink).length >= connections

  return {
    connect: (address, login) =>
      Effect.suspend(() => {
        if (crashed) return Effect.never
        const other = makesLink() ? diverted : undefined
        return Effect.map((other ?? connect)(address, login), (connection) => {
          const line = new Line(connection, other !== undefined)
          open.add(line)
          line.connection.onLoss(() => open.delete(line))
          if (crashed) strand()
          const followed = line.follow(onSubmit)
          return seam?.(followed) ?? followed
        })
      }),
    strand,
    hold: (which) => each(which, (line) => line.hold(false)),
    sleep: () => each("all", (line) => line.hold(true)),
    release: (which) => each(which, (line) => line.release()),
    mute: (which) => each(which, (line) => line.mute()),
    heal: () => {
      diverted = undefined
      for (const line of Array.from(open)) {
        if (line.isDiverted || (line.isMute() && !line.isLink)) line.connection.destroy(stranded())
        else line.release()
      }
    },
    divert: (to) => {
      diverted = to
    },
    isCrashed: () => crashed,
    crash: () => {
      crashed = true
      strand()
    }
  }
}

type OnReply = Parameters<RedisConnection.RedisConnection["submit"]>[1]

/** What has been said on a connection and is not heard yet. */
interface Unheard {
  readonly tell: () => void
  /** Tells that the connection was lost before; nothing where nobody waits. */
  readonly lose: (error: RedisError.RedisConnectionError) => void
}

/** One connection, on which each direction may stand still. */
class Line {
  readonly connection: RedisConnection.RedisConnection
  /** Whether it reaches another server than it should. */
  readonly isDiverted: boolean
  isLink = false
  #state: "Open" | "Held" | "Asleep" | "Mute" = "Open"
  #unheard: Array<Unheard> = []
  #unsent: Array<() => void> = []
  #activity = 0

  constructor(connection: RedisConnection.RedisConnection, isDiverted: boolean) {
    this.connection = connection
    this.isDiverted = isDiverted
    // What was said comes no more after the loss, and whoever waits for it is told so first.
    connection.onLoss((error) => this.#lose(error))
  }

  isMute(): boolean {
    return this.#state === "Mute"
  }

  hold(asleep: boolean): void {
    if (this.#state !== "Mute") this.#state = asleep ? "Asleep" : "Held"
  }

  release(): void {
    if (this.#state === "Mute") return
    this.#state = "Open"
    for (const send of this.#unsent.splice(0)) send()
    for (const { tell } of this.#unheard.splice(0)) tell()
  }

  mute(): void {
    this.#state = "Mute"
  }

  follow(onSubmit: Options["onSubmit"]): RedisConnection.RedisConnection {
    const { connection } = this
    return {
      isOpen: connection.isOpen,
      inFlight: () => connection.inFlight() + this.#unheard.length + this.#unsent.length,
      activity: () => this.#activity,
      onLoss: connection.onLoss,
      onPush: (listener) => connection.onPush((push) => this.#hear({ tell: () => listener(push), lose: () => {} })),
      drain: connection.drain,
      destroy: connection.destroy,
      submit: (command, onReply) => {
        if (command.name === "CLIENT" && command.args[0] === "TRACKING") this.isLink = true
        // It has turned out to be no link.
        if (this.isDiverted && !introductions.has(command.name)) connection.destroy(stranded())
        onSubmit(command)
        this.#send(command, onReply)
      }
    }
  }

  // What is not sent while it stands still is lost with the connection, as what is sent.
  #send(command: RedisCommand.RedisCommand, onReply: OnReply): void {
    if (this.#state === "Open" || this.#state === "Held" || !this.connection.isOpen()) {
      this.connection.submit(command, (result) => this.#reply(command, result, onReply))
      return
    }
    let isLost = false
    const stop = this.connection.onLoss(({ cause, reason }) => {
      isLost = true
      onReply(Result.fail(RedisError.connectionError(command.name, reason, "unknown", cause)))
    })
    this.#unsent.push(() => {
      stop()
      if (!isLost) this.connection.submit(command, (result) => this.#reply(command, result, onReply))
    })
  }

  #reply(command: RedisCommand.RedisCommand, result: Parameters<OnReply>[0], onReply: OnReply): void {
    // Only the loss itself is heard at once, and what was not heard before is not heard any more.
    if (!this.connection.isOpen()) {
      if (Result.isFailure(result) && result.failure._tag === "RedisConnectionError") this.#lose(result.failure)
      onReply(result)
      return
    }
    this.#hear({
      tell: () => onReply(result),
      lose: ({ cause, reason }) =>
        onReply(Result.fail(RedisError.connectionError(command.name, reason, "unknown", cause)))
    })
  }

  #lose(error: RedisError.RedisConnectionError): void {
    for (const { lose } of this.#unheard.splice(0)) lose(error)
  }

  #hear(unheard: Unheard): void {
    if (this.#state === "Open") {
      this.#activity++
      unheard.tell()
      return
    }
    this.#unheard.push({
      tell: () => {
        this.#activity++
        unheard.tell()
      },
      lose: unheard.lose
    })
  }
}

const introductions: ReadonlySet<string> = new Set([
  "PING",
  "CLIENT",
  "INFO",
  "TIME",
  "HELLO",
  "SCRIPT",
  "READONLY",
  "SUBSCRIBE"
])

const stranded = () => RedisError.connectionError("CONNECT", "Reset", "unknown", new Error("The connection was lost."))
