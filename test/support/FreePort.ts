import * as Net from "node:net"
import { Data, Effect, Random, Schedule } from "effect"

/** No free port was found, or the port could not be listened on. */
export class FreePortError extends Data.TaggedError("FreePortError")<{ readonly message: string }> {}

/**
 * A free port on 127.0.0.1, below the range from which the kernel takes the ports of outgoing connections: otherwise a
 * client that keeps dialling a dead server's port now and then connects to itself, and another test may take the port
 * while its server is down.
 */
export const make: Effect.Effect<number, FreePortError> = Effect.suspend(() =>
  Effect.flatMap(
    // Not the caller's Random: a seeded one would hand every test the same ports.
    Effect.provideService(Random.nextIntBetween(10_240, 32_000), Random.Random, Random.Random.defaultValue()),
    probe
  )
).pipe(Effect.retry(Schedule.recurs(50)))

const probe = (port: number): Effect.Effect<number, FreePortError> =>
  Effect.callback((resume) => {
    const server = Net.createServer()
    server.once("error", (error) => resume(Effect.fail(new FreePortError({ message: error.message }))))
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resume(Effect.succeed(port))))
    return Effect.sync(() => {
      server.close()
    })
  })
