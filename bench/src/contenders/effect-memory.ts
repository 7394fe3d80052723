import type { Make } from "../Contender.ts"

export const make: Make = async (environment) => {
  await import("effect/schema/SchemaJITCompiler/enable")
  const { make } = await import("../EffectMemory.ts")
  return make(environment)
}
