/**
 * Lists what can befall a simulated Redis: switched while a test runs, or written down ahead as
 * a script.
 *
 * **Details**
 *
 * One fault holds for the server at a time and lasts until the next one, or until it is healed; a
 * connection may have one of its own, which holds in the place of the server's. {@link cut} and
 * {@link unsolicited} are events, not states: they happen beside whatever fault holds.
 *
 * **Example** (An outage of thirty seconds)
 *
 * ```ts
 * import { Fault, SimulatedRedis } from "effect-ioredis/testing"
 *
 * const layer = SimulatedRedis.layer({
 *   script: [{ from: "10 seconds", to: "40 seconds", fault: Fault.refuse }]
 * })
 * ```
 *
 * **Example** (One trouble after another)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Fault, SimulatedRedis } from "effect-ioredis/testing"
 * import { TestClock } from "effect/testing"
 *
 * const troubles: ReadonlyArray<Fault.Fault> = [
 *   Fault.mute,
 *   Fault.delay("3 seconds"),
 *   Fault.error("OOM"),
 *   Fault.flaky({ rate: 0.1 }),
 *   Fault.dropLogins({ after: "1 second" }),
 *   Fault.unsolicited(),
 *   Fault.cut({ executed: true, at: "INCR" }),
 *   Fault.none
 * ]
 *
 * const tour = Effect.gen(function* () {
 *   const redis = yield* SimulatedRedis.SimulatedRedis
 *   for (const trouble of troubles) {
 *     yield* redis.inject(trouble)
 *     yield* TestClock.adjust("1 minute")
 *   }
 * })
 * ```
 *
 * @since 0.1.0
 */
import type { Duration } from "effect"

/**
 * A command as a fault sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  /** Names the command, in upper case. */
  readonly name: string
  /** Holds its arguments as text. */
  readonly args: ReadonlyArray<string>
}

/**
 * Describes what is wrong with the server or the way to it.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault =
  | { readonly _tag: "None" }
  | { readonly _tag: "Refuse" }
  | { readonly _tag: "Freeze" }
  | { readonly _tag: "Mute" }
  | { readonly _tag: "DropLogins"; readonly after: Duration.Input }
  | { readonly _tag: "Unsolicited"; readonly reply: string | null }
  | { readonly _tag: "Delay"; readonly duration: Duration.Input }
  | {
      readonly _tag: "Error"
      readonly code: string
      readonly message: string
      readonly commands: ReadonlySet<string> | undefined
    }
  | { readonly _tag: "Flaky"; readonly rate: number; readonly seed: number }
  | {
      readonly _tag: "Cut"
      readonly executed: boolean
      readonly at: ((command: Target) => boolean) | undefined
    }

/**
 * A fault and when it holds, counted from the moment the server was made. Without `to` it holds
 * until another one comes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScheduledFault {
  /** Says when it begins. */
  readonly from: Duration.Input
  /** Says when it ends. Default: when another one comes. */
  readonly to?: Duration.Input | undefined
  /** Says what is wrong meanwhile. */
  readonly fault: Fault
}

/**
 * Nothing is wrong.
 *
 * @category constructors
 * @since 0.1.0
 */
export const none: Fault = { _tag: "None" }

/**
 * The server is dead: open connections are lost, with everything that was sent on them and not
 * executed, and new ones are refused. Its data is there when it is back; see `restart` for a server
 * that comes back empty.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refuse: Fault = { _tag: "Refuse" }

/**
 * The server stands still: connections stay open and can be made, but nothing is answered. When it
 * goes on it executes everything that was sent meanwhile, also what its sender no longer waits for
 * and what came on a connection that was closed since. Of one connection, what is pushed to it
 * waits too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const freeze: Fault = { _tag: "Freeze" }

/**
 * Connections can be made, but whatever is sent on them disappears: nothing is executed and nothing
 * answered. Pushes disappear too. A connection that swallowed something stays mute when the fault
 * ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const mute: Fault = { _tag: "Mute" }

/**
 * The server lets clients log in and then drops them: at once, or `after` this long. The
 * connections that are open are dropped too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const dropLogins = (options?: { readonly after?: Duration.Input | undefined }): Fault => ({
  _tag: "DropLogins",
  after: options?.after ?? 0
})

/**
 * A reply that nobody asked for comes once: a text, or nil. Where commands are in flight, it is
 * taken for the reply of the first of them, as from a real server.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unsolicited = (reply: string | null = null): Fault => ({ _tag: "Unsolicited", reply })

/**
 * Every command takes this much longer to be executed. Replies stay in order; what was sent under a
 * delay keeps it when the fault ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const delay = (duration: Duration.Input): Fault => ({ _tag: "Delay", duration })

/**
 * Commands are answered with an error reply and not executed.
 *
 * **Details**
 *
 * `commands` are the names it holds for: `CLIENT` for all of its subcommands, `CLIENT KILL` for
 * one. Without them it holds for those that a real server would refuse: under `OOM` what needs
 * memory, under `READONLY` and `NOREPLICAS` what writes, under `MISCONF` what writes and PING,
 * under `LOADING` and `MASTERDOWN` all but what asks the server about itself (INFO, ROLE, TIME,
 * CLIENT…), else everything. AUTH and HELLO are always executed. Without a `message` it is Redis'
 * own. `NOAUTH` and `WRONGPASS` refuse logins too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const error = (
  code: string,
  options?: { readonly message?: string | undefined; readonly commands?: ReadonlyArray<string> | undefined }
): Fault => ({
  _tag: "Error",
  code,
  message: options?.message ?? messages[code] ?? "simulated",
  commands: options?.commands && new Set(options.commands.map((name) => name.toUpperCase().replace(" ", "|")))
})

/**
 * A share of the commands, between 0 and 1, costs its connection: half of them after they were
 * executed, half before. The same seed gives the same fate to the same sequence of commands.
 *
 * @category constructors
 * @since 0.1.0
 */
export const flaky = (options: { readonly rate: number; readonly seed?: number | undefined }): Fault => ({
  _tag: "Flaky",
  rate: options.rate,
  seed: options.seed ?? 0
})

/**
 * Connections are dropped once. With `executed` everything that was sent is still executed and only
 * the replies are lost, without it what was not executed never is.
 *
 * **Details**
 *
 * Without `at` it happens now, to every connection. With a name or a predicate it waits for the
 * next command that matches, and hits the connection that carries it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cut = (options: {
  /** Says whether what was sent is still executed. */
  readonly executed: boolean
  /** Chooses the command that it waits for. Default: it happens now. */
  readonly at?: string | ((command: Target) => boolean) | undefined
}): Fault => {
  const { at, executed } = options
  if (typeof at !== "string") return { _tag: "Cut", executed, at }
  const name = at.toUpperCase()
  return { _tag: "Cut", executed, at: (command) => command.name === name }
}

const messages: Readonly<Record<string, string>> = {
  BUSY: "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  CLUSTERDOWN: "The cluster is down",
  LOADING: "Redis is loading the dataset in memory",
  MASTERDOWN: "Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  MISCONF:
    "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.",
  NOAUTH: "Authentication required.",
  NOPERM: "this user has no permissions to run this command",
  NOREPLICAS: "Not enough good replicas to write.",
  OOM: "command not allowed when used memory > 'maxmemory'.",
  READONLY: "You can't write against a read only replica.",
  TRYAGAIN: "Multiple keys request during rehashing of slot",
  WRONGPASS: "invalid username-password pair or user is disabled."
}
