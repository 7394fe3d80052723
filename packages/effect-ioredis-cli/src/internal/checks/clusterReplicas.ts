/** Masters whose keys are lost with them. */
import { type Check, finding } from "../finding.ts"

/** Finds masters of a cluster that nobody could replace. */
export const clusterReplicas: Check = ({ place }) => {
  if (place._tag !== "Cluster" || place.view === undefined) return []
  const alone = place.view.ranges.filter(({ replicas }) => replicas === 0).map(({ master }) => master)
  if (alone.length === 0) return []
  const masters = Array.from(new Set(alone))
  return [
    finding(
      "cluster-replicas",
      "warning",
      "Masters have no replica: their keys cannot be used while they are away",
      masters.map((master) => `${master} has no replica that is alive`),
      ["Start the replicas, or add some: `redis-cli --cluster add-node <new> <known> --cluster-slave`"]
    )
  ]
}
