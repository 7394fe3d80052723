import { Schedule, Schema } from "effect"
import { Task } from "effect-ioredis-tasks"

/** What is going to happen to a parcel. A real one would not know. */
export const Fate = Schema.Literals([
  /** It is shipped. */
  "ships",
  /** The courier is busy twice, and then it is shipped. */
  "waits",
  /** Nobody knows its address: no attempt helps. */
  "returns",
  /** Whoever scans it dies. */
  "dies",
  /** It kills the process that scans it. */
  "kills",
  /** It was offered by an older release, whose payload nobody reads any more. */
  "unreadable"
])

export type Fate = typeof Fate.Type

const Payload = Schema.Struct({
  parcel: Schema.Int,
  fate: Fate,
  /** For how many milliseconds somebody works on it. */
  takes: Schema.Int
})

export type Parcel = typeof Payload.Type

/** Says that another attempt may help. */
export class CourierBusy extends Schema.TaggedError<CourierBusy>()("CourierBusy", { parcel: Schema.Int }) {}

/** Says that none will. */
export class AddressUnknown extends Schema.TaggedError<AddressUnknown>()("AddressUnknown", { parcel: Schema.Int }) {}

const id = ({ parcel }: { readonly parcel: number }): string => String(parcel)

/** Ships a parcel, and answers which run of it did. Workers may be lost many times before it is given up. */
export const Ship = Task.make({
  name: "ship",
  version: 1,
  payload: Payload,
  success: Schema.String,
  error: Schema.Union([CourierBusy, AddressUnknown]),
  id,
  retry: { schedule: Schedule.recurs(100), while: (error) => error._tag === "CourierBusy" }
})

/** Scans a parcel. It is tried three times, soon: the default would try four times in seven minutes. */
export const Scan = Task.make({
  name: "scan",
  version: 1,
  payload: Payload,
  success: Schema.String,
  id,
  retry: { schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 2 })) }
})

/** What an older release called shipping: the same name and version, and another payload. */
export const OldShip = Task.make({
  name: "ship",
  version: 1,
  payload: Schema.Struct({ number: Schema.Int }),
  id: ({ number }) => String(number)
})

/** The queue that all of them wait in. */
export const queue = { name: "parcels" }
