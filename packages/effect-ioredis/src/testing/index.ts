export * as Fault from "./Fault.ts"
export * as SimulatedRedis from "./SimulatedRedis.ts"
export * as SimulatedScript from "./SimulatedScript.ts"
