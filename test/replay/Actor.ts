import { type Duration, Effect, Fiber, Schema } from "effect"
import * as OwnCache from "../support/OwnCache.ts"
import * as Wait from "../support/Wait.ts"

const Steps = Schema.Array(
  Schema.Struct({
    key: Schema.String,
    does: Schema.Literals(["set", "touch", "remove"]),
    value: Schema.String
  })
)

/** What one process of an outage is told to do. It could as well be a line to another process. */
export const Command = Schema.Union([
  /** Asks for each step at once, and answers when all are answered. */
  Schema.TaggedStruct("Ask", { steps: Steps }),
  /** Asks for each step at once, and answers what is answered by then: null for what is in flight. */
  Schema.TaggedStruct("Begin", { steps: Steps }),
  /** Reads keys, and answers what it found: null for none. */
  Schema.TaggedStruct("Read", { keys: Schema.Array(Schema.String) }),
  /** Answers when all that was begun is answered, and when calls are answered without asking Redis. */
  Schema.TaggedStruct("AwaitOutage", {})
])

export type Command = typeof Command.Type

export const Reply = Schema.Array(Schema.NullOr(Schema.String))

export const CommandLine = Schema.fromJsonString(Command)

export const ReplyLine = Schema.fromJsonString(Reply)

/** What a process does with a command. */
export type Actor<E = never> = (command: Command) => Effect.Effect<typeof Reply.Type, E>

export const setLife: Duration.Input = "5 minutes"
export const touchedLife: Duration.Input = "1 hour"

/** Where a process finds Redis, and how it deals with it. */
export interface Options {
  readonly port: number
  readonly replay: OwnCache.Replay
  /** The milliseconds that a command may take: the longer, the more is in flight when a server stops. */
  readonly timeout: number
}

// Patience, deadlines and open times are short, so that an outage of seconds is a long one.
const settings = ({ port, timeout }: Options): OwnCache.Options => ({
  redis: {
    host: "127.0.0.1",
    port,
    commandTimeout: timeout,
    connectTimeout: "1 second",
    resetTimeout: "200 millis"
  },
  hybrid: { patience: timeout + 100 }
})

export const regionName = "replayed"

/** A process of its own: client, cache and journal. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const { cache } = yield* OwnCache.make(settings(options))
  const region = yield* OwnCache.region(cache, { name: regionName, replay: options.replay, timeToLive: setLife })
  return obey(region)
})

/** What a region does with commands. */
export const obey = (region: OwnCache.TextRegion): Actor => {
  const begun: Array<Fiber.Fiber<string>> = []
  return (command) => {
    switch (command._tag) {
      case "Ask":
        return Effect.forEach(command.steps, (step) => ask(region, step), { concurrency: "unbounded" })
      case "Begin":
        return Effect.forEach(command.steps, (step) =>
          Effect.map(Effect.forkDetach(ask(region, step), { startImmediately: true }), (call) => {
            begun.push(call)
            const answered = call.pollUnsafe()
            return answered?._tag === "Success" ? answered.value : null
          })
        )
      case "Read":
        return Effect.map(region.getMany(command.keys), (found) =>
          found.map((one) => (one._tag === "Some" ? one.value : null))
        )
      case "AwaitOutage":
        return Effect.as(Effect.andThen(Fiber.awaitAll(begun.splice(0)), awaitOutage(region)), [])
    }
  }
}

const ask = (
  region: OwnCache.TextRegion,
  step: { readonly key: string; readonly does: "set" | "touch" | "remove"; readonly value: string }
): Effect.Effect<string> => {
  switch (step.does) {
    case "set":
      return region.set(step.key, step.value)
    case "touch":
      return region.touch(step.key, { timeToLive: touchedLife })
    case "remove":
      return region.remove(step.key)
  }
}

// A call that waits is asking Redis: the circuit is open once two in a row do not.
const awaitOutage = (region: OwnCache.TextRegion) => {
  let atOnce = 0
  const look = Effect.map(Wait.timed(region.set("outage", "?")), ({ millis, value }) => {
    atOnce = value === "Deferred" && millis < 30 ? atOnce + 1 : 0
    return atOnce >= 2
  })
  return Wait.until("the circuit opens", look)
}
