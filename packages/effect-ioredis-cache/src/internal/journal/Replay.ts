/**
 * Works on one node in the background: it ends lost sessions, verifies
 * what was confirmed, and replays what was not, in this order and in batches, one at a time.
 */
import { Effect, Result } from "effect"
import { RedisCommand, RedisError } from "effect-ioredis"
import type { Session } from "effect-ioredis/dispatch"
import * as StoredValue from "../StoredValue.ts"
import { clearedKey, replayOf, verify as verifyOf } from "./commands.ts"
import { fenceOf } from "./Doubts.ts"
import * as Scripts from "./scripts.ts"
import * as Sender from "./Sender.ts"
import { type Entry, type NodeState, type Region, type State, Write } from "./State.ts"

/** Tells whether there is anything to do on a node. */
export const isLeft = (state: State, { node, pending, unverified }: NodeState): boolean =>
  pending.size > 0 || unverified.size > 0 || state.doubts.sessions().some((session) => session.node === node)

/** Does all there is, or fails with what hindered it. */
export const once = (state: State, nodeState: NodeState): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    const [session] = nodeState.node.sessions()
    if (session === undefined) return yield* new Sender.NoSession({ message: "the node has no session" })
    yield* fence(state, nodeState, session)
    yield* verify(state, nodeState)
    yield* replay(state, nodeState)
  })

/** Describes what the background work fails with. */
export type Failure = RedisError.RedisCommandError | Sender.NoSession

// -------------------------------------------------------------------------------------------------
// Fence
// -------------------------------------------------------------------------------------------------

// Ends the sessions that may still execute something on the server, so that nothing comes late.
const fence = Effect.fnUntraced(function* (state: State, { node, unfenceable }: NodeState, open: Session) {
  for (const lost of state.doubts.sessions()) {
    if (lost.node !== node) continue
    const isSettled = !unfenceable.has(lost) && (yield* isGone(state, lost, open))
    if (isSettled) state.settle(lost)
    else {
      unfenceable.add(lost)
      state.expireDoubts(lost)
    }
  }
})

const isGone = (state: State, lost: Session, open: Session): Effect.Effect<boolean, RedisError.RedisCommandError> => {
  switch (fenceOf(lost, open)) {
    case "Gone":
      return Effect.succeed(true)
    case "Wait":
      return Effect.succeed(false)
    case "Kill":
      return Sender.sendOnce(state.dispatch, RedisCommand.make("CLIENT", ["KILL", "ID", lost.id ?? 0]), open).pipe(
        Effect.as(true),
        // A refusal comes from a server that lives. It may be that there is no such client any
        // more.
        Effect.catchTag("RedisOperationError", (error) =>
          RedisError.outcome(error) === "success"
            ? Effect.succeed(error.message.includes("No such client"))
            : Effect.fail(error)
        )
      )
  }
}

// -------------------------------------------------------------------------------------------------
// Verify
// -------------------------------------------------------------------------------------------------

// Unlinks what the server remembers from before a confirmed intent. It may run late, and does no
// harm where nothing was lost.
const verify = Effect.fnUntraced(function* (state: State, nodeState: NodeState) {
  const { unverified } = nodeState
  while (unverified.size > 0) {
    const { changes } = nodeState
    const known = (key: string) => state.trust.get(key)
    const keys = takeFirst(unverified, batchSize, (key) => known(key)?.isVerified === false)
    const confirmed = keys.flatMap((key) => known(key)?.confirmed ?? [])
    const { scripts } = state.situation()
    const commands = confirmed.map((version, index) => verifyOf(keys[index] ?? "", version, scripts))
    const outcomes = yield* sendBatch(state, commands)
    let failure: RedisError.RedisCommandError | undefined
    outcomes.forEach((outcome, index) => {
      const [key, version, command] = [keys[index], confirmed[index], commands[index]]
      if (key === undefined || version === undefined || command === undefined) return
      // Another change may have come meanwhile, and another confirmation.
      const isDone = Result.isSuccess(outcome) && nodeState.changes === changes
      const now = known(key)
      if (!isDone) unverified.add(key)
      else if (now?.confirmed === version) now.isVerified = true
      if (Result.isSuccess(outcome)) return
      state.refused(command, outcome.failure, undefined)
      // It is done without scripts in the next round.
      if (!Scripts.isDenied(command, outcome.failure)) failure = outcome.failure
    })
    if (failure !== undefined) return yield* failure
  }
})

// -------------------------------------------------------------------------------------------------
// Replay
// -------------------------------------------------------------------------------------------------

// Every entry gets one turn. What is refused goes to the end of the queue, so that it holds nobody
// up.
const replay = Effect.fnUntraced(function* (state: State, nodeState: NodeState) {
  let turns = nodeState.pending.size
  let refusal: RedisError.RedisCommandError | undefined
  while (turns > 0 && nodeState.pending.size > 0) {
    const size = Math.min(turns, batchSize)
    turns -= size
    const batch = takeFirst(
      nodeState.pending,
      size,
      (entry) => entry.isDeferred && !entry.isReplaying && !state.doubts.has(entry.key)
    )
    if (batch.length === 0) continue
    const { denied, error } = yield* replayBatch(state, batch)
    if (error !== undefined && error._tag !== "RedisOperationError") return yield* error
    refusal = error ?? refusal
    // They get another turn, without scripts.
    turns += denied
  }
  if (refusal !== undefined) return yield* refusal
})

const replayBatch = (state: State, batch: ReadonlyArray<Entry>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      for (const entry of batch) entry.isReplaying = true
    }),
    () =>
      Effect.gen(function* () {
        yield* dropCleared(state, batch)
        const writes = batch.flatMap((entry) => writeOf(state, entry))
        const commands = writes.map(({ command }) => command)
        const outcomes = yield* sendBatch(state, commands, writes)
        const failures = outcomes.flatMap((outcome, index) => {
          const command = commands[index]
          return Result.isFailure(outcome) && command !== undefined ? [{ command, error: outcome.failure }] : []
        })
        const isDenied = ({ command, error }: (typeof failures)[number]) => Scripts.isDenied(command, error)
        const errors = failures.filter((one) => !isDenied(one) && !isSuperseded(one.error)).map(({ error }) => error)
        return {
          denied: failures.filter(isDenied).length,
          // What hinders everyone is of more interest than what one of them was refused for.
          error: errors.find(({ _tag }) => _tag !== "RedisOperationError") ?? errors[0]
        }
      }),
    () =>
      Effect.sync(() => {
        for (const entry of batch) {
          entry.isReplaying = false
          state.enqueue(entry)
        }
      })
  )

const writeOf = (state: State, entry: Entry): ReadonlyArray<Write> => {
  if (!entry.isDeferred) return []
  const command = replayOf(entry, state.situation())
  if (command !== undefined) return [new Write(state, entry, command)]
  state.ledger.delete(entry)
  return []
}

// Another process may have cleared the region since: what was written before is nobody's any more.
const dropCleared = Effect.fnUntraced(function* (state: State, batch: ReadonlyArray<Entry>) {
  const regions = Array.from(new Set(batch.map(({ region }) => region).filter(leavesMark)))
  if (regions.length === 0) return
  const keys = regions.map(clearedKey)
  const outcomes = yield* sendBatch(
    state,
    keys.map((key) => RedisCommand.make("GETRANGE", [key, 0, StoredValue.headerLength - 1], { reply: "bytes" }))
  )
  for (const [index, outcome] of outcomes.entries()) {
    if (Result.isFailure(outcome)) {
      // A key of another type, or one that the user may not read, must not hold up the other
      // regions.
      if (outcome.failure._tag === "RedisOperationError") continue
      return yield* outcome.failure
    }
    const { success } = outcome
    const found = success instanceof Uint8Array ? StoredValue.read(keys[index] ?? "", success) : undefined
    if (found?._tag !== "Removed") continue
    const at = found.header.writtenAt
    for (const entry of batch) {
      if (entry.region === regions[index] && entry.version.writtenAt <= at) state.ledger.delete(entry)
    }
  }
})

const leavesMark = ({ removedFor, replay }: Region): boolean => replay === "latest" && removedFor > 0

const sendBatch = (
  state: State,
  commands: ReadonlyArray<RedisCommand.RedisCommand>,
  sendings?: ReadonlyArray<Write>
): Effect.Effect<ReadonlyArray<Sender.Outcome>> =>
  commands.length === 0
    ? Effect.succeed([])
    : Sender.sendAllOnce(state.dispatch, commands, sendings === undefined ? {} : { sendings })

// Takes out the first `size` and returns those of them that are wanted.
const takeFirst = <A>(from: Set<A>, size: number, isWanted: (one: A) => boolean): ReadonlyArray<A> => {
  const taken: Array<A> = []
  let left = size
  for (const one of from) {
    if (left-- === 0) break
    from.delete(one)
    if (isWanted(one)) taken.push(one)
  }
  return taken
}

const isSuperseded = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.code === "SUPERSEDED"

const batchSize = 500
