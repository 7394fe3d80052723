import { keys } from "./keys.ts"
import { play, type Provide } from "./Row.ts"
import { sortedSets } from "./sortedSets.ts"
import { strings } from "./strings.ts"

/** What every typed command answers, on a Redis of any kind. */
export const commandSuite = (provide: Provide): void => {
  play("Keys", keys, provide)
  play("SortedSets", sortedSets, provide)
  play("Strings", strings, provide)
}
