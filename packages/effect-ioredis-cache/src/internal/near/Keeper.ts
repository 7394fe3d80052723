import { Clock, Effect, Exit, Latch, Random, Result, Scope } from "effect"
import type { Node } from "effect-ioredis/dispatch"
import { now } from "../now.ts"
import type { Hearing } from "./Hearing.ts"
import * as NearLink from "./NearLink.ts"

/** Keeps a link to one server, and makes another one whenever it is lost or is no longer right. */
export interface Keeper {
  readonly node: Node
  /** What is heard now, if anything. */
  readonly hearing: () => Hearing | undefined
  /** Says that the sessions of the node are others, and whether there is a new one. */
  readonly sessionsChanged: (isReady: boolean) => void
  /** Says that there are more regions, or one that wants more. */
  readonly regionsChanged: () => void
  /** Runs until it is interrupted. */
  readonly run: Effect.Effect<void>
}

/** Says what links are made of. */
export interface Options {
  readonly node: Node
  /** Opens a link to the node, for the regions of now. */
  readonly open: Effect.Effect<NearLink.NearLink, NearLink.LinkError, Scope.Scope>
  /** Tells whether a link hears all that the regions want to be told of, as often as they want. */
  readonly isEnough: (hearing: Hearing) => boolean
  readonly onRefused: (refused: NearLink.Refused) => void
  readonly onReady: () => void
}

/** Makes one. */
export const make = ({ isEnough, node, onReady, onRefused, open }: Options): Keeper => {
  // Are opened, and replaced, by what may make another link necessary, or possible.
  let changed = Latch.makeUnsafe()
  let sessionReady = Latch.makeUnsafe()
  let current: Current | undefined
  let losses = 0

  const close = (link: Current | undefined): Effect.Effect<void> =>
    link === undefined ? Effect.void : Scope.close(link.scope, Exit.void)

  // The link of before serves until the new one hears.
  const replace = Effect.fnUntraced(function* (parent: Scope.Scope) {
    const scope = yield* Scope.fork(parent)
    const exit = yield* Effect.exit(Scope.provide(open, scope))
    if (Exit.isFailure(exit) || !isOfServer(node, exit.value.hearing)) {
      yield* Scope.close(scope, Exit.void)
      return yield* Exit.isFailure(exit) ? Effect.failCause(exit.cause) : Effect.fail(new NearLink.Lost())
    }
    const before = current
    current = new Current(exit.value, scope)
    exit.value.hearing.compare(node.sessions())
    yield* close(before)
    onReady()
    return current
  })

  const whileRight = (hearing: Hearing): Effect.Effect<void> =>
    Effect.suspend(() => {
      return isOfServer(node, hearing) && isEnough(hearing)
        ? Effect.andThen(changed.await, whileRight(hearing))
        : Effect.void
    })

  // One after another, ever more slowly while they are lost soon.
  const pause = (ready: Effect.Effect<void>) =>
    Effect.flatMap(Random.next, (random) => {
      const millis = Math.min(firstPause * 2 ** losses, longestPause) * (0.75 + random / 2)
      losses++
      return Effect.raceFirst(Effect.sleep(millis), ready)
    })

  const keep = Effect.fnUntraced(function* (scope: Scope.Scope) {
    const link = yield* replace(scope)
    const clock = yield* Clock.Clock
    const openedAt = now(clock)
    const lost = Effect.flatMap(link.link.ended, (error) => Effect.fail(error))
    const end = yield* Effect.result(Effect.raceFirst(lost, whileRight(link.link.hearing)))
    if (now(clock) - openedAt >= settledAfter) losses = 0
    if (Result.isSuccess(end)) return
    current = undefined
    yield* close(link)
    return yield* end.failure
  })

  const turn = (scope: Scope.Scope) =>
    Effect.suspend(() => {
      // A session that is ready by the time at which the link fails may be why it would not again.
      const ready = sessionReady.await
      return Effect.catchTags(keep(scope), {
        Lost: () => pause(ready),
        Refused: (refused) => {
          onRefused(refused)
          return ready
        }
      })
    })

  return {
    node,
    hearing: () => current?.link.hearing,
    sessionsChanged: (isReady) => {
      current?.link.hearing.compare(node.sessions())
      changed = opened(changed)
      if (isReady) sessionReady = opened(sessionReady)
    },
    regionsChanged: () => {
      changed = opened(changed)
    },
    run: Effect.scoped(Effect.flatMap(Effect.scope, (scope) => Effect.forever(turn(scope))))
  }
}

// Wakes whoever waits, and gives what to wait for next.
const opened = (latch: Latch.Latch): Latch.Latch => {
  latch.openUnsafe()
  return Latch.makeUnsafe()
}

// Where the data connections reach two servers, one of them is about to go.
const isOfServer = (node: Node, { runId }: Hearing): boolean => {
  const sessions = node.sessions()
  return sessions.length === 0 || sessions.some((session) => session.runId === runId)
}

class Current {
  readonly link: NearLink.NearLink
  readonly scope: Scope.Closeable

  constructor(link: NearLink.NearLink, scope: Scope.Closeable) {
    this.link = link
    this.scope = scope
  }
}

const firstPause = 100
const longestPause = 5000

// A link that is lost sooner has shown that the next one may be too.
const settledAfter = 10_000
