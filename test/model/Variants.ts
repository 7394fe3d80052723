import { Effect, Option, Result } from "effect"
import type { RedisClient, RedisCommand } from "effect-ioredis"
import type { TroubleKind } from "./Generate.ts"
import type { Region, Seams } from "./Process.ts"
import type { Rule } from "./Reference.ts"

/** A cache that is broken on purpose, where that shows, and as what. */
export interface Variant {
  readonly breaks: Rule
  readonly troubles: ReadonlyArray<TroubleKind>
  readonly seams: Seams
}

type Client = RedisClient.RedisClient
type CallOptions = RedisClient.CallOptions

// What the journal sends to replay: a write that is not to be tried again.
const isReplay = (options: CallOptions | undefined): boolean =>
  options?.retry === false && options.onAttempt !== undefined

const withOnAttempt = (
  client: Client,
  change: (
    onAttempt: NonNullable<CallOptions["onAttempt"]>,
    commands: ReadonlyArray<RedisCommand.RedisCommand>
  ) => NonNullable<CallOptions["onAttempt"]>
): Client => {
  const changed = (commands: ReadonlyArray<RedisCommand.RedisCommand>, options: CallOptions): CallOptions =>
    options.onAttempt === undefined ? options : { ...options, onAttempt: change(options.onAttempt, commands) }
  return {
    ...client,
    pipeline: (commands, options = {}) => client.pipeline(commands, changed(commands, options)),
    sendUnsafe: (command, options, done) => client.sendUnsafe(command, changed([command], options), done),
    pipelineUnsafe: (commands, options, done) => client.pipelineUnsafe(commands, changed(commands, options), done)
  }
}

// Confirms replays without sending them.
const replaysNothing = (client: Client, forgets: (command: RedisCommand.RedisCommand) => boolean): Client => ({
  ...client,
  pipeline: (commands, options) => {
    if (!isReplay(options) || !commands.some(forgets)) return client.pipeline(commands, options)
    return Effect.sync(() =>
      commands.map((_, index) => {
        if (options?.isCurrent?.(index) !== false) {
          options?.onAttempt?.(index, client.connection.session())(Result.succeed(1))
        }
        return Result.succeed(1)
      })
    )
  }
})

const isUnknown = (result: RedisClient.AttemptResult | undefined): boolean =>
  result === undefined ||
  (Result.isFailure(result) &&
    (result.failure._tag === "RedisTimeoutError" ||
      (result.failure._tag === "RedisConnectionError" && result.failure.sent === "unknown")))

const withRegion =
  (change: (region: Region) => Region): NonNullable<Seams["region"]> =>
  (region) =>
    Effect.succeed(change(region))

const keepingFailures = (region: Region): Region => {
  const failures = new Map<string, Effect.Effect<never, unknown>>()
  return {
    ...region,
    getOrSet: <E, R>(key: string, lookup: Effect.Effect<string, E, R>, options?: Parameters<Region["getOrSet"]>[2]) => {
      // It is the error of a lookup of the same key.
      const kept = failures.get(key) as Effect.Effect<never, E> | undefined
      return (
        kept ??
        Effect.tapError(region.getOrSet(key, lookup, options), (error) =>
          Effect.sync(() => failures.set(key, Effect.fail(error)))
        )
      )
    }
  }
}

export const variants: Readonly<Record<string, Variant>> = {
  "reads that skip the journal": {
    breaks: "contradicted",
    troubles: ["MISCONF", "READONLY"],
    seams: {
      region: (region, { options, redis }) =>
        Effect.map(redis.region(options), (strict) => ({
          ...region,
          get: (key) => Effect.catch(strict.get(key), () => region.get(key))
        }))
    }
  },
  "a replay that forgets removes": {
    breaks: "stored",
    troubles: ["Refuse", "Delay"],
    seams: {
      client: (client) => {
        const removed = new Set<unknown>()
        const noting = withOnAttempt(client, (onAttempt, commands) => (index, session) => {
          const command = commands[index]
          if (command?.name === "SET") removed.delete(command.args[0])
          if (command?.name === "UNLINK") removed.add(command.args[0])
          return onAttempt(index, session)
        })
        return replaysNothing(noting, ({ args }) => removed.has(args[0]))
      }
    }
  },
  "an unconfirmed write taken as confirmed": {
    breaks: "contradicted",
    troubles: ["Delay"],
    seams: {
      client: (client) =>
        withOnAttempt(client, (onAttempt) => (index, session) => {
          const follow = onAttempt(index, session)
          return (result) => follow(isUnknown(result) ? Result.succeed("OK") : result)
        })
    }
  },
  "a replay that counts although an old connection may still speak": {
    breaks: "contradicted",
    troubles: ["Delay"],
    seams: {
      client: (client) => ({
        ...client,
        send: (command, options) => (command.name === "CLIENT" ? Effect.succeed("OK") : client.send(command, options))
      })
    }
  },
  "a restart that goes unnoticed": {
    breaks: "contradicted",
    troubles: ["OldDump"],
    seams: {
      connection: (connection) => ({
        ...connection,
        session: () => {
          const session = connection.session()
          return session && { ...session, runId: "always the same" }
        }
      })
    }
  },
  "a breaker that loses its probe": {
    breaks: "refused for ever",
    troubles: ["Refuse", "Freeze", "BUSY"],
    seams: {
      client: (client) => {
        // The slot of the probe is taken and never given back.
        const lose = <A, E>(call: Effect.Effect<A, E>) =>
          Effect.suspend(() => {
            if (!client.circuit.isClosed()) client.circuit.acquire()
            return call
          })
        return {
          ...client,
          send: (...args) => lose(client.send(...args)),
          pipeline: (...args) => lose(client.pipeline(...args)),
          getUnsafe: (key, read, done) => {
            if (!client.circuit.isClosed()) client.circuit.acquire()
            return client.getUnsafe(key, read, done)
          }
        }
      }
    }
  },
  "single flight that keeps failures": {
    breaks: "failure kept",
    troubles: [],
    seams: { region: withRegion(keepingFailures) }
  },
  "a flight for every caller": {
    breaks: "lookups beside each other",
    troubles: [],
    seams: {
      region: withRegion((region) => ({
        ...region,
        getOrSet: (key, lookup) =>
          Effect.flatMap(region.get(key), Option.match({ onNone: () => lookup, onSome: Effect.succeed }))
      }))
    }
  },
  "memory that does not forget": {
    breaks: "contradicted",
    troubles: ["Refuse"],
    seams: { memory: (memory) => ({ ...memory, delete: () => false, deletePrefix: () => 0 }) }
  },
  "writes that are acknowledged and not sent": {
    breaks: "stored",
    troubles: [],
    seams: {
      connection: (connection) => ({
        ...connection,
        send: (command, done) => (command.name === "UNLINK" ? done(Result.succeed(1)) : connection.send(command, done))
      })
    }
  },
  "two regions in one": {
    breaks: "crossed",
    troubles: [],
    seams: {
      region: (_, { cache, options }) => cache.region({ ...options, name: "one", replay: "invalidate" })
    }
  },
  "a caller who waits longer": {
    breaks: "impatient",
    troubles: ["Freeze"],
    seams: { patience: 3000 }
  },
  "a fiber that outlives the layer": {
    breaks: "left behind",
    troubles: [],
    seams: { beside: Effect.asVoid(Effect.forkDetach(Effect.sleep("1 day"))) }
  },
  "a call without an end": {
    breaks: "outlived",
    troubles: ["Freeze"],
    seams: {
      client: (client) => ({
        ...client,
        send: (command, options) => Effect.delay(client.send(command, options), "6 seconds")
      })
    }
  }
}
