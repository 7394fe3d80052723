/**
 * Works on one node in the background: it ends lost sessions, verifies what was confirmed, and
 * replays what was not, in this order and in batches, one at a time.
 */
import { Effect, Result } from "effect"
import { RedisCommand, RedisError } from "effect-ioredis"
import type { Session } from "effect-ioredis/dispatch"
import * as StoredValue from "../StoredValue.ts"
import type { ReplayResult } from "./JournalMetrics.ts"
import { clearedKey, replayOf, verify as verifyOf } from "./commands.ts"
import { fenceOf } from "./Doubts.ts"
import * as Scripts from "./scripts.ts"
import * as Sender from "./Sender.ts"
import { type Entry, type NodeState, type Region, type State, Write } from "./State.ts"

/** Does all there is, or fails with what hindered it. */
export const once = (state: State, nodeState: NodeState): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    if (state.isGone(nodeState.node)) state.leave(nodeState)
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
  for (const lost of state.doubts.sessionsOn(node.name)) {
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
    const known = (key: string) => state.trust.get(key)
    const { scripts } = state.situation()
    const taken = unverified.take(batchSize)
    // Without scripts whatever there is would be unlinked. Of what moved from node to node that is
    // good data, and until the next confirmation it is judged as unverified.
    if (!scripts && state.dispatch.slotOf !== undefined) continue
    const asked = taken.flatMap((key) => {
      const one = known(key)
      // What is in doubt may run after the verification, and is waited for.
      if (one === undefined || one.isVerified || state.doubts.has(key)) return []
      const { changes, confirmed } = one
      return [{ key, changes, confirmed, command: verifyOf(key, confirmed, scripts) }]
    })
    const outcomes = yield* sendBatch(
      state,
      asked.map(({ command }) => command)
    )
    let failure: RedisError.RedisCommandError | undefined
    for (const [index, { changes, command, confirmed, key }] of asked.entries()) {
      const outcome = outcomes[index]
      if (outcome === undefined) continue
      if (Result.isSuccess(outcome)) {
        // Another change may have come meanwhile, and another confirmation.
        const now = known(key)
        if (now?.confirmed === confirmed && now.changes === changes) now.isVerified = true
        continue
      }
      state.verify([key])
      state.refused(command, outcome.failure, undefined)
      // It is done without scripts in the next round.
      if (!Scripts.isDenied(command, outcome.failure)) failure = outcome.failure
    }
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
    const batch = nodeState.pending
      .take(size)
      .filter((entry) => entry.isDeferred && !entry.isReplaying && !entry.region.isHeld && !state.doubts.has(entry.key))
    if (batch.length === 0) continue
    const { denied, error, unasked } = yield* replayBatch(state, nodeState, batch)
    if (error !== undefined && error._tag !== "RedisOperationError") return yield* error
    refusal = error ?? unasked ?? refusal
    // They get another turn, without scripts.
    turns += denied
  }
  if (refusal !== undefined) return yield* refusal
})

const replayBatch = (state: State, nodeState: NodeState, batch: ReadonlyArray<Entry>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      for (const entry of batch) entry.isReplaying = true
    }),
    () =>
      Effect.gen(function* () {
        const unasked = yield* dropCleared(state, nodeState, batch)
        const writes = batch.flatMap((entry) => (unasked.has(entry.region) ? [] : writeOf(state, entry)))
        const commands = writes.map(({ command }) => command)
        const outcomes = yield* sendBatch(state, commands, writes)
        for (const outcome of outcomes) state.onReplay(resultOf(outcome))
        const failures = outcomes.flatMap((outcome, index) => {
          const command = commands[index]
          return Result.isFailure(outcome) && command !== undefined ? [{ command, error: outcome.failure }] : []
        })
        const isDenied = ({ command, error }: (typeof failures)[number]) => Scripts.isDenied(command, error)
        const errors = failures.filter((one) => !isDenied(one) && !isSuperseded(one.error)).map(({ error }) => error)
        return {
          denied: failures.filter(isDenied).length,
          // What hinders everyone is of more interest than what one of them was refused for.
          error: errors.find(({ _tag }) => _tag !== "RedisOperationError") ?? errors[0],
          unasked: Array.from(unasked.values())[0]
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
// The mark of it may be on another node. Regions whose mark that node does not tell wait, and the
// others need not.
const dropCleared = Effect.fnUntraced(function* (state: State, nodeState: NodeState, batch: ReadonlyArray<Entry>) {
  const unasked = new Map<Region, RedisError.RedisCommandError>()
  const regions = Array.from(new Set(batch.map(({ region }) => region).filter(leavesMark)))
  if (regions.length === 0) return unasked
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
      const region = regions[index]
      if (region === undefined || state.ownerOf(clearedKey(region)) === nodeState) return yield* outcome.failure
      unasked.set(region, outcome.failure)
      continue
    }
    const { success } = outcome
    const found = success instanceof Uint8Array ? StoredValue.read(keys[index] ?? "", success) : undefined
    if (found?._tag !== "Removed") continue
    const at = found.header.writtenAt
    for (const entry of batch) {
      if (entry.region === regions[index] && entry.version.writtenAt <= at) state.ledger.delete(entry)
    }
  }
  return unasked
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

const resultOf = (outcome: Sender.Outcome): ReplayResult => {
  if (Result.isSuccess(outcome)) return "confirmed"
  if (isSuperseded(outcome.failure)) return "superseded"
  return outcome.failure._tag === "RedisOperationError" ? "refused" : "failed"
}

const isSuperseded = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.code === "SUPERSEDED"

const batchSize = 500
