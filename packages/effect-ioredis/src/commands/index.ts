export * as Keys from "./Keys.ts"
export * as Lists from "./Lists.ts"
export * as Sets from "./Sets.ts"
export * as Strings from "./Strings.ts"
