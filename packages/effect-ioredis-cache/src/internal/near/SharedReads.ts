import type { Exit } from "effect"
import type { Cancel, CacheTier, Current, Done, Found } from "../CacheTier.ts"
import type { NearRead } from "./Hearing.ts"
import type { NearRegion } from "./Near.ts"

/** Asks Redis for a key. */
export type Ask<Value> = (
  key: string,
  current: Current,
  read: NearRead | undefined,
  done: Done<Found<Value>, never>
) => Cancel

/** Says how a region asks. */
export interface Options<Value> {
  readonly near: Pick<NearRegion, "begin" | "mayAnswer">
  /** Says whether memory has a value of a key, near or not. */
  readonly isKept: (key: string) => boolean
  readonly ask: Ask<Value>
  /** The monotonic time in milliseconds. */
  readonly now: () => number
  /** The longest that a call waits for Redis, in milliseconds. */
  readonly patience: number
}

/**
 * Lets all who miss a key of a near region while it is being read share that read: after a notice
 * of a hot key there would be as many reads of it as there are callers. Only reads of keys
 * that memory has a value of are shared: to keep account of every other miss costs more than that
 * gains.
 *
 * **Details**
 *
 * A read under way is worth what memory will be when it has ended, so it is shared by the same
 * rules by which memory answers: no notice has spoiled it, its epoch may answer, and this process
 * has intended and filled in nothing since it began. It ends with the patience of whoever came
 * first, so nobody joins it after half of that: nobody gives up more than half of his own.
 */
export const make = <Value>(options: Options<Value>): CacheTier<Value, never>["get"] => {
  const { ask, isKept, near, now } = options
  const open = new Map<string, Shared<Value>>()

  const mayJoin = (key: string, shared: Shared<Value>): boolean =>
    shared.isCurrent() && now() - shared.beganAt <= options.patience / 2 && near.mayAnswer(shared.read.epochOf(key))

  const begin = (key: string, shared: Shared<Value>): void => {
    open.set(key, shared)
    shared.cancel = ask(key, shared, shared.read, (exit) => {
      if (open.get(key) === shared) open.delete(key)
      shared.tell(exit)
    })
  }

  const leave = (key: string, shared: Shared<Value>, done: Done<Found<Value>, never>): void => {
    if (!shared.leave(done)) return
    shared.cancel?.()
    if (open.get(key) === shared) open.delete(key)
  }

  return (key, current, done) => {
    const known = open.get(key)
    if (known !== undefined && mayJoin(key, known)) {
      known.join(done)
      return () => leave(key, known, done)
    }
    const read = near.begin(key)
    if (read === undefined || !isKept(key)) return ask(key, current, read, done)
    const shared = new Shared(read, now(), current, done)
    begin(key, shared)
    return () => leave(key, shared, done)
  }
}

// A class, as what lives while a command is in flight has to be: see `Deadlines` of effect-ioredis.
// Nearly every read has one caller, who needs no set: with one for each read, reads of which memory
// answers 84 % took a third more.
class Shared<Value> implements Current {
  readonly read: NearRead
  readonly beganAt: number
  cancel: Cancel | undefined = undefined
  // The watch of the key is that of whoever came first, and ends with him.
  readonly #current: Current
  #first: Done<Found<Value>, never> | undefined
  #others: Set<Done<Found<Value>, never>> | undefined = undefined

  constructor(read: NearRead, beganAt: number, current: Current, first: Done<Found<Value>, never>) {
    this.read = read
    this.beganAt = beganAt
    this.#current = current
    this.#first = first
  }

  isCurrent(): boolean {
    return this.#first !== undefined && this.#current.isCurrent()
  }

  join(done: Done<Found<Value>, never>): void {
    this.#others ??= new Set()
    this.#others.add(done)
  }

  /** Lets one leave, and tells whether nobody is left. */
  leave(done: Done<Found<Value>, never>): boolean {
    if (done === this.#first) this.#first = undefined
    else this.#others?.delete(done)
    return this.#first === undefined && (this.#others === undefined || this.#others.size === 0)
  }

  tell(exit: Exit.Exit<Found<Value>>): void {
    const first = this.#first
    const others = this.#others
    // Grown old, it would keep all that its callers hold from the collector.
    this.#first = undefined
    this.cancel = undefined
    first?.(exit)
    // Whoever is told may make others leave.
    if (others !== undefined) for (const done of others) done(exit)
    this.#others = undefined
  }
}
