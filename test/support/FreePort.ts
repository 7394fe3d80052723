import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import { Data, Effect, Random, Schedule } from "effect"

/** No free port was found, or the port could not be listened on. */
export class FreePortError extends Data.TaggedError("FreePortError")<{ readonly message: string }> {}

/**
 * A free port on 127.0.0.1, below the range from which the kernel takes the ports of outgoing connections: otherwise a
 * client that keeps dialling a dead server's port now and then connects to itself. It is given once in a run of
 * tests, so that no other test takes it while its server is down.
 */
export const make: Effect.Effect<number, FreePortError> = Effect.suspend(() =>
  Effect.flatMap(random(10_240, 32_000), claim)
).pipe(Effect.retry(Schedule.recurs(50)))

/** As many ports, of which the one 10,000 higher is free as well: there the nodes of a cluster talk to each other. */
export const withBus = Effect.fnUntraced(function* (
  count: number
): Effect.fn.Return<ReadonlyArray<number>, FreePortError> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(yield* oneWithBus)
  return Array.from(ports)
})

// Below 20,240, so that no node's port is the bus of another.
const oneWithBus = Effect.suspend(() =>
  Effect.flatMap(random(10_240, 20_240), (port) => Effect.andThen(claim(port + 10_000), claim(port)))
).pipe(Effect.retry(Schedule.recurs(50)))

// Not the caller's Random: a seeded one would hand every test the same ports.
const random = (from: number, to: number) =>
  Effect.provideService(Random.nextIntBetween(from, to), Random.Random, Random.Random.defaultValue())

// The processes of one run of tests share a folder with a file for each port that one of them has.
const claim = (port: number): Effect.Effect<number, FreePortError> =>
  Effect.try({
    try: () => {
      const folder = process.env.TEST_PORTS
      if (folder !== undefined) Fs.writeFileSync(Path.join(folder, String(port)), "", { flag: "wx" })
    },
    catch: (cause) => new FreePortError({ message: `port ${port} is another test's: ${String(cause)}` })
  }).pipe(Effect.andThen(probe(port)))

const probe = (port: number): Effect.Effect<number, FreePortError> =>
  Effect.callback((resume) => {
    const server = Net.createServer()
    server.once("error", (error) => resume(Effect.fail(new FreePortError({ message: error.message }))))
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resume(Effect.succeed(port))))
    return Effect.sync(() => {
      server.close()
    })
  })
