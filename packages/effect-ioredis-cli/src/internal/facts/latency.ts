/** Measures how long a server takes to answer PING. */
import { Clock, Effect, Result } from "effect"
import { Server as Commands } from "effect-ioredis/commands"
import type { Conversation, Patience } from "./Conversation.ts"
import type { Latency } from "./Facts.ts"

const tries = 50

// A slow server is known as one long before all tries are over.
const longest = 2000

/** Sends one PING after the other, and gives their percentiles. */
export const measureLatency = Effect.fnUntraced(function* (
  conversation: Conversation,
  { until }: Patience
): Effect.fn.Return<Latency | undefined> {
  const begun = yield* Clock.currentTimeMillis
  const end = Math.min(begun + longest, begun + (until - begun) / 3)
  const times: Array<number> = []
  while (times.length < tries && (yield* Clock.currentTimeMillis) < end) {
    const before = yield* Clock.currentTimeNanos
    const answer = yield* conversation.ask(Commands.ping)
    // A refusal takes as long as an answer.
    if (Result.isFailure(answer) && answer.failure._tag !== "RedisOperationError") break
    times.push(Number((yield* Clock.currentTimeNanos) - before) / 1e6)
  }
  return times.length === 0 ? undefined : percentiles(times)
})

/** The percentiles of some times. */
export const percentiles = (times: ReadonlyArray<number>): Latency => {
  const sorted = times.toSorted((one, other) => one - other)
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? 0
  return { tries: times.length, p50: at(0.5), p90: at(0.9), p99: at(0.99) }
}
