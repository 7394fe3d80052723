/** Makes findings, and makes one of those that several servers share. */
import type { Finding, Severity } from "../Report.ts"
import type { Facts, Reached, Unreached } from "./facts/Facts.ts"

/** Judges the facts. It asks nothing, and gives nothing where all is well. */
export type Check = (facts: Facts) => ReadonlyArray<Finding>

/** Makes a finding, whose place in the documentation has its name. */
export const finding = (
  id: string,
  severity: Severity,
  title: string,
  evidence: ReadonlyArray<string>,
  remedy: ReadonlyArray<string>
): Finding => ({ id, severity, title, evidence: evidence.map(oneLine), remedy, link: `docs/doctor.md#${id}` })

// OpenSSL ends its messages with a line feed.
const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*(,)?/g, (_, comma) => comma ?? " ").trim()

/** Judges each server that let us in, by itself. */
export const eachReached =
  (judge: (server: Reached, facts: Facts) => ReadonlyArray<Finding>): Check =>
  (facts) =>
    together(facts.servers.flatMap((server) => (server._tag === "Reached" ? judge(server, facts) : [])))

/** Judges each server that could not be reached, by itself. */
export const eachUnreached =
  (judge: (server: Unreached, facts: Facts) => ReadonlyArray<Finding>): Check =>
  (facts) =>
    together(facts.servers.flatMap((server) => (server._tag === "Unreached" ? judge(server, facts) : [])))

/** Makes one finding of those with one name, with the evidence of all of them. */
export const together = (findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> => {
  const byId = new Map<string, Finding>()
  for (const one of findings) {
    const before = byId.get(one.id)
    byId.set(
      one.id,
      before === undefined
        ? one
        : { ...before, evidence: union(before.evidence, one.evidence), remedy: union(before.remedy, one.remedy) }
    )
  }
  return Array.from(byId.values())
}

const union = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): ReadonlyArray<string> =>
  Array.from(new Set([...one, ...other]))

/** A number of INFO, where the server tells it. */
export const numberIn = ({ info }: Reached, name: string): number | undefined => {
  const text = info[name]
  return text === undefined || !/^-?\d+(\.\d+)?$/.test(text) ? undefined : Number(text)
}

/** Tells whether a server is a sentinel, which knows none of Redis' commands. */
export const isSentinel = ({ info }: Reached): boolean => info.redis_mode === "sentinel"

/** So many milliseconds, as a person says it. */
export const timeText = (millis: number): string => {
  if (millis >= 120_000) return `${Math.round(millis / 60_000)} minutes`
  if (millis >= 1000) return `${(millis / 1000).toFixed(1)} s`
  return `${millis >= 10 ? Math.round(millis) : millis.toFixed(1)} ms`
}

/** So many bytes, exact enough to compare what is used with what is allowed. */
export const bytesText = (bytes: number): string => {
  if (bytes < 1_048_576) return `${Math.round(bytes / 1024)} KiB`
  const mebibytes = bytes / 1_048_576
  return `${mebibytes < 10 ? mebibytes.toFixed(2) : Math.round(mebibytes)} MiB`
}
