import { NodeRedis } from "@effect/platform-node"
import { Effect, Exit, Layer, ManagedRuntime, Scope } from "effect"
import { CircuitBreaker, Persistable, Persistence } from "effect/persistence"
import type { Make } from "./Contender.ts"
import * as EffectStore from "./EffectStore.ts"
import type { Job } from "./Job.ts"
import { JobSchema } from "./JobSchema.ts"
import { timeToLive } from "./Workload.ts"

class FindJob extends Persistable.Class<{ payload: { readonly id: string } }>()("FindJob", {
  primaryKey: ({ id }) => id,
  success: JobSchema
}) {}

/**
 * Effect's `Persistence` over `NodeRedis`. It compiles one codec per key object, so each key has one object here, made once: a program that
 * makes a new one per call, as programs do, is several times slower. Variant: `breaker`, its reads in Effect's `CircuitBreaker` and a timeout.
 */
export const make: Make = async ({ url, variant }) => {
  const runtime = ManagedRuntime.make(Layer.provideMerge(Persistence.layerRedis, NodeRedis.layer({ url })))
  const store = await runtime.runPromise(
    Effect.gen(function* () {
      const persistence = yield* Persistence.Persistence
      return yield* persistence.make({ storeId: "persistence", timeToLive: () => timeToLive })
    }).pipe(Effect.provideService(Scope.Scope, Scope.makeUnsafe()))
  )
  const guard = variant === "breaker" ? await guarded() : <A, E>(effect: Effect.Effect<A, E>) => effect
  const requests = new Map<string, FindJob>()
  const request = (id: string): FindJob => {
    const known = requests.get(id)
    if (known !== undefined) return known
    const made = new FindJob({ id })
    requests.set(id, made)
    return made
  }
  return EffectStore.contender(runtime, {
    get: (key) => guard(store.get(request(key))),
    set: (key: string, job: Job) => store.set(request(key), Exit.succeed(job)),
    getMany: (keys) => store.getMany(keys.map(request)),
    jobOf: (exit) => (exit !== undefined && Exit.isSuccess(exit) ? exit.value : undefined),
    isApplied: () => true
  })
}

const guarded = async () => {
  const breaker = await Effect.runPromise(
    CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(5), openDuration: "30 seconds" }).pipe(
      Effect.provide(CircuitBreaker.layerStoreMemory()),
      Effect.provideService(Scope.Scope, Scope.makeUnsafe())
    )
  )
  return <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, unknown> =>
    breaker.execute(Effect.timeout(effect, "200 millis"), { key: "redis" })
}
