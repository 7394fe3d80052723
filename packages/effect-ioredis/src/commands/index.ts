export * as Bitmaps from "./Bitmaps.ts"
export * as Hashes from "./Hashes.ts"
export * as Keys from "./Keys.ts"
export * as Strings from "./Strings.ts"
