import { Result } from "effect"
import type { Client } from "./Command.ts"
import { bytesOf, keyOf } from "./RedisStore.ts"
import type { Timers } from "./Timers.ts"
import * as Wire from "./Wire.ts"

/** Describes what a client waits for. */
export interface Wait {
  /** Holds the keys, one of which has to be ready; none for one who waits for something else. */
  readonly keys: ReadonlyArray<Buffer>
  /** Sets how long it waits: infinitely long for ever. */
  readonly millis: number
  /**
   * Answers the client by a key that has changed, or by what else has happened; nothing lets it
   * wait on.
   */
  readonly serve: (key: Buffer | undefined) => Wire.Wire | undefined
  /** What it is answered when its time is over. */
  readonly timedOut: () => Wire.Wire
}

/** The clients of one server that wait for a key, in the order in which they began to. */
export class Blocked {
  readonly #timers: Timers
  readonly #answer: (client: Client, wire: Wire.Wire) => void
  readonly #waiting = new Map<Client, Waiting>()
  #ready: Array<Ready> = []
  #isScheduled = false

  constructor(timers: Timers, answer: (client: Client, wire: Wire.Wire) => void) {
    this.#timers = timers
    this.#answer = answer
  }

  has(client: Client): boolean {
    return this.#waiting.has(client)
  }

  begin(client: Client, wait: Wait): void {
    const { keys, millis, timedOut } = wait
    const cancel = Number.isFinite(millis) ? this.#timers.after(millis, () => this.#end(client, timedOut())) : () => {}
    this.#waiting.set(client, { wait, db: client.db, keys: new Set(keys.map(keyOf)), cancel })
  }

  /** The client is gone. Tells whether it waited. */
  forget(client: Client): boolean {
    this.#waiting.get(client)?.cancel()
    return this.#waiting.delete(client)
  }

  /** Answers a client before its time is over. Tells whether it waited. */
  unblock(client: Client, reason: "TIMEOUT" | "ERROR"): boolean {
    const waiting = this.#waiting.get(client)
    if (waiting === undefined) return false
    const error = new Wire.ErrorReply({ message: "UNBLOCKED client unblocked via CLIENT UNBLOCK" })
    this.#end(client, reason === "ERROR" ? error : waiting.wait.timedOut())
    return true
  }

  /** A key has changed. Whoever waits for it is served when the command is done. */
  touched(db: number, key: string): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.db !== db || !waiting.keys.has(key)) continue
      this.#ready.push({ db, key })
      this.#later()
      return
    }
  }

  /** Any key may have changed. */
  flushed(): void {
    for (const { db, keys } of this.#waiting.values()) for (const key of keys) this.#ready.push({ db, key })
    if (this.#ready.length > 0) this.#later()
  }

  /** Something else has happened that clients may wait for. */
  happened(): void {
    this.#ready.push(undefined)
    this.#later()
  }

  /** Serves clients by all that has changed, also by what that changes. */
  serve(): void {
    while (this.#ready.length > 0) {
      const ready = this.#ready.shift()
      for (const [client, waiting] of Array.from(this.#waiting)) {
        if (isFor(waiting, ready)) this.#try(client, waiting.wait, ready && bytesOf(ready.key))
      }
    }
  }

  /** Answers those of whom `refusal` says why they wait in vain. */
  refuse(refusal: (client: Client, keys: ReadonlyArray<Buffer>) => Wire.ErrorReply | undefined): void {
    for (const [client, { wait }] of Array.from(this.#waiting)) {
      const reply = refusal(client, wait.keys)
      if (reply !== undefined) this.#end(client, reply)
    }
  }

  #try(client: Client, wait: Wait, key: Buffer | undefined): void {
    const result = Result.try(() => wait.serve(key))
    if (Result.isSuccess(result)) {
      if (result.success !== undefined) this.#end(client, result.success)
    } else if (result.failure instanceof Wire.ErrorReply) this.#end(client, result.failure)
    else throw result.failure
  }

  #end(client: Client, wire: Wire.Wire): void {
    if (this.forget(client)) this.#answer(client, wire)
  }

  // What no command of this server has changed: a replica hears of it from its master.
  #later(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#timers.soon(() => {
      this.#isScheduled = false
      this.serve()
    })
  }
}

/** A client's wait, and the database that its keys are in. */
interface Waiting {
  readonly wait: Wait
  readonly db: number
  readonly keys: ReadonlySet<string>
  readonly cancel: () => void
}

/** A key that has changed, or nothing where something else has happened. */
type Ready = { readonly db: number; readonly key: string } | undefined

const isFor = ({ db, keys }: Waiting, ready: Ready): boolean =>
  ready === undefined ? keys.size === 0 : db === ready.db && keys.has(ready.key)
