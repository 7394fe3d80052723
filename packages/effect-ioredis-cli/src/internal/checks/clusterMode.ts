/** The settings say cluster and the server is none, or the reverse. */
import { type Check, eachReached, finding } from "../finding.ts"

/** Finds a server that is another kind of Redis than the settings say. */
export const clusterMode: Check = (facts) => [...noCluster(facts), ...unexpectedCluster(facts)]

const noCluster: Check = ({ place }) => {
  if (place._tag !== "Cluster" || place.problem === undefined) return []
  const { _tag, address, said } = place.problem
  return _tag === "NoCluster"
    ? [
        finding(
          "cluster-disabled",
          "critical",
          "The settings say cluster, and the server is none",
          [`${address}: ${said}`],
          ["Set REDIS_URL in the place of REDIS_CLUSTER_NODES"]
        )
      ]
    : [
        finding(
          "cluster-refused",
          "critical",
          "Nobody tells which server of the cluster has which keys",
          [`${address}: ${said}`],
          ["Grant the user, on each node: ACL SETUSER <user> +cluster|slots +cluster|info +asking"]
        )
      ]
}

const unexpectedCluster = eachReached(({ address, info }, { place }) =>
  place._tag !== "Cluster" && info.cluster_enabled === "1"
    ? [
        finding(
          "cluster-unexpected",
          "critical",
          "This is a node of a cluster, and the settings say one server",
          [`${address} says cluster_enabled:1, so that it answers MOVED for the keys of other nodes`],
          [`Set REDIS_CLUSTER_NODES=${address} in the place of REDIS_URL (REDIS_PASSWORD and REDIS_TLS stay)`]
        )
      ]
    : []
)
