/** Sentinels that are none, do not know the master, do not answer, or could not replace it. */
import type { Sentinel, Sentinels, SentinelView } from "../facts/Facts.ts"
import { type Check, eachReached, finding, isSentinel } from "../finding.ts"

/** Finds what is wrong with the sentinels. */
export const sentinels: Check = (facts) => [
  ...(facts.place._tag === "Sentinel" ? judge(facts.place) : []),
  ...unexpected(facts)
]

const unexpected = eachReached((server) =>
  isSentinel(server)
    ? [
        finding(
          "sentinel-unexpected",
          "critical",
          "This is a sentinel, and the settings take it for Redis",
          [`${server.address} says redis_mode:sentinel`],
          [
            `Set REDIS_SENTINELS=${server.address} and REDIS_SENTINEL_MASTER in the place of REDIS_URL: SENTINEL MASTERS lists the names`,
            "Its own password is REDIS_SENTINEL_PASSWORD; REDIS_PASSWORD is the master's"
          ]
        )
      ]
    : []
)

const judge = ({ master, sentinels }: Sentinels) => {
  const views = sentinels.flatMap(({ answer }) => (answer._tag === "View" ? [answer] : []))
  const [view] = views
  return view === undefined
    ? [nobodyKnows(master, sentinels)]
    : [...masterDown(master, view), ...quorum(master, view, views.length, sentinels)]
}

const nobodyKnows = (master: string, sentinels: ReadonlyArray<Sentinel>) => {
  const evidence = sentinels.map(saying)
  if (sentinels.some(({ answer }) => answer._tag === "Unknown")) {
    return finding("sentinel-unknown-master", "critical", `The sentinels know no master named ${master}`, evidence, [
      "Correct REDIS_SENTINEL_MASTER: `redis-cli -p 26379 SENTINEL MASTERS` lists the names"
    ])
  }
  if (sentinels.some(({ answer }) => answer._tag === "NoSentinel")) {
    return finding("sentinel-disabled", "critical", "The settings name sentinels, and the servers are none", evidence, [
      "Correct REDIS_SENTINELS: their port is 26379 unless somebody changed it",
      "Or set REDIS_URL in the place of REDIS_SENTINELS and REDIS_SENTINEL_MASTER, if that is the Redis that you mean"
    ])
  }
  if (sentinels.some(({ answer }) => answer._tag === "Refused")) {
    return finding("sentinel-refused", "critical", "The sentinels refuse to tell who the master is", evidence, [
      "Set REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD: sentinels have users of their own",
      "Grant that user what it needs: ACL SETUSER <user> +client|setname +sentinel|master +sentinel|get-master-addr-by-name"
    ])
  }
  return finding("sentinel-down", "critical", "No sentinel answers, so nobody says who the master is", evidence, [
    "Start the sentinels, or correct REDIS_SENTINELS: their port is 26379 unless somebody changed it"
  ])
}

const masterDown = (master: string, { flags, host, port }: SentinelView) => {
  const down = flags.filter((flag) => /^[so]_down$/.test(flag))
  return down.length === 0
    ? []
    : [
        finding(
          "sentinel-master-down",
          "critical",
          `The sentinels take the master ${master} for dead`,
          [`${host}:${port} has the flags ${flags.join(",")}`],
          [
            "Wait for the failover, or look at the sentinels' logs where none comes: SENTINEL CKQUORUM says what is missing"
          ]
        )
      ]
}

const quorum = (master: string, view: SentinelView, answering: number, sentinels: ReadonlyArray<Sentinel>) => {
  const majority = Math.floor(view.sentinels / 2) + 1
  const needed = Math.max(view.quorum, majority)
  const evidence = [
    `${view.sentinels} ${view.sentinels === 1 ? "sentinel watches" : "sentinels watch"} ${master}, quorum ${view.quorum}, majority ${majority}; ${answering} of the ${sentinels.length} that were named answer`,
    ...sentinels.filter(({ answer }) => answer._tag !== "View").map(saying)
  ]
  const away = sentinels.length - answering
  // Those who are away need not be of those who watch: whoever answers does.
  if (answering < needed && view.sentinels - away < needed) {
    const remedy = ["Start the sentinels that are away: until then a dead master is not replaced"]
    return [
      finding("sentinel-quorum", "critical", "Too few sentinels are left to replace a dead master", evidence, remedy)
    ]
  }
  if (view.sentinels < 3 || view.replicas === 0) {
    const why =
      view.replicas === 0
        ? "The master has no replica that could take over"
        : "Fewer than three sentinels watch the master"
    const remedy = ["Have three sentinels or more on machines that fail one by one, and a replica or two"]
    return [finding("sentinel-redundancy", "warning", why, evidence, remedy)]
  }
  if (away === 0) return []
  return [
    finding("sentinel-away", "warning", "Some of the sentinels do not answer", evidence, [
      "Start them, or take them out of REDIS_SENTINELS"
    ])
  ]
}

const saying = ({ address, answer }: Sentinel): string => {
  switch (answer._tag) {
    case "View":
      return `${address} knows the master`
    case "Unknown":
      return `${address} knows no master of that name`
    case "Refused":
    case "NoSentinel":
    case "Unreached":
      return `${address}: ${answer.said}`
  }
}
