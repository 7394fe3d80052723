import { Config, Context, DateTime, Duration, Effect, Layer, Option, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { Settings } from "effect-ioredis"
import { Durable } from "./Durable.ts"
import { SignedOut } from "./Problem.ts"
import { Session } from "./Session.ts"

/**
 * Who is signed in, also while Redis is away: this process then answers from memory and keeps what
 * happened, and Redis is told of it afterwards.
 *
 * Nothing can compute a session anew, so that it is in the Redis that may not forget: one that comes
 * back empty would sign everybody out.
 *
 * In an outage a process knows who was here before, up to DURABLE_CACHE_MAX_SIZE (1,000) of them, so
 * that customers should come back to the same process. A session should live longer than an outage:
 * one whose life ended in Redis meanwhile has ended.
 */
export class Sessions extends Context.Service<
  Sessions,
  {
    /** Signs a customer in and answers with the token. A real shop checks a password first. */
    readonly signIn: (customer: string) => Effect.Effect<string>
    /** Who sent the request. Asking for it begins the life of the session anew. */
    readonly current: Effect.Effect<Session, SignedOut, HttpServerRequest.HttpServerRequest>
    readonly signOut: Effect.Effect<void, never, HttpServerRequest.HttpServerRequest>
  }
>()("shop/Sessions") {
  /** A session lives for SHOP_SESSION_LIFE seconds (default: 30 minutes) after it was used last. */
  static readonly layer = Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const { cache } = yield* Durable
      const timeToLive = yield* life
      const sessions = yield* cache.region({
        name: "sessions",
        version: 1,
        key: Schema.String,
        value: Session,
        timeToLive,
        // Of a sign-in and a sign-out the later one holds, whichever process and outage it was in.
        replay: "latest",
        // A sign-out is remembered for as long as any process may still hold the session.
        removedFor: timeToLive
      })
      const scope = yield* Effect.scope

      const signIn = Effect.fnUntraced(function* (customer: string) {
        const token = yield* Effect.sync(() => crypto.randomUUID())
        yield* sessions.set(token, new Session({ customer, since: yield* DateTime.now }))
        return token
      })
      const current = Effect.gen(function* () {
        const token = yield* Effect.mapError(tokenOfRequest, () => new SignedOut())
        const session = yield* sessions.get(token)
        if (Option.isNone(session)) return yield* new SignedOut()
        // Nobody waits for it. It only extends, so that it brings no session back that has ended.
        yield* Effect.forkIn(sessions.touch(token), scope)
        return session.value
      })
      const signOut = tokenOfRequest.pipe(
        Effect.flatMap(sessions.remove),
        // Who has no session is signed out already.
        Effect.catchTag("SchemaError", () => Effect.void),
        Effect.asVoid
      )
      return Sessions.of({ signIn, current, signOut })
    })
  )
}

const life = Settings.duration("SHOP_SESSION_LIFE", { unit: "seconds", example: 1800 }).pipe(
  Config.withDefault(Duration.minutes(30))
)

/** Names the cookie that holds the token. */
export const cookie = "session"

const tokenOfRequest = Effect.map(
  HttpServerRequest.schemaCookies(Schema.Struct({ [cookie]: Schema.NonEmptyString })),
  (cookies) => cookies[cookie]
)
