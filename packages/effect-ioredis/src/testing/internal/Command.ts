import type { SimulatedScript } from "../SimulatedScript.ts"
import type { RedisStore } from "./RedisStore.ts"
import type { ErrorReply, Wire } from "./Wire.ts"

/** What the commands of a server can reach. */
export interface Machine {
  readonly store: RedisStore
  readonly runId: string
  readonly startedAt: number
  readonly clients: number
  /** The scripts that have a JavaScript counterpart, and those the server has seen since it started, by SHA-1. */
  readonly scripts: ReadonlyMap<string, SimulatedScript>
  readonly loaded: Set<string>
  /** Drops a client's connection for another client, or its own; whether there was one. */
  readonly kill: (clientId: number, by: number) => boolean
  /** Why the server refuses a command just now. */
  readonly refusal: (name: string, impact: Impact) => ErrorReply | undefined
  /** What a script calls. */
  readonly execute: (clientId: number, name: string, args: ReadonlyArray<Buffer>) => Wire
}

/** What a command does to memory: `grow` needs more of it, `write` changes what is there. */
export type Impact = "none" | "write" | "grow"

/** `arity` counts the words of the name too; a negative one is a minimum. */
export interface Command {
  readonly arity: number
  readonly impact: Impact
  readonly run: Run
}

export type Run = (args: ReadonlyArray<Buffer>, machine: Machine, clientId: number) => Wire

/** Commands by lower-case name; subcommands as `client|id`, whose `args` begin after both words. */
export type Commands = Readonly<Record<string, Command>>

export const read = (arity: number, run: Run): Command => ({ arity, impact: "none", run })
export const write = (arity: number, run: Run): Command => ({ arity, impact: "write", run })
export const grow = (arity: number, run: Run): Command => ({ arity, impact: "grow", run })

/** The argument at a place that the command's arity promises. */
export const at = (args: ReadonlyArray<Buffer>, index: number): Buffer => args[index] ?? Buffer.alloc(0)

export const upper = (bytes: Buffer | undefined): string => (bytes ?? Buffer.alloc(0)).toString("latin1").toUpperCase()
