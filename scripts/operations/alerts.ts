/** The alerts, with a scale of time: a test that has no hour asks for shorter windows, and for nothing else that differs. */
export interface Alert {
  readonly name: string
  readonly severity: "critical" | "warning" | "info"
  readonly expr: string
  /** Seconds for which it has to hold. */
  readonly for: number
  readonly summary: string
  readonly description: string
  /** An anchor of docs/runbook.md. */
  readonly runbook: string
}

/** How Prometheus writes a time. */
export const duration = (seconds: number): string => {
  const millis = Math.round(seconds * 1000)
  const [unit = "ms", size = 1] = units.find(([, size]) => millis % size === 0) ?? []
  return `${millis / size}${unit}`
}

const units: ReadonlyArray<readonly [unit: string, millis: number]> = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1]
]

const minute = 60
const day = 86_400

/** What Redis says when it will not do what it is asked, though the program asked for nothing wrong. */
const refusals = "OOM|READONLY|NOPERM|NOAUTH|MISCONF|NOREPLICAS"

/**
 * All alerts, each time in them divided by `scale`.
 *
 * A hiccup stays in a window for as long as the window is. So what a few calls can bring about waits for longer than that: the
 * rest is the time for which it has to go on.
 */
export const alerts = (scale = 1): ReadonlyArray<Alert> => {
  const within = (seconds: number): string => `[${duration(seconds / scale)}]`
  return [...ofTheClient(scale, within), ...ofTheCache(scale, within), ...ofTheJournal(scale, within)]
}

type Within = (seconds: number) => string

const busy = (within: Within): string =>
  `histogram_quantile(0.9, sum by (job, le) (rate(redis_client_event_loop_delay_seconds_bucket${within(5 * minute)}))) > 0.1`

const ofTheClient = (scale: number, within: Within): ReadonlyArray<Alert> => [
  {
    name: "RedisCircuitOpen",
    severity: "critical",
    // The gauge knows for how long, also where Prometheus was away.
    expr: `redis_client_circuit_open_duration_seconds > ${minute / scale}`,
    for: 0,
    summary: "{{ $labels.instance }} does without Redis ({{ $labels.redis_client_name }})",
    description: "A circuit has not been closed for {{ $value | humanizeDuration }}.",
    runbook: "circuit-open"
  },
  {
    name: "RedisNotConnected",
    severity: "warning",
    expr: "redis_client_connections < redis_client_connections_wanted",
    for: minute / scale,
    summary: "{{ $labels.instance }} has too few connections to Redis ({{ $labels.redis_client_name }})",
    description: "{{ $value }} connections are ready.",
    runbook: "connection-errors"
  },
  {
    name: "RedisCannotLogIn",
    severity: "critical",
    expr: `sum by (job, redis_client_name, redis_client_connection_reason) (
  increase(redis_client_connection_events_total{redis_client_connection_event="failed", redis_client_connection_reason=~"Auth|Login"}${within(2 * minute)})
) > 0`,
    for: (3 * minute) / scale,
    summary: "{{ $labels.job }} cannot log in to Redis ({{ $labels.redis_client_name }})",
    description:
      "Logins fail ({{ $labels.redis_client_connection_reason }}): {{ $value | humanize }} times in two minutes.",
    runbook: "cannot-log-in"
  },
  {
    name: "RedisManyRetries",
    severity: "warning",
    expr: `sum by (job, redis_client_name) (rate(redis_client_retries_total${within(5 * minute)}))
/ sum by (job, redis_client_name) (rate(db_client_operation_duration_seconds_count${within(5 * minute)}))
> 0.1`,
    for: (10 * minute) / scale,
    summary: "{{ $labels.job }} asks Redis again and again ({{ $labels.redis_client_name }})",
    description: "{{ $value | humanizePercentage }} of the operations are tried again.",
    runbook: "many-retries"
  },
  {
    name: "RedisRefusesCommands",
    severity: "critical",
    expr: `sum by (job, redis_client_name, error_type) (
  rate(redis_client_errors_total{error_type=~"${refusals}"}${within(2 * minute)})
) > 0`,
    for: (3 * minute) / scale,
    summary: "Redis refuses commands of {{ $labels.job }} with {{ $labels.error_type }}",
    description: "{{ $value | humanize }} commands a second ({{ $labels.redis_client_name }}).",
    runbook: "redis-refuses-commands"
  },
  {
    name: "EventLoopBusy",
    severity: "warning",
    expr: busy(within),
    for: (10 * minute) / scale,
    summary: "The event loop of {{ $labels.job }} is blocked",
    description: "One timer in ten is {{ $value | humanizeDuration }} late or more. Redis is not to blame.",
    runbook: "event-loop-busy"
  }
]

const ratio = (range: string): string =>
  `sum by (job, cache_name, cache_region) (rate(cache_requests_total{cache_result="hit"}${range}))
  / sum by (job, cache_name, cache_region) (rate(cache_requests_total${range}))`

const ofTheCache = (scale: number, within: Within): ReadonlyArray<Alert> => [
  {
    name: "CacheWaitsForRedis",
    severity: "warning",
    // A call that waits because its process is busy does not wait for Redis.
    expr: `histogram_quantile(0.99, sum by (job, cache_name, le) (
  rate(cache_operation_duration_seconds_bucket{cache_operation="get"}${within(5 * minute)})
)) > 0.5 * min by (job, cache_name) (cache_patience_seconds)
unless on (job) ${busy(within)}`,
    for: (10 * minute) / scale,
    summary: "Reads of {{ $labels.job }} wait for Redis for more than half of their patience",
    description: "One read in a hundred waits {{ $value | humanizeDuration }} or longer ({{ $labels.cache_name }}).",
    runbook: "reads-wait-for-redis"
  },
  {
    name: "CacheRunsOnMemory",
    severity: "warning",
    expr: `sum by (job, cache_name) (rate(cache_requests_total{cache_name!="memory", cache_source=~"fallback|memory|journal"}${within(5 * minute)}))
/ sum by (job, cache_name) (rate(cache_requests_total{cache_name!="memory"}${within(5 * minute)}))
> 0.5`,
    for: (5 * minute) / scale,
    summary: "{{ $labels.job }} is answered by its memory in the place of Redis ({{ $labels.cache_name }})",
    description: "{{ $value | humanizePercentage }} of the reads did not get their answer from Redis.",
    runbook: "running-on-memory"
  },
  {
    name: "CacheHitRatioHalved",
    severity: "warning",
    expr: `(
  ${ratio(within(10 * minute))}
) < 0.5 * (
  ${ratio(within(day))}
)
and sum by (job, cache_name, cache_region) (rate(cache_requests_total${within(10 * minute)})) > 0.1`,
    for: (10 * minute) / scale,
    summary: "{{ $labels.cache_region }} of {{ $labels.job }} has half of its hits",
    description: "{{ $value | humanizePercentage }} of the reads are hits, less than half of what it was within a day.",
    runbook: "fewer-hits"
  },
  {
    name: "CacheValuesUnreadable",
    severity: "warning",
    expr: `sum by (job, cache_name, cache_region) (rate(cache_unreadable_total${within(5 * minute)})) > 0`,
    for: (15 * minute) / scale,
    summary: "{{ $labels.job }} cannot read stored values of {{ $labels.cache_region }}",
    description: "{{ $value | humanize }} values a second, for longer than a rolling release takes.",
    runbook: "serialization-errors"
  },
  {
    name: "CacheMemoryTooSmall",
    severity: "info",
    expr: `rate(cache_memory_evictions_total${within(10 * minute)}) > 0
and cache_memory_entries < 0.9 * cache_memory_limit`,
    for: (10 * minute) / scale,
    summary: "The memory of {{ $labels.instance }} evicts before it holds the entries it was asked to hold",
    description: "maxBytes is reached before maxEntries: {{ $value | humanize }} entries a second go.",
    runbook: "memory-too-small"
  }
]

const ofTheJournal = (_scale: number, within: Within): ReadonlyArray<Alert> => [
  {
    name: "CacheJournalNearlyFull",
    severity: "warning",
    expr: `cache_journal_deferred / cache_journal_limit > 0.8
or cache_journal_size_bytes / cache_journal_size_limit_bytes > 0.8`,
    for: 0,
    summary: "The journal of {{ $labels.instance }} is nearly full ({{ $labels.cache_name }})",
    description:
      "{{ $value | humanizePercentage }} of what it may hold. When it is full, a region is given up in Redis.",
    runbook: "full-journal"
  },
  {
    name: "CacheRegionGivenUp",
    severity: "warning",
    expr: `increase(cache_journal_overflows_total${within(15 * minute)}) > 0`,
    for: 0,
    summary: "The journal of {{ $labels.instance }} was full ({{ $labels.cache_name }})",
    description: "Regions are emptied in Redis in the place of being told what they missed.",
    runbook: "full-journal"
  }
]
