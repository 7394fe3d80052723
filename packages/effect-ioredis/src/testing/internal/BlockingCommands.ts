import * as BlockTime from "./BlockTime.ts"
import { at, type Commands, grow, type Machine, read, type Run, write } from "./Command.ts"
import * as ListCommands from "./ListCommands.ts"
import type { RedisStore, Value } from "./RedisStore.ts"
import * as SortedSetCommands from "./SortedSetCommands.ts"
import * as Wire from "./Wire.ts"

/** Takes something from a key, or nothing where there is nothing. */
type Take = (store: RedisStore, key: Buffer) => Wire.Wire

interface Taking {
  readonly keys: ReadonlyArray<Buffer>
  readonly type: Value["type"]
  readonly millis: number
  readonly take: Take
}

// A key of another type refuses the command when it comes, and is no reason to wake later.
const takeOrWait = ({ mayBlock, block, store }: Machine, { keys, millis, take, type }: Taking): Wire.Wire => {
  for (const key of keys) {
    const wire = take(store, key)
    if (wire !== null) return wire
  }
  if (!mayBlock) return null
  return block({
    keys,
    millis,
    serve: (key) =>
      key !== undefined && store.get(key)?.value.type === type ? (take(store, key) ?? undefined) : undefined,
    timedOut: () => null
  })
}

const fromFirst =
  (type: Value["type"], take: Take): Run =>
  (args, machine) =>
    takeOrWait(machine, { keys: args.slice(0, -1), type, millis: BlockTime.ofSeconds(at(args, args.length - 1)), take })

const move =
  (endsOf: (args: ReadonlyArray<Buffer>) => Parameters<typeof ListCommands.move>[3]): Run =>
  (args, machine) => {
    const ends = endsOf(args)
    return takeOrWait(machine, {
      keys: args.slice(0, 1),
      type: "list",
      millis: BlockTime.ofSeconds(at(args, args.length - 1)),
      take: (store, key) => ListCommands.move(store, key, at(args, 1), ends)
    })
  }

const fromFirstOf =
  (
    type: Value["type"],
    popOf: (args: ReadonlyArray<Buffer>) => { readonly keys: Taking["keys"]; readonly pop: Take }
  ): Run =>
  (args, machine) => {
    const { keys, pop } = popOf(args.slice(1))
    return takeOrWait(machine, { keys, type, millis: BlockTime.ofSeconds(at(args, 0)), take: pop })
  }

// What a master executes its replicas have at once.
const wait: Run = (args, { block, mayBlock, replication }) => {
  if (replication.history.role === "slave") return Wire.fail(waitOnReplica)
  const amount = Wire.integer(args[0])
  const millis = BlockTime.ofMillis(at(args, 1))
  const replicas = () => replication.history.replicas
  if (replicas() >= amount || !mayBlock) return replicas()
  return block({
    keys: [],
    millis,
    serve: () => (replicas() >= amount ? replicas() : undefined),
    timedOut: replicas
  })
}

const waitOnReplica =
  "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated."

export const commands: Commands = {
  blpop: write(-3, fromFirst("list", ListCommands.popOne("LEFT"))),
  brpop: write(-3, fromFirst("list", ListCommands.popOne("RIGHT"))),
  blmove: grow(
    6,
    move((args) => [ListCommands.endOf(args[2]), ListCommands.endOf(args[3])])
  ),
  brpoplpush: grow(
    4,
    move(() => ["RIGHT", "LEFT"])
  ),
  blmpop: write(-5, fromFirstOf("list", ListCommands.popOf)),
  bzpopmin: write(-3, fromFirst("zset", SortedSetCommands.popOne("MIN"))),
  bzpopmax: write(-3, fromFirst("zset", SortedSetCommands.popOne("MAX"))),
  bzmpop: write(-5, fromFirstOf("zset", SortedSetCommands.popOf)),
  wait: read(3, wait)
}
