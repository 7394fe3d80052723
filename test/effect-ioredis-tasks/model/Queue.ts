import { Result } from "effect"
import type { RedisScript } from "effect-ioredis"
import { scripts } from "effect-ioredis-tasks/testing"
import type { SimulatedScript } from "effect-ioredis/testing"
import * as QueueKeys from "../../../packages/effect-ioredis-tasks/src/internal/QueueKeys.ts"
import { cancel } from "../../../packages/effect-ioredis-tasks/src/internal/scripts/cancel.ts"
import { type Offer, offer } from "../../../packages/effect-ioredis-tasks/src/internal/scripts/offer.ts"
import { type Renewal, renew } from "../../../packages/effect-ioredis-tasks/src/internal/scripts/renew.ts"
import { replay } from "../../../packages/effect-ioredis-tasks/src/internal/scripts/replay.ts"
import { type Call, work } from "../../../packages/effect-ioredis-tasks/src/internal/scripts/work.ts"
import { Store } from "./Store.ts"

/** Takes the place of a script: it is given the script's counterpart, and may change what that sees. */
export type Seam = (run: SimulatedScript.Run) => SimulatedScript.Run

export type Asked = Omit<Call, "keys" | "remember" | "resultLife">

/** A queue whose scripts run at once. */
export class Queue {
  readonly store = new Store()
  readonly keys = QueueKeys.of("tasks", "model")
  readonly #seam: Seam | undefined

  constructor(seam: Seam | undefined) {
    this.#seam = seam
  }

  #run<Params, A>(script: RedisScript.RedisScript<Params, A>, params: Params): A {
    const found = known.get(script.sha)
    if (found === undefined) throw new Error("a script has no counterpart")
    const run = this.#seam === undefined ? found : this.#seam(found)
    const reply = run(script.keys(params), script.args(params).map(String), this.store.call)
    // A reply of the simulation is what a client would be told.
    return Result.getOrThrow(script.decode(reply as never))
  }

  readonly offer = (params: Offer) => this.#run(offer, { ...params, keys: this.keys })
  readonly work = (params: Asked) => this.#run(work, { ...params, ...retention, keys: this.keys })
  readonly renew = (params: Omit<Renewal, "keys">) => this.#run(renew, { ...params, keys: this.keys })
  readonly cancel = (id: string) => this.#run(cancel, { id, ...retention, keys: this.keys })
  readonly replay = (ids: ReadonlyArray<string>) => this.#run(replay, { ids, keys: this.keys })
}

const known = new Map(scripts.map(({ run, script }) => [script.sha, run]))

const retention = { remember: 86_400_000, resultLife: 3_600_000 }
