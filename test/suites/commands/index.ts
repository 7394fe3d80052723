import { keys } from "./keys.ts"
import { play, type Provide } from "./Row.ts"
import { streams } from "./streams.ts"
import { strings } from "./strings.ts"

/** What every typed command answers, on a Redis of any kind. */
export const commandSuite = (provide: Provide): void => {
  play("Keys", keys, provide)
  play("Streams", streams, provide)
  play("Strings", strings, provide)
}
