import type { Scenario } from "../Scenario.ts"
import { breaker } from "./breaker.ts"
import { cluster } from "./cluster.ts"
import { coldStart } from "./cold-start.ts"
import { footprint } from "./footprint.ts"
import { get } from "./get.ts"
import { grid } from "./grid.ts"
import { heap } from "./heap.ts"
import { held } from "./held.ts"
import { memory } from "./memory.ts"
import { mixed } from "./mixed.ts"
import { near } from "./near.ts"
import { nearMemory } from "./near-memory.ts"
import { open } from "./open.ts"
import { outage } from "./outage.ts"
import { pipeline } from "./pipeline.ts"
import { reads } from "./reads.ts"
import { set } from "./set.ts"
import { storm } from "./storm.ts"
import { taskOutage } from "./task-outage.ts"
import { tasks } from "./tasks.ts"
import { tracing } from "./tracing.ts"

/** All of them, in the order in which they run. */
export const scenarios: ReadonlyArray<Scenario> = [
  get,
  set,
  reads,
  pipeline,
  held,
  near,
  storm,
  tasks,
  cluster,
  memory,
  breaker,
  open,
  tracing,
  mixed,
  coldStart,
  footprint,
  nearMemory,
  outage,
  taskOutage,
  heap,
  grid
]
