import type { FlushOptions } from "../commands/Server.ts"

/** What a command says of how it is to empty something: nothing where the server decides. */
export const flushWords = ({ mode }: FlushOptions): ReadonlyArray<string> =>
  mode === undefined ? [] : [mode.toUpperCase()]
