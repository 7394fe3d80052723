import { Effect } from "effect"
import { alerts } from "../../scripts/operations/alerts.ts"
import type { Fault } from "./Fault.ts"
import { type Recording, scale } from "./Recording.ts"

/** An alert of one program, and when it fired, in seconds from the beginning of the fault. */
export interface Fired {
  readonly job: string
  readonly alert: string
  readonly from: number
  readonly until: number
  readonly isOver: boolean
}

/** Seconds between two looks. */
export const step = 0.5

/** All alerts that fired, in the order in which they did. */
export const all = Effect.fnUntraced(function* ({ beganAt, endedAt, prometheus, startedAt }: Recording) {
  const found = yield* prometheus.over('ALERTS{alertstate="firing"}', startedAt, endedAt, step)
  const fired = found.map(({ labels: { alertname = "", job = "" }, points }): Fired => {
    const times = points.map(([at]) => at)
    const until = Math.max(...times)
    return {
      job,
      alert: alertname,
      from: Math.min(...times) - beganAt,
      until: until - beganAt,
      isOver: until < endedAt - 2
    }
  })
  return fired.sort((one, other) => one.from - other.from)
})

/**
 * The moments at which even the event loop of the program that no fault befalls was busy: then it is the machine, and what depends
 * on it says nothing of a fault.
 */
export const control = Effect.fnUntraced(function* ({ beganAt, endedAt, prometheus, startedAt }: Recording) {
  const busy = alerts(scale).find(({ name }) => name === "EventLoopBusy")?.expr ?? ""
  const found = yield* prometheus.over(busy, startedAt, endedAt, step)
  return found
    .filter(({ labels }) => labels.job === "healthy")
    .flatMap(({ points }) => points.map(([at]) => at - beganAt))
})

const ofTheMachine = ["CacheWaitsForRedis", "EventLoopBusy"]

// An alert outlives what it tells of by a window.
const outlives = 12

const isExcused = ({ alert, from, until }: Fired, control: ReadonlyArray<number>): boolean =>
  ofTheMachine.includes(alert) && control.some((at) => at > from - outlives && at < until + outlives)

const namesOf = (fired: ReadonlyArray<Fired>): ReadonlyArray<string> =>
  Array.from(new Set(fired.map(({ alert }) => alert))).sort()

/** What is not as the table of faults says, line by line. */
export const problems = (
  faults: ReadonlyArray<Fault>,
  all: ReadonlyArray<Fired>,
  control: ReadonlyArray<number>
): ReadonlyArray<string> => {
  const belongs = ({ alert, job }: Fired) => faults.some(({ must, name }) => name === job && must.includes(alert))
  const fired = all.filter((one) => belongs(one) || !isExcused(one, control))
  const silent = faults.filter(({ isOneOfTen, must }) => isOneOfTen && must.length === 0)
  return [
    ...(silent.length > 1 ? [`${silent.map(({ name }) => name).join(" and ")} have no alert, and only one may`] : []),
    ...fired.filter(({ from }) => from < 0).map(({ alert, job }) => `${job}: ${alert} fired while all was well`),
    ...fired
      .filter(({ isOver, job }) => !isOver && faults.some(({ lasts, name }) => name === job && lasts !== true))
      .map(({ alert, job }) => `${job}: ${alert} still fires at the end`),
    ...faults.flatMap(({ may = [], must, name }) => {
      const names = namesOf(fired.filter(({ job }) => job === name))
      return [
        ...must.filter((alert) => !names.includes(alert)).map((alert) => `${name}: ${alert} did not fire`),
        ...names
          .filter((alert) => !must.includes(alert) && !may.includes(alert))
          .map((alert) => `${name}: ${alert} fired, and does not belong to it`)
      ]
    })
  ]
}

/** A line for each fault: which alerts fired, and how many seconds after it. */
export const table = (faults: ReadonlyArray<Fault>, fired: ReadonlyArray<Fired>): ReadonlyArray<string> =>
  faults.map(({ name }) => {
    const own = fired.filter(({ job }) => job === name)
    const first = namesOf(own).map((alert) => {
      const from = Math.min(...own.filter((one) => one.alert === alert).map((one) => one.from))
      return `${alert} (${from.toFixed(0)} s)`
    })
    return `${name}: ${first.join(", ") || "none"}`
  })
