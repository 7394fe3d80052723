import { Duration, Redacted } from "effect"
import type { Document, Settings } from "../../RuntimeSettings.ts"

/**
 * Gives what several documents say together for a location. A later document wins over an earlier
 * one, setting by setting, and within each what is said for the location wins over what is said for
 * all.
 */
export const effective = (documents: ReadonlyArray<Document>, location: string | undefined): Settings =>
  documents
    .flatMap(({ locations, ...overall }) => [overall, (location !== undefined && locations?.[location]) || {}])
    .reduce(merge, {})

/** Gives what one says, in the place of what the other says of the same settings. */
export const merge = <A extends object>(before: A, after: A): A => {
  const merged = new Map<string, unknown>(Object.entries(before))
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue
    const known = merged.get(key)
    merged.set(key, isGroup(value) ? merge(isGroup(known) ? known : {}, value) : value)
  }
  // It has the keys of both, and each group is merged of groups.
  return Object.fromEntries(merged) as unknown as A
}

/** Gives the document with what is secret redacted, so that it may be shown. */
export const sealed = (document: Document): Document => {
  const { locations } = document
  const all = sealedOverall(document)
  return locations === undefined
    ? all
    : {
        ...all,
        locations: Object.fromEntries(Object.entries(locations).map(([name, one]) => [name, sealedOverall(one)]))
      }
}

const sealedOverall = <A extends Settings>(settings: A): A => {
  const { connection } = settings
  if (connection === undefined) return settings
  const { password, url } = connection
  return {
    ...settings,
    connection: {
      ...connection,
      ...(url !== undefined && { url: sealedText(url) }),
      ...(password !== undefined && { password: sealedText(password) })
    }
  }
}

const sealedText = (text: string | Redacted.Redacted<string>): Redacted.Redacted<string> =>
  Redacted.isRedacted(text) ? text : Redacted.make(text)

/** Tells whether a value holds settings, and is none itself. */
export const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !Duration.isDuration(value) &&
  !isDurationObject(value) &&
  !Redacted.isRedacted(value)

// Such as `{ seconds: 2 }`, which is one value. What else has such a name, as a region may, is a
// group.
const isDurationObject = (value: object): boolean => {
  const parts = Object.entries(value)
  return parts.length > 0 && parts.every(([unit, amount]) => units.has(unit) && typeof amount === "number")
}

const units: ReadonlySet<string> = new Set<keyof Duration.DurationObject>([
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
])

/** Names the settings that two documents say differently. */
export const changed = (before: object, after: object, path = ""): ReadonlyArray<string> =>
  Array.from(new Set([...Object.keys(before), ...Object.keys(after)])).flatMap((key) => {
    const [one, other]: ReadonlyArray<unknown> = [Reflect.get(before, key), Reflect.get(after, key)]
    if (isGroup(one) || isGroup(other)) {
      return changed(isGroup(one) ? one : {}, isGroup(other) ? other : {}, `${path}${key}.`)
    }
    return textOf(one) === textOf(other) ? [] : [`${path}${key}`]
  })

// It is compared, and not shown.
const textOf = (value: unknown): string => {
  if (Redacted.isRedacted(value)) return String(Redacted.value(value))
  if (Duration.isDuration(value)) return String(Duration.toMillis(value))
  // JSON has none of these.
  return typeof value === "bigint" ? `${value}n` : JSON.stringify(value)
}
