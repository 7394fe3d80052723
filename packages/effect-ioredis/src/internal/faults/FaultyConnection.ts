import { Duration, Effect, Result } from "effect"
import type { RedisCommand } from "../../RedisCommand.ts"
import type { Push, RedisConnection, ReplyResult } from "../../RedisConnection.ts"
import * as RedisError from "../../RedisError.ts"
import { tell } from "../tell.ts"
import type { FaultSwitch, Kind } from "./FaultSwitch.ts"

/** What a faulty connection needs of the program around it. */
export interface Surroundings {
  readonly faults: FaultSwitch
  /** Milliseconds that only go forward. */
  readonly now: () => number
  /** Runs `f` this much later, unless the returned function is called before. */
  readonly after: (millis: number, f: () => void) => () => void
  /** Hears what callbacks threw. */
  readonly onDefect: (defect: unknown) => void
}

type OnReply = (result: ReplyResult) => void

/** What has come and is not told yet: when it is due, and what becomes of it. */
interface Held {
  readonly due: number
  readonly tell: () => void
  /** What to tell where the connection is lost first. A push has nothing then. */
  readonly lose: ((loss: RedisError.RedisConnectionError) => void) | undefined
}

/**
 * A connection on which a share of the commands is befallen by faults while the switch is on. While
 * it is off, a command goes by one boolean and reaches the connection below as it is.
 *
 * **Details**
 *
 * Replies have no name, so their order is never changed: what is held back holds back all that
 * comes behind it. What was held back when the faults end is told at once, and nothing is left of
 * them. A connection that is cut fails first what is in flight and then tells of its loss, as every
 * other does.
 */
export class FaultyConnection implements RedisConnection {
  readonly #inner: RedisConnection
  readonly #around: Surroundings
  readonly #listeners = new Set<(error: RedisError.RedisConnectionError) => void>()
  #isDirect = true
  // How often the faults have ended here: what was chosen for a command is over with them.
  #ended = 0
  // In the order in which it came.
  #held: Array<Held> = []
  #cancel: (() => void) | undefined
  // What the connection had heard when the first of what is held came, and how much was told late:
  // between two late replies it is silent.
  #heard = 0
  #told = 0
  // What was submitted from the command on that a cut does not let through. They are not sent.
  #unsent: Array<{ readonly command: RedisCommand; readonly onReply: OnReply }> | undefined

  constructor(inner: RedisConnection, around: Surroundings) {
    this.#inner = inner
    this.#around = around
    inner.onLoss((loss) => this.#onLoss(loss))
    around.faults.add(this)
  }

  /** The faults begin. */
  begin(): void {
    this.#isDirect = false
  }

  /** The faults end. */
  end(): void {
    // A cut that was begun is carried out.
    this.#isDirect = this.#unsent === undefined
    this.#ended++
    this.#tellHeld(Number.POSITIVE_INFINITY)
  }

  readonly submit = (command: RedisCommand, onReply: OnReply): void => {
    if (this.#isDirect) this.#inner.submit(command, onReply)
    else this.#submitFaulty(command, onReply)
  }

  readonly isOpen = (): boolean => this.#inner.isOpen()

  readonly inFlight = (): number => this.#inner.inFlight() + this.#held.length + (this.#unsent?.length ?? 0)

  readonly activity = (): number => this.#told + (this.#held.length === 0 ? this.#inner.activity() : this.#heard)

  readonly onLoss = (listener: (error: RedisError.RedisConnectionError) => void): (() => void) => {
    if (!this.#inner.isOpen()) return this.#inner.onLoss(listener)
    // A set would take one function that is given twice for one listener.
    const own = (error: RedisError.RedisConnectionError) => listener(error)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  readonly onPush = (listener: (push: Push) => void): (() => void) => {
    let isListening = true
    const end = this.#inner.onPush((push) => {
      if (this.#held.length === 0) return listener(push)
      const told = () => {
        if (isListening) this.#tell(listener, push)
      }
      this.#hold({ due: this.#around.now(), tell: told, lose: undefined })
    })
    return () => {
      isListening = false
      end()
    }
  }

  // Whoever closes a program does not wait for faults.
  readonly drain: Effect.Effect<void> = Effect.suspend(() => {
    this.#around.faults.remove(this)
    this.end()
    return this.#inner.drain
  })

  readonly destroy = (error: RedisError.RedisConnectionError): void => this.#inner.destroy(error)

  #submitFaulty(command: RedisCommand, onReply: OnReply): void {
    if (this.#unsent !== undefined) {
      this.#unsent.push({ command, onReply })
      return
    }
    const fault = this.#inner.isOpen() ? this.#around.faults.ofCommand() : undefined
    if (fault === "Cut" && this.#around.faults.toss()) this.#cutBefore(command, onReply)
    else {
      const ended = this.#ended
      this.#inner.submit(command, (result) => {
        this.#onReply(command, onReply, this.#ended === ended ? fault : undefined, result)
      })
    }
  }

  #onReply(command: RedisCommand, onReply: OnReply, fault: Kind | undefined, result: ReplyResult): void {
    // Of a loss, those are told first whose replies had come before.
    if (!this.#inner.isOpen()) {
      if (Result.isFailure(result) && result.failure._tag === "RedisConnectionError") this.#loseHeld(result.failure)
      onReply(result)
      return
    }
    const { faults, now } = this.#around
    const reply: Omit<Held, "due"> = {
      tell: () => this.#tell(onReply, result),
      lose: (loss) => this.#tell(onReply, Result.fail(lost(command, loss)))
    }
    if (fault === "Cut") {
      this.#hold({ due: Number.POSITIVE_INFINITY, ...reply })
      this.#inner.destroy(cut())
    } else if (fault === "Mute") this.#hold({ due: Number.POSITIVE_INFINITY, ...reply })
    else if (fault === "Delay") this.#hold({ due: now() + Duration.toMillis(faults.settings.delay), ...reply })
    else if (this.#held.length > 0) this.#hold({ due: now(), ...reply })
    else onReply(result)
  }

  // It is lost when whoever submits has returned, for he is told nothing before.
  #cutBefore(command: RedisCommand, onReply: OnReply): void {
    this.#unsent = [{ command, onReply }]
    queueMicrotask(() => {
      if (this.#inner.isOpen()) this.#inner.destroy(cut())
    })
  }

  #hold(held: Held): void {
    if (this.#held.length === 0) this.#heard = this.#inner.activity()
    this.#held.push(held)
    if (this.#held.length === 1) this.#wait()
  }

  // Only the first is waited for: what is behind it comes after it.
  #wait(): void {
    this.#cancel?.()
    this.#cancel = undefined
    const [first] = this.#held
    if (first === undefined || first.due === Number.POSITIVE_INFINITY) return
    const { after, now } = this.#around
    this.#cancel = after(Math.max(0, first.due - now()), () => {
      this.#cancel = undefined
      this.#tellHeld(now())
    })
  }

  #tellHeld(now: number): void {
    while (this.#held[0] !== undefined && this.#held[0].due <= now) {
      this.#told++
      this.#held.shift()?.tell()
    }
    this.#wait()
  }

  #loseHeld(loss: RedisError.RedisConnectionError): void {
    const held = this.#held
    this.#held = []
    for (const { lose } of held) lose?.(loss)
  }

  #onLoss(loss: RedisError.RedisConnectionError): void {
    this.#around.faults.remove(this)
    this.#isDirect = true
    this.#cancel?.()
    this.#cancel = undefined
    this.#loseHeld(loss)
    const unsent = this.#unsent ?? []
    this.#unsent = undefined
    for (const { command, onReply } of unsent) this.#tell(onReply, Result.fail(lost(command, loss)))
    for (const listener of this.#listeners) this.#tell(listener, loss)
    this.#listeners.clear()
  }

  #tell<A>(callback: (value: A) => void, value: A): void {
    tell(callback, value, this.#around.onDefect)
  }
}

const lost = ({ name }: RedisCommand, { cause, reason }: RedisError.RedisConnectionError) =>
  RedisError.connectionError(name, reason, "unknown", cause)

const cut = () => RedisError.connectionError("CONNECT", "Reset", "never", new Error("cut by FaultInjection"))
