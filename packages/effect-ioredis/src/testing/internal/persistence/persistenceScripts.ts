import { effectScripts } from "../../../internal/persistence/effectScripts.ts"
import * as SimulatedScript from "../../SimulatedScript.ts"

// The keys that are set come first, then those of them that expire. So do their values and lives.
const setMany = SimulatedScript.make(effectScripts.setMany, (keys, [sets = "", , ...values], call) => {
  const count = Number(sets)
  keys.forEach((key, index) => {
    const value = values[index] ?? ""
    if (index < count) call("SET", key, value)
    else call("PEXPIRE", key, value)
  })
  return null
})

/** The counterparts of the scripts of Effect's `Persistence`. */
export const persistenceScripts: ReadonlyArray<SimulatedScript.SimulatedScript> = [setMany]
