import { Effect, Layer, Option, Schedule } from "effect"
import { Redis } from "effect-ioredis"
import { RedisCache } from "effect-ioredis-cache"
import type { RedisCluster } from "../../../../test/support/RedisCluster.ts"
import * as NoteRegion from "../Note.ts"
import * as Notes from "./Notes.ts"
import type { Pair } from "./Pair.ts"

/** What is held of the notes when everything is over. */
export interface Truth {
  readonly notes: number
  /** As many of them are as they were written last: in Redis itself, and in the answers of each process. */
  readonly inRedis: number
  readonly inFirst: number
  readonly inSecond: number
}

/** Reads every note from Redis alone and through both processes, until all agree or it has taken too long. */
export const read = (cluster: RedisCluster, pair: Pair, notes: ReadonlyArray<Notes.Note>) =>
  Effect.gen(function* () {
    const region = yield* (yield* RedisCache.RedisCache).region(NoteRegion.region)
    const look = Effect.gen(function* () {
      const found = yield* region.getMany(notes.map(({ candidate }) => candidate))
      const inRedis = found.map((note) => (Option.isSome(note) ? note.value.revision : 0))
      const through = (process: 0 | 1) =>
        Effect.forEach(notes, (note) => Notes.read(pair, process, note), { concurrency: 8 })
      const right = (revisions: ReadonlyArray<number>) =>
        notes.filter(({ revision }, index) => revisions[index] === revision).length
      const truth: Truth = {
        notes: notes.length,
        inRedis: right(inRedis),
        inFirst: right(yield* through(0)),
        inSecond: right(yield* through(1))
      }
      return truth
    })
    return yield* Effect.repeat(look, {
      schedule: Schedule.spaced("100 millis"),
      until: agrees,
      times: 30
    })
  }).pipe(
    Effect.provide(
      RedisCache.layer().pipe(
        Layer.provide(Redis.layer({ cluster: [{ host: "127.0.0.1", port: cluster.node(1).port }], name: "truth" }))
      )
    )
  )

export const agrees = ({ inFirst, inRedis, inSecond, notes }: Truth): boolean =>
  inRedis === notes && inFirst === notes && inSecond === notes
