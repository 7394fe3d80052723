import type { RedisClient, RedisError } from "effect-ioredis"
import type { Effect } from "effect"
import { Keys } from "effect-ioredis/commands"
import * as QueueKeys from "./QueueKeys.ts"
import { cancel } from "./scripts/cancel.ts"
import { type Counts, inspect } from "./scripts/inspect.ts"
import { type Candidacy, type Leading, lead } from "./scripts/lead.ts"
import { type Letter, letters, type Page } from "./scripts/letters.ts"
import { type Look, look } from "./scripts/look.ts"
import { type Offer, offer } from "./scripts/offer.ts"
import { type Holding, type Renewal, renew } from "./scripts/renew.ts"
import { replay } from "./scripts/replay.ts"
import { type Telling, tell } from "./scripts/tell.ts"
import { type Call, type Worked, work } from "./scripts/work.ts"

type Asked<A> = Effect.Effect<A, RedisError.RedisCommandError>

/** How long what is over leaves something behind. */
export interface Retention {
  /** For how many milliseconds an id is remembered. */
  readonly remember: number
  /** For how many milliseconds a result is kept. */
  readonly resultLife: number
}

/** A queue in Redis: each method is one script, and decides nothing. */
export interface QueueStore {
  readonly keys: QueueKeys.QueueKeys
  /** Waits a while until the server of the queue can be asked. */
  readonly reach: Asked<unknown>
  readonly offer: (offer: Offer, options?: RedisClient.CallOptions) => Asked<"Duplicate" | "Enqueued">
  readonly work: (call: Omit<Call, "keys" | keyof Retention>, options?: RedisClient.CallOptions) => Asked<Worked>
  readonly renew: (renewal: Omit<Renewal, "keys">) => Asked<ReadonlyArray<Holding>>
  readonly tell: (telling: Omit<Telling, "keys">) => Asked<number>
  readonly cancel: (id: string) => Asked<"Unknown" | "Over" | "Cancelling" | "Cancelled">
  readonly inspect: Asked<Counts>
  readonly replay: (ids: ReadonlyArray<string>) => Asked<number>
  readonly look: (id: string) => Asked<Look>
  readonly letters: (page: Omit<Page, "keys">) => Asked<ReadonlyArray<Letter>>
  /** Leads the schedule of a name, or says who does. */
  readonly lead: (schedule: string, candidacy: Omit<Candidacy, "key">) => Asked<Leading>
}

/** The queue of a name on a client. */
export const make = (
  client: RedisClient.RedisClient,
  prefix: string,
  queue: string,
  retention: Retention
): QueueStore => {
  const keys = QueueKeys.of(prefix, queue)
  const scripts = {
    offer: client.eval(offer),
    work: client.eval(work),
    renew: client.eval(renew),
    tell: client.eval(tell),
    cancel: client.eval(cancel),
    inspect: client.eval(inspect),
    replay: client.eval(replay),
    look: client.eval(look),
    letters: client.eval(letters),
    lead: client.eval(lead)
  }
  return {
    keys,
    reach: client.run(Keys.exists([keys.tasks]), { waitToSend: "20 seconds", operationTimeout: "30 seconds" }),
    offer: (offer, options) => scripts.offer({ ...offer, keys }, options),
    work: (call, options) => scripts.work({ ...call, ...retention, keys }, options),
    renew: (renewal) => scripts.renew({ ...renewal, keys }),
    tell: (telling) => scripts.tell({ ...telling, keys }),
    cancel: (id) => scripts.cancel({ remember: retention.remember, id, keys }),
    inspect: scripts.inspect({ keys }),
    replay: (ids) => scripts.replay({ ids, keys }),
    look: (id) => scripts.look({ id, keys }),
    letters: (page) => scripts.letters({ ...page, keys }),
    lead: (schedule, candidacy) => scripts.lead({ ...candidacy, key: `${keys.schedules}${schedule}` })
  }
}
