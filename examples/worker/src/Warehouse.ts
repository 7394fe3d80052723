import { Effect, Exit } from "effect"
import { type Task, TaskWorker } from "effect-ioredis-tasks"
import * as Diary from "./Diary.ts"
import { AddressUnknown, CourierBusy, type Parcel, Scan, Ship } from "./Parcel.ts"

/** What is done with parcels. Each run is in the diary, before anything is done and after all of it. */
export const handlers = [
  TaskWorker.handler(Ship, (parcel, { attempt }) => noted(Ship, parcel, attempt, ship(parcel, attempt))),
  TaskWorker.handler(Scan, (parcel, { attempt }) => noted(Scan, parcel, attempt, scan(parcel)))
]

const ship = ({ fate, parcel, takes }: Parcel, attempt: number) =>
  Effect.gen(function* () {
    yield* Effect.sleep(takes)
    if (fate === "returns") return yield* new AddressUnknown({ parcel })
    if (fate === "waits" && attempt <= 2) return yield* new CourierBusy({ parcel })
  })

const scan = ({ fate, takes }: Parcel) =>
  Effect.gen(function* () {
    yield* Effect.sleep(takes)
    if (fate === "kills") process.kill(process.pid, "SIGKILL")
    return yield* Effect.die(new Error("the scanner caught fire"))
  })

// Answers which run it was, so that whoever reads the result can find it in the diary.
const noted = Effect.fnUntraced(function* <E>(
  task: Pick<Task.Task<never>, "name">,
  { parcel }: Parcel,
  attempt: number,
  work: Effect.Effect<void, E>
): Effect.fn.Return<string, E, Diary.Diary> {
  const diary = yield* Diary.Diary
  const run = Diary.makeRun()
  yield* diary.note("began", run, `${task.name}:${parcel}`, attempt)
  return yield* Effect.as(
    Effect.onExit(work, (exit) => diary.note(Exit.isSuccess(exit) ? "done" : howItFailed(exit), run)),
    run
  )
})

const howItFailed = <E>(exit: Exit.Failure<void, E>): "failed" | "died" | "left" => {
  if (Exit.hasInterrupts(exit)) return "left"
  return Exit.hasDies(exit) ? "died" : "failed"
}
