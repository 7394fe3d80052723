import { Effect, Schema } from "effect"
import { Redis as Driver } from "ioredis"
import * as Process from "../chaos/Process.ts"
import * as OwnCache from "../support/OwnCache.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as TcpProxy from "../support/TcpProxy.ts"
import * as Wait from "../support/Wait.ts"
import * as Actor from "./Actor.ts"
import * as Answers from "./answers.ts"

/** What was found under the keys of one row: how many keys are in which state. */
export interface Cell {
  readonly row: Answers.Row
  readonly mode: Answers.Mode
  readonly outage: Answers.Outage
  readonly allowed: Answers.Answer
  readonly found: ReadonlyMap<Answers.State | "other", number>
  /** Keys for which a cache that was not in the outage answered otherwise than what Redis holds. */
  readonly readOtherwise: number
}

export interface Options {
  /** Default: all that are about the mode. */
  readonly rows?: ReadonlyArray<Answers.Row> | undefined
  readonly mode: Answers.Mode
  readonly outage: Answers.Outage
  /** Keys of each row. */
  readonly keys: number
  /** The milliseconds in which all is sent that is in flight as the server stops. Default: 1000. */
  readonly timeout?: number | undefined
  /** B is a Node process of its own, and so is who looks afterwards. */
  readonly apart?: boolean | undefined
}

export interface Played {
  readonly cells: ReadonlyArray<Cell>
  /** Calls that were to be in flight or executed when the server stopped. */
  readonly toSend: number
  /** Those of them that were not answered at once, as by a process that knows of the outage already. */
  readonly sent: number
}

/**
 * Plays rows all at once, in one outage: first what is executed and not acknowledged, then what is
 * in flight as the server stops, then what is deferred. It looks from outside two seconds after the
 * first PING was answered.
 */
export const play = Effect.fnUntraced(function* (options: Options) {
  const server = yield* RedisServer.make({
    config: options.outage === "Durable" ? ["appendonly yes", "appendfsync always"] : []
  })
  const proxy = yield* TcpProxy.make(server.port)
  const rows = options.rows ?? Answers.rowsOf(options.mode)
  const straight: Actor.Options = { port: server.port, replay: options.mode, timeout: options.timeout ?? 1000 }
  const bent: Actor.Options = { ...straight, port: proxy.port }
  const actor = options.apart === true ? apart : Actor.make
  const stage: Stage = {
    rows,
    keys: options.keys,
    actors: {
      A: yield* Actor.make(bent),
      B: yield* actor(bent)
    }
  }
  yield* prepare(stage, straight)

  const sent: Array<string | null> = []
  // Until the outage is over, so that nothing is acknowledged that came before it.
  yield* proxy.dropReplies
  yield* Effect.scoped(
    Effect.flatMap(direct(server.port), (driver) =>
      inTurn(stage, "executed", (place) =>
        Effect.andThen(
          Effect.map(take(stage, "executed", place, "Begin"), (answers) => sent.push(...answers)),
          Wait.until("Redis has executed what it does not acknowledge", areExecuted(stage, place, driver))
        )
      )
    )
  )
  yield* server.freeze
  yield* inTurn(stage, "underWay", (place) =>
    Effect.map(take(stage, "underWay", place, "Begin"), (answers) => sent.push(...answers))
  )
  yield* both(stage.actors, () => ({ _tag: "AwaitOutage" }))
  const killed = options.outage !== "Frozen"
  if (killed) yield* Effect.andThen(server.kill, proxy.refuse)
  yield* proxy.pass
  yield* inTurn(stage, "deferred", (place) => take(stage, "deferred", place, "Ask"))
  yield* killed ? Effect.andThen(server.start, proxy.listen) : server.thaw
  yield* server.cli("PING")
  const [reader] = yield* Effect.all([actor(straight), twoSeconds], { concurrency: 2 })
  const played: Played = {
    cells: yield* look(stage, options, server.port, reader),
    toSend: sent.length,
    sent: sent.filter((answer) => answer === null).length
  }
  return played
}, Effect.scoped)

// In steps: on a busy machine each takes longer, for the test as for what is tested.
const twoSeconds = Effect.repeat(Effect.sleep("100 millis"), { times: 18 })

/** What is played, with whom. */
interface Stage {
  readonly rows: ReadonlyArray<Answers.Row>
  /** Keys of each row. */
  readonly keys: number
  readonly actors: Readonly<Record<Answers.Step["by"], Actor.Actor<unknown>>>
}

const both = (actors: Stage["actors"], command: (by: Answers.Step["by"]) => Actor.Command) =>
  Effect.map(
    Effect.all([actors.A(command("A")), actors.B(command("B"))], { concurrency: 2 }),
    ([a, b]): typeof Actor.Reply.Type => [...a, ...b]
  )

const stepAt = (row: Answers.Row, how: Answers.Step["how"], place: number): Answers.Step | undefined =>
  row.steps.filter((step) => step.how === how)[place]

/** The first step of this kind of every row, then the second, and so on. */
const inTurn = <E, R>(
  { rows }: Stage,
  how: Answers.Step["how"],
  at: (place: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, E, R> => {
  const places = Math.max(...rows.map(({ steps }) => steps.filter((step) => step.how === how).length))
  return Effect.forEach(
    Array.from({ length: places }, (_, place) => place),
    // What one process asks for after another is later by more than their clocks can differ.
    (place) => Effect.andThen(place === 0 ? Effect.void : Effect.sleep("120 millis"), at(place)),
    { discard: true }
  )
}

/** Asks for the step that every row has at this place, and answers what became of each. */
const take = ({ actors, keys, rows }: Stage, how: Answers.Step["how"], place: number, ask: "Ask" | "Begin") =>
  both(actors, (by) => ({
    _tag: ask,
    steps: rows.flatMap((row) => {
      const step = stepAt(row, how, place)
      if (step === undefined || step.by !== by) return []
      const value = textOf(row, step)
      return keysOf(row, keys).map((key) => ({ key, does: step.does, value }))
    })
  }))

/** Redis holds what the steps at this place leave there. */
const areExecuted = ({ keys, rows }: Stage, place: number, driver: Driver) => {
  const expected = rows.flatMap((row) => {
    const step = stepAt(row, "executed", place)
    if (step === undefined) return []
    const left = { set: textOf(row, step), touch: "before+", remove: "absent" }[step.does]
    return keysOf(row, keys).map((key) => ({ key, left }))
  })
  const look = Effect.promise(() =>
    statesOf(
      driver,
      expected.map(({ key }) => key)
    )
  )
  return Effect.map(look, (states) => expected.every(({ left }, n) => states[n] === left))
}

const keysOf = (row: Answers.Row, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, n) => `${Answers.rows.indexOf(row)}-${n}`)

const prepare = Effect.fnUntraced(function* ({ actors, keys: count, rows }: Stage, straight: Actor.Options) {
  const keys = (...priors: ReadonlyArray<Answers.Prior>) =>
    rows.filter(({ prior }) => priors.includes(prior)).flatMap((row) => keysOf(row, count))
  // In portions and until it is so: this machine may be busy, and the outage has not begun.
  const set = (actor: Actor.Actor<unknown>, names: ReadonlyArray<string>) =>
    Effect.forEach(portions(names), (portion) =>
      Wait.until(
        "a portion is written",
        Effect.map(
          actor({ _tag: "Ask", steps: portion.map((key) => ({ key, does: "set" as const, value: "before" })) }),
          (outcomes) => outcomes.every((outcome) => outcome === "Applied")
        )
      )
    )
  const read = (actor: Actor.Actor<unknown>) =>
    Effect.forEach(portions(keys("known", "own", "nothing")), (portion) => actor({ _tag: "Read", keys: portion }))
  yield* Effect.scoped(
    Effect.gen(function* () {
      const third = yield* Actor.make(straight)
      yield* set(third, keys("known", "unknown"))
      // A script that Redis does not know is sent twice, and the second time not before the first reply.
      for (const does of ["set", "touch", "remove"] as const) {
        yield* third({ _tag: "Ask", steps: [{ key: "scripts", does, value: "?" }] })
      }
    })
  )
  yield* set(actors.A, keys("own"))
  yield* Effect.all([read(actors.A), read(actors.B)], { concurrency: 2 })
})

const portions = (keys: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(keys.length / 250) }, (_, n) => keys.slice(n * 250, n * 250 + 250))

/** `A2`: the second value that A sets in this row. */
const textOf = (row: Answers.Row, step: Answers.Step): string => {
  const sets = row.steps.filter(({ by, does }) => by === step.by && does === "set")
  return `${step.by}${sets.indexOf(step) + 1}`
}

/** The driver itself, straight to the server. */
const direct = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => new Driver({ host: "127.0.0.1", port })),
    (driver) => Effect.sync(() => driver.disconnect())
  )

/** What Redis holds, and what a cache answers that was not there before. */
const look = Effect.fnUntraced(function* (
  { keys: count, rows }: Stage,
  { mode, outage }: Options,
  port: number,
  reader: Actor.Actor<unknown>
) {
  const driver = yield* direct(port)
  return yield* Effect.forEach(
    rows,
    Effect.fnUntraced(function* (row) {
      const keys = keysOf(row, count)
      const states = yield* Effect.promise(() => statesOf(driver, keys))
      const answers = yield* reader({ _tag: "Read", keys })
      const found = new Map<Answers.State | "other", number>()
      for (const state of states) found.set(state, (found.get(state) ?? 0) + 1)
      const cell: Cell = {
        row,
        mode,
        outage,
        allowed: Answers.answer(row, mode, outage) ?? [],
        found,
        readOtherwise: states.filter((state, n) => state.replace("+", "") !== (answers[n] ?? "absent")).length
      }
      return cell
    })
  )
}, Effect.scoped)

const statesOf = async (
  driver: Driver,
  keys: ReadonlyArray<string>
): Promise<ReadonlyArray<Answers.State | "other">> => {
  const names = keys.map((key) => OwnCache.redisKey(Actor.regionName, key))
  const stored = await driver.mget(names)
  const lives = await Promise.all(names.map((name) => driver.pttl(name)))
  return stored.map((text, n) => stateOf(OwnCache.payload(text), lives[n] ?? 0))
}

const stateOf = (json: string | undefined, life: number): Answers.State | "other" => {
  if (json === undefined) return "absent"
  const value = /^"(before|[AB][12])"$/.exec(json)?.[1] as "before" | "A1" | "A2" | "B1" | "B2" | undefined // as the pattern says
  if (value === undefined) return "other"
  return life > 30 * 60_000 ? `${value}+` : value
}

/** A Node process of its own. */
const apart = ({ port, replay, timeout }: Actor.Options) =>
  Effect.map(
    Process.start({
      name: "a process of the table of replay",
      file: "../replay/secondProcess.ts",
      env: { REPLAY_PORT: String(port), REPLAY_MODE: replay, REPLAY_TIMEOUT: String(timeout) }
    }),
    (process): Actor.Actor<unknown> =>
      (command) =>
        Effect.flatMap(Schema.encodeEffect(Actor.CommandLine)(command), (line) => process.ask(line, Actor.ReplyLine))
  )

/** Every key is in a state that is allowed, and is read so. */
export const isKept = (cell: Cell): boolean =>
  cell.readOtherwise === 0 && Array.from(cell.found.keys()).every((state) => cell.allowed.some((one) => one === state))
