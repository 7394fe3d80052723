import { Duration, type Stream } from "effect"
import * as Dispatch from "../../dispatch.ts"
import type { UseOptions } from "../../persistence.ts"
import type { RedisClient } from "../../RedisClient.ts"
import type { RedisCommandError } from "../../RedisError.ts"
import * as Scan from "../Scan.ts"

/** Scans as a client does, with the times that a service was given. */
export const scanWithin = (
  client: RedisClient,
  options: Scan.Options,
  { operationTimeout, waitToSend }: UseOptions
): Stream.Stream<string, RedisCommandError> =>
  Scan.stream(Dispatch.of(client), options, {
    timeout: operationTimeout === undefined ? undefined : Duration.toMillis(operationTimeout),
    waitToSend: waitToSend === undefined ? undefined : Duration.toMillis(waitToSend)
  })
