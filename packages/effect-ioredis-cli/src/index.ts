/**
 * The form of what `effect-ioredis doctor --json` prints, for scripts that read it.
 *
 * @since 0.1.0
 */
export * as Report from "./Report.ts"
