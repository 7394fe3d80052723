/** Nothing listens there, the name is not known, or nobody answers. */
import type { Facts, Reached, Unreached } from "../facts/Facts.ts"
import { type Check, eachReached, eachUnreached, finding, timeText } from "../finding.ts"

/** Finds servers without which there is nothing to look at. */
export const reachable: Check = (facts) => [...unreached(facts), ...stopped(facts), ...ended(facts), ...other(facts)]

const unreached = eachUnreached((server, facts) => {
  // What of a cluster is away is told with the slots that it leaves behind.
  if (facts.place._tag === "Cluster" && facts.place.view !== undefined) return []
  if (server.speaksTls || server.speaksPlain) return []
  return judge(server, facts)
})

const judge = (server: Unreached, facts: Facts) => {
  const { address, said, waited } = server
  const where = whereSet(facts)
  const words = said === "" ? "" : `: ${said}`
  switch (server.reason) {
    case "Refused":
      return [
        finding(
          "down",
          "critical",
          "Redis is down: nothing listens there",
          [`${address} refused the connection${words}`],
          [
            `Start Redis, or correct host and port (${where})`,
            "Look at its log if it should be running, and at `bind` in redis.conf if it runs on another machine"
          ]
        )
      ]
    case "Dns":
      return [
        finding(
          "dns",
          "critical",
          "The name of the host is not known",
          [`${address} was not resolved${words}`],
          [`Correct the name (${where}), or look at the DNS of this machine: \`getent hosts <name>\``]
        )
      ]
    case "NotReady":
      return [
        finding(
          "not-ready",
          "critical",
          "Redis is not ready to serve",
          [`${address} answered${words}`],
          ["Wait until it has read its data, and look at its log: `redis-cli INFO persistence` says how far it is"]
        )
      ]
    case "Timeout":
    case "Stalled":
      return server.accepts
        ? [silent(`${address} took the connection and answered nothing for ${timeText(waited)}`)]
        : [unreachable(`${address} did not take a connection within ${timeText(waited)}`, where)]
    case "Reset":
    case "Closed":
      if (server.code === "ERR_REDIS_PROTOCOL") return [notRedis(`${address} answers, and not as Redis does`, facts)]
      return server.accepts
        ? [unreachable(`${address} took the connection and ended it before the login was over${words}`, where)]
        : [unreachable(`${address} could not be connected to${words}`, where)]
    default:
      return []
  }
}

const stopped = eachReached(({ address, silence }: Reached) =>
  silence === undefined || silence.isEnd
    ? []
    : [silent(`${address} let us in, and did not answer ${silence.command} within ${timeText(silence.waited)}`)]
)

const ended = eachReached(({ address, isOther, loss }: Reached) =>
  loss === undefined || isOther
    ? []
    : [
        finding(
          "hung-up",
          "critical",
          "Redis ends connections that it has let in",
          [`${address} let us in, and ended the connection at ${loss.command}: ${loss.said}`],
          [
            "Look at its log, and whether it was stopped or restarted just now: `redis-cli INFO server` has `uptime_in_seconds`",
            "Look whether something between here and Redis (a proxy, a load balancer) ends connections"
          ]
        )
      ]
)

const other = eachReached(({ address, isOther }, facts) =>
  isOther ? [notRedis(`${address} answered PING with something else than PONG`, facts)] : []
)

const notRedis = (evidence: string, facts: Facts) =>
  finding(
    "not-redis",
    "critical",
    "Something else than Redis answers there",
    [evidence],
    [
      `Correct host and port (${whereSet(facts)}): another service listens there, or a proxy answers in the place of Redis`
    ]
  )

const silent = (evidence: string) =>
  finding(
    "silent",
    "critical",
    "Redis takes connections and does not answer",
    [evidence],
    [
      "Look whether its process is stopped, swaps, or is busy with one long command: `redis-cli --latency`, `SLOWLOG GET`",
      "Look whether something between here and Redis (a firewall, a proxy, a tunnel) swallows what is sent"
    ]
  )

const unreachable = (evidence: string, where: string) =>
  finding(
    "unreachable",
    "critical",
    "Redis cannot be reached from here",
    [evidence],
    [
      `Check host and port (${where}), and that a firewall or a security group lets this machine through`,
      "Check that what listens there is Redis"
    ]
  )

const whereSet = ({ place }: Facts): string => {
  if (place._tag === "Cluster") return "REDIS_CLUSTER_NODES"
  return place._tag === "Sentinel"
    ? "what the sentinels tell, or REDIS_NAT_MAP"
    : "REDIS_URL, or REDIS_HOST and REDIS_PORT"
}
