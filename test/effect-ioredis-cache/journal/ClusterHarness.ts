import { Clock, Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { it } from "@effect/vitest"
import type { Version } from "../../../packages/effect-ioredis-cache/src/internal/CacheTier.ts"
import * as Journal from "../../../packages/effect-ioredis-cache/src/internal/journal/Journal.ts"
import { ClusterDouble } from "./ClusterDouble.ts"
import type { DispatchDouble } from "./DispatchDouble.ts"
import { Harness, type HarnessOptions, keyspace } from "./JournalHarness.ts"

/** One region of a journal on three servers: `A` has the keys to `i`, `B` those to `r`. */
export class ClusterHarness extends Harness {
  readonly cluster: ClusterDouble
  readonly A: DispatchDouble
  readonly B: DispatchDouble
  readonly C: DispatchDouble

  constructor(
    cluster: ClusterDouble,
    servers: readonly [DispatchDouble, DispatchDouble, DispatchDouble],
    ...rest: ConstructorParameters<typeof Harness>
  ) {
    super(...rest)
    this.cluster = cluster
    ;[this.A, this.B, this.C] = servers
  }

  override serverOf(key: string): DispatchDouble {
    return this.cluster.ownerOf(key)
  }

  /** A command stays unanswered on a server that is then lost, while its caller still waits. */
  loseUnanswered(server: DispatchDouble, call: () => unknown): void {
    server.freeze()
    call()
    server.lose()
    this.check()
  }
}

export const make = Effect.fnUntraced(function* (
  options: HarnessOptions = {}
): Effect.fn.Return<ClusterHarness, never, Scope.Scope> {
  yield* TestClock.adjust("1 hour")
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const cluster = new ClusterDouble(now, ["A", "B", "C"], options.info)
  const [A, B, C] = Array.from(cluster.servers.values())
  if (A === undefined || B === undefined || C === undefined) return yield* Effect.die("three servers were made")
  const journal = yield* Journal.make(cluster, options)
  const { removedFor = 0, replay = "ifUnchanged" } = options
  const memory = new Map<string, Version>()
  const region = journal.region({ name: "texts", keyspace, replay, removedFor }, (key) => memory.get(key))
  return new ClusterHarness(cluster, [A, B, C], journal, region, A, now, { behind: 0 }, memory)
})

/** A test of one region on three servers, of a journal of its own. */
export const history = (
  title: string,
  options: HarnessOptions,
  body: (h: ClusterHarness) => Effect.Effect<void, never, Scope.Scope>
): void => it.effect(title, () => Effect.scoped(Effect.flatMap(make(options), body)))
