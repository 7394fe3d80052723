import { Effect, Fiber } from "effect"
import type { RedisClient } from "effect-ioredis"

/** A call that failed, and with what. */
export interface Failure {
  readonly key: string
  readonly error: string
}

/**
 * Reads or writes keys that nobody else uses, one each few milliseconds, until it is stopped; it is stopped when every call
 * has ended.
 */
export const start = Effect.fnUntraced(function* (
  name: string,
  call: (key: string) => Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>,
  every = 5
) {
  const failures: Array<Failure> = []
  const fibers: Array<Fiber.Fiber<unknown>> = []
  let calls = 0
  let running = true
  const one = Effect.suspend(() => {
    const key = `${name}-${calls++}.`
    return Effect.match(call(key), {
      onSuccess: () => {},
      onFailure: ({ _tag, message }) => failures.push({ key, error: `${_tag}: ${message}` })
    })
  })
  const loop = yield* Effect.forkChild(
    Effect.whileLoop({
      while: () => running,
      body: () =>
        Effect.andThen(
          Effect.tap(Effect.forkDetach(one), (fiber) => Effect.sync(() => fibers.push(fiber))),
          Effect.sleep(every)
        ),
      step: () => {}
    })
  )
  return {
    failures,
    calls: () => calls,
    stop: Effect.gen(function* () {
      running = false
      yield* Fiber.join(loop)
      for (const fiber of fibers) yield* Fiber.join(fiber)
    })
  }
})

/** Notes the states that the circuit changes to, until the scope closes. */
export const watchCircuit = Effect.fnUntraced(function* (client: RedisClient.RedisClient) {
  const seen: Array<string> = []
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.tap(client.breaker.state, ({ _tag }) =>
          Effect.sync(() => _tag !== (seen.at(-1) ?? "Closed") && seen.push(_tag))
        ),
        Effect.sleep("2 millis")
      )
    )
  )
  return seen
})
