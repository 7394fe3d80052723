export * as Keys from "./Keys.ts"
export * as Streams from "./Streams.ts"
export * as Strings from "./Strings.ts"
