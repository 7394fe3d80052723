import { Deferred, Effect, Fiber, Ref } from "effect"
import type * as RedisCluster from "../../../../test/support/RedisCluster.ts"
import * as Load from "../../../job-matcher/src/demo/Load.ts"
import type { Style } from "../../../job-matcher/src/demo/Style.ts"
import * as Tally from "../../../job-matcher/src/demo/Tally.ts"
import * as Notes from "./Notes.ts"
import type { Pair } from "./Pair.ts"
import * as Phase from "./Phase.ts"
import type { Shard } from "./Shards.ts"
import * as Story from "./Story.ts"
import * as Ticker from "./Ticker.ts"

/** Questions a second: of the keys of the master that is killed, and of all others. */
export const rates = { lost: 50, others: 100 }

/** Plays the story while both processes are under load, tells it, and says what came of it. */
export const play = Effect.fnUntraced(function* (options: {
  readonly cluster: RedisCluster.RedisCluster
  readonly slots: ReadonlyArray<number>
  readonly pair: Pair
  readonly shards: { readonly lost: Shard; readonly others: Shard }
  readonly notes: ReadonlyArray<Notes.Note>
  readonly style: Style
}) {
  const { cluster, notes, pair, shards, slots, style } = options
  const current = yield* Ref.make({ name: "", lost: Phase.part(), others: Phase.part() })
  const parts = [yield* Ref.get(current)]
  const now = () => Ref.getUnsafe(current)
  const confirmed: Notes.Confirmed = { at: [0, 0] }
  const found: Story.Found = { promotedAfter: undefined, servedAfter: [undefined, undefined] }
  const stop = yield* Deferred.make<void>()

  const ask = (shard: Shard, rate: number, tally: () => Tally.Tally) =>
    Load.run({
      client: pair.client,
      questions: shard.questions,
      rate,
      tally: Effect.sync(tally),
      stop: Deferred.await(stop)
    })
  const load = yield* Effect.all(
    [
      ask(shards.lost, rates.lost, () => now().lost.questions),
      ask(shards.others, rates.others, () => now().others.questions),
      Notes.run({
        pair,
        notes,
        tally: ({ isLost }) => (isLost ? now().lost : now().others).notes,
        confirmed,
        isOver: Deferred.isDone(stop)
      })
    ],
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.forkScoped)

  const { say } = yield* Ticker.start({
    name: Effect.map(Ref.get(current), ({ name }) => name),
    totals: Effect.map(pair.stats, (stats) => ({ ...stats, ...totals(parts) })),
    style
  })
  const phases = yield* Effect.forEach(
    Story.make({ cluster, slots, confirmed, found, say }),
    Effect.fnUntraced(function* ({ does, name }) {
      const part = { name, lost: Phase.part(), others: Phase.part() }
      parts.push(part)
      const before = yield* pair.stats
      yield* Ref.set(current, part)
      yield* does
      const phase: Phase.Phase = { ...part, before, after: yield* pair.stats }
      return phase
    })
  )
  yield* Deferred.succeed(stop, undefined)
  yield* Fiber.join(load)
  return { phases, found }
})

const totals = (phases: ReadonlyArray<{ readonly lost: Phase.Part; readonly others: Phase.Part }>) => {
  const lost = phases.map(({ lost }) => lost)
  const others = phases.map(({ others }) => others)
  const notes = [...lost, ...others].map(({ notes }) => notes)
  const answered = (parts: ReadonlyArray<Phase.Part>) => Tally.total(parts.map(({ questions }) => questions))
  return {
    lostAnswered: answered(lost).answered,
    othersAnswered: answered(others).answered,
    applied: notes.reduce((sum, { applied }) => sum + applied, 0),
    deferred: notes.reduce((sum, { deferred }) => sum + deferred, 0),
    errors:
      answered([...lost, ...others]).errors + notes.reduce((sum, { contradictions }) => sum + contradictions.length, 0)
  }
}
