export * as Keys from "./Keys.ts"
export * as Strings from "./Strings.ts"
