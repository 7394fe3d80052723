import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { RedisError, type RedisHealth } from "effect-ioredis"
import { errorStats } from "../../packages/effect-ioredis/src/internal/errorStats.ts"
import { outageCause } from "../../packages/effect-ioredis/src/internal/outageCause.ts"

const answered = (code: string) => new RedisError.RedisOperationError({ command: "PING", code, message: code })

const connection = (reason: RedisError.ConnectionFailure, cause?: unknown) =>
  RedisError.connectionError("CONNECT", reason, "never", cause)

const rows: ReadonlyArray<readonly [error: RedisError.RedisCommandError, cause: RedisHealth.OutageCause]> = [
  [connection("Refused"), "Refused"],
  [connection("Auth"), "Auth"],
  [connection("Dns"), "Dns"],
  [connection("Tls"), "Tls"],
  [connection("TooManyClients"), "TooManyClients"],
  [connection("NotReady"), "NotReady"],
  [connection("NotReady", answered("LOADING")), "Loading"],
  [connection("NotReady", answered("ERR")), "NotReady"],
  [answered("LOADING"), "Loading"],
  [answered("BUSY"), "Busy"],
  [answered("MASTERDOWN"), "MasterDown"],
  [answered("NOAUTH"), "Auth"],
  [answered("WRONGPASS"), "Auth"],
  [RedisError.RedisTimeoutError.after("PING", 1000), "NoReply"],
  [
    new RedisError.RedisCircuitBreakerOpenError({ command: "PING", retryAfter: Duration.zero, message: "open" }),
    "CircuitOpen"
  ]
]

describe("outageCause", () => {
  for (const [error, cause] of rows) {
    it(`is ${cause} of ${error._tag}: ${error.message}`, () => {
      assert.strictEqual(outageCause(errorStats(error)), cause)
    })
  }
})
