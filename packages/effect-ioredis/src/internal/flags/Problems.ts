/** Words what is wrong with the rules of a flag or of a switch. */
import type { Rules, SwitchRules } from "../../FeatureFlag.ts"
import { shown } from "../settingProblem.ts"

/** The metric has a series for each variant. */
const maxVariants = 20

/** What is wrong with a name. */
export const ofName = (place: string, name: string): ReadonlyArray<string> =>
  typeof name === "string" && name.trim() !== "" ? [] : [`${place} is ${shown(name)}. Give it a name`]

/** What is wrong with the rules of a flag of these variants. */
export const ofRules = (variants: ReadonlyArray<string>, rules: Rules<string>): ReadonlyArray<string> => {
  if (variants.length === 0) return ["weights names no variant. Name at least one, with its weight"]
  if (variants.length > maxVariants) return [`weights names ${variants.length} variants. Name at most ${maxVariants}`]
  return [...variants.flatMap((variant) => ofName("a variant", variant)), ...everywhere(rules, variants)]
}

const everywhere = (
  { locations = {}, operations = {}, weights }: Partial<Rules<string>>,
  variants: ReadonlyArray<string>,
  at = ""
): ReadonlyArray<string> => [
  ...(weights === undefined ? [] : ofWeights(`${at}weights`, weights, variants)),
  ...Object.entries(operations).flatMap(([operation, weights]) =>
    ofWeights(`${at}operations.${operation}`, weights, variants)
  ),
  ...Object.entries(locations).flatMap(([location, here]) => everywhere(here, variants, `locations.${location}.`))
]

const ofWeights = (
  place: string,
  weights: Readonly<Record<string, number>>,
  variants: ReadonlyArray<string>
): ReadonlyArray<string> => {
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
export const ofShares = (rules: SwitchRules): ReadonlyArray<string> => sharesIn(rules, "")

const sharesIn = ({ locations = {}, on, operations = {} }: Partial<SwitchRules>, at: string): ReadonlyArray<string> => [
  ...(on === undefined && at !== "" ? [] : ofShare(`${at}on`, on)),
  ...Object.entries(operations).flatMap(([operation, share]) => ofShare(`${at}operations.${operation}`, share)),
  ...Object.entries(locations).flatMap(([location, here]) => sharesIn(here, `locations.${location}.`))
]

const ofShare = (place: string, share: unknown): ReadonlyArray<string> =>
  typeof share === "boolean" || (typeof share === "number" && share >= 0 && share <= 1)
    ? []
    : [`${place} is ${shown(share)}. Make it true, false or a share from 0 to 1`]
