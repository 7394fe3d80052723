import type { Context } from "effect"
import { defineMetric, oncePerLabel, tallyOf } from "effect-ioredis/dispatch"

/**
 * The metrics of queues, by OpenTelemetry's conventions for messaging where they have a word for
 * it. Dashboards depend on their ids and attributes, and docs/monitoring.md lists them. Attributes
 * have few values: the names of clients, queues and kinds of tasks, and never an id.
 */

/** Bounds the buckets of durations. Those of the convention are among them, and longer ones. */
const durations = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 900, 3600
] as const

const sent = defineMetric({
  id: "messaging.client.sent.messages",
  kind: "counter",
  unit: "{message}",
  description: "Tasks that were offered, by what came of that",
  attributes: [
    "messaging.system",
    "messaging.operation.name",
    "messaging.destination.name",
    "error.type",
    "redis.client.name",
    "task.name",
    "task.offer.outcome"
  ]
})

const consumed = defineMetric({
  id: "messaging.client.consumed.messages",
  kind: "counter",
  unit: "{message}",
  description: "Tasks that were handed to a handler, again too",
  attributes: [
    "messaging.system",
    "messaging.operation.name",
    "messaging.destination.name",
    "redis.client.name",
    "task.name"
  ]
})

const processDuration = defineMetric({
  id: "messaging.process.duration",
  kind: "histogram",
  unit: "s",
  description: "Duration of handlers, each attempt as one",
  attributes: [
    "messaging.system",
    "messaging.operation.name",
    "messaging.destination.name",
    "error.type",
    "redis.client.name",
    "task.name"
  ],
  boundaries: durations
})

const operationDuration = defineMetric({
  id: "messaging.client.operation.duration",
  kind: "histogram",
  unit: "s",
  description: "Duration of offers as their callers see it, and of the rounds of workers",
  attributes: [
    "messaging.system",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.destination.name",
    "error.type",
    "redis.client.name"
  ],
  boundaries: durations
})

const wait = defineMetric({
  id: "task.wait.duration",
  kind: "histogram",
  unit: "s",
  description: "Time from when a task may be begun to its first beginning",
  attributes: ["messaging.destination.name", "redis.client.name", "task.name"],
  boundaries: durations
})

const retries = defineMetric({
  id: "task.retries",
  kind: "counter",
  unit: "{attempt}",
  description: "Attempts that failed and are followed by another",
  attributes: ["messaging.destination.name", "redis.client.name", "task.name"]
})

const deadLetters = defineMetric({
  id: "task.dead_letters",
  kind: "counter",
  unit: "{task}",
  description: "Tasks that nobody will try again",
  attributes: ["messaging.destination.name", "redis.client.name", "task.name", "task.reason"]
})

const ofQueue = ["messaging.destination.name", "redis.client.name"] as const

const late = defineMetric({
  id: "task.settlements.late",
  kind: "counter",
  unit: "{task}",
  description: "Settlements that were refused, as the task was no longer the worker's own",
  attributes: ofQueue
})

const lapses = defineMetric({
  id: "task.leases.lapsed",
  kind: "counter",
  unit: "{task}",
  description: "Handlers that were interrupted, as their lease could not be renewed or another had the task",
  attributes: ofQueue
})

const overlaps = defineMetric({
  id: "task.overlaps",
  kind: "counter",
  unit: "{task}",
  description: "Handlers that ran on after their lease, so that another may have run beside them",
  attributes: ofQueue
})

const size = defineMetric({
  id: "task.queue.size",
  kind: "gauge",
  unit: "{task}",
  description: "Tasks of the queue in Redis, by their state",
  attributes: [...ofQueue, "task.state"]
})

const oldest = defineMetric({
  id: "task.queue.oldest",
  kind: "gauge",
  unit: "s",
  description: "For how long the oldest task waits that may be begun and never was",
  attributes: ofQueue
})

const paused = defineMetric({
  id: "task.queue.paused",
  kind: "gauge",
  unit: "{queue}",
  description: "1 while the queue hands nothing out, else 0",
  attributes: ofQueue
})

const running = defineMetric({
  id: "task.worker.running",
  kind: "gauge",
  unit: "{task}",
  description: "Handlers that run in this process",
  attributes: ofQueue
})

const concurrency = defineMetric({
  id: "task.worker.concurrency",
  kind: "gauge",
  unit: "{task}",
  description: "Handlers that may run in this process at once",
  attributes: ofQueue
})

const deferred = defineMetric({
  id: "task.offers.deferred",
  kind: "gauge",
  unit: "{task}",
  description: "Offers that this process keeps for Redis",
  attributes: ofQueue
})

const deferredLimit = defineMetric({
  id: "task.offers.limit",
  kind: "gauge",
  unit: "{task}",
  description: "The most offers that this process keeps for Redis",
  attributes: ofQueue
})

const replayed = defineMetric({
  id: "task.offers.replayed",
  kind: "counter",
  unit: "{task}",
  description: "Offers that were kept, and that Redis was told of later",
  attributes: ofQueue
})

const lost = defineMetric({
  id: "task.offers.lost",
  kind: "counter",
  unit: "{task}",
  description: "Offers that were kept, and that Redis will not be told of",
  attributes: ofQueue
})

/** Lists what may come of an offer. */
export type OfferOutcome = "enqueued" | "duplicate" | "deferred" | "refused"

/** The error type of what has succeeded. */
export const success = ""

/** The metrics of one queue of one client. */
export type Metrics = ReturnType<typeof make>

/** A program that makes up names of tasks gets no more than these many of each metric. */
const maxTasks = 100

/** Errors are told apart by their tags, which a program may make up. */
const maxErrors = 100

/** Makes the metrics of a queue, each combination of attributes built once. */
export const make = (client: string, queue: string, context: Context.Context<never>) => {
  const own = { "redis.client.name": client, "messaging.destination.name": queue }
  const of = (operation: string) => ({
    ...own,
    "messaging.system": "redis",
    "messaging.operation.name": operation
  })
  const perTask = <A>(build: (task: string) => A) => oncePerLabel(maxTasks, build)
  const perError = <A>(build: (errorType: string | undefined) => A) =>
    oncePerLabel(maxErrors, (errorType) => build(errorType || undefined))
  const operation = (name: string, type: string) =>
    perError((errorType) =>
      operationDuration({ ...of(name), "messaging.operation.type": type, "error.type": errorType }, context)
    )
  return {
    sent: perTask((task) =>
      oncePerLabel(outcomes, (outcome) =>
        perError((errorType) =>
          tallyOf(
            sent({ ...of("send"), "task.name": task, "task.offer.outcome": outcome, "error.type": errorType }),
            context
          )
        )
      )
    ),
    sending: operation("send", "send"),
    working: operation("work", "receive"),
    consumed: perTask((task) => tallyOf(consumed({ ...of("process"), "task.name": task }), context)),
    processing: perTask((task) =>
      perError((errorType) =>
        processDuration({ ...of("process"), "task.name": task, "error.type": errorType }, context)
      )
    ),
    wait: perTask((task) => wait({ ...own, "task.name": task }, context)),
    retries: perTask((task) => tallyOf(retries({ ...own, "task.name": task }), context)),
    deadLetters: perTask((task) =>
      oncePerLabel(reasons.length, (reason) =>
        tallyOf(deadLetters({ ...own, "task.name": task, "task.reason": reason }), context)
      )
    ),
    late: tallyOf(late(own), context),
    lapses: tallyOf(lapses(own), context),
    overlaps: tallyOf(overlaps(own), context),
    replayed: tallyOf(replayed(own), context),
    lost: tallyOf(lost(own), context),
    size: (state: "waiting" | "delayed" | "running" | "dead") => size({ ...own, "task.state": state }),
    oldest: oldest(own),
    paused: paused(own),
    running: running(own),
    concurrency: concurrency(own),
    deferred: deferred(own),
    deferredLimit: deferredLimit(own)
  }
}

/** How many outcomes of an offer there are. */
const outcomes = 4

/** Lists why a task is dead. */
const reasons = ["Failed", "Died", "Lost", "Undecodable"] as const

export type Reason = (typeof reasons)[number]

/**
 * Shows the counts of a kind of task before there is anything to count. One that is first seen at
 * its final value has not grown, and no alert would notice it.
 */
export const beginAtZero = ({ consumed, deadLetters, retries }: Metrics, task: string): void => {
  consumed(task)
  retries(task)
  for (const reason of reasons) deadLetters(task)(reason)
}
