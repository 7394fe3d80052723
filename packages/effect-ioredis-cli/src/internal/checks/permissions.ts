/** The user may not do what the library wants. */
import type { Denial, Facts, Reached } from "../facts/Facts.ts"
import { type Check, eachReached, finding, isSentinel } from "../finding.ts"

/** Finds commands that are refused, with what each costs, and the line that grants them. */
export const permissions: Check = eachReached((server, facts) => {
  if (isSentinel(server)) return []
  const needed = server.denied.filter(({ want }) => want.by !== "near")
  const ofNear = server.denied.filter(({ want }) => want.by === "near")
  return [
    ...(needed.length === 0
      ? []
      : [
          finding(
            "permissions",
            needed.some(({ want }) => want.essential) ? "critical" : "warning",
            `User ${server.user} may not do what the library needs`,
            needed.map((denial) => evidenceOf(server, denial)),
            [grant(server, facts, needed)]
          )
        ]),
    ...(ofNear.length === 0
      ? []
      : [
          finding(
            "permissions-near",
            "notice",
            `User ${server.user} may not do what near regions need`,
            ofNear.map((denial) => evidenceOf(server, denial)),
            [`Only where a region has \`near\`: ${grant(server, facts, ofNear)}`]
          )
        ])
  ]
})

const evidenceOf = ({ address }: Reached, { said, want }: Denial): string =>
  `${address} refused ${nameOf(want.rule)} (${said}): ${want.loss}`

const nameOf = (rule: string): string => rule.slice(1).replace("|", " ").toUpperCase()

const grant = ({ user }: Reached, { place, prefix }: Facts, denied: ReadonlyArray<Denial>): string => {
  const keys = denied.some(({ said }) => / key/.test(said)) ? ` ~${prefix}:*` : ""
  const channels = denied.some(({ said }) => / channel/.test(said)) ? " &__redis__:invalidate" : ""
  const rules = denied.map(({ want }) => want.rule).join(" ")
  const nodes = place._tag === "Cluster" ? ", on each node" : ""
  return `Grant it${nodes}: ACL SETUSER ${user}${keys}${channels} ${rules}`
}
