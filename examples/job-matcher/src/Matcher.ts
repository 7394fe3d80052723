import { Context, DateTime, Duration, Effect, Hash, Layer, Random, Ref } from "effect"
import type { Job } from "./Job.ts"
import { Jobs } from "./Jobs.ts"
import { Match } from "./Match.ts"
import type { MatchQuery } from "./MatchQuery.ts"

/** Finds the ten jobs that suit a candidate best. Slow on purpose: it stands for the query or the model you would cache. */
export class Matcher extends Context.Service<
  Matcher,
  {
    readonly find: (query: MatchQuery) => Effect.Effect<ReadonlyArray<Match>>
    /** How often `find` ran: what the cache is there to keep small. */
    readonly runs: Effect.Effect<number>
  }
>()("job-matcher/Matcher") {
  static readonly layer = Layer.effect(
    Matcher,
    Effect.gen(function* () {
      const rank = makeRank(yield* Jobs)
      const runs = yield* Ref.make(0)
      const find = Effect.fn("Matcher.find")(function* (query: MatchQuery) {
        yield* Ref.update(runs, (n) => n + 1)
        yield* Effect.sleep(Duration.millis(yield* Random.nextIntBetween(60, 100)))
        return rank(query)
      })
      return Matcher.of({ find, runs: Ref.get(runs) })
    })
  )
}

/** The scoring alone: pure, and the same for `skills` in any order. */
export const makeRank = (jobs: ReadonlyArray<Job>) => {
  const rarity = makeRarity(jobs)
  const newest = Math.max(...jobs.map((job) => job.posted.epochMilliseconds))
  return (query: MatchQuery): ReadonlyArray<Match> => {
    const wanted = Array.from(new Set(query.skills)).sort()
    const possible = wanted.reduce((sum, skill) => sum + rarity(skill), 0)
    return jobs
      .flatMap((job) => {
        const shared = wanted.filter((skill) => job.skills.includes(skill))
        if (shared.length === 0) return []
        const age = Duration.toDays(Duration.millis(newest - job.posted.epochMilliseconds))
        const place = job.location === query.location ? 25 : job.location === "Remote" ? 20 : 0
        const score =
          (60 * shared.reduce((sum, skill) => sum + rarity(skill), 0)) / possible +
          place +
          10 * Math.max(0, 1 - age / 60) +
          5 * affinity(query.candidate, job)
        return [{ job, shared, place, age, score }]
      })
      .sort((a, b) => b.score - a.score || a.job.id - b.job.id)
      .slice(0, 10)
      .map(
        ({ job, shared, place, age, score }) =>
          new Match({
            job,
            score: Math.round(score),
            reasons: [
              `asks for ${shared.length} of your ${wanted.length} skills: ${shared.join(", ")}`,
              ...(place === 0 ? [] : [job.location === "Remote" ? "is remote" : `is in ${job.location}`]),
              ...(age <= 7 ? [`is new: posted ${DateTime.formatIsoDateUtc(job.posted)}`] : [])
            ]
          })
      )
  }
}

/** A skill that few jobs ask for says more than one that all do. */
const makeRarity = (jobs: ReadonlyArray<Job>) => {
  const counts = new Map<string, number>()
  for (const skill of jobs.flatMap((job) => job.skills)) counts.set(skill, (counts.get(skill) ?? 0) + 1)
  return (skill: string) => Math.log(1 + jobs.length / (counts.get(skill) ?? 1))
}

/** Spreads equal jobs over the candidates, so that not all of them apply for the same one. */
const affinity = (candidate: string, job: Job) => (Hash.string(`${candidate}/${job.id}`) >>> 0) / 2 ** 32
