import { Duration, Effect, Exit, Option, Result } from "effect"
import type { CacheTier, Cancel, Done, Found } from "./CacheTier.ts"
import type { Began } from "./tags/Verification.ts"
import { isObserved, type Observation, observe, observed } from "./Observation.ts"
import { fromCallback, holding, type RegionParts, render, whileAllHeld } from "./RegionParts.ts"

/**
 * The reads of one region. What they find may enter a nearer store only while the key was not
 * written meanwhile.
 */
export interface Reads<in Key, out Value, out E> {
  /** Reads one key. */
  readonly get: (key: Key) => Effect.Effect<Option.Option<Value>, E>
  /** Reads one key, and tells how long its value still lives. */
  readonly timeToLive: (key: Key) => Effect.Effect<Option.Option<Duration.Duration>, E>
  /** Reads several keys, and answers in their order. */
  readonly getMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<Option.Option<Value>>, E>
  /**
   * Reads a rendered key before a lookup, and looks again in memory where it found nothing and the
   * key was written meanwhile, perhaps by the very lookup that would be repeated.
   */
  readonly getBeforeLookup: (rendered: string, seen?: Observation) => Effect.Effect<Found<Value>, E>
  /** Reads several rendered keys before a lookup, likewise. */
  readonly getManyBeforeLookup: (rendered: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Found<Value>>, E>
  /** Reads a rendered key. That is not counted: somebody has counted a miss of it before. */
  readonly find: (rendered: string) => Effect.Effect<Found<Value>, E>
}

/** Makes the reads of one region. */
export const make = <Key, Value, E>(parts: RegionParts<Key, Value, E>): Reads<Key, Value, E> => {
  const { encoding, observer, recorder, reject, tier } = parts

  const finds = makeFinds(parts)
  const { atOnce, findMany, findOne, look } = finds

  const readRendered = (
    keys: ReadonlyArray<string>,
    seen: Observation | undefined
  ): Effect.Effect<ReadonlyArray<Option.Option<Value>>, E> =>
    Effect.map(findMany(keys), (found) => {
      seen?.readMany(found)
      return found.map(recorder.read)
    })

  const readWithRejected = Effect.fnUntraced(function* (
    keys: ReadonlyArray<Key>,
    seen: Observation | undefined
  ): Effect.fn.Return<ReadonlyArray<Option.Option<Value>>, E> {
    const rendered = yield* Effect.forEach(keys, (key) => render(parts, "getMany", key))
    const read = yield* readRendered(
      rendered.filter((key) => key !== undefined),
      seen
    )
    const values = read[Symbol.iterator]()
    return rendered.map((key) => (key === undefined ? Option.none() : (values.next().value ?? Option.none())))
  })

  // An Effect is made for each key only where one is rejected: with one for each, and with the
  // journal asked for each although it is empty, 50 keys took 383 µs in the place of 354.
  const readMany = (
    keys: ReadonlyArray<Key>,
    seen: Observation | undefined
  ): Effect.Effect<ReadonlyArray<Option.Option<Value>>, E> => {
    const rendered: Array<string> = []
    for (const key of keys) {
      const one = encoding.key("getMany", key)
      if (Result.isFailure(one)) return readWithRejected(keys, seen)
      rendered.push(one.success)
    }
    return readRendered(rendered, seen)
  }

  // By itself, so that what is known at once needs no closure, nor room for what one would close
  // over.
  const ask = (rendered: string): Effect.Effect<Option.Option<Value>, E> =>
    fromCallback((done) =>
      look(rendered, tier.get, (exit) =>
        done(Exit.isSuccess(exit) ? Exit.succeed(recorder.read(exit.value)) : Exit.failCause(exit.cause))
      )
    )

  const get = (key: Key): Effect.Effect<Option.Option<Value>, E> => {
    const rendered = encoding.key("get", key)
    if (Result.isFailure(rendered)) return Effect.as(reject(rendered.failure), Option.none())
    const known = atOnce(rendered.success)
    return known === undefined ? ask(rendered.success) : Exit.succeed(recorder.read(known))
  }

  const getObserved = (key: Key, seen: Observation): Effect.Effect<Option.Option<Value>, E> => {
    const rendered = encoding.key("get", key)
    if (Result.isFailure(rendered)) return Effect.as(reject(rendered.failure), Option.none())
    return Effect.map(findOne(rendered.success), (found) => {
      seen.read(found)
      return recorder.read(found)
    })
  }

  const timeToLive = (key: Key, seen: Observation | undefined): Effect.Effect<Option.Option<Duration.Duration>, E> => {
    const rendered = encoding.key("timeToLive", key)
    if (Result.isFailure(rendered)) return Effect.as(reject(rendered.failure), Option.none())
    return Effect.map(findOne(rendered.success), (found) => {
      seen?.read(found)
      recorder.read(found)
      return Option.map(Option.fromUndefinedOr(found.hit), (hit) =>
        // What is left of a millisecond is left.
        Duration.millis(Math.ceil(tier.lifeOf(hit).timeToLive))
      )
    })
  }

  return {
    timeToLive: (key) => observed(observer, "timeToLive", (seen) => timeToLive(key, seen)),
    get: (key) =>
      Effect.withFiber((fiber) =>
        isObserved(fiber, observer) ? observe(fiber, observer, "get", (seen) => getObserved(key, seen)) : get(key)
      ),
    getMany: (keys) => observed(observer, "getMany", (seen) => readMany(keys, seen)),
    ...makeBeforeLookup(parts, finds),
    find: findOne
  }
}

// Reads of rendered keys, which are not counted. What has tags is verified by them.
const makeFinds = <Key, Value, E>({ recorder, sequences, tier, verification }: RegionParts<Key, Value, E>) => {
  const verifyOne = (found: Found<Value>, began: Began<E>, done: Done<Found<Value>, E>): Cancel =>
    verification.verify([found], began, (exit) => done(Exit.map(exit, ([verified = found]) => verified)))

  const look = (key: string, from: CacheTier<Value, E>["get"], done: Done<Found<Value>, E>): Cancel => {
    const watch = sequences.watch(key)
    const startedAt = recorder.now()
    const expected = verification.expect(key)
    let verifying: Cancel | undefined
    const cancel = from(key, watch, (exit) => {
      watch.end()
      if (Exit.isSuccess(exit)) {
        recorder.timed("get", exit.value.source, startedAt)
        if (verification.concerns(exit.value)) {
          verifying = verifyOne(exit.value, { at: startedAt, expected }, done)
          return
        }
      }
      done(exit)
    })
    return () => {
      cancel()
      verifying?.()
      watch.end()
    }
  }

  // What can be said without asking Redis.
  const atOnce = (key: string): Found<Value> | undefined => {
    const known = tier.known(key)
    return known === undefined || !verification.concerns(known) ? known : verification.known(known)
  }

  const findOne = (key: string): Effect.Effect<Found<Value>, E> =>
    Effect.suspend(() => {
      const known = atOnce(key)
      return known === undefined ? fromCallback((done) => look(key, tier.get, done)) : Effect.succeed(known)
    })

  const getMany: CacheTier<Value, E>["getMany"] = (keys, isCurrent, done) => {
    const at = recorder.now()
    const expected = verification.expectMany(keys)
    let verifying: Cancel | undefined
    const cancel = tier.getMany(keys, isCurrent, (exit) => {
      if (Exit.isSuccess(exit) && exit.value.some(verification.concerns)) {
        verifying = verification.verify(exit.value, { at, expected }, done)
      } else done(exit)
    })
    return () => {
      cancel()
      verifying?.()
    }
  }

  const findMany = (keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Found<Value>>, E> =>
    holding<ReadonlyArray<Found<Value>>, E>(recorder, "getMany", keys, sequences.watch, (isCurrent, done) =>
      getMany(keys, isCurrent, (exit) => done(exit, Exit.isSuccess(exit) ? (exit.value[0]?.source ?? "none") : "none"))
    )

  return { atOnce, look, findOne, findMany }
}

type Finds<Value, E> = ReturnType<typeof makeFinds<unknown, Value, E>>

// Two looks at a key are one read: a hit by whoever had it, or else what the first look came to.
const foundBy = <Value>(first: Found<Value>, second: Found<Value>): Found<Value> =>
  second.hit === undefined ? first : second

const makeBeforeLookup = <Key, Value, E>(
  { recorder, sequences, tier }: RegionParts<Key, Value, E>,
  { atOnce, findMany, look }: Finds<Value, E>
): Pick<Reads<Key, Value, E>, "getBeforeLookup" | "getManyBeforeLookup"> => {
  const getBeforeLookup = (key: string, seen?: Observation): Effect.Effect<Found<Value>, E> => {
    const known = atOnce(key)
    if (known !== undefined) {
      recorder.read(known)
      seen?.read(known)
      return Effect.succeed(known)
    }
    const count = (found: Found<Value>): void => {
      recorder.read(found)
      seen?.read(found)
    }
    return fromCallback((done) => {
      const watch = sequences.watch(key)
      let second: Cancel | undefined
      const cancel = look(key, tier.get, (exit) => {
        const isCurrent = watch.isCurrent()
        watch.end()
        if (Exit.isFailure(exit)) return done(exit)
        if (exit.value.hit !== undefined || isCurrent) {
          count(exit.value)
          return done(exit)
        }
        second = look(key, tier.peek, (again) => {
          count(Exit.isSuccess(again) ? foundBy(exit.value, again.value) : exit.value)
          done(again)
        })
      })
      return () => {
        watch.end()
        cancel()
        second?.()
      }
    })
  }

  const getManyBeforeLookup = (keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Found<Value>>, E> => {
    const lookAgain = (key: string, first: Found<Value>): Effect.Effect<Found<Value>, E> =>
      Effect.onExit(
        fromCallback<Found<Value>, E>((done) => look(key, tier.peek, done)),
        (again) => Effect.sync(() => recorder.read(Exit.isSuccess(again) ? foundBy(first, again.value) : first))
      )
    return whileAllHeld(
      () => keys.map(sequences.watch),
      (watches) =>
        Effect.flatMap(findMany(keys), (found) => {
          const written = found.map(({ hit }, index) => hit === undefined && watches[index]?.isCurrent() !== true)
          for (const [index, one] of found.entries()) if (written[index] !== true) recorder.read(one)
          // No fiber is made for each key where none of them is looked for again.
          if (!written.includes(true)) return Effect.succeed(found)
          return Effect.forEach(
            found,
            (one, index) => (written[index] ? lookAgain(keys[index] ?? "", one) : Effect.succeed(one)),
            { concurrency: "unbounded" }
          )
        })
    )
  }

  return { getBeforeLookup, getManyBeforeLookup }
}
