import { Duration } from "effect"
import type { UseOptions } from "../../persistence.ts"

/**
 * Gives what waits to be sent the time to be answered as well, where the user has not said how long
 * it may take.
 */
export const withinTime = ({ operationTimeout, waitToSend }: UseOptions): UseOptions =>
  operationTimeout !== undefined || waitToSend === undefined
    ? { operationTimeout, waitToSend }
    : { operationTimeout: Duration.sum(Duration.fromInputUnsafe(waitToSend), toAnswer), waitToSend }

const toAnswer = Duration.seconds(2)
