import { Effect } from "effect"
import * as RawConnection from "../support/RawConnection.ts"
import * as Asking from "./Asking.ts"
import type { Span } from "./History.ts"

// Half of what an order waits for its number.
const slow = 250

/**
 * The times in which a server took long for a write of the test's own, which grow as long as the scope is open. A server
 * that puts each write on its disk is slow where the machine is: the shop may then refuse orders, as in an outage.
 */
export const watch = Effect.fnUntraced(function* (port: number) {
  const spans: Array<Span> = []
  const write = Effect.gen(function* () {
    const from = yield* Asking.now
    const connection = yield* RawConnection.real(port)
    yield* RawConnection.send(connection, [["SET", "written by nobody else", "1"]])
    const to = yield* Asking.now
    if (to - from > slow) spans.push({ from, to })
  }).pipe(Effect.scoped)
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(write, Effect.sleep("50 millis"))))
  return spans
})
