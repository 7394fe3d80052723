/** The server has as many clients as it takes, or soon will. */
import { type Check, eachReached, eachUnreached, finding, numberIn } from "../finding.ts"

/** Finds a server that refuses connections, or is about to. */
export const clients: Check = (facts) => [...full(facts), ...near(facts)]

const nearShare = 0.9

const full = eachUnreached(({ address, reason, said }) =>
  reason === "TooManyClients"
    ? [
        finding(
          "clients-full",
          "critical",
          "Redis has as many clients as it takes",
          [`${address} answered: ${said}`],
          [...remedy]
        )
      ]
    : []
)

const near = eachReached((server) => {
  const connected = numberIn(server, "connected_clients")
  const most = numberIn(server, "maxclients")
  if (connected === undefined || most === undefined || connected < most * nearShare) return []
  const evidence = `${server.address} has connected_clients:${connected} of maxclients:${most}`
  return [finding("clients-near", "warning", "Redis will soon refuse connections", [evidence], remedy)]
})

const remedy = [
  "Find who keeps connections open: `CLIENT LIST` shows names, addresses and idle times",
  "Raise `maxclients`, and the limit of open files with it"
]
