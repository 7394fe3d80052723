/**
 * Works for a region in the background: it empties it in Redis where it was cleared, and finds out
 * whether a permission has come back.
 */
import { Effect, Result } from "effect"
import { RedisCommand, type RedisError } from "effect-ioredis"
import type { Node, Session } from "effect-ioredis/dispatch"
import { idleSleep } from "../idleSleep.ts"
import { markCleared, unlinkEarlier } from "./commands.ts"
import type { Failure } from "./Replay.ts"
import * as Scripts from "./scripts.ts"
import * as Sender from "./Sender.ts"
import type { Region, State } from "./State.ts"

/** Tells whether there is anything to do. */
export const isLeft = ({ isDoubted, isHeld, state }: Region): boolean =>
  !isHeld && (isDoubted || state._tag === "Dirty" || state._tag === "Denied")

/**
 * Does what there is, or fails with what hindered it. Regions take turns, for each scans all keys.
 * One with tags takes its time and keeps no other waiting.
 */
export const once = (state: State, region: Region): Effect.Effect<void, Failure> =>
  (region.tags ? step(state, region) : state.emptying.withPermit(step(state, region))).pipe(
    Effect.tapError((failure) =>
      Effect.sync(() => {
        if (failure._tag === "RedisOperationError") state.notEmptied(region, failure)
      })
    )
  )

const step = (state: State, region: Region): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    // It may have been held back since its turn was asked for.
    if (region.isHeld) return Effect.void
    if (region.isDoubted) return Effect.andThen(settle(state, region), step(state, region))
    if (region.state._tag === "Denied") return Effect.andThen(probe(state, region), step(state, region))
    const isReady = nextNode(state, region) !== undefined || isEmptied(state, region)
    if (region.state._tag !== "Dirty" || !isReady) return Effect.void
    if (isMapped(state)) return empty(state, region)
    return new Sender.NoSession({ message: "not every slot has an owner yet" })
  })

// A node that is to be emptied and may be now: a write in doubt would come after the emptying, so
// its session is fenced first.
const nextNode = (state: State, region: Region, failed?: ReadonlySet<string>): Node | undefined =>
  state.dispatch
    .nodes()
    .find(
      ({ name }) =>
        !region.emptiedOn.has(name) && failed?.has(name) !== true && !state.doubts.hasRegion(region.name, name)
    )

// Before every slot has an owner, nobody knows where the region is kept.
const isMapped = ({ dispatch }: State): boolean => {
  if (dispatch.slotOf === undefined) return true
  const ranges = dispatch.nodes().flatMap((node) => node.slots())
  return ranges.reduce((total, [from, to]) => total + to - from + 1, 0) === slotCount
}

const slotCount = 16_384

const isEmptied = (state: State, { emptiedOn }: Region): boolean =>
  state.dispatch.nodes().every(({ name }) => emptiedOn.has(name))

// Asks for what it may do with commands that change nothing: no key of the region has an empty
// name.
const harmless = ({ keyspace }: Region): ReadonlyArray<RedisCommand.RedisCommand> => [
  RedisCommand.make("SET", [keyspace, "", "XX", "PX", 1]),
  RedisCommand.make("UNLINK", [keyspace])
]

const probe = Effect.fnUntraced(function* (state: State, region: Region) {
  const outcomes = yield* Sender.sendAllOnce(state.dispatch, harmless(region), {})
  for (const outcome of outcomes) if (Result.isFailure(outcome)) return yield* outcome.failure
  state.apply(region, { _tag: "Permitted" })
})

// A script of a region was refused: the region runs on memory if its user may not write at all.
const settle = Effect.fnUntraced(function* (state: State, region: Region) {
  const commands = harmless(region)
  const outcomes = yield* Sender.sendAllOnce(state.dispatch, commands, {})
  region.isDoubted = false
  for (const [index, outcome] of outcomes.entries()) {
    const command = commands[index]
    if (command !== undefined && Result.isFailure(outcome)) state.refused(command, outcome.failure, region)
  }
})

let runs = 0

const empty = (state: State, region: Region): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    const run = ++runs
    state.apply(region, { _tag: "Started", run })
    return emptyNodes(state, region, run).pipe(
      Effect.ensuring(Effect.sync(() => state.apply(region, { _tag: "Failed", run })))
    )
  })

const isRunning = ({ state }: Region, run: number): boolean => state._tag === "Emptying" && state.run === run

// Empties one node after the other. One that fails keeps no other from being emptied, and one that
// was emptied is not emptied again because of another.
const emptyNodes = Effect.fnUntraced(function* (state: State, region: Region, run: number) {
  const failures = new Map<string, Failure>()
  // Where Redis has no room for the mark, what was cleared makes room, and the mark follows.
  const marked = yield* Effect.result(mark(state, region))
  let node = nextNode(state, region)
  while (node !== undefined && isRunning(region, run)) {
    const { name } = node
    // Slots that come to it from now on are not part of it.
    region.emptiedOn.add(name)
    // Whoever closes interrupts it, and then tries once more.
    const forget = Effect.sync(() => region.emptiedOn.delete(name))
    const emptied = yield* Effect.onInterrupt(Effect.result(emptyNode(state, region, node, run)), () => forget)
    if (Result.isFailure(emptied)) failures.set(name, emptied.failure)
    if (Result.isFailure(emptied) || !isRunning(region, run)) region.emptiedOn.delete(name)
    node = nextNode(state, region, new Set(failures.keys()))
  }
  const [failure] = failures.values()
  if (failure !== undefined) return yield* failure
  yield* Effect.fromResult(marked)
  if (isEmptied(state, region)) state.apply(region, { _tag: "Emptied", run })
})

const emptyNode = Effect.fnUntraced(function* (state: State, region: Region, node: Node, run: number) {
  const [session] = node.sessions()
  if (session === undefined) return yield* new Sender.NoSession({ message: "a node has no session" })
  yield* barrier(state, node, session)
  if (state.doubts.hasRegion(region.name, node.name))
    return yield* new Sender.NoSession({ message: "a session was lost meanwhile" })
  const { clearedAt } = region.state
  let cursor = "0"
  do {
    const reply = yield* scan(state, region, session, cursor)
    cursor = reply.cursor
    yield* unlinkAll(state, reply.keys, clearedAt, session)
    if (region.tags) yield* rest
  } while (cursor !== "0" && isRunning(region, run))
})

// A million keys take two minutes, and the server a hundredth of its time.
const rest = Effect.clockWith((clock) => idleSleep(clock, 50))

// One mark tells every process that replays something of the region, wherever that is kept.
const mark = (state: State, region: Region) =>
  Effect.suspend(() => {
    if (region.replay !== "latest") return Effect.void
    const version = { stamp: state.source.next(), writtenAt: region.state.clearedAt }
    const command = markCleared(region, version, state.situation().scripts)
    return Effect.flatMap(Sender.sendAllOnce(state.dispatch, [command], {}), ([outcome]) =>
      outcome === undefined ? Effect.void : Effect.asVoid(Effect.fromResult(outcome))
    )
  })

/**
 * Waits until all that was sent before over the other connections of a node has been answered. What
 * is sent over its `own`, if any, comes after all of its own anyway.
 */
export const barrier = (state: State, node: Node, own?: Session): Effect.Effect<void, RedisError.RedisCommandError> =>
  Effect.forEach(
    node.sessions().filter((session) => session !== own),
    (session) =>
      Effect.catchTag(
        Sender.sendOnce(state.dispatch, RedisCommand.make("PING"), session),
        "RedisOperationError",
        () => Effect.void
      ),
    { concurrency: "unbounded", discard: true }
  )

// The cursor means something in this server process alone, so the session is lost before another
// one sees it.
const scan = (state: State, { keyspace }: Region, session: Session, cursor: string) =>
  Effect.map(
    Sender.sendOnce(
      state.dispatch,
      RedisCommand.make("SCAN", [cursor, "MATCH", `${escaped(keyspace)}*`, "COUNT", 500]),
      session
    ),
    (reply) => {
      const [next, keys] = Array.isArray(reply) ? reply : ["0", []]
      return { cursor: String(next), keys: Array.isArray(keys) ? keys.map(String) : [] }
    }
  )

// What has gone to another node while the map of them was old is unlinked there.
const unlinkAll: (
  state: State,
  keys: ReadonlyArray<string>,
  clearedAt: number,
  session: Session | undefined
) => Effect.Effect<void, RedisError.RedisCommandError> = Effect.fnUntraced(function* (state, keys, clearedAt, session) {
  if (keys.length === 0) return
  const { scripts } = state.situation()
  const commands = keys.map((key) => unlinkEarlier(key, clearedAt + 1, scripts))
  const outcomes = yield* Sender.sendAllOnce(state.dispatch, commands, { session })
  const denied: Array<string> = []
  const moved: Array<string> = []
  for (const [index, outcome] of outcomes.entries()) {
    const [key, command] = [keys[index], commands[index]]
    if (Result.isSuccess(outcome) || key === undefined || command === undefined) continue
    state.refused(command, outcome.failure, undefined)
    if (Scripts.isDenied(command, outcome.failure)) denied.push(key)
    else if (session !== undefined && isMoved(outcome.failure)) moved.push(key)
    else return yield* outcome.failure
  }
  yield* unlinkAll(state, denied, clearedAt, session)
  yield* unlinkAll(state, moved, clearedAt, undefined)
})

const isMoved = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && (error.code === "MOVED" || error.code === "ASK")

const escaped = (pattern: string): string => pattern.replace(/[\\*?[\]]/g, "\\$&")
