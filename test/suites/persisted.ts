import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, type Layer, Schema } from "effect"
import { Persistable, PersistedCache, Persistence } from "effect/persistence"
import { TestClock } from "effect/testing"

class Price extends Persistable.Class<{ payload: { readonly of: string } }>()("Price", {
  primaryKey: ({ of }) => of,
  success: Schema.Number,
  error: Schema.String
}) {}

/** What Effect's `Persistence` promises, whatever keeps its values. */
export const persistedSuite = <E>(
  name: string,
  layer: Layer.Layer<Persistence.Persistence | Persistence.BackingPersistence, E>,
  { time }: { readonly time: "real" | "virtual" }
): void => {
  const pass = (millis: number) => (time === "real" ? Effect.sleep(millis) : TestClock.adjust(millis))

  describe(`Effect's Persistence over ${name}`, () => {
    it.layer(layer, { excludeTestServices: time === "real", timeout: "60 seconds" })((it) => {
      const storeOf = (id: string) => Effect.flatMap(Persistence.BackingPersistence, ({ make }) => make(id))

      it.effect("keeps values for their life, and removes them", () =>
        Effect.gen(function* () {
          const store = yield* storeOf("lives")
          const began = yield* Clock.currentTimeMillis
          yield* store.set("for ever", { n: 1 }, undefined)
          yield* store.set("short", { n: 2 }, Duration.millis(200))
          yield* store.setMany([
            ["short too", { n: 3 }, Duration.millis(200)],
            ["twice", { n: 4 }, Duration.millis(200)],
            ["long", { n: 5 }, Duration.hours(1)],
            ["twice", { n: 6 }, undefined]
          ])
          const found = yield* store.getMany(["for ever", "short", "short too", "twice", "long", "none"])
          // A machine may be so busy that they have ended.
          if ((yield* Clock.currentTimeMillis) - began < 200) {
            assert.deepStrictEqual(found, [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 6 }, { n: 5 }, undefined])
          }
          yield* pass(210)
          const left = yield* store.getMany(["for ever", "short", "short too", "twice", "long"])
          assert.deepStrictEqual(left, [{ n: 1 }, undefined, undefined, { n: 6 }, { n: 5 }])
          yield* store.remove("for ever")
          yield* store.remove("none")
          assert.isUndefined(yield* store.get("for ever"))
        }).pipe(Effect.scoped)
      )

      it.effect("clears its own alone", () =>
        Effect.gen(function* () {
          const [one, other] = [yield* storeOf("many[*]"), yield* storeOf("many")]
          yield* one.setMany([
            ["a", { n: 1 }, undefined],
            ["b", { n: 2 }, undefined]
          ])
          yield* other.set("a", { n: 3 }, undefined)
          yield* one.clear
          assert.deepStrictEqual(yield* one.getMany(["a", "b"]), [undefined, undefined])
          assert.deepStrictEqual(yield* other.get("a"), { n: 3 })
        }).pipe(Effect.scoped)
      )

      it.effect("gives a PersistedCache what another one has looked up, failures too", () =>
        Effect.gen(function* () {
          let lookups = 0
          const lookup = ({ of }: Price) =>
            Effect.suspend(() => (of === "none" ? Effect.fail(`none ${++lookups}`) : Effect.succeed(++lookups)))
          const make = PersistedCache.make(lookup, {
            storeId: "prices",
            timeToLive: (exit) => (Exit.isSuccess(exit) ? "1 minute" : "5 minutes")
          })
          for (const cache of [yield* make, yield* make]) {
            assert.strictEqual(yield* cache.get(new Price({ of: "tea" })), 1)
            assert.strictEqual(yield* Effect.flip(cache.get(new Price({ of: "none" }))), "none 2")
          }
          const cache = yield* make
          yield* cache.invalidate(new Price({ of: "tea" }))
          assert.strictEqual(yield* cache.get(new Price({ of: "tea" })), 3)
        }).pipe(Effect.scoped)
      )
    })
  })
}
