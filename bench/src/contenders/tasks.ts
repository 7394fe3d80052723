import type { Make } from "../Contender.ts"

/** Our queue of tasks, with Effect's compiler of schemas. */
export const make: Make = async (environment) => {
  if (environment.variant !== "noJit") await import("effect/schema/SchemaJITCompiler/enable")
  const { make } = await import("../OurTasks.ts")
  return make(environment)
}
