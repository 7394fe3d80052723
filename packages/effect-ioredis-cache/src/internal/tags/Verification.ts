import { Effect, Exit } from "effect"
import type { CacheTier, Cancel, Done, Found } from "../CacheTier.ts"
import { fromCallback } from "../RegionParts.ts"
import type { TagId } from "./Tag.ts"
import { judge, Tagged, taggedIn } from "./Tagged.ts"
import type { Answers, Tokens } from "./Tokens.ts"

/**
 * Verifies what the reads of one region find: a value with tags is a hit only while each of them
 * has the token that it carries.
 */
export interface Verification<in out Value, in out E> {
  /** Tells whether what was found has tags. Most has none, and is passed on as it is. */
  readonly concerns: (found: Found<Value>) => boolean
  /** Verifies what was found, if that takes no asking. */
  readonly known: (found: Found<Value>) => Found<Value> | undefined
  /**
   * Gives what there is while all of its tags have the tokens that it carries. `waited` is for how
   * many milliseconds its call has waited for Redis before.
   */
  readonly ifValid: (hit: Hit<Value>, waited: number) => Effect.Effect<Hit<Value> | undefined>
  /** Asks for the tokens that a read of a key is expected to need, side by side with it. */
  readonly expect: (key: string) => Expected<E> | undefined
  /** Asks for the tokens that a read of several keys is expected to need. */
  readonly expectMany: (keys: ReadonlyArray<string>) => Expected<E> | undefined
  /** Verifies what was found by reads that began at a time, with what was expected of them. */
  readonly verify: (
    all: ReadonlyArray<Found<Value>>,
    began: Began<E>,
    done: Done<ReadonlyArray<Found<Value>>, E>
  ) => Cancel
}

/** A value that was found, with or without tags. */
interface Hit<out Value> {
  readonly value: Value
}

/** Says when reads began, by `Options.now`, and which tokens were asked for beside them. */
export interface Began<out E> {
  readonly at: number
  readonly expected: Expected<E> | undefined
}

/** Describes what a region verifies with. */
export interface Options<in out Value, in out E> {
  readonly tokens: Tokens<E>
  readonly tier: CacheTier<Value, E>
  /** The tag that every value of the region has, in a region with tags. */
  readonly ofRegion: TagId | undefined
  /** The longest that a call waits for Redis altogether, in milliseconds, where it is bounded. */
  readonly patience: number | undefined
  /** The monotonic time in milliseconds. */
  readonly now: () => number
  /** Is told of a value that is no hit because of its tags. */
  readonly onMiss?: (() => void) | undefined
}

/** Makes the verification of one region. */
export const make = <Value, E>(options: Options<Value, E>): Verification<Value, E> => {
  const { now, ofRegion, onMiss, tier, tokens } = options
  const verified = (found: Found<Value>, answers: Answers): Found<Value> => {
    const verdict = judge(found, ofRegion, (id) => answers.get(id)?.hit?.value)
    if (verdict.hit === undefined && found.hit !== undefined) onMiss?.()
    return verdict
  }

  // A region whose values have no tags does not look for them.
  let hasTags = ofRegion !== undefined

  const expectMany = (keys: ReadonlyArray<string>): Expected<E> | undefined => {
    if (!hasTags) return undefined
    const ids = new Set(ofRegion === undefined ? [] : [ofRegion])
    for (const key of keys) for (const { id } of taggedIn(tier.glance(key))?.tags ?? []) ids.add(id)
    return ids.size === 0 ? undefined : new Expected<E>(tokens, Array.from(ids))
  }

  const verify: Verification<Value, E>["verify"] = (all, { at, expected }, done) => {
    const judgeAll = (exit: Exit.Exit<Answers, E>): void =>
      done(Exit.map(exit, (answers) => all.map((found) => verified(found, answers))))
    let cancel: Cancel = ignore
    // What was not expected is asked for within what the reads have left of their time.
    const complete = (exit: Exit.Exit<Answers, E>): void => {
      const answers = Exit.isSuccess(exit) ? exit.value : undefined
      const missing = answers === undefined ? [] : idsOf(all).filter((id) => !answers.has(id))
      if (answers === undefined || missing.length === 0) {
        judgeAll(exit)
        return
      }
      const { patience } = options
      const timeLeft = patience === undefined ? undefined : Math.max(1, patience - (now() - at))
      const merge = (rest: Exit.Exit<Answers, E>) =>
        judgeAll(Exit.map(rest, (found) => new Map([...answers, ...found])))
      cancel = tokens.read(missing, merge, timeLeft)
    }
    if (expected === undefined) complete(none)
    else expected.whenTold(complete)
    return () => {
      expected?.cancel()
      cancel()
    }
  }

  return {
    verify,
    // A token that cannot be read proves nothing.
    ifValid: (hit, waited) => {
      if (taggedIn(hit) === undefined) return Effect.succeed(hit)
      const all = [{ hit, source: "memory" }] as const
      const read = fromCallback<ReadonlyArray<Found<Value>>, E>((done) =>
        verify(all, { at: now() - waited, expected: undefined }, done)
      )
      return Effect.orElseSucceed(
        Effect.map(read, ([found]) => found?.hit),
        () => undefined
      )
    },
    concerns: ({ hit }) => {
      if (hit === undefined || !(hit.value instanceof Tagged)) return false
      hasTags = true
      return true
    },
    known: (found) => {
      const answers = tokens.known(idsOf([found]))
      return answers && verified(found, answers)
    },
    expect: (key) => (hasTags ? expectMany([key]) : undefined),
    expectMany
  }
}

/** Holds tokens that were asked for beside a read. */
export class Expected<out E> {
  readonly cancel: Cancel
  #exit: Exit.Exit<Answers, E> | undefined
  #then: ((exit: Exit.Exit<Answers, E>) => void) | undefined

  constructor(tokens: Tokens<E>, ids: ReadonlyArray<TagId>) {
    this.cancel = tokens.read(ids, (exit) => {
      this.#exit = exit
      this.#then?.(exit)
    })
  }

  whenTold(complete: (exit: Exit.Exit<Answers, E>) => void): void {
    if (this.#exit === undefined) this.#then = complete
    else complete(this.#exit)
  }
}

const idsOf = (all: ReadonlyArray<Found<unknown>>): ReadonlyArray<TagId> =>
  Array.from(new Set(all.flatMap(({ hit }) => taggedIn(hit)?.tags.map(({ id }) => id) ?? [])))

const none: Exit.Exit<Answers> = Exit.succeed(new Map())

const ignore = () => {}
