import { Clock, Duration, Effect, Schedule, type Schema } from "effect"
import { type HttpClient, HttpClientResponse } from "effect/http"
import { Seen, Written } from "../NoteApi.ts"
import type { Pair } from "./Pair.ts"
import type { Shard } from "./Shards.ts"

/** One note, and what was last written of it. Mutable: it is written to some times a second. */
export interface Note {
  readonly candidate: string
  readonly isLost: boolean
  revision: number
  /** The last revision that each of the two processes has taken. */
  readonly own: [number, number]
}

/** What came of the writes and reads of one phase, of the shard that is lost or of the others. */
export interface Tally {
  applied: number
  deferred: number
  /** Reads through the process that had not written, which were older than an applied write, and than a deferred one. */
  behindApplied: number
  behindDeferred: number
  /** What must not be: a line for each. */
  readonly contradictions: Array<string>
}

/** What each of the two processes has confirmed last, of the shard that is lost: `Clock.currentTimeMillis`. */
export interface Confirmed {
  readonly at: [number, number]
}

export const tally = (): Tally => ({
  applied: 0,
  deferred: 0,
  behindApplied: 0,
  behindDeferred: 0,
  contradictions: []
})

export const make = ({ lost, others }: { readonly lost: Shard; readonly others: Shard }): ReadonlyArray<Note> => {
  const note = (isLost: boolean) => (candidate: string) => ({
    candidate,
    isLost,
    revision: 0,
    own: [0, 0] as [number, number]
  })
  return [...lost.candidates.map(note(true)), ...others.candidates.map(note(false))]
}

/** Each note is written every so often, by the two processes in turn, and then read through both. */
export const run = (options: {
  readonly pair: Pair
  readonly notes: ReadonlyArray<Note>
  readonly tally: (note: Note) => Tally
  readonly confirmed: Confirmed
  readonly isOver: Effect.Effect<boolean>
}) =>
  Effect.forEach(
    options.notes,
    (note, index) =>
      Effect.sleep((index * every) / options.notes.length).pipe(
        // To its end: of a write that was broken off nobody would know whether it had happened.
        Effect.andThen(
          Effect.repeat(writeAndRead(options, note), { schedule: Schedule.fixed(every), until: () => options.isOver })
        )
      ),
    { concurrency: "unbounded", discard: true }
  )

/** How many notes are written a second. */
export const rate = (notes: ReadonlyArray<Note>): number => (notes.length * 1000) / every

const every = 500

/** The revision that is read where there is no note. */
const none = 0

const writeAndRead = Effect.fnUntraced(function* (
  {
    confirmed,
    pair,
    tally
  }: { readonly pair: Pair; readonly tally: (note: Note) => Tally; readonly confirmed: Confirmed },
  note: Note
) {
  const revision = note.revision + 1
  const [writer, other] = revision % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)
  const contradict = (text: string) => void tally(note).contradictions.push(`${note.candidate}: ${text}`)
  yield* Effect.gen(function* () {
    const { outcome } = yield* put(pair.each[writer].client, note.candidate, revision)
    if (outcome === "Rejected") return contradict(`revision ${revision} was rejected`)
    note.revision = revision
    note.own[writer] = revision
    tally(note)[outcome === "Applied" ? "applied" : "deferred"]++
    if (note.isLost && outcome === "Applied") confirmed.at[writer] = yield* Clock.currentTimeMillis
    const [own, others] = yield* Effect.all([read(pair, writer, note), read(pair, other, note)], {
      concurrency: "unbounded"
    })
    const known = note.own[other]
    // A miss contradicts nothing: a master that dies may take along what it had just confirmed.
    if (own !== revision && own !== none) contradict(`the process that wrote ${revision} read ${own}`)
    if ((others < known && others !== none) || others > revision)
      contradict(`the other process, which wrote ${known}, read ${others}`)
    if (others < revision && others !== none) tally(note)[outcome === "Applied" ? "behindApplied" : "behindDeferred"]++
  }).pipe(Effect.catch((error) => Effect.sync(() => contradict(`no answer: ${error.message}`))))
})

const put = (client: HttpClient.HttpClient, candidate: string, revision: number) =>
  client.put("/note", { urlParams: { candidate, revision } }).pipe(answer(Written))

/** The revision that one of the two processes answers with. */
export const read = (pair: Pair, process: 0 | 1, { candidate }: Note) =>
  pair.each[process].client.get("/note", { urlParams: { candidate } }).pipe(
    answer(Seen),
    Effect.map(({ revision }) => revision)
  )

const answer =
  <A, I>(schema: Schema.Codec<A, I>) =>
  <E, R>(response: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>) =>
    response.pipe(
      Effect.flatMap(HttpClientResponse.filterStatusOk),
      Effect.flatMap(HttpClientResponse.schemaBodyJson(schema)),
      Effect.timeout(Duration.seconds(10))
    )
