/** Queues of tasks: a Redis that may lose them, and what waits or is dead. */
import type { Queue, Reached } from "../facts/Facts.ts"
import { type Check, eachReached, finding, together, timeText } from "../finding.ts"

// Whoever offers a task expects it to be begun sooner.
const longestWait = 5 * 60_000

/** Finds queues that Redis may lose, that hold dead letters, or whose tasks wait. */
export const queues: Check = (facts) => [
  ...eachReached((server) =>
    server.queues.length === 0
      ? []
      : [
          // What durable data need is said by the checks for them.
          ...(facts.use === "cache" ? storage(server) : []),
          ...server.queues.flatMap((queue) => together([...dead(queue), ...waiting(queue)]))
        ]
  )(facts),
  ...unknown(facts)
]

const storage = ({ address, info, queues, save }: Reached) => {
  const names = queues.map(({ name }) => name).join(", ")
  const { aof_enabled: appends, maxmemory_policy: policy } = info
  return [
    ...(policy?.startsWith("allkeys")
      ? [
          finding(
            "queue-eviction",
            "critical",
            "Redis evicts tasks when memory is full, without telling anybody",
            [`${address} says maxmemory_policy:${policy}, and has the queues ${names}`],
            [
              "Give the tasks a Redis of their own, with maxmemory-policy noeviction",
              "Or set volatile-lru, which evicts values of caches and results of tasks alone: CONFIG SET maxmemory-policy volatile-lru"
            ]
          )
        ]
      : []),
    ...(appends === "0" && save === ""
      ? [
          finding(
            "queue-persistence",
            "critical",
            "Nothing is saved to disk: a restart loses all tasks",
            [`${address} says aof_enabled:0 and save "", and has the queues ${names}`],
            ["Set `appendonly yes` in redis.conf, and now: CONFIG SET appendonly yes"]
          )
        ]
      : [])
  ]
}

const dead = ({ dead, name }: Queue) =>
  dead === 0
    ? []
    : [
        finding(
          "queue-dead",
          "warning",
          "Tasks are dead: nobody tries them again",
          [`The queue ${name} has ${dead} dead letters`],
          ["Look at them by queue.deadLetters, mend the cause, then queue.replay them or cancel them"]
        )
      ]

const waiting = ({ isPaused, name, oldest, waiting }: Queue) => {
  const evidence = [`The queue ${name} has ${waiting} tasks, the oldest of which waits for ${timeText(oldest)}`]
  if (isPaused && waiting > 0) {
    return [
      finding("queue-paused", "warning", "A queue hands nothing out, and tasks wait", evidence, [
        "queue.resume, once whoever paused it agrees"
      ])
    ]
  }
  return oldest < longestWait
    ? []
    : [
        finding("queue-waiting", "warning", "Tasks wait to be begun", evidence, [
          "Look whether workers run, and whether all of their handlers are busy: docs/runbook.md#tasks-wait"
        ])
      ]
}

const unknown: Check = ({ queues = [], servers }) => {
  if (servers.some(({ _tag }) => _tag === "Unreached")) return []
  const known = new Set(
    servers.flatMap((server) => (server._tag === "Reached" ? server.queues : [])).map(({ name }) => name)
  )
  const missing = queues.filter((name) => !known.has(name))
  return missing.length === 0
    ? []
    : [
        finding(
          "queue-unknown",
          "notice",
          "A queue that was named is not there",
          missing.map((name) => `Nothing is known of the queue ${name}`),
          [
            "Write it as the program does, behind its prefix where that is not `tasks`: --queue shop:mails. It may never have been used"
          ]
        )
      ]
}
