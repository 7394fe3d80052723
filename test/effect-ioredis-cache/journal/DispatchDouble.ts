/**
 * A `Dispatch` over a server of a few commands, both in the hands of a test.
 *
 * The server executes a command when it arrives, unless it is frozen. A lost session's commands stay in
 * its buffer and run when it thaws, as they do in Redis, unless CLIENT KILL has ended the session there.
 */
import { Clock, Context, Effect, Option, Result } from "effect"
import { RedisCommand, RedisError, RedisScript } from "effect-ioredis"
import { scripts } from "effect-ioredis-cache/testing"
import type {
  Cancel,
  Dispatch,
  Node,
  NodeEvent,
  Sending,
  SendOptions,
  Session,
  OperationLines,
  SpanOwners
} from "effect-ioredis/dispatch"
import { OutageCounts } from "../../../packages/effect-ioredis/src/internal/OutageCounts.ts"

type Outcome = Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>

interface InFlight {
  readonly command: RedisCommand.RedisCommand
  readonly sending: Sending | undefined
  /** Absent once nobody waits for the call any more. */
  done: ((outcome: Outcome) => void) | undefined
}

interface Stored {
  value: string
  expiresAt: number
}

export class SessionDouble implements Session {
  readonly node: Node
  readonly id: number | undefined
  readonly runId: string | undefined
  open = true
  killed = false
  readonly inFlight: Array<InFlight> = []

  constructor(node: Node, id: number | undefined, runId: string | undefined) {
    this.node = node
    this.id = id
    this.runId = runId
  }

  readonly isOpen = () => this.open
}

export interface Options {
  /** Redis' time in milliseconds. */
  readonly now: () => number
  /** Whether the user may run INFO. */
  readonly info?: boolean
  readonly name?: string
  /** The slots that it owns now. */
  readonly slots?: () => ReadonlyArray<readonly [number, number]>
}

export class DispatchDouble implements Dispatch {
  readonly note = () => {}
  readonly outage = new OutageCounts()
  readonly operationLog: OperationLines = { isOn: false, write: () => {} }
  readonly commandSpans: SpanOwners = { isOn: false, own: () => {} }
  readonly clock = Context.get(Context.empty(), Clock.Clock)
  readonly operationTimeout = () => 2_000
  readonly node: Node
  readonly listeners = new Set<(event: NodeEvent) => void>()
  readonly received: Array<RedisCommand.RedisCommand> = []
  readonly store = new Map<string, Stored>()
  readonly #now: () => number
  readonly #info: boolean
  readonly #lost: Array<SessionDouble> = []
  #known = new Set<string>()
  #ids = 0
  #runs = 1
  session: SessionDouble | undefined
  isFrozen = false
  isCircuitClosed = true
  generation = 0
  /** The code that a command is refused with. */
  refuse: (command: RedisCommand.RedisCommand) => string | undefined = () => undefined

  constructor({ info = true, name = "double", now, slots = () => [] }: Options) {
    this.#now = now
    this.#info = info
    this.node = {
      name,
      isReady: () => this.session !== undefined,
      refusedAt: () => (this.isCircuitClosed ? undefined : now()),
      isClosed: () => this.isCircuitClosed,
      isIsolated: () => false,
      makeDue: () => {},
      dueIn: () => 0,
      sessions: () => (this.session === undefined ? [] : [this.session]),
      sessionFor: () => this.session,
      history: () => undefined,
      generation: () => this.generation,
      time: now,
      refreshTime: Effect.void,
      lastFailure: () => undefined,
      lastCause: () => undefined,
      slots,
      connect: Effect.suspend(() => Effect.fail(RedisError.connectionError("CONNECT", "NotReady", "never")))
    }
    this.connect()
  }

  // -----------------------------------------------------------------------------------------------
  // In the hands of a test
  // -----------------------------------------------------------------------------------------------

  connect(): void {
    const runId = this.#info ? `${this.node.name} run${this.#runs}` : undefined
    this.session = new SessionDouble(this.node, ++this.#ids, runId)
    this.#tell({ _tag: "SessionReady", node: this.node, session: this.session })
  }

  /** Cuts the connection. What the server has not executed stays in its buffer. */
  lose(): void {
    const { session } = this
    if (session === undefined) return
    this.session = undefined
    session.open = false
    this.#lost.push(session)
    const error = RedisError.connectionError("SET", "Reset", "unknown")
    for (const inFlight of session.inFlight) {
      inFlight.sending?.end(session, { _tag: "Doubtful", error })
      inFlight.done?.(Result.fail(error))
      inFlight.done = undefined
    }
    this.#tell({ _tag: "SessionLost", node: this.node, session, error })
  }

  freeze(): void {
    this.isFrozen = true
  }

  /** Lets the server execute what it has received, lost sessions first. */
  thaw(): void {
    this.isFrozen = false
    this.runLate()
    const { session } = this
    if (session !== undefined) for (const one of session.inFlight.splice(0)) this.#answer(session, one)
  }

  /** Lets the server execute what lost sessions have left behind. */
  runLate(): void {
    for (const session of this.#lost) {
      const left = session.inFlight.splice(0)
      if (!session.killed) for (const { command } of left) this.execute(command)
    }
  }

  /** Nobody waits for the calls in flight any more, as when patience has run out. */
  giveUp(): void {
    for (const inFlight of this.session?.inFlight ?? []) {
      inFlight.done?.(Result.fail(RedisError.RedisTimeoutError.after(inFlight.command.name, 1000)))
      inFlight.done = undefined
    }
  }

  /** Starts the server anew, with older data where they are given. */
  restart(data?: ReadonlyMap<string, Stored>): void {
    this.lose()
    this.#lost.length = 0
    this.#runs++
    this.#known = new Set()
    if (data !== undefined) this.restore(data)
    this.isFrozen = false
  }

  snapshot(): ReadonlyMap<string, Stored> {
    return new Map(Array.from(this.store, ([key, stored]) => [key, { ...stored }]))
  }

  /** Puts older data in the place of what there is, and tells nobody. */
  restore(data: ReadonlyMap<string, Stored>): void {
    this.store.clear()
    for (const [key, stored] of data) this.store.set(key, { ...stored })
  }

  changeHistory(): void {
    this.generation++
    this.#tell({ _tag: "HistoryChanged", node: this.node })
  }

  countOf(name: string): number {
    return this.received.filter((command) => command.name === name).length
  }

  // -----------------------------------------------------------------------------------------------
  // Dispatch
  // -----------------------------------------------------------------------------------------------

  readonly nodes = () => [this.node]
  readonly nodeOf = () => this.node
  readonly slotOf = undefined
  readonly refresh = Effect.succeed(true)
  readonly watchHistory = Effect.void

  readonly followSettings: Dispatch["followSettings"] = () => () => {}
  readonly closeWithin = (work: Effect.Effect<unknown>) =>
    Effect.map(Effect.timeoutOption(work, "2 seconds"), Option.isSome)

  readonly listen = (listener: (event: NodeEvent) => void) => {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  readonly send = (
    command: RedisCommand.RedisCommand,
    { sending, session: wanted }: SendOptions,
    done: (outcome: Outcome) => void
  ): Cancel => {
    const { session } = this
    if (session === undefined || (wanted !== undefined && wanted !== session)) {
      done(Result.fail(RedisError.connectionError(command.name, "NotReady", "never")))
      return () => {}
    }
    if (sending !== undefined && !sending.begin(session)) {
      const message = "superseded"
      done(Result.fail(new RedisError.RedisOperationError({ command: command.name, code: "SUPERSEDED", message })))
      return () => {}
    }
    const inFlight: InFlight = { command, sending, done }
    if (this.isFrozen) session.inFlight.push(inFlight)
    else this.#answer(session, inFlight)
    return () => {
      inFlight.done = undefined
    }
  }

  readonly sendAll: Dispatch["sendAll"] = (commands, options, done) => {
    const outcomes: Array<Outcome> = []
    let left = commands.length
    const cancels = commands.map((command, index) =>
      this.send(command, { ...options, sending: options.sendings?.[index] }, (outcome) => {
        outcomes[index] = outcome
        left--
        if (left === 0) done(outcomes)
      })
    )
    return () => {
      for (const cancel of cancels) cancel()
    }
  }

  readonly get: Dispatch["get"] = (key, _, done) =>
    this.send(RedisCommand.make("GET", [key], { reply: "bytes" }), {}, done)

  #tell(event: NodeEvent): void {
    for (const listener of this.listeners) listener(event)
  }

  #answer(session: SessionDouble, { command, done, sending }: InFlight): void {
    const result = this.execute(command)
    const isScript = command.name.startsWith("EVAL")
    if (Result.isFailure(result) && !isScript) sending?.end(session, { _tag: "Refused", error: result.failure })
    else sending?.end(session, { _tag: "Confirmed", result })
    done?.(result)
  }

  // -----------------------------------------------------------------------------------------------
  // The server
  // -----------------------------------------------------------------------------------------------

  execute(command: RedisCommand.RedisCommand): Result.Result<RedisCommand.Reply, RedisError.RedisOperationError> {
    this.received.push(command)
    const { name } = command
    const code = this.refuse(command)
    const fail = (code: string, message = code) =>
      Result.fail(new RedisError.RedisOperationError({ command: name, code, message }))
    if (code !== undefined) return fail(code)
    const args = command.args.map((arg) =>
      (typeof arg === "object" ? Buffer.from(arg) : Buffer.from(String(arg))).toString("latin1")
    )
    if (name === "EVAL" || name === "EVALSHA") {
      const [id = "", keys = "", ...rest] = args
      const sha = name === "EVAL" ? RedisScript.make({ lua: id }).sha : id
      const found = scripts.find(({ script }) => script.sha === sha)
      if (found === undefined || (name === "EVALSHA" && !this.#known.has(found.script.sha))) return fail("NOSCRIPT")
      this.#known.add(found.script.sha)
      const call = (name: string, ...more: ReadonlyArray<string | number>) => this.run(name, more.map(String)) as never
      return Result.succeed(found.run(rest.slice(0, Number(keys)), rest.slice(Number(keys)), call))
    }
    if (name === "CLIENT") {
      const target = [...this.#lost].find(({ id }) => String(id) === args[2])
      if (target === undefined || target.killed) return fail("ERR", "ERR No such client")
      target.killed = true
      return Result.succeed("OK")
    }
    const reply = this.run(name, args)
    const isBytes = command.reply === "bytes" && typeof reply === "string"
    return Result.succeed(isBytes ? Buffer.from(reply, "latin1") : reply)
  }

  find(key: string): Stored | undefined {
    const stored = this.store.get(key)
    if (stored === undefined || stored.expiresAt > this.#now()) return stored
    this.store.delete(key)
    return undefined
  }

  run(name: string, [key = "", ...args]: ReadonlyArray<string>): RedisCommand.Reply {
    const stored = this.find(key)
    switch (name) {
      case "PING":
        return "PONG"
      case "GET":
        return stored?.value ?? null
      case "TYPE":
        return stored === undefined ? "none" : "string"
      case "STRLEN":
        return stored?.value.length ?? 0
      case "GETRANGE":
        return stored?.value.slice(Number(args[0]), Number(args[1]) + 1) ?? ""
      case "SETRANGE": {
        if (stored === undefined) throw new Error("SETRANGE would make a value")
        const [offset = "0", part = ""] = args
        const end = Number(offset) + part.length
        stored.value = stored.value.slice(0, Number(offset)) + part + stored.value.slice(end)
        return stored.value.length
      }
      case "PEXPIREAT":
        if (stored === undefined || Number(args[0]) <= stored.expiresAt) return 0
        stored.expiresAt = Number(args[0])
        return 1
      case "PERSIST":
        if (stored !== undefined) stored.expiresAt = Number.POSITIVE_INFINITY
        return stored === undefined ? 0 : 1
      case "UNLINK":
        return this.store.delete(key) ? 1 : 0
      case "SET": {
        const [value = "", ...options] = args
        if (options.includes("NX") && stored !== undefined) return null
        if (options.includes("XX") && stored === undefined) return null
        const life = options.includes("PX") ? Number(options[options.indexOf("PX") + 1]) : Number.POSITIVE_INFINITY
        this.store.set(key, { value, expiresAt: this.#now() + life })
        return "OK"
      }
      case "SCAN": {
        const prefix = args[1]?.slice(0, -1) ?? ""
        return ["0", Array.from(this.store.keys()).filter((key) => key.startsWith(prefix))]
      }
      default:
        throw new Error(`the double does not know ${name}`)
    }
  }
}
