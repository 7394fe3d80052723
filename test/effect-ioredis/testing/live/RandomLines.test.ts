import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Answer, Line } from "../../../support/RawConnection.ts"
import * as RandomCommands from "../../../support/RandomCommands.ts"
import * as RawConnection from "../../../support/RawConnection.ts"
import * as RandomWaits from "../../../support/randomWaits.ts"
import * as RedisServer from "../../../support/RedisServer.ts"
import { Comparison } from "../../../support/sameAnswer.ts"

/**
 * Random command lines are given to a real Redis and to a simulated one, which answer alike to the last byte. LINES
 * says how many there are, LINES_SEED from which seed: the same seed draws the same lines.
 */
const count = Number(process.env.LINES ?? 10_000)
const seed = Number(process.env.LINES_SEED ?? 20)

// One of these takes ten lines, and those that run out take their time.
const waits = Math.ceil(count / 20)

describe("SimulatedRedis", () => {
  it.effect(
    "answers random commands as a real Redis does",
    () =>
      Effect.gen(function* () {
        const { port } = yield* RedisServer.make({ config: ["hz 500"] })
        const real = yield* RawConnection.real(port)
        const simulated = RawConnection.simulated(yield* RawConnection.simulatedServer)
        const lines = RandomCommands.make({ count, seed })
        const comparison = new Comparison()
        const differences: Array<string> = []
        // Few enough at once that both servers answer them within the same seconds.
        for (let start = 0; start < lines.length; start += 500) {
          const some = lines.slice(start, start + 500)
          const expected = yield* RawConnection.send(real, some)
          const actual = yield* RawConnection.send(simulated, some)
          for (const [index, line] of some.entries()) {
            const [one = null, other = null] = [expected[index], actual[index]]
            if (!comparison.isSame(line, one, other)) differences.push(difference(start + index, line, one, other))
          }
        }
        assert.deepStrictEqual(differences.slice(0, shown), [], `LINES_SEED=${seed} LINES=${count}`)
      }).pipe(Effect.scoped, Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())),
    Math.max(60_000, count * 10)
  )

  it.effect(
    "lets clients wait and wakes them as a real Redis does",
    () =>
      Effect.gen(function* () {
        const { port } = yield* RedisServer.make({ config: ["hz 500"] })
        const server = yield* RawConnection.simulatedServer
        const real: Side = {
          waiting: yield* RawConnection.real(port),
          other: yield* RawConnection.real(port),
          began: hasBegun
        }
        const simulated: Side = {
          waiting: RawConnection.simulated(server),
          other: RawConnection.simulated(server),
          began: () => TestClock.adjust("1 second")
        }
        const comparison = new Comparison()
        for (const [index, round] of RandomWaits.rounds(RandomCommands.draws(seed), waits).entries()) {
          const lines = [...round.before, round.waiting, ...round.meanwhile, ...RandomWaits.shown]
          const [expected, actual] = [yield* play(real, round), yield* play(simulated, round)]
          const differences = expected.flatMap((one, place) => {
            const other = actual[place] ?? null
            const line = [...round.before, ...round.meanwhile, unblocking(round), round.waiting, ...RandomWaits.shown][
              place
            ]
            return line === undefined || comparison.isSame(line, one, other)
              ? []
              : [difference(index, line, one, other)]
          })
          const told = `LINES_SEED=${seed} LINES=${count}: round ${index}, ${JSON.stringify(lines)}`
          assert.deepStrictEqual(differences, [], told)
        }
      }).pipe(Effect.scoped),
    Math.max(60_000, count * 10)
  )
})

/** Two clients of a server, one of which waits. */
interface Side {
  readonly waiting: RawConnection.RawConnection
  readonly other: RawConnection.RawConnection
  /** Lets the command come to its wait, or to its end where it does not wait for long. */
  readonly began: (side: Side, own: Fiber.Fiber<unknown>, isShort: boolean) => Effect.Effect<void>
}

/** The answers to a round's lines, as `linesOf` has them. */
const play = Effect.fnUntraced(function* (side: Side, round: RandomWaits.Round) {
  const { before, isShort, meanwhile, waiting } = round
  const [id] = yield* RawConnection.send(side.waiting, [["CLIENT", "ID"]])
  const first = yield* RawConnection.send(side.other, before)
  const own = yield* Effect.forkChild(RawConnection.send(side.waiting, [waiting]), { startImmediately: true })
  yield* side.began(side, own, isShort)
  const [name, word, , ...rest] = unblocking(round)
  const unblock: Line = [name, word ?? "", String(id).slice(1), ...rest]
  const second = yield* RawConnection.send(side.other, [...meanwhile, unblock])
  return [
    ...first,
    ...second,
    ...(yield* Fiber.join(own)),
    ...(yield* RawConnection.send(side.other, RandomWaits.shown))
  ]
})

// On each server the client has another ID.
const unblocking = ({ end }: RandomWaits.Round): Line => ["CLIENT", "UNBLOCK", "the other", end]

const hasBegun: Side["began"] = Effect.fnUntraced(function* ({ other }, own, isShort) {
  while (own.pollUnsafe() === undefined) {
    const [info] = yield* RawConnection.send(other, [["INFO", "clients"]])
    if (!isShort && String(info).includes("blocked_clients:1")) return
  }
})

// Those that follow the first few mostly follow from them.
const shown = 5

const difference = (index: number, line: Line, real: Answer, simulated: Answer): string =>
  [`line ${index}: ${JSON.stringify(line.map(text))}`, `Redis: ${show(real)}`, `simulated: ${show(simulated)}`].join(
    "\n"
  )

const text = (word: string | Uint8Array) => (typeof word === "string" ? word : Buffer.from(word).toString("latin1"))

const show = (answer: Answer) => JSON.stringify(answer).slice(0, 500)
