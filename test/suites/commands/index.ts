import { bitmaps } from "./bitmaps.ts"
import { hashes } from "./hashes.ts"
import { keys } from "./keys.ts"
import { lists } from "./lists.ts"
import { play, type Provide } from "./Row.ts"
import { sets } from "./sets.ts"
import { sortedSets } from "./sortedSets.ts"
import { streams } from "./streams.ts"
import { functions, scripting } from "./scripting.ts"
import { lacking, server, serverAlone } from "./server.ts"
import { strings } from "./strings.ts"

/** What every typed command answers, on a Redis of any kind. */
export const commandSuite = (provide: Provide): void => {
  play("Bitmaps", bitmaps, provide)
  play("Hashes", hashes, provide)
  play("Keys", keys, provide)
  play("Lists", lists, provide)
  play("Sets", sets, provide)
  play("SortedSets", sortedSets, provide)
  play("Streams", streams, provide)
  play("Scripting", scripting, provide)
  play("Server", server, provide)
  play("Strings", strings, provide)
}

/** What typed commands answer that a simulated Redis does not know. */
export const realCommandSuite = (provide: Provide): void => {
  play("Scripting", functions, provide)
  play("Server", serverAlone, provide)
}

/** What a simulated Redis says of them. */
export const simulatedCommandSuite = (provide: Provide): void => play("Simulated", lacking, provide)
