export * as Keys from "./Keys.ts"
export * as SortedSets from "./SortedSets.ts"
export * as Strings from "./Strings.ts"
