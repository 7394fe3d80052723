import type { Make } from "../Contender.ts"

/** Effect's `Persistence`, with Effect's compiler of schemas, as ours has it. */
export const make: Make = async (environment) => {
  if (environment.variant !== "noJit") await import("effect/schema/SchemaJITCompiler/enable")
  const { make } = await import("../Persistence.ts")
  return make(environment)
}
