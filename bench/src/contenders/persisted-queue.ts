import type { Make } from "../Contender.ts"

/** Effect's `PersistedQueue` over `NodeRedis`, with Effect's compiler of schemas. Variant: `ours`, over our store. */
export const make: Make = async (environment) => {
  await import("effect/schema/SchemaJITCompiler/enable")
  const { make } = await import("../PersistedTasks.ts")
  return make(environment)
}
