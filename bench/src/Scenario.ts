import type { Effect, Scope } from "effect"
import type { RedisServer } from "../../test/support/RedisServer.ts"
import type { Cell } from "./Result.ts"

/** What `pnpm bench NAME` runs. `emit` takes each cell as soon as it is measured. */
export interface Scenario {
  readonly name: string
  readonly title: string
  readonly run: (context: Context) => Effect.Effect<void, unknown, Scope.Scope>
}

export interface Context {
  readonly server: RedisServer
  readonly emit: (cell: Cell) => Effect.Effect<void>
}
