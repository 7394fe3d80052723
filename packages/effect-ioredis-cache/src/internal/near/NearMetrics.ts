import { defineMetric } from "effect-ioredis/dispatch"

/** The metrics of near regions: see `../Metrics.ts`. */

export const links = defineMetric({
  id: "cache.near.links",
  kind: "gauge",
  unit: "{server}",
  description: "Servers that tell near regions of writes",
  attributes: ["cache.name"]
})({})

export const notices = defineMetric({
  id: "cache.near.notices",
  kind: "counter",
  unit: "{notice}",
  description: "Keys that a server told of as written, and times at which it had forgotten all",
  attributes: ["cache.name"]
})({})

export const demotions = defineMetric({
  id: "cache.near.demotions",
  kind: "counter",
  unit: "{value}",
  description: "Values that near regions no longer answer from memory, because they were written",
  attributes: ["cache.name"]
})({})
