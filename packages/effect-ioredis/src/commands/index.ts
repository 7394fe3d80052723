export * as Keys from "./Keys.ts"
export * as Scripting from "./Scripting.ts"
export * as Server from "./Server.ts"
export * as Strings from "./Strings.ts"
