/** Words what is wrong with the rules of a flag or of a switch. */
import { Predicate } from "effect"
import type { Rules, SwitchRules } from "../../FeatureFlag.ts"
import { shown } from "../settingProblem.ts"

/** The metric has a series for each variant. */
const maxVariants = 20

/** What is wrong with a name. */
export const ofName = (place: string, name: string): ReadonlyArray<string> =>
  typeof name === "string" && name.trim() !== "" ? [] : [`${place} is ${shown(name)}. Give it a name`]

/** What is wrong with the rules of a flag of these variants. Rules may come from outside. */
export const ofRules = (variants: ReadonlyArray<string>, rules: Rules<string>): ReadonlyArray<string> => {
  if (!isObject(rules)) return [notAnObject("rules", rules)]
  if (!isObject(rules.weights)) return ofWeights("weights", rules.weights, variants)
  if (variants.length === 0) return ["weights names no variant. Name at least one, with its weight"]
  if (variants.length > maxVariants) return [`weights names ${variants.length} variants. Name at most ${maxVariants}`]
  return [...variants.flatMap((variant) => ofName("a variant", variant)), ...everywhere(rules, variants)]
}

const everywhere = (
  { locations, operations, weights }: Partial<Rules<string>>,
  variants: ReadonlyArray<string>,
  at = ""
): ReadonlyArray<string> => [
  ...(weights === undefined ? [] : ofWeights(`${at}weights`, weights, variants)),
  ...ofEach(`${at}operations`, operations, (place, weights) => ofWeights(place, weights, variants)),
  ...ofLocations(at, locations, (here, at) => everywhere(here, variants, at))
]

const ofEach = <A>(
  place: string,
  all: Readonly<Record<string, A>> | undefined,
  problems: (place: string, one: A) => ReadonlyArray<string>
): ReadonlyArray<string> => {
  if (all === undefined) return []
  if (!isObject(all)) return [notAnObject(place, all)]
  return Object.entries(all).flatMap(([name, one]) => problems(`${place}.${name}`, one))
}

const ofLocations = <A>(
  at: string,
  locations: Readonly<Record<string, A>> | undefined,
  problems: (here: A, at: string) => ReadonlyArray<string>
): ReadonlyArray<string> =>
  ofEach(`${at}locations`, locations, (place, here) =>
    isObject(here) ? problems(here, `${place}.`) : [notAnObject(place, here)]
  )

const isObject: (value: unknown) => boolean = Predicate.isObject

const notAnObject = (place: string, value: unknown): string => `${place} is ${shown(value)}. Make it an object`

const ofWeights = (
  place: string,
  weights: Readonly<Record<string, number>>,
  variants: ReadonlyArray<string>
): ReadonlyArray<string> => {
  if (!isObject(weights)) return [`${place} is ${shown(weights)}. Give each variant a weight`]
  const unknown = Object.keys(weights).filter((name) => !variants.includes(name))
  const problems = [
    ...unknown.map((name) => `${place}.${name} is no variant of the flag. It has ${variants.join(", ")}`),
    ...variants.flatMap((variant) => {
      const weight = weights[variant]
      if (weight === undefined) return [`${place}.${variant} is missing. Give it a weight, 0 for none`]
      return Number.isFinite(weight) && weight >= 0
        ? []
        : [`${place}.${variant} is ${shown(weight)}. Make it a number, 0 or more`]
    })
  ]
  if (problems.length > 0) return problems
  return variants.some((variant) => (weights[variant] ?? 0) > 0)
    ? []
    : [`${place} are all 0. Give at least one variant a weight above 0`]
}

/** What is wrong with the rules of a switch. */
export const ofShares = (rules: SwitchRules): ReadonlyArray<string> => {
  if (!isObject(rules)) return [notAnObject("rules", rules)]
  return [...(rules.on === undefined ? ofShare("on", undefined) : []), ...sharesIn(rules, "")]
}

const sharesIn = ({ locations, on, operations }: Partial<SwitchRules>, at: string): ReadonlyArray<string> => [
  ...(on === undefined ? [] : ofShare(`${at}on`, on)),
  ...ofEach(`${at}operations`, operations, ofShare),
  ...ofLocations(at, locations, sharesIn)
]

const ofShare = (place: string, share: unknown): ReadonlyArray<string> =>
  typeof share === "boolean" || (typeof share === "number" && share >= 0 && share <= 1)
    ? []
    : [`${place} is ${shown(share)}. Make it true, false or a share from 0 to 1`]
