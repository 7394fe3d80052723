import { Clock, Context, Duration, Effect, Fiber, Layer, Scheduler } from "effect"

/** Somebody who sleeps until `at`. */
interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/**
 * Time that passes only when it is told to, from one sleeper to the next, and only when nothing can run.
 *
 * It does what TestClock does in a third of the processor's time, which is most of what a history costs.
 */
class VirtualClock implements Clock.Clock {
  readonly #scheduler: Scheduler.Scheduler
  // The last one wakes first. Of two at the same time the first to sleep does.
  readonly #sleepers: Array<Sleeper> = []
  #now = 0
  #scheduled = 0

  constructor(scheduler: Scheduler.Scheduler) {
    this.#scheduler = scheduler
  }

  currentTimeMillisUnsafe(): number {
    return this.#now
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.#now * 1_000_000))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  readonly currentTimeMillis = Effect.sync(() => this.#now)
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = this.currentTimeNanos

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.void
    return Effect.callback((resume) => {
      const sleeper = { at: this.#now + millis, wake: () => resume(Effect.void) }
      const behind = this.#sleepers.findLastIndex(({ at }) => at > sleeper.at)
      this.#sleepers.splice(behind + 1, 0, sleeper)
      return Effect.sync(() => {
        const index = this.#sleepers.indexOf(sleeper)
        if (index >= 0) this.#sleepers.splice(index, 1)
      })
    })
  }

  /** A scheduler that lets the clock know when nothing can run. */
  readonly scheduler: Scheduler.Scheduler = {
    executionMode: "async",
    shouldYield: (fiber) => this.#scheduler.shouldYield(fiber),
    makeDispatcher: () => {
      const dispatcher = this.#scheduler.makeDispatcher()
      return {
        scheduleTask: (task, priority) => {
          this.#scheduled++
          dispatcher.scheduleTask(() => {
            this.#scheduled--
            task()
          }, priority)
        },
        flush: () => dispatcher.flush()
      }
    }
  }

  pass(millis: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const end = this.#now + millis
      let turns = 0
      // What is queued as a microtask has run before the next turn of the event loop.
      const turn = (): void => {
        turns++
        if (turns > mostTurns) resume(Effect.die(new Error("nothing comes to rest")))
        else if (this.#scheduled > 0 || this.#wakeNext(end)) setImmediate(turn)
        else resume(Effect.void)
      }
      setImmediate(turn)
    })
  }

  // Moves time on to the next sleeper who wakes by then, or else to that time.
  #wakeNext(end: number): boolean {
    const sleeper = this.#sleepers.at(-1)
    const isTime = sleeper !== undefined && sleeper.at <= end
    this.#now = isTime ? sleeper.at : end
    if (!isTime) return false
    this.#sleepers.pop()
    sleeper.wake()
    return true
  }
}

const mostTurns = 200_000

/** The clock and the scheduler of a history. */
export const layer: Layer.Layer<never> = Layer.effectContext(
  Effect.map(Scheduler.Scheduler, (scheduler) => {
    const clock = new VirtualClock(scheduler)
    return Context.make(Clock.Clock, clock as Clock.Clock).pipe(Context.add(Scheduler.Scheduler, clock.scheduler))
  })
)

/** Lets that much time pass, and everything run that can. */
export const pass = (millis: number): Effect.Effect<void> =>
  Clock.clockWith((clock) =>
    clock instanceof VirtualClock ? clock.pass(millis) : Effect.die(new Error("time is not virtual here"))
  )

/** Lets everything that can run, run, without any time passing. */
export const settle = pass(0)

/** Runs while time passes in small steps. What does not end within a minute is a defect. */
export const passUntilDone = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* settle
    for (let passed = 0; fiber.pollUnsafe() === undefined; passed += 50) {
      if (passed > 60_000) return yield* Effect.die(new Error("not done after a minute"))
      yield* pass(50)
    }
    return yield* Fiber.join(fiber)
  })
