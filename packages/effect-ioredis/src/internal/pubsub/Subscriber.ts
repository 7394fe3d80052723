import { type Clock, Effect, Latch, Result, type Scope } from "effect"
import type { Dispatch, Link, Node } from "../../dispatch.ts"
import * as RedisCommand from "../../RedisCommand.ts"
import type { Push } from "../../RedisConnection.ts"
import * as RedisConnection from "../../RedisConnection.ts"
import * as RedisError from "../../RedisError.ts"
import type { Gap, Message } from "../../RedisPubSub.ts"
import type { Inbox } from "./Inbox.ts"

/** Says what is subscribed to, and how. */
export interface Subject {
  readonly verb: "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE"
  /** Names channels or patterns. Shard channels are all of one slot. */
  readonly names: readonly [string, ...ReadonlyArray<string>]
}

/**
 * Keeps a subscription, over one link after the other, and tells the inbox all that comes.
 *
 * It ends where the server refuses the subscription, and with the client.
 */
export const keep = (
  dispatch: Dispatch,
  subject: Subject,
  inbox: Inbox
): Effect.Effect<never, RedisError.RedisCommandError> => {
  const ear = new Ear(dispatch.clock, inbox)
  const turn = Effect.suspend(() => {
    const node = dispatch.nodeOf(subject.names[0])
    return Effect.catch(Effect.scoped(live(dispatch, node, subject, ear)), (error) =>
      isFinal(error) ? Effect.fail(error) : Effect.void
    )
  })
  // A session that is ready says that a link may be made too.
  const pause = Effect.suspend(() =>
    Effect.raceFirst(Effect.sleep(Math.min(firstPause * 2 ** ear.losses++, longestPause)), sessionReady(dispatch))
  )
  // Another server may own the channel's slot by now.
  const again = subject.verb === "SSUBSCRIBE" ? Effect.andThen(pause, dispatch.refresh) : pause
  return Effect.forever(Effect.andThen(turn, again))
}

/** Hears what one subscription is told, over all of its links. */
class Ear {
  readonly clock: Clock.Clock
  readonly #inbox: Inbox
  /** Counts the links that were lost since the last one subscribed. */
  losses = 0
  /** Says up to when nothing can be missing: before it is subscribed, when that was asked for. */
  #heardUntil: number
  #reason: Gap["reason"] = "Subscribed"
  /** What the server told before it had subscribed everything. */
  #early: Array<Message> | undefined

  constructor(clock: Clock.Clock, inbox: Inbox) {
    this.clock = clock
    this.#inbox = inbox
    this.#heardUntil = this.now()
  }

  now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  begin(): void {
    this.#early = []
  }

  /** The server has subscribed everything that it was asked for. */
  subscribed(askedAt: number): void {
    if (this.#reason === "Subscribed") this.#inbox.begin(this.#heardUntil)
    else this.#inbox.miss(this.#reason, this.#heardUntil)
    this.losses = 0
    this.#reason = "Reconnected"
    this.#heardUntil = askedAt
    for (const message of this.#early ?? []) this.#inbox.offer(message, askedAt)
    this.#early = undefined
  }

  /** The server has answered what it was asked at a moment: whatever it told before has come. */
  heard(askedAt: number): void {
    this.#heardUntil = askedAt
  }

  moved(): void {
    if (this.#reason !== "Subscribed") this.#reason = "SlotMoved"
  }

  tell(message: Message): void {
    if (this.#early === undefined) this.#inbox.offer(message, this.#heardUntil)
    else this.#early.push(message)
  }
}

// One link, from its making to its loss.
const live = Effect.fnUntraced(function* (
  dispatch: Dispatch,
  node: Node,
  { names, verb }: Subject,
  ear: Ear
): Effect.fn.Return<void, RedisError.RedisCommandError, Scope.Scope> {
  const link = yield* node.connect
  const { connection } = link
  const ended = Latch.makeUnsafe()
  ear.begin()
  yield* Effect.acquireRelease(
    Effect.sync(() => [
      connection.onPush((push) => {
        const message = messageOf(push)
        if (message !== undefined) ear.tell(message)
        else if (push[0] === "sunsubscribe") {
          ear.moved()
          ended.openUnsafe()
        }
      }),
      connection.onLoss(() => ended.openUnsafe())
    ]),
    (stops) =>
      Effect.sync(() => {
        for (const stop of stops) stop()
      })
  )
  yield* inTime(subscribe(link, RedisCommand.make(verb, names), ear))
  // A server that owns nothing may be none of its cluster any more, and hears of no message then.
  const isOwner = () => dispatch.nodes().includes(node)
  yield* Effect.raceFirst(ended.await, askingAgain(link, RedisCommand.make(verb, [names[0]]), ear, isOwner))
})

// What comes behind the answer is told in the same turn, and has to find the gap there.
const subscribe = ({ connection }: Link, command: RedisCommand.RedisCommand, ear: Ear) =>
  Effect.callback<void, RedisError.RedisCommandError>((resume) => {
    const askedAt = ear.now()
    connection.submit(command, (result) => {
      if (Result.isSuccess(result)) ear.subscribed(askedAt)
      resume(Result.isSuccess(result) ? Effect.void : Effect.fail(result.failure))
    })
  })

// A server that hangs says nothing of it. One that was cut off from its cluster still answers PING,
// which some users may not send besides; it refuses a shard channel.
const askingAgain = (
  { connection }: Link,
  command: RedisCommand.RedisCommand,
  ear: Ear,
  goesOn: () => boolean
): Effect.Effect<void, RedisError.RedisCommandError> =>
  Effect.repeat(
    Effect.suspend(() => {
      const askedAt = ear.now()
      return Effect.andThen(
        inTime(Effect.tap(RedisConnection.send(connection, command), () => Effect.sync(() => ear.heard(askedAt)))),
        Effect.sleep(askInterval)
      )
    }),
    { while: goesOn }
  )

const inTime = <A>(effect: Effect.Effect<A, RedisError.RedisCommandError>) =>
  Effect.timeoutOrElse(effect, {
    duration: longestSilence,
    orElse: () => Effect.fail(RedisError.connectionError("SUBSCRIBE", "Stalled", "unknown"))
  })

const messageOf = (push: Push): Message | undefined => {
  const [kind, first, second, third] = push
  if (kind === "pmessage")
    return { _tag: "Message", pattern: String(first), channel: String(second), payload: text(third) }
  if (kind !== "message" && kind !== "smessage") return undefined
  return { _tag: "Message", pattern: undefined, channel: String(first), payload: text(second) }
}

const text = (payload: RedisCommand.Reply | undefined): string =>
  payload instanceof Uint8Array ? decoder.decode(payload) : String(payload)

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

// Where a slot is, whether a server is there and whether it lets the client in, may change; what a
// user may hear does not.
const isFinal = (error: RedisError.RedisCommandError): boolean => {
  if (error._tag === "RedisConnectionError") return error.reason === "Closed"
  return error._tag === "RedisOperationError" && error.redirect === undefined && !RedisError.isRetryable(error, "read")
}

const sessionReady = (dispatch: Dispatch): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const stop = dispatch.listen(({ _tag }) => {
      if (_tag === "SessionReady") resume(Effect.void)
    })
    return Effect.sync(stop)
  })

const askInterval = 1000
const longestSilence = 2000
const firstPause = 50
const longestPause = 1000
