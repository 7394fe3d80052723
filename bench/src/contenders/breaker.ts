import { Effect, Layer, ManagedRuntime, Scope } from "effect"
import type { Contender, Make } from "../Contender.ts"
import * as EffectStore from "../EffectStore.ts"
import * as PromiseStore from "../PromiseStore.ts"

const answer = Effect.succeed("answer")
const action = async () => "answer"

const longer = 3_600_000

type Execute = Effect.Effect<string, unknown>

/** Fibers run `execute` and want the answer, or once the circuit is open, a refusal. */
const effects = (execute: () => Execute, open: Effect.Effect<unknown>): Contender => {
  const runtime = ManagedRuntime.make(Layer.empty)
  const run = (effect: Effect.Effect<void, unknown>) => runtime.runPromise(effect)
  const refusal = Effect.succeed("refused")
  return {
    prepare: async ({ operation }) => {
      const wanted = operation === "closed" ? "answer" : "refused"
      if (wanted === "refused") await runtime.runPromise(open)
      return EffectStore.inFibers(run, 1, () => ({
        body: wanted === "answer" ? execute : () => Effect.catch(execute(), () => refusal),
        step: (got) => {
          if (got !== wanted) throw new Error(`${got}, not ${wanted}`)
        }
      }))
    }
  }
}

const promises = (execute: () => Promise<string>, open: () => unknown): Contender => ({
  prepare: async ({ operation }) => {
    if (operation === "closed") {
      return PromiseStore.inLoops(1, async () => {
        if ((await execute()) !== "answer") throw new Error("not the answer")
      })
    }
    await open()
    return PromiseStore.inLoops(1, async () => {
      let got = "refused"
      try {
        got = await execute()
      } catch {}
      if (got !== "refused") throw new Error("not refused")
    })
  }
})

const makers: Record<string, () => Promise<Contender>> = {
  // What the loop itself costs; refused here is an effect that fails and is caught.
  "no-breaker-effect": async () => {
    let isOpen = false
    const failure = Effect.fail("refused")
    return effects(
      () => (isOpen ? failure : answer),
      Effect.sync(() => (isOpen = true))
    )
  },
  "no-breaker-promise": async () => {
    let execute: () => Promise<string> = action
    const refuse = () => {
      execute = () => Promise.reject("refused")
    }
    return promises(() => execute(), refuse)
  },
  ours: async () => {
    const { CircuitBreaker } = await import("effect-ioredis")
    const scope = Scope.makeUnsafe()
    const breaker = await Effect.runPromise(CircuitBreaker.make({ resetTimeout: "1 hour" }).pipe(Scope.provide(scope)))
    return effects(() => breaker.execute(answer), breaker.trip)
  },
  effect: async () => {
    const { CircuitBreaker } = await import("effect/persistence")
    const scope = Scope.makeUnsafe()
    const options = { tripPolicy: CircuitBreaker.consecutive(5), openDuration: "1 hour" } as const
    const breaker = await Effect.runPromise(
      CircuitBreaker.make(options).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()), Scope.provide(scope))
    )
    const execute = (effect: Execute): Execute => breaker.execute(effect, { key: "redis" })
    const fail = Effect.ignore(execute(Effect.fail("down")))
    return effects(() => execute(answer), Effect.all(Array.from({ length: 5 }, () => fail)))
  },
  cockatiel: async () => {
    const { ConsecutiveBreaker, circuitBreaker, handleAll } = await import("cockatiel")
    const policy = circuitBreaker(handleAll, { halfOpenAfter: longer, breaker: new ConsecutiveBreaker(5) })
    return promises(
      () => policy.execute(action),
      () => policy.isolate()
    )
  },
  opossum: async () => {
    const { default: CircuitBreaker } = await import("opossum")
    const breaker = new CircuitBreaker(action, { timeout: false, resetTimeout: longer })
    return promises(
      () => breaker.fire(),
      () => breaker.open()
    )
  }
}

/** A circuit breaker around something that answers at once. The variant names it. */
export const make: Make = async ({ variant = "ours" }) => {
  const maker = makers[variant]
  if (maker === undefined) throw new Error(`no breaker ${variant}`)
  return maker()
}
