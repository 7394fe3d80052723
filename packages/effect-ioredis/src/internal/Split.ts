import type { Argument, RedisCommand, Reply } from "../RedisCommand.ts"
import * as RedisCommandModule from "../RedisCommand.ts"

/**
 * A part of a command: its keys that go to one place, and where they stood. A class, for it lives
 * while the command is in flight.
 */
export class Part<Place> {
  readonly place: Place
  readonly command: RedisCommand
  readonly positions: ReadonlyArray<number>

  constructor(place: Place, command: RedisCommand, positions: ReadonlyArray<number>) {
    this.place = place
    this.command = command
    this.positions = positions
  }
}

/** Tells whether a command says nothing but its keys, so that several of it say the same. */
export const isSplittable = ({ args, name }: RedisCommand): boolean => args.length > 1 && answers.has(name)

/** Splits a command by the places that its keys belong to, in the order of their first keys. */
export const split = <Place>(command: RedisCommand, placeOf: (key: Argument) => Place): ReadonlyArray<Part<Place>> => {
  const positions = new Map<Place, Array<number>>()
  command.args.forEach((key, position) => {
    const place = placeOf(key)
    const known = positions.get(place)
    if (known === undefined) positions.set(place, Array.of(position))
    else known.push(position)
  })
  if (positions.size === 1) return Array.from(positions, ([place, own]) => new Part(place, command, own))
  const { args, errors, kind, name, reply } = command
  const options = { errors, kind, reply }
  return Array.from(positions, ([place, own]) => {
    const keys = own.map((position) => args[position] ?? "")
    return new Part(place, RedisCommandModule.make(name, keys, options), own)
  })
}

/**
 * Puts the replies of the parts together: values in the order of the keys, or a sum. It is nil,
 * which no decoder of these commands takes, where one of them does not answer its part.
 */
export const join = (
  command: RedisCommand,
  parts: ReadonlyArray<Part<unknown>>,
  replies: ReadonlyArray<Reply>
): Reply => {
  if (answers.get(command.name) === "sum") {
    return replies.every((reply) => typeof reply === "number") ? replies.reduce((sum, reply) => sum + reply, 0) : null
  }
  const values: Array<Reply> = command.args.map(() => null)
  for (const [index, { positions }] of parts.entries()) {
    const reply = replies[index]
    if (!Array.isArray(reply) || reply.length !== positions.length) return null
    positions.forEach((position, n) => {
      values[position] = reply[n] ?? null
    })
  }
  return values
}

const answers: ReadonlyMap<string, "values" | "sum"> = new Map([
  ["MGET", "values"],
  ["DEL", "sum"],
  ["UNLINK", "sum"],
  ["EXISTS", "sum"],
  ["TOUCH", "sum"]
])
