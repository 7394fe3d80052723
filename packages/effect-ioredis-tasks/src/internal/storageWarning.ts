import { Effect, Result } from "effect"
import type { RedisCommand } from "effect-ioredis"
import { Server } from "effect-ioredis/commands"
import type { Dispatch, Node } from "effect-ioredis/dispatch"
import { inBackground } from "./inBackground.ts"
import { isOutage } from "./isOutage.ts"
import { sendBy } from "./sendBy.ts"

/** What a server is set to, as far as its user may ask. */
export interface Storage {
  readonly policy: string | undefined
  /** Also where that is not known. */
  readonly hasAppendOnlyFile: boolean
  /** When it writes a dump, as `save` says: an empty text is never. */
  readonly save: string | undefined
}

/** What about a server may cost tasks. */
export const problemsOf = ({ hasAppendOnlyFile, policy, save }: Storage): ReadonlyArray<string> => [
  ...(policy === undefined || policy === "noeviction"
    ? []
    : [
        `maxmemory-policy is ${policy}: it evicts ${policy.startsWith("allkeys") ? "tasks" : "results"} when memory is full, set noeviction`
      ]),
  ...(!hasAppendOnlyFile && save === ""
    ? ["nothing is saved to disk: a restart loses all tasks, set appendonly yes"]
    : [])
]

// Each server is told of once, whatever queues it has.
const told = new WeakSet<Node>()

/**
 * Warns once where the server that has a key evicts, or keeps nothing on disk. It waits until that
 * answers. Of what its user may not ask nothing is said.
 */
export const warn = (dispatch: Dispatch, fields: Readonly<Record<string, string>>, key: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const node = dispatch.nodeOf(key)
    if (told.has(node)) return Effect.void
    told.add(node)
    return storageOf(dispatch, node).pipe(
      Effect.flatMap((storage) => {
        const problems = problemsOf(storage)
        return problems.length === 0
          ? Effect.void
          : Effect.logWarning("The Redis of a queue may lose tasks").pipe(
              Effect.annotateLogs({ ...fields, node: node.name, problems: problems.join("; ") })
            )
      }),
      inBackground(dispatch)
    )
  })

const storageOf = Effect.fnUntraced(function* (dispatch: Dispatch, node: Node) {
  const { aof_enabled: appends, maxmemory_policy: policy } = (yield* ask(dispatch, node, Server.info())) ?? {}
  // INFO does not tell when dumps are made.
  const settings = appends === "0" ? yield* ask(dispatch, node, Server.configGet(["save"])) : undefined
  const storage: Storage = { policy, hasAppendOnlyFile: appends !== "0", save: settings?.save }
  return storage
})

const ask = <A>(dispatch: Dispatch, node: Node, command: RedisCommand.RedisCommand<A>): Effect.Effect<A | undefined> =>
  sendBy(dispatch, command, { node, waitToSend: patience, timeout: patience }).pipe(
    Effect.tapError((error) => (isOutage(error) ? Effect.sleep("1 second") : Effect.void)),
    Effect.retry({ while: isOutage }),
    Effect.map((reply) => Result.getOrUndefined(command.decode(reply))),
    Effect.orElseSucceed(() => undefined)
  )

// For how many milliseconds a command waits for its server before it is sent anew.
const patience = 60_000
