import { Result } from "effect"
import type { RedisCommand } from "effect-ioredis"
import type { Cancel, Sending, SendingEnd, Session } from "effect-ioredis/dispatch"
import type { WriteOutcome } from "../../Cache.ts"
import { type Replaced, Version } from "../CacheTier.ts"
import type { Held } from "../Lease.ts"
import { fillOf, remainingLife, storedOf } from "./commands.ts"
import type { Payload } from "../StoredValue.ts"
import { SetIntent } from "./Ledger.ts"
import * as Sender from "./Sender.ts"
import { errorOf, type Region, type State } from "./State.ts"

/**
 * The value of a lookup, to be stored in the place of exactly what the lookup's read found.
 *
 * It is no intent: nobody was promised anything, so it is never replayed. It gives way to every
 * intent for its key, and `isCurrent` says whether there was one since the lookup began.
 */
export interface Fill {
  readonly key: string
  readonly payload: Payload
  readonly extension: string
  /** In milliseconds, as are `staleFor` and `lookupTime`. */
  readonly timeToLive: number
  readonly staleFor: number
  readonly lookupTime: number
  /** Says when the lookup began, in Redis' time. */
  readonly beganAt: number
  /** The first 64 bytes of what was found, and its length; nothing where nothing was found. */
  readonly found: Replaced | undefined
  readonly isCurrent: () => boolean
  /** Is told as which version Redis has stored it, unless something newer has overtaken it. */
  readonly onStored: (version: Version) => void
  /** Holds the lease of its key, if the lookup has taken one. */
  readonly lease?: Held | undefined
}

/** The time by which the beginning of a lookup is told. */
export const timeOf = (state: State, key: string): number => Math.floor(state.dispatch.nodeOf(key).time())

/** Sends a fill. It is `"Deferred"` where Redis did not take it, and memory alone has it. */
export const send = (
  state: State,
  region: Region,
  fill: Fill,
  timeout: number | undefined,
  done: (outcome: WriteOutcome) => void
): Cancel => {
  const { beganAt, extension, found, isCurrent, key, lease, lookupTime, onStored, payload, staleFor, timeToLive } = fill
  // The region may have been cleared in the very millisecond in which the lookup began.
  const writtenAt = Math.max(beganAt, region.state.clearedAt + 1)
  const version = new Version(state.source.next(), writtenAt)
  const expiresAt = state.now() + timeToLive
  const life = timeToLive + Math.max(0, timeOf(state, key) - writtenAt)
  const intent = new SetIntent({ value: undefined, payload, extension, life, staleFor, lookupTime, expiresAt })
  const command = fillOf(
    key,
    storedOf(key, "filled", intent, version),
    remainingLife(intent, state.now()),
    found,
    state.situation().scripts,
    lease
  )
  if (command === undefined || region.state._tag === "Denied" || state.isClosed || !isCurrent()) {
    done("Deferred")
    return () => {}
  }
  const sending = new FillSending(state, region, key, intent, version, command, isCurrent, onStored)
  return Sender.send(state.dispatch, command, { timeout, retry: false, sending, now: state.now }, () => {
    done(sending.isStored ? "Applied" : "Deferred")
  })
}

class FillSending implements Sending {
  readonly state: State
  readonly region: Region
  readonly key: string
  readonly intent: SetIntent
  readonly version: Version
  readonly command: RedisCommand.RedisCommand
  readonly isCurrent: () => boolean
  readonly onStored: Fill["onStored"]
  isStored = false

  constructor(
    state: State,
    region: Region,
    key: string,
    intent: SetIntent,
    version: Version,
    command: RedisCommand.RedisCommand,
    isCurrent: () => boolean,
    onStored: Fill["onStored"]
  ) {
    this.state = state
    this.region = region
    this.key = key
    this.intent = intent
    this.version = version
    this.command = command
    this.isCurrent = isCurrent
    this.onStored = onStored
  }

  begin(): boolean {
    const { key, state, version } = this
    return state.ledger.get(key) === undefined && version.writtenAt > this.region.state.clearedAt && this.isCurrent()
  }

  end(session: Session, end: SendingEnd): void {
    const { command, intent, key, region, state, version } = this
    if (end._tag === "Doubtful") {
      state.doubt(session, region, key, command, intent)
      return
    }
    const refused = errorOf(end)
    if (refused !== undefined) state.refused(command, refused, region)
    if (end._tag !== "Confirmed" || Result.isFailure(end.result)) return
    // SET answers nil, and a script 0, where something else is there.
    this.isStored = end.result.success !== null && end.result.success !== 0
    if (!this.isStored || !this.isCurrent()) return
    const known = state.trust.get(key)
    if (known !== undefined) known.last = version
    this.onStored(version)
  }
}
