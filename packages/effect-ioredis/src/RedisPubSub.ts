/**
 * Subscribes to channels, and says where messages are missing.
 *
 * **Details**
 *
 * Redis keeps no message for a subscriber that is not there. Each subscription has a connection of
 * its own, on which it subscribes again every second, and which is made again when it is lost or
 * silent for two seconds; a {@link Gap} stands in the stream wherever messages may have been lost
 * meanwhile. So a consumer knows when to read again what the messages were about. The stream begins
 * with one as well, once the server has subscribed: from there on messages are heard.
 *
 * **Example** (Prices that are read at the beginning, and again after a gap)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { RedisClient, RedisPubSub } from "effect-ioredis"
 *
 * const prices = RedisPubSub.subscribe(["prices"]).pipe(
 *   Stream.runForEach((event) =>
 *     event._tag === "Gap"
 *       ? Effect.log(`Read all prices: ${event.reason}`)
 *       : Effect.log(`${event.channel}: ${event.payload}`)
 *   )
 * )
 *
 * const program = Effect.gen(function* () {
 *   yield* Effect.forkChild(prices)
 *   yield* RedisPubSub.publish("prices", "42")
 * })
 *
 * const all = RedisPubSub.psubscribe(["prices.*"], { capacity: 100 })
 * const ofShard = RedisPubSub.ssubscribe(["{prices}.eur"])
 * ```
 *
 * @since 0.1.0
 */
import { Clock, type DateTime, Effect, type Scope, Stream } from "effect"
import * as Dispatch from "./dispatch.ts"
import { Inbox } from "./internal/pubsub/Inbox.ts"
import * as Inboxes from "./internal/pubsub/Inboxes.ts"
import * as Subscriber from "./internal/pubsub/Subscriber.ts"
import * as Metrics from "./internal/Metrics.ts"
import * as Replies from "./internal/Replies.ts"
import { countProblem } from "./internal/settingProblem.ts"
import { RedisClient } from "./RedisClient.ts"
import * as RedisCommand from "./RedisCommand.ts"
import type * as RedisError from "./RedisError.ts"

/**
 * A message as it was published.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  /** Tells it from a gap. */
  readonly _tag: "Message"
  /** Names the channel that it was published to. */
  readonly channel: string
  /** Names the pattern that the channel matches, of a subscription to patterns. */
  readonly pattern: string | undefined
  /** Holds what was published, as text. */
  readonly payload: string
}

/**
 * Says that messages may be missing here.
 *
 * **Details**
 *
 * - `Subscribed`: the subscription begins. Its first element is this, and no other is.
 * - `Reconnected`: the connection was lost or silent, and has been made again.
 * - `Overflow`: the consumer was slower than the messages came, and `missed` were dropped.
 * - `SlotMoved`: the slot of a shard channel went to another server.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gap {
  /** Tells it from a message. */
  readonly _tag: "Gap"
  /** Says why. */
  readonly reason: "Subscribed" | "Reconnected" | "Overflow" | "SlotMoved"
  /**
   * Says up to when nothing is missing, by the clock of this process: at the beginning, when the
   * stream was run.
   */
  readonly since: DateTime.Utc
  /** Says from when on nothing is missing, by the clock of this process. */
  readonly until: DateTime.Utc
  /** Counts the messages that are missing, where that is known. */
  readonly missed: number | undefined
}

/**
 * Sets how a subscription is kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * The most messages that wait for the consumer. What comes while there are so many is dropped and
   * told as a gap. Default: 10,000.
   */
  readonly capacity?: number | undefined
}

/**
 * Subscribes to channels.
 *
 * **Details**
 *
 * The stream begins with a {@link Gap} of reason `"Subscribed"`: whatever is published from then on
 * comes, so that what was read when it came is not older than the messages behind it.
 *
 * The stream never ends by itself. While Redis is away, or does not let the client in, it waits. It
 * fails where Redis refuses the subscription, and when the client is closed.
 *
 * **Gotchas**
 *
 * A `capacity` that is no whole number above 0 is a mistake in the program, and so a defect.
 *
 * @category constructors
 * @since 0.1.0
 */
export const subscribe = (
  channels: readonly [string, ...ReadonlyArray<string>],
  options?: Options
): Stream.Stream<Message | Gap, RedisError.RedisCommandError, RedisClient> => stream("SUBSCRIBE", channels, options)

/**
 * Subscribes to all channels that match patterns, as of KEYS; otherwise it is {@link subscribe}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const psubscribe = (
  patterns: readonly [string, ...ReadonlyArray<string>],
  options?: Options
): Stream.Stream<Message | Gap, RedisError.RedisCommandError, RedisClient> => stream("PSUBSCRIBE", patterns, options)

/**
 * Subscribes to shard channels, whose messages stay on the server that owns the channel's slot.
 *
 * **Details**
 *
 * All of them have to be of one slot, as keys of one command have: give them the same hash tag. The
 * subscription follows the slot from server to server. Otherwise it is as {@link subscribe}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ssubscribe = (
  channels: readonly [string, ...ReadonlyArray<string>],
  options?: Options
): Stream.Stream<Message | Gap, RedisError.RedisCommandError, RedisClient> => stream("SSUBSCRIBE", channels, options)

/**
 * Publishes a message, and answers how many subscribers the server that was asked told of it. On a
 * cluster those of the other servers are told too, and not counted.
 *
 * @category combinators
 * @since 0.1.0
 */
export const publish = (
  channel: string,
  message: RedisCommand.Argument
): Effect.Effect<number, RedisError.RedisCommandError, RedisClient> =>
  Effect.flatMap(RedisClient, ({ run }) =>
    run(RedisCommand.make("PUBLISH", [channel, message], { decode: Replies.integer }))
  )

const stream = (verb: Subscriber.Subject["verb"], names: Subscriber.Subject["names"], options: Options = {}) =>
  Stream.unwrap(Effect.map(open(verb, names, options), ({ take }) => Stream.fromIterableEffectRepeat(take)))

const open = Effect.fnUntraced(function* (
  verb: Subscriber.Subject["verb"],
  names: Subscriber.Subject["names"],
  { capacity = 10_000 }: Options
): Effect.fn.Return<Inbox, never, RedisClient | Scope.Scope> {
  const problem = countProblem("capacity", capacity)
  if (problem !== undefined) return yield* Effect.die(new RangeError(`RedisPubSub: ${problem}`))
  const client = yield* RedisClient
  const dispatch = Dispatch.of(client)
  const context = yield* Effect.context<never>()
  const { subscriptionGaps } = Metrics.make(client.name)
  const inbox = new Inbox(
    capacity,
    () => dispatch.clock.currentTimeMillisUnsafe(),
    (reason) => subscriptionGaps(reason).updateUnsafe(1, context)
  )
  const keeping = Subscriber.keep(dispatch, { verb, names }, inbox).pipe(
    Effect.catchCause((cause) => Effect.sync(() => inbox.fail(cause))),
    Effect.provideService(Clock.Clock, dispatch.clock)
  )
  yield* Effect.forkScoped(keeping)
  yield* Inboxes.keep(dispatch, { inbox, subject: `${verb} ${names.join(" ")}` })
  return inbox
})
