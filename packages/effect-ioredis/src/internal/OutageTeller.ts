import { Clock, Duration, Effect, Option, Queue, type Scope } from "effect"
import type { Dispatch, OutageCounts, OutageNumbers } from "../dispatch.ts"
import type { NodeDown, Status } from "../RedisHealth.ts"

import * as OutageStory from "./OutageStory.ts"

/** Holds what the story of a client's outages is told with. */
export interface Options {
  /** Names the client. */
  readonly name: string
  /** Says where Redis is: the addresses that the client was given, last. */
  readonly servers: Effect.Effect<ReadonlyArray<string>>
  /** The state that the circuits are in. */
  readonly circuit: Effect.Effect<string>
  readonly counts: OutageCounts
  readonly record: Dispatch["note"]
  /** What was found last. */
  readonly status: Effect.Effect<Status>
}

/** Tells of outages by log lines and events: takes in each status that was found. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<(status: Status) => Effect.Effect<void>, never, Scope.Scope> {
  const { counts, status } = options
  const isSooner = yield* Queue.sliding<void>(1)
  let story = OutageStory.quiet
  let awaited = Number.POSITIVE_INFINITY

  const tell = Effect.fnUntraced(function* (status: Status) {
    const now = yield* Clock.currentTimeMillis
    const [after, lines] = OutageStory.next(story, { status, now, before: counts.before(), numbers: counts.now() })
    story = after
    if (lines.some(({ _tag }) => _tag === "Ended")) counts.trust()
    if (OutageStory.dueAt(story) < awaited) yield* Queue.offer(isSooner, undefined)
    yield* Effect.forEach(lines, (line) => tellLine(options, line), { discard: true })
  })

  const tellWhenDue = Effect.gen(function* () {
    awaited = OutageStory.dueAt(story)
    const wait = Math.max(leastPause, awaited - (yield* Clock.currentTimeMillis))
    const woken = yield* Effect.timeoutOption(Queue.take(isSooner), wait)
    if (Option.isNone(woken)) yield* Effect.flatMap(status, tell)
  })

  yield* Effect.forkScoped(Effect.forever(tellWhenDue))
  return tell
})

// In milliseconds.
const leastPause = 100

const tellLine = (options: Options, line: OutageStory.Line): Effect.Effect<void> => {
  const { name, record } = options
  switch (line._tag) {
    case "Began":
      record({ _tag: "OutageBegan", nodes: namesOf(line.status), ...firstOf(line.status) })
      return warn(options, line.status)
    case "Spread":
      return warn(options, line.status)
    case "GoesOn":
      return Effect.flatMap(fieldsOf(options, line.status), (fields) =>
        Effect.logWarning(
          line.status._tag === "Down" ? "Redis still does not answer" : "A part of Redis still does not answer"
        ).pipe(Effect.annotateLogs({ ...fields, downFor: spanOf(line.downFor), ...numbersOf(line.numbers) }))
      )
    case "Ended": {
      const { downFor, last, nodes, numbers } = line
      const { waiting, ...sums } = numbers
      record({ _tag: "OutageEnded", nodes, downMillis: downFor, ...sums })
      return Effect.flatMap(whereOf(options, last, nodes), (where) =>
        Effect.logInfo("Redis answers again").pipe(
          Effect.annotateLogs({
            name,
            ...where,
            ...firstOf(last),
            downFor: spanOf(downFor),
            ...numbersOf(sums),
            ...(waiting > 0 && { waiting })
          })
        )
      )
    }
    case "Unwatched":
      return Effect.logWarning("Redis answers, but a failover would not be noticed").pipe(
        Effect.annotateLogs({ name, warning: line.warning })
      )
    case "Watched":
      return Effect.logInfo("A failover of Redis would be noticed again").pipe(Effect.annotateLogs({ name }))
  }
}

const warn = (options: Options, status: OutageStory.Broken): Effect.Effect<void> =>
  Effect.flatMap(fieldsOf(options, status), (fields) =>
    Effect.logWarning(status._tag === "Down" ? "Redis does not answer" : "A part of Redis does not answer").pipe(
      Effect.annotateLogs(fields)
    )
  )

const fieldsOf = (options: Options, status: OutageStory.Broken) =>
  Effect.zipWith(options.circuit, whereOf(options, status, status.nodes.map(textOf)), (circuit, where) => ({
    name: options.name,
    ...where,
    ...firstOf(status),
    circuit_breaker_state: circuit
  }))

// Where there is one server, its name says nothing that the client's does not.
const whereOf = (
  { servers }: Options,
  status: OutageStory.Broken,
  nodes: ReadonlyArray<string>
): Effect.Effect<Readonly<Record<string, string>>> =>
  status._tag === "Partial" || nodes.length > 1
    ? Effect.succeed({ nodes: listed(nodes) })
    : Effect.map(servers, (servers) => ({ server: listed(servers) }))

const firstOf = ({ nodes: [first] }: OutageStory.Broken) => ({
  cause: first?.cause ?? "NotReady",
  reason: first?.reason ?? ""
})

const numbersOf = ({ answers, ...others }: Partial<OutageNumbers>) => ({ answersFromMemory: answers, ...others })

const namesOf = ({ nodes }: OutageStory.Broken): ReadonlyArray<string> => nodes.map(({ node }) => node)

const spanOf = (millis: number): string => Duration.format(Duration.millis(Math.round(millis)))

const textOf = ({ node, reason, slots }: NodeDown): string =>
  `${node} (${slots.length === 0 ? "no slots" : `slots ${listed(slots.map(rangeText))}`}): ${reason}`

const rangeText = ([from, to]: readonly [from: number, to: number]): string =>
  from === to ? `${from}` : `${from}-${to}`

// A line is no longer than somebody reads.
const listed = (texts: ReadonlyArray<string>): string =>
  texts.length <= mostListed
    ? texts.join(", ")
    : `${texts.slice(0, mostListed).join(", ")} and ${texts.length - mostListed} more`

const mostListed = 10
