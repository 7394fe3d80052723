import { Effect } from "effect"
import { type Call, type History, keysOf, type ProcessOptions, type Step } from "./History.ts"

/**
 * The smallest history found that still fails: steps are dropped, first many at once, and what is left is made plainer, until nothing more
 * can go.
 */
export const shrink = <A>(
  history: History,
  fails: (history: History) => Effect.Effect<A | undefined>,
  budget = 600
): Effect.Effect<History> =>
  Effect.gen(function* () {
    let smallest = history
    let runs = 0
    let before: History | undefined
    while (before !== smallest && runs < budget) {
      before = smallest
      for (let size = Math.ceil(smallest.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
        for (let from = smallest.steps.length - size; from >= 0; from -= size) {
          const steps = smallest.steps.filter((_, index) => index < from || index >= from + size)
          if (++runs > budget) return smallest
          if ((yield* fails({ ...smallest, steps })) !== undefined) smallest = { ...smallest, steps }
        }
      }
      let retry = true
      while (retry) {
        retry = false
        for (const candidate of plainer(smallest)) {
          if (++runs > budget) return smallest
          if ((yield* fails(candidate)) === undefined) continue
          smallest = candidate
          retry = true
          break
        }
      }
    }
    return smallest
  })

const plainer = (history: History): ReadonlyArray<History> => [
  ...(history.latency > 0 ? [{ ...history, latency: 0 }] : []),
  ...(history.cramped ? [{ ...history, cramped: false }] : []),
  ...(history.world._tag === "Cluster" && history.world.fullCoverage
    ? [{ ...history, world: { ...history.world, fullCoverage: false } }]
    : []),
  ...(history.denied.length > 0 ? [{ ...history, denied: [] }] : []),
  ...(history.processes.length > 1
    ? [{ ...history, processes: history.processes.slice(0, -1), steps: withoutLast(history) }]
    : []),
  ...history.processes.flatMap((process, index) =>
    plainerProcesses(process).map((other) => ({ ...history, processes: history.processes.with(index, other) }))
  ),
  ...history.steps.flatMap((step, index) =>
    plainerSteps(step).map((other) => ({ ...history, steps: history.steps.with(index, other) }))
  )
]

const withoutLast = ({ processes, steps }: History): ReadonlyArray<Step> =>
  steps.filter((step) => !("process" in step) || step.process < processes.length - 1)

const plainerProcesses = (process: ProcessOptions): ReadonlyArray<ProcessOptions> => [
  ...(process.connections > 1 ? [{ ...process, connections: process.connections - 1 }] : []),
  ...(process.clockOffset === 0 ? [] : [{ ...process, clockOffset: 0 }]),
  ...(process.health ? [{ ...process, health: false }] : [])
]

const plainerSteps = (step: Step): ReadonlyArray<Step> => {
  switch (step._tag) {
    case "Call":
      return [
        ...(step.process > 0 ? [{ ...step, process: step.process - 1 }] : []),
        ...(step.actor > 0 ? [{ ...step, actor: step.actor - 1 }] : []),
        ...(step.cache > 0 ? [{ ...step, cache: 0 }] : []),
        ...plainerCalls(step.call).map((call) => ({ ...step, call }))
      ]
    case "Interrupt":
      return step.actor > 0 ? [{ ...step, actor: step.actor - 1 }] : []
    case "Wait":
      return [0, 1, 10, 100, 1000, 6000].filter((millis) => millis < step.millis).map((millis) => ({ ...step, millis }))
    case "Cut":
      return step.at === undefined ? [] : [{ ...step, at: undefined }]
    case "MoveSlot":
    case "Migrate":
      return step.to > 0 ? [{ ...step, to: step.to - 1 }] : []
    case "Kill":
      return step.freezes ? [{ ...step, freezes: false }] : []
    case "Isolate":
      return step.noticed ? [{ ...step, noticed: false }] : []
    case "Hold":
    case "Release":
    case "Mute":
    case "Lose":
      return step.which === "all"
        ? [
            { ...step, which: "link" },
            { ...step, which: "data" }
          ]
        : []
    case "Foreign":
      return [...(step.region > 0 ? [{ ...step, region: 0 }] : []), ...(step.key > 0 ? [{ ...step, key: 0 }] : [])]
    case "Restart":
      return step.data === "dump" ? [{ ...step, data: "kept" }] : []
    case "Resync":
    case "Switch":
      return step.cut ? [{ ...step, cut: false }] : []
    default:
      return []
  }
}

const plainerCalls = (call: Call): ReadonlyArray<Call> => {
  const { region } = call
  const [key = 0] = keysOf(call)
  const moved: ReadonlyArray<Call> = [
    ...(region > 0 ? [{ ...call, region: 0 }] : []),
    ...("key" in call && key > 0 ? [{ ...call, key: 0 }] : []),
    ...("life" in call && call.life < 600_000 ? [{ ...call, life: 600_000 }] : []),
    ...("takes" in call && call.takes > 0 ? [{ ...call, takes: 0 }] : []),
    ...("fails" in call && call.fails ? [{ ...call, fails: false }] : [])
  ]
  switch (call._tag) {
    case "GetMany":
      return [...moved, { _tag: "Get", region, key }]
    case "RemoveMany":
      return [...moved, { _tag: "Remove", region, key }]
    case "SetMany":
      return [...moved, { _tag: "Set", region, key, life: call.life }]
    case "GetOrSet":
      return [...moved, { _tag: "Set", region, key, life: call.life }]
    default:
      return moved
  }
}
