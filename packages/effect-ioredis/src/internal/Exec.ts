import type { Argument, Reply, RedisCommand } from "../RedisCommand.ts"
import { asItCame } from "./Replies.ts"

/**
 * EXEC, which knows the commands that it has Redis execute: their answers are the elements of its
 * reply, each as text or as bytes, and each an error of its own.
 */
export class Exec implements RedisCommand<Reply> {
  readonly name = "EXEC"
  readonly args: ReadonlyArray<Argument> = []
  readonly kind = "connection"
  readonly reply = "text"
  readonly decode = asItCame
  readonly errors: ReadonlyArray<string> = []
  readonly queued: ReadonlyArray<RedisCommand>

  constructor(queued: ReadonlyArray<RedisCommand>) {
    this.queued = queued
  }

  /** The command that an element of the reply answers. */
  at(index: number): RedisCommand {
    return this.queued[index] ?? this
  }
}
