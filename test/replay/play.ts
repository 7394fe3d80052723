import { Effect, Schema } from "effect"
import { Redis as Driver } from "ioredis"
import * as Process from "../chaos/Process.ts"
import * as OwnCache from "../support/OwnCache.ts"
import * as RedisServer from "../support/RedisServer.ts"
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
  readonly mode: Answers.Mode
  readonly outage: Answers.Outage
  /** Keys of each row. */
  readonly keys: number
  /** B is a Node process of its own. */
  readonly apart?: boolean | undefined
}

/** Plays every row at once, in one outage, and looks from outside two seconds after the first PING was answered. */
export const play = Effect.fnUntraced(function* (options: Options) {
  const server = yield* RedisServer.make({
    config: options.outage === "Durable" ? ["appendonly yes", "appendfsync always"] : []
  })
  const rows = Answers.rows.filter((row) => Answers.answer(row, options.mode, options.outage) !== undefined)
  const actors = {
    A: yield* Actor.make(server.port, options.mode),
    B: options.apart === true ? yield* apart(server.port, options.mode) : yield* Actor.make(server.port, options.mode)
  }
  yield* prepare(rows, options, server.port, actors)

  yield* server.freeze
  yield* take(rows, 0, options.keys, actors, (step) => step.how === "underWay")
  yield* Effect.all([actors.A({ _tag: "AwaitOutage" }), actors.B({ _tag: "AwaitOutage" })], { concurrency: 2 })
  if (options.outage !== "Frozen") yield* server.kill
  for (let place = 0; place < longest; place++) {
    // What one process asks for after another is later by more than their clocks can differ.
    yield* Effect.sleep("120 millis")
    yield* take(rows, place, options.keys, actors, (step) => step.how === "deferred")
  }
  yield* options.outage === "Frozen" ? server.thaw : server.start
  yield* server.cli("PING")
  // In steps: on a busy machine each takes longer, for the test as for what is tested.
  for (let tenth = 0; tenth < 19; tenth++) yield* Effect.sleep("100 millis")
  return yield* look(rows, options, server.port)
}, Effect.scoped)

type Actors = Readonly<Record<Answers.Step["by"], Actor.Actor<unknown>>>

const longest = Math.max(...Answers.rows.map(({ steps }) => steps.length))

const keysOf = (row: Answers.Row, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, n) => `${Answers.rows.indexOf(row)}-${n}`)

const prepare = Effect.fnUntraced(function* (
  rows: ReadonlyArray<Answers.Row>,
  options: Options,
  port: number,
  actors: Actors
) {
  const keys = (...priors: ReadonlyArray<Answers.Prior>) =>
    rows.filter(({ prior }) => priors.includes(prior)).flatMap((row) => keysOf(row, options.keys))
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
  yield* Effect.scoped(Effect.flatMap(Actor.make(port, options.mode), (third) => set(third, keys("known", "unknown"))))
  yield* set(actors.A, keys("own"))
  yield* Effect.all([read(actors.A), read(actors.B)], { concurrency: 2 })
})

const portions = (keys: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(keys.length / 250) }, (_, n) => keys.slice(n * 250, n * 250 + 250))

/** One step of every row that has one there. Steps under way come first and are told apart by `which`. */
const take = Effect.fnUntraced(function* (
  rows: ReadonlyArray<Answers.Row>,
  place: number,
  keys: number,
  actors: Actors,
  which: (step: Answers.Step) => boolean
) {
  const stepsBy = (by: Answers.Step["by"]) =>
    rows.flatMap((row) => {
      const step = row.steps.filter(which)[place]
      if (step === undefined || step.by !== by) return []
      const value = textOf(row, step)
      return keysOf(row, keys).map((key) => ({ key, does: step.does, value }))
    })
  yield* Effect.all([actors.A({ _tag: "Ask", steps: stepsBy("A") }), actors.B({ _tag: "Ask", steps: stepsBy("B") })], {
    concurrency: 2
  })
})

/** `A2`: the second value that A sets in this row. */
const textOf = (row: Answers.Row, step: Answers.Step): string => {
  const sets = row.steps.filter(({ by, does }) => by === step.by && does === "set")
  return `${step.by}${sets.indexOf(step) + 1}`
}

/** What Redis holds, and what a cache answers that was not there before. */
const look = Effect.fnUntraced(function* (rows: ReadonlyArray<Answers.Row>, options: Options, port: number) {
  const reader = yield* Actor.make(port, options.mode)
  const driver = yield* Effect.acquireRelease(
    Effect.sync(() => new Driver({ host: "127.0.0.1", port })),
    (driver) => Effect.sync(() => driver.disconnect())
  )
  return yield* Effect.forEach(
    rows,
    Effect.fnUntraced(function* (row) {
      const keys = keysOf(row, options.keys)
      const states = yield* Effect.promise(() => statesOf(driver, keys))
      const answers = yield* reader({ _tag: "Read", keys })
      const found = new Map<Answers.State | "other", number>()
      for (const state of states) found.set(state, (found.get(state) ?? 0) + 1)
      const cell: Cell = {
        row,
        mode: options.mode,
        outage: options.outage,
        allowed: Answers.answer(row, options.mode, options.outage) ?? [],
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

const apart = (port: number, mode: Answers.Mode) =>
  Effect.map(
    Process.start({
      name: "B",
      file: "../replay/secondProcess.ts",
      env: { REPLAY_PORT: String(port), REPLAY_MODE: mode }
    }),
    (process): Actor.Actor<unknown> =>
      (command) =>
        Effect.flatMap(Schema.encodeEffect(Actor.CommandLine)(command), (line) => process.ask(line, Actor.ReplyLine))
  )

/** Every key is in a state that is allowed, and is read so. */
export const isKept = (cell: Cell): boolean =>
  cell.readOtherwise === 0 && Array.from(cell.found.keys()).every((state) => cell.allowed.some((one) => one === state))
