import { createHash, timingSafeEqual } from "node:crypto"
import { Config, Effect, Layer, Option, Redacted, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse, ProblemDetails } from "effect/http"
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
    Config.option,
    Effect.map(Option.match({ onNone: () => Layer.empty, onSome: (token) => routes(Redacted.value(token)) }))
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
    Effect.flatMap(set),
    Effect.matchEffect({
      onFailure: ({ message }) => Effect.succeed(problem(400, message)),
      onSuccess: () => then
    })
  )

// In a time that does not tell how much of the token was right.
const guard = (token: string) => {
  const wanted = digest(`Bearer ${token}`)
  return <E, R>(handle: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
      timingSafeEqual(digest(headers.authorization ?? ""), wanted)
        ? handle
        : Effect.succeed(problem(401, "Send the header Authorization: Bearer, with the token of OPS_TOKEN"))
    )
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

const problem = (status: number, detail: string) =>
  ProblemDetails.toResponse({
    type: ProblemDetails.blankType,
    status,
    title: status === 401 ? "Unauthorized" : "Bad Request",
    detail
  })
