import { Result } from "effect"
import type { Argument, Decoder, RedisCommand, Reply } from "../RedisCommand.ts"
import { at, type Compound } from "./Compound.ts"

/**
 * EXEC, which knows the commands that it has Redis execute: their answers are the elements of its
 * reply, each as text or as bytes, and each an error of its own. A login that is made anew behind
 * MULTI is queued too, and answered before them.
 */
export class Exec implements RedisCommand<ReadonlyArray<Reply> | null>, Compound {
  readonly name = "EXEC"
  readonly args: ReadonlyArray<Argument> = []
  readonly kind = "connection"
  readonly reply = "text"
  readonly decode: Decoder<ReadonlyArray<Reply> | null> = (reply) =>
    reply === null || (Array.isArray(reply) && reply.length >= this.queued.length)
      ? Result.succeed(reply?.slice(reply.length - this.queued.length) ?? null)
      : Result.fail("a reply for each command")
  readonly errors: ReadonlyArray<Uppercase<string>> = []
  readonly queued: ReadonlyArray<RedisCommand>

  constructor(queued: ReadonlyArray<RedisCommand>) {
    this.queued = queued
  }

  [at](index: number, count: number): RedisCommand {
    return this.queued[index - count + this.queued.length] ?? this
  }
}
