/** What is asked on call, and the query that answers it. docs/monitoring.md has them as a table, and the dashboard draws them. */
export interface Question {
  readonly question: string
  readonly query: string
  readonly row: "Redis" | "The cache" | "The journal" | "Tasks"
  /** As Grafana calls it. */
  readonly unit: "percentunit" | "s" | "ops" | "short"
  /** Names a line by its labels. */
  readonly legend: string
}

const redis = (question: string, unit: Question["unit"], legend: string, query: string): Question => ({
  question,
  query,
  row: "Redis",
  unit,
  legend
})

const cache = (question: string, unit: Question["unit"], legend: string, query: string): Question => ({
  ...redis(question, unit, legend, query),
  row: "The cache"
})

const journal = (question: string, unit: Question["unit"], legend: string, query: string): Question => ({
  ...redis(question, unit, legend, query),
  row: "The journal"
})

export const questions: ReadonlyArray<Question> = [
  redis(
    "Is Redis there?",
    "percentunit",
    "{{instance}} {{redis_client_name}}",
    "redis_client_connections / redis_client_connections_wanted"
  ),
  redis(
    "Which Redis fails, and with what?",
    "ops",
    "{{server_address}}:{{server_port}} {{error_type}}",
    'sum by (server_address, server_port, error_type) (rate(db_client_operation_duration_seconds_count{error_type!=""}[5m]))'
  ),
  redis(
    "Why can it not connect?",
    "short",
    "{{redis_client_connection_reason}}",
    'sum by (redis_client_connection_reason) (increase(redis_client_connection_events_total{redis_client_connection_event="failed"}[5m]))'
  ),
  redis(
    "Is the circuit open, and for how long?",
    "s",
    "{{instance}} {{redis_client_name}}",
    "redis_client_circuit_open_duration_seconds"
  ),
  redis(
    "How many calls does it turn away?",
    "ops",
    "{{instance}} {{redis_client_name}}",
    "rate(redis_client_circuit_rejections_total[5m])"
  ),
  redis(
    "How slow is Redis to its callers?",
    "s",
    "{{db_operation_name}}",
    "histogram_quantile(0.99, sum by (le, db_operation_name) (rate(db_client_operation_duration_seconds_bucket[5m])))"
  ),
  redis(
    "Is Redis slow, or this process?",
    "s",
    "event loop",
    "histogram_quantile(0.99, sum by (le) (rate(redis_client_event_loop_delay_seconds_bucket[5m])))"
  ),
  redis(
    "How many attempts does a call make?",
    "short",
    "attempts",
    "sum(rate(redis_client_attempt_duration_seconds_count[5m])) / sum(rate(db_client_operation_duration_seconds_count[5m]))"
  ),
  cache(
    "Do users notice?",
    "s",
    "{{cache_source}}",
    'histogram_quantile(0.99, sum by (le, cache_source) (rate(cache_operation_duration_seconds_bucket{cache_operation="getOrSet"}[5m])))'
  ),
  cache(
    "Who answers?",
    "ops",
    "{{cache_source}}",
    'sum by (cache_source) (rate(cache_requests_total{cache_result="hit"}[5m]))'
  ),
  cache(
    "How good is the cache?",
    "percentunit",
    "hit ratio",
    'sum(rate(cache_requests_total{cache_result="hit"}[5m])) / sum(rate(cache_requests_total[5m]))'
  ),
  cache("Is the database behind it overloaded?", "short", "lookups in flight", "sum(cache_lookups_in_flight)"),
  cache(
    "How much does sharing spare it?",
    "short",
    "shared by each lookup",
    "sum(rate(cache_lookups_shared_total[5m])) / sum(rate(cache_lookups_total[5m]))"
  ),
  cache("Is old data served?", "ops", "expired values", "sum(rate(cache_stale_total[5m]))"),
  cache("Is memory large enough?", "ops", "{{instance}} {{cache_name}}", "rate(cache_memory_evictions_total[5m])"),
  journal(
    "How near is the journal to its limit?",
    "percentunit",
    "{{instance}} {{cache_name}}",
    "cache_journal_deferred / cache_journal_limit"
  ),
  journal(
    "Were writes given up?",
    "short",
    "{{instance}} {{cache_name}}",
    "increase(cache_journal_overflows_total[1h])"
  ),
  journal(
    "Was Redis told what it missed?",
    "short",
    "{{cache_result}}",
    "sum by (cache_result) (increase(cache_journal_replays_total[10m]))"
  ),
  cache(
    "Can stored values be read?",
    "ops",
    "{{cache_region}}",
    "sum by (cache_region) (rate(cache_unreadable_total[5m]))"
  ),
  redis(
    "Do subscribers miss messages?",
    "short",
    "{{redis_client_gap_reason}}",
    "increase(redis_client_subscription_gaps_total[5m])"
  ),
  redis(
    "Are reserved connections used up?",
    "percentunit",
    "{{instance}} {{redis_client_name}}",
    "redis_client_reservations_in_use / redis_client_reservations_limit"
  )
]
