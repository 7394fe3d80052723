import { Clock, Effect, Latch, Layer, Queue, Scope, Stream } from "effect"
import * as EffectRedis from "effect/persistence/Redis"
import * as Dispatch from "../../dispatch.ts"
import type { UseOptions } from "../../persistence.ts"
import * as RedisClient from "../../RedisClient.ts"
import * as RedisCommand from "../../RedisCommand.ts"
import type * as RedisError from "../../RedisError.ts"
import * as RedisPubSub from "../../RedisPubSub.ts"
import * as RedisReservation from "../../RedisReservation.ts"
import * as RedisScript from "../../RedisScript.ts"
import { blockTime, withBlockTime } from "../blockTime.ts"
import { runScript } from "../runScript.ts"
import { effectScripts, kindOfEffectScript } from "./effectScripts.ts"
import { outlasting } from "./outlasting.ts"
import { scanAll } from "./scanAll.ts"
import { toEffect } from "./toEffect.ts"
import { withinTime } from "./withinTime.ts"

type Service = EffectRedis.Redis["Service"]

/** Effect's service on a client. */
export const make = (client: RedisClient.RedisClient, options: UseOptions): Service => {
  const use = withinTime(options)
  const dispatch = Dispatch.of(client)
  const run: Run = (command, operationTimeout) =>
    client.run(command, operationTimeout === undefined ? use : { ...use, operationTimeout })
  const send = sendOn(run)
  return {
    send: dispatch.slotOf === undefined ? send : scanAll(client, send, use),
    eval: evalOn(dispatch, run, use),
    reserve: Effect.mapError(reserve(client, use), toEffect).pipe(
      Effect.map((run) => ({ send: sendOn(patient(run)), eval: evalOn(dispatch, run, use) }))
    ),
    subscribe: (channel) => subscribe(client, channel)
  }
}

/** Provides it. */
export const layer = (use: UseOptions): Layer.Layer<EffectRedis.Redis, never, RedisClient.RedisClient> =>
  Layer.effect(
    EffectRedis.Redis,
    Effect.map(RedisClient.RedisClient, (client) => make(client, use))
  )

/** Runs a command, within a time or as long as any may take. */
type Run = <A>(
  command: RedisCommand.RedisCommand<A>,
  operationTimeout?: number
) => Effect.Effect<A, RedisError.RedisCommandError>

const sendOn =
  (run: Run): Service["send"] =>
  <A>(command: string, ...args: ReadonlyArray<string>) =>
    // The caller says what is answered, and nobody checks it.
    Effect.mapError(run(RedisCommand.make(command, args)), toEffect) as Effect.Effect<A, EffectRedis.RedisError>

/**
 * Lets a command wait for ever where it can be asked again: a server that hangs is noticed in
 * between.
 */
export const patient =
  (run: Run): Run =>
  (command) => {
    const bounded = blockTime(command) === Number.POSITIVE_INFINITY ? withBlockTime(command, longestWait) : undefined
    return bounded === undefined ? run(command) : Effect.repeat(run(bounded), { until: (reply) => reply !== null })
  }

const longestWait = 10_000

// Asks by the hash that is known here, where Effect's own `make` would load each script first.
const evalOn =
  (dispatch: Dispatch.Dispatch, run: Run, { operationTimeout }: UseOptions): Service["eval"] =>
  (script) =>
  (...params) =>
    Effect.suspend(() => {
      const given = script.params(...params).map(String)
      const numberOfKeys = script.numberOfKeys(...params)
      const keysAndArgs = { keys: given.slice(0, numberOfKeys), args: given.slice(numberOfKeys) }
      const running = runScript(dispatch, run, declared(script), keysAndArgs, operationTimeout)
      return Effect.mapError(
        declared(script).sha === effectScripts.giveBack.sha ? outlasting(running) : running,
        toEffect
      )
    })

interface KeysAndArgs {
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
}

type Declared = RedisScript.RedisScript<KeysAndArgs, RedisCommand.Reply>

const declarations = new WeakMap<object, Declared>()

// A script of Effect's does not say what running it twice would do: it is looked up.
const declared = (script: { readonly lua: string }): Declared => {
  const known = declarations.get(script)
  if (known !== undefined) return known
  const effectful = RedisScript.make({
    lua: script.lua,
    keys: ({ keys }: KeysAndArgs) => keys,
    args: ({ args }) => args
  })
  const made = { ...effectful, kind: kindOfEffectScript(effectful.sha) }
  declarations.set(script, made)
  return made
}

// Effect's `reserve` names no key. On a cluster each server that owns one of its keys is reserved
// when that is first asked for.
const reserve = (
  client: RedisClient.RedisClient,
  use: UseOptions
): Effect.Effect<Run, RedisError.RedisCommandError, Scope.Scope> => {
  const { nodeOf, slotOf } = Dispatch.of(client)
  if (slotOf === undefined) return Effect.map(reserveWhere(client, use), ({ run }) => run)
  return Effect.map(Effect.scope, (scope) => {
    const reserved = new Map<Dispatch.Node, RedisReservation.RedisReservation>()
    return (command) =>
      Effect.suspend(() => {
        const [first = ""] = RedisCommand.keysOf(command)
        const key = String(first)
        const node = nodeOf(key)
        const known = reserved.get(node)
        if (known !== undefined) return known.run(command)
        return Effect.flatMap(Scope.provide(reserveWhere(client, use, key), scope), (made) => {
          reserved.set(node, made)
          return made.run(command)
        })
      })
  })
}

// A command waits as long as it may, is sent again, and goes where its key is by now.
const reserveWhere = (client: RedisClient.RedisClient, use: UseOptions, key?: string) =>
  Effect.andThen(
    client.run(key === undefined ? ping : RedisCommand.make("EXISTS", [key]), use),
    RedisReservation.reserve({ key, operationTimeout: use.operationTimeout })
  ).pipe(Effect.provideService(RedisClient.RedisClient, client))

const ping = RedisCommand.make("PING")

const subscribe = Effect.fnUntraced(function* (
  client: RedisClient.RedisClient,
  channel: string
): Effect.fn.Return<Queue.Dequeue<EffectRedis.RedisMessage, EffectRedis.RedisError>, never, Scope.Scope> {
  const queue = yield* Queue.unbounded<EffectRedis.RedisMessage, EffectRedis.RedisError>()
  const isSettled = Latch.makeUnsafe()
  const settle = Effect.asVoid(isSettled.open)
  yield* Effect.addFinalizer(() => Queue.shutdown(queue))
  yield* RedisPubSub.subscribe([channel]).pipe(
    Stream.runForEach((event) => {
      if (event._tag === "Message") return Queue.offer(queue, { channel: event.channel, message: event.payload })
      return event.reason === "Subscribed"
        ? settle
        : Effect.logWarning("Messages of a Redis channel may be missing").pipe(
            Effect.annotateLogs({ name: client.name, reason: event.reason })
          )
    }),
    Effect.mapError(toEffect),
    Effect.catchCause((cause) => Queue.failCause(queue, cause)),
    Effect.ensuring(settle),
    Effect.provideService(RedisClient.RedisClient, client),
    Effect.forkScoped
  )
  // Whoever publishes next is heard, if Redis is there.
  yield* Effect.timeoutOption(isSettled.await, longestSubscribing).pipe(
    Effect.provideService(Clock.Clock, Dispatch.of(client).clock)
  )
  return queue
})

const longestSubscribing = "2 seconds"
