import { createHash, timingSafeEqual } from "node:crypto"
import { ByteSize, Config, Effect, Layer, Option, Redacted, Schema } from "effect"
import {
  HttpIncomingMessage,
  HttpRouter,
  HttpServerError,
  HttpServerRequest,
  HttpServerResponse,
  ProblemDetails
} from "effect/http"
import * as FaultInjection from "effect-ioredis/FaultInjection"
import { Freshness, MemoryOnly } from "./Flags.ts"

const Weights = Schema.Struct({ short: Schema.Finite, long: Schema.Finite })

const OnOff = Schema.Struct({ on: Schema.Boolean })

const Faults = Schema.Struct({
  on: Schema.Boolean,
  rate: Schema.optionalKey(Schema.Finite),
  kinds: Schema.optionalKey(Schema.Array(Schema.Literals(FaultInjection.kinds))),
  /** In milliseconds. */
  delay: Schema.optionalKey(Schema.Finite),
  /** In milliseconds. */
  duration: Schema.optionalKey(Schema.Finite)
})

/**
 * The routes of whoever operates the service. They ask for the token of OPS_TOKEN, and are not there without one: who may
 * turn faults on may take the service down.
 */
export const layer = Layer.unwrap(
  Config.Redacted("OPS_TOKEN").pipe(
    Config.withDefault(Redacted.make("")),
    Effect.map((given) => {
      // A file that it was read from ends with a line feed, which no header can hold.
      const token = Redacted.value(given).trim()
      return token === "" ? Layer.empty : routes(token)
    })
  )
)

const routes = (token: string) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const freshness = yield* Freshness
      const memoryOnly = yield* MemoryOnly
      // There are none where there is no Redis.
      const faults = yield* Effect.serviceOption(FaultInjection.FaultInjection)
      const guarded = guard(token)

      const state = Effect.gen(function* () {
        const { weights } = yield* freshness.rules
        const { on } = yield* memoryOnly.rules
        const fault = Option.isSome(faults)
          ? { on: yield* faults.value.isOn, injected: yield* faults.value.injected }
          : { on: false, injected: {} }
        return yield* HttpServerResponse.json({ freshness: weights, memoryOnly: { on }, faults: fault })
      })

      yield* router.add("GET", "/ops", guarded(state))
      yield* router.add("PUT", "/ops/freshness", guarded(put(Weights, (weights) => freshness.set({ weights }), state)))
      yield* router.add("PUT", "/ops/memory-only", guarded(put(OnOff, memoryOnly.set, state)))
      if (Option.isNone(faults)) return
      const { turnOff, turnOn } = faults.value
      yield* router.add(
        "PUT",
        "/ops/faults",
        guarded(put(Faults, ({ on, ...options }) => (on ? turnOn(options) : turnOff), state))
      )
    })
  )

const put = <S extends Schema.Constraint, E extends { readonly message: string }, A, E2, R>(
  body: S,
  set: (body: S["Type"]) => Effect.Effect<void, E>,
  then: Effect.Effect<A, E2, R>
) =>
  HttpServerRequest.schemaBodyJson(Schema.toCodecJson(body)).pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, largest),
    Effect.flatMap(set),
    Effect.matchEffect({
      onFailure: (error) =>
        Effect.succeed(
          isTooLarge(error)
            ? problem(413, `Send no more than ${ByteSize.format(largest)}`)
            : problem(400, error.message)
        ),
      onSuccess: () => then
    })
  )

const largest = ByteSize.kibibytes(16)

const isTooLarge = (error: unknown): boolean =>
  HttpServerError.isHttpServerError(error) &&
  error.reason._tag === "RequestParseError" &&
  error.reason.reason === "BodyTooLarge"

// In a time that does not tell how much of the token was right.
const guard = (token: string) => {
  const wanted = digest(token)
  return <E, R>(handle: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
      const [, given = ""] = /^bearer +(.*)$/i.exec(headers.authorization ?? "") ?? []
      if (timingSafeEqual(digest(given), wanted)) return handle
      const refused = problem(401, "Send the header Authorization: Bearer, with the token of OPS_TOKEN")
      return Effect.succeed(HttpServerResponse.setHeader(refused, "www-authenticate", "Bearer"))
    })
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

const titles = { 400: "Bad Request", 401: "Unauthorized", 413: "Content Too Large" } as const

const problem = (status: keyof typeof titles, detail: string) =>
  ProblemDetails.toResponse({ type: ProblemDetails.blankType, status, title: titles[status], detail })
