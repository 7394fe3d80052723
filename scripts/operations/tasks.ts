/** What is asked on call of queues of tasks, and the alerts for them: see `questions.ts` and `alerts.ts`. */
import { type Alert, duration } from "./alerts.ts"
import type { Question } from "./questions.ts"

const minute = 60

const queue = "job, redis_client_name, messaging_destination_name"

/** The alerts of queues, each time in them divided by `scale`. */
export const taskAlerts = (scale = 1): ReadonlyArray<Alert> => {
  const within = (seconds: number): string => `[${duration(seconds / scale)}]`
  const grew = (metric: string, by = queue) => `sum by (${by}) (increase(${metric}${within(15 * minute)}))`
  return [
    {
      name: "TasksWait",
      severity: "warning",
      // Every process tells of the same queue.
      expr: `max by (${queue}) (task_queue_oldest_seconds) > ${(5 * minute) / scale}`,
      for: (5 * minute) / scale,
      summary: "Tasks of {{ $labels.messaging_destination_name }} wait",
      description: "The oldest has waited for {{ $value | humanizeDuration }} and was not begun.",
      runbook: "tasks-wait"
    },
    {
      name: "TaskQueuePaused",
      severity: "info",
      expr: `max by (${queue}) (task_queue_paused) > 0
and max by (${queue}) (task_queue_size{task_state="waiting"}) > 0`,
      for: (60 * minute) / scale,
      summary: "The queue {{ $labels.messaging_destination_name }} has been paused for an hour, and tasks wait",
      description: "Nothing is handed out until somebody calls resume.",
      runbook: "tasks-wait"
    },
    {
      name: "TasksDead",
      severity: "warning",
      expr: `${grew("task_dead_letters_total", `${queue}, task_name, task_reason`)} > 0`,
      for: 0,
      summary: "Tasks {{ $labels.task_name }} of {{ $labels.messaging_destination_name }} are dead",
      description: "{{ $value | humanize }} within a quarter of an hour ({{ $labels.task_reason }}).",
      runbook: "dead-letters"
    },
    {
      name: "TasksRetried",
      severity: "warning",
      expr: `sum by (${queue}, task_name) (rate(task_retries_total${within(5 * minute)}))
/ sum by (${queue}, task_name) (rate(messaging_process_duration_seconds_count${within(5 * minute)}))
> 0.2`,
      for: (10 * minute) / scale,
      summary: "Tasks {{ $labels.task_name }} of {{ $labels.messaging_destination_name }} fail and are tried again",
      description: "{{ $value | humanizePercentage }} of the attempts are followed by another.",
      runbook: "tasks-fail"
    },
    {
      name: "TasksRunTwice",
      severity: "warning",
      expr: `${grew("task_settlements_late_total")} > 0
or ${grew("task_overlaps_total")} > 0`,
      for: 0,
      summary: "Tasks of {{ $labels.messaging_destination_name }} are run by two workers",
      description: "{{ $value | humanize }} within a quarter of an hour: their handlers outlived their leases.",
      runbook: "tasks-run-twice"
    },
    {
      name: "TaskOffersNearlyFull",
      severity: "warning",
      expr: "task_offers_deferred / task_offers_limit > 0.8",
      for: 0,
      summary: "{{ $labels.instance }} keeps nearly as many tasks as it may ({{ $labels.messaging_destination_name }})",
      description: "{{ $value | humanizePercentage }} of its limit. When that is reached, offers fail.",
      runbook: "tasks-are-not-accepted"
    },
    {
      name: "TaskOffersLost",
      severity: "critical",
      expr: `${grew("task_offers_lost_total")} > 0`,
      for: 0,
      summary: "Tasks of {{ $labels.messaging_destination_name }} that were accepted are lost",
      description: "{{ $value | humanize }} within a quarter of an hour: Redis was never told of them.",
      runbook: "tasks-are-not-accepted"
    }
  ]
}

const tasks = (question: string, unit: Question["unit"], legend: string, query: string): Question => ({
  question,
  query,
  row: "Tasks",
  unit,
  legend
})

export const taskQuestions: ReadonlyArray<Question> = [
  tasks(
    "How many tasks wait?",
    "short",
    "{{messaging_destination_name}} {{task_state}}",
    "max by (messaging_destination_name, task_state) (task_queue_size)"
  ),
  tasks(
    "For how long does the oldest wait?",
    "s",
    "{{messaging_destination_name}}",
    "max by (messaging_destination_name) (task_queue_oldest_seconds)"
  ),
  tasks(
    "How late are tasks begun?",
    "s",
    "{{task_name}}",
    "histogram_quantile(0.99, sum by (le, task_name) (rate(task_wait_duration_seconds_bucket[5m])))"
  ),
  tasks(
    "What is offered, and what comes of it?",
    "ops",
    "{{messaging_destination_name}} {{task_offer_outcome}}",
    "sum by (messaging_destination_name, task_offer_outcome) (rate(messaging_client_sent_messages_total[5m]))"
  ),
  tasks(
    "How long do handlers take?",
    "s",
    "{{task_name}}",
    "histogram_quantile(0.99, sum by (le, task_name) (rate(messaging_process_duration_seconds_bucket[5m])))"
  ),
  tasks(
    "What do handlers fail with?",
    "ops",
    "{{task_name}} {{error_type}}",
    'sum by (task_name, error_type) (rate(messaging_process_duration_seconds_count{error_type!=""}[5m]))'
  ),
  tasks(
    "Are the workers busy?",
    "percentunit",
    "{{messaging_destination_name}}",
    "sum by (messaging_destination_name) (task_worker_running) / sum by (messaging_destination_name) (task_worker_concurrency)"
  ),
  tasks(
    "Which tasks are dead?",
    "short",
    "{{task_name}} {{task_reason}}",
    "sum by (task_name, task_reason) (increase(task_dead_letters_total[1h]))"
  ),
  tasks(
    "Does anything run twice?",
    "short",
    "{{messaging_destination_name}}",
    "sum by (messaging_destination_name) (increase(task_settlements_late_total[1h])) + sum by (messaging_destination_name) (increase(task_overlaps_total[1h]))"
  ),
  tasks(
    "How many tasks wait for Redis?",
    "percentunit",
    "{{instance}} {{messaging_destination_name}}",
    "task_offers_deferred / task_offers_limit"
  ),
  tasks(
    "Were accepted tasks lost?",
    "short",
    "{{messaging_destination_name}}",
    "sum by (messaging_destination_name) (increase(task_offers_lost_total[1h]))"
  )
]
