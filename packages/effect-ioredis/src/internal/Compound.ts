import type { RedisCommand } from "../RedisCommand.ts"

/**
 * A command whose reply is an array of the replies to others, each of which is read as theirs. What
 * reads replies knows it by this alone, so that it needs nothing of transactions.
 */
export interface Compound extends RedisCommand {
  /** The command that an element of a reply of so many answers. */
  readonly [at]: (index: number, count: number) => RedisCommand
}

export const at: unique symbol = Symbol.for("effect-ioredis/Compound")

/** Tells whether a command is one. */
export const isCompound = (command: RedisCommand): command is Compound => at in command
