import type { Make } from "../Contender.ts"

/**
 * A region of `HybridCache` as it is by default: memory, journal, breaker, deadline, retry, metrics, Schema. Variants: `noJit`, without Effect's
 * compiler of schemas, which has to be switched on before a schema is made; `tracing`, with a tracer; `fourConnections`;
 * `near`, whose memory answers first.
 */
export const make: Make = async (environment) => {
  if (environment.variant !== "noJit") await import("effect/schema/SchemaJITCompiler/enable")
  const ours = await import("../Ours.ts")
  return ours.make(environment)
}
