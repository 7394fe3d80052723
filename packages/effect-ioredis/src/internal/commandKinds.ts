import type { Argument, CommandKind } from "../RedisCommand.ts"
import { commands, fullName, keysOf, textOf, wordOf } from "./commandKeys.ts"

/**
 * The kind of a command by its upper-case name and its arguments; `effectful` where it is not
 * known.
 */
export const kindOf = (name: string, args: ReadonlyArray<Argument>): CommandKind => {
  const decision = decisions.get(fullName(name, args)) ?? "effectful"
  return typeof decision === "string" ? decision : decision(args)
}

/**
 * Tells whether a kind was decided for a command, sub-commands as `CONFIG|GET`, and not only
 * assumed.
 */
export const isDecided = (name: string): boolean => decisions.has(name)

type ByArguments = (args: ReadonlyArray<Argument>) => CommandKind

type Decision = CommandKind | ByArguments

const words = (text: string): ReadonlyArray<string> => text.trim().split(/\s+/)

// SET answers OK each time unless a condition decides, or unless it answers what was there before.
const set: ByArguments = (args) => {
  for (let index = 2; index < args.length; index++) {
    const word = wordOf(args[index])
    if (word === "PX" || word === "EX" || word === "PXAT" || word === "EXAT") index++
    else if (word !== "KEEPTTL") return "effectful"
  }
  return "repeatable"
}

// ZADD … INCR counts up; every other ZADD leaves the same scores behind, but says that it added
// less.
const zadd: ByArguments = (args) => {
  for (let index = 1; index < args.length; index++) {
    const word = wordOf(args[index])
    if (word === "INCR") return "effectful"
    if (!zaddOptions.has(word)) break
  }
  return "idempotent"
}

const zaddOptions = new Set(["NX", "XX", "GT", "LT", "CH"])

// BITFIELD that only gets is a read; one that sets answers the old bits.
const bitfield: ByArguments = (args) => {
  const operations = args.map(wordOf)
  if (operations.includes("INCRBY", 1)) return "effectful"
  return operations.includes("SET", 1) ? "idempotent" : "read"
}

// Removing all occurrences leaves none; removing some leaves fewer each time.
const lrem: ByArguments = (args) =>
  args[1] !== undefined && Number(textOf(args[1])) === 0 ? "idempotent" : "effectful"

// What is computed from other keys is the same again, unless the result stands in the place of one
// of them: SDIFFSTORE b a b, or BITOP XOR a a b. Without a destination (SORT, GEORADIUS) it is a
// read.
const store =
  (name: string): ByArguments =>
  (args) => {
    const [first, ...rest] = keysOf(name, args).map(textOf)
    if (first === undefined || rest.length === 0) return "read"
    return rest.includes(first) ? "effectful" : "repeatable"
  }

const stores = words(`
  SDIFFSTORE SINTERSTORE SUNIONSTORE ZDIFFSTORE ZINTERSTORE ZUNIONSTORE ZRANGESTORE GEOSEARCHSTORE BITOP
  SORT GEORADIUS GEORADIUSBYMEMBER
`)

/** Where the BLOCK of XREAD and XREADGROUP stands, or -1. */
export const blockAt = (args: ReadonlyArray<Argument>): number => {
  for (let index = 0; index < args.length; index++) {
    const word = wordOf(args[index])
    if (word === "BLOCK") return index
    if (word === "STREAMS") break
    if (word === "GROUP") index += 2
  }
  return -1
}

// With BLOCK these wait on the server.
const blocks =
  (otherwise: CommandKind): ByArguments =>
  (args) =>
    blockAt(args) === -1 ? otherwise : "blocking"

// HELLO without arguments only answers; with a protocol or a login it changes its connection.
const hello: ByArguments = (args) => (args.length === 0 ? "read" : "connection")

// ACL LOG and the like read unless they are told to reset.
const unlessReset: ByArguments = (args) => (wordOf(args[1]) === "RESET" ? "repeatable" : "read")

/**
 * Decided by hand, for Redis' flags do not say what a second run would do: each line with its
 * reason.
 */
const byReason: ReadonlyArray<readonly [kind: Decision, names: string, reason: string]> = [
  // A name that has sub-commands stands for all of them that Redis 7.0 knows; what follows may say
  // otherwise of one.
  [
    "read",
    "PING ECHO TIME INFO ROLE LASTSAVE LOLWUT COMMAND LATENCY SLOWLOG MEMORY OBJECT PUBSUB XINFO",
    "only answers"
  ],
  ["repeatable", "SETEX PSETEX MSET HMSET LSET SETRANGE", "stores what its arguments say, and answers the same"],
  ["repeatable", "GETEX", "answers the value, and sets its expiry again"],
  ["repeatable", "PFMERGE", "a union with what is merged already changes nothing"],
  ["repeatable", "FLUSHALL FLUSHDB FUNCTION|FLUSH SCRIPT|FLUSH", "what is empty stays empty, and the answer is OK"],
  ["repeatable", "XSETID XGROUP|SETID", "sets the same ID"],
  ["repeatable", "SCRIPT|LOAD", "answers the same SHA-1"],
  ["repeatable", "CONFIG|SET CONFIG|RESETSTAT CONFIG|REWRITE ACL|SAVE ACL|LOAD", "leaves the same settings behind"],
  ["repeatable", "SLOWLOG|RESET MEMORY|PURGE SAVE", "what is done already is done again, and the answer is OK"],
  [set, "SET", "by its options"],
  [zadd, "ZADD", "by its options"],
  [bitfield, "BITFIELD", "by its operations"],
  [lrem, "LREM", "by its count"],
  [blocks("read"), "XREAD", "by BLOCK"],
  [blocks("effectful"), "XREADGROUP", "by BLOCK; what is delivered once is pending, and not delivered again"],
  [hello, "HELLO", "by its arguments"],
  [unlessReset, "ACL|LOG", "by RESET"],
  ["idempotent", "DEL UNLINK HDEL SREM ZREM XDEL XACK", "what is gone stays gone, but is counted only once"],
  ["idempotent", "ZREMRANGEBYSCORE ZREMRANGEBYLEX XTRIM", "what is gone stays gone, but is counted only once"],
  ["idempotent", "SADD HSET GEOADD PFADD", "what is there stays there, but counts as new only once"],
  ["idempotent", "SETBIT", "the bit stays, but the answer is the bit before"],
  ["idempotent", "SMOVE COPY", "the second run finds it done, and answers 0"],
  ["idempotent", "EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST", "the expiry stays, but a second run may answer 0"],
  ["idempotent", "RESTORE RESTORE-ASKING", "the value stays, but a second run answers BUSYKEY without REPLACE"],
  ["idempotent", "XGROUP|CREATE XGROUP|DESTROY", "the group stays or is gone, but a second run says so"],
  ["idempotent", "XGROUP|CREATECONSUMER XGROUP|DELCONSUMER", "the consumer stays or is gone, but a second run says so"],
  [
    "idempotent",
    "FUNCTION|LOAD FUNCTION|DELETE FUNCTION|RESTORE",
    "the library stays or is gone, but a second run fails"
  ],
  ["idempotent", "ACL|SETUSER ACL|DELUSER", "the user stays or is gone, but a second run says so"],
  ["idempotent", "CLIENT|KILL", "whoever was disconnected is not counted again"],
  ["idempotent", "LATENCY|RESET BGSAVE BGREWRITEAOF", "it is done or on its way, but a second run says so"],
  ["effectful", "INCR INCRBY INCRBYFLOAT DECR DECRBY HINCRBY HINCRBYFLOAT ZINCRBY", "counts twice"],
  ["effectful", "APPEND LPUSH LPUSHX RPUSH RPUSHX LINSERT XADD PUBLISH SPUBLISH", "adds twice"],
  ["effectful", "LPOP RPOP LMPOP SPOP ZPOPMIN ZPOPMAX ZMPOP LMOVE RPOPLPUSH", "takes twice"],
  [
    "effectful",
    "LTRIM ZREMRANGEBYRANK",
    "positions mean other elements the second time: LTRIM l 1 -1 takes one each time"
  ],
  ["effectful", "GETDEL GETSET", "answers the value before, which the second run no longer finds"],
  ["effectful", "SETNX MSETNX HSETNX", "a second run denies that the first took place"],
  ["effectful", "RENAME RENAMENX MOVE SWAPDB MIGRATE", "a second run moves something else, or fails"],
  ["effectful", "XCLAIM XAUTOCLAIM", "counts deliveries"],
  ["effectful", "EVAL EVALSHA FCALL", "runs whatever the script says"],
  ["effectful", "PFDEBUG PFSELFTEST DEBUG", "is for the developers of Redis"],
  [
    "effectful",
    "CLIENT|PAUSE CLIENT|UNPAUSE CLIENT|UNBLOCK SCRIPT|KILL FUNCTION|KILL",
    "concerns what runs at that moment"
  ],
  ["effectful", "SHUTDOWN FAILOVER REPLICAOF SLAVEOF MODULE|LOAD MODULE|LOADEX MODULE|UNLOAD", "changes the server"],
  [
    "effectful",
    `CLUSTER|ADDSLOTS CLUSTER|ADDSLOTSRANGE CLUSTER|BUMPEPOCH CLUSTER|DELSLOTS CLUSTER|DELSLOTSRANGE CLUSTER|FAILOVER
     CLUSTER|FLUSHSLOTS CLUSTER|FORGET CLUSTER|MEET CLUSTER|REPLICATE CLUSTER|RESET CLUSTER|SAVECONFIG
     CLUSTER|SET-CONFIG-EPOCH CLUSTER|SETSLOT`,
    "changes the cluster"
  ],
  ["blocking", "BLPOP BRPOP BRPOPLPUSH BLMOVE BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF", "waits on the server"],
  ["connection", "MULTI EXEC DISCARD WATCH UNWATCH", "a transaction belongs to its connection"],
  ["connection", "SELECT AUTH RESET QUIT READONLY READWRITE ASKING", "changes what comes next on its connection"],
  [
    "connection",
    "SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR",
    "turns on other replies"
  ],
  ["connection", "SYNC PSYNC REPLCONF", "makes a replica of its connection"],
  ["connection", "CLIENT|REPLY CLIENT|TRACKING CLIENT|CACHING CLIENT|SETNAME", "changes its connection"],
  ["connection", "CLIENT|NO-EVICT CLIENT|NO-TOUCH CLIENT|SETINFO SCRIPT|DEBUG", "changes its connection"],
  ["read", "ACL|CAT ACL|DRYRUN ACL|GENPASS ACL|GETUSER ACL|LIST ACL|USERS ACL|WHOAMI CONFIG|GET", "only answers"],
  ["read", "CLIENT|GETNAME CLIENT|GETREDIR CLIENT|ID CLIENT|INFO CLIENT|LIST CLIENT|TRACKINGINFO", "only answers"],
  ["read", "FUNCTION|DUMP FUNCTION|LIST FUNCTION|STATS MODULE|LIST SCRIPT|EXISTS", "only answers"],
  [
    "read",
    `CLUSTER|COUNT-FAILURE-REPORTS CLUSTER|COUNTKEYSINSLOT CLUSTER|GETKEYSINSLOT CLUSTER|INFO CLUSTER|KEYSLOT
     CLUSTER|LINKS CLUSTER|MYID CLUSTER|NODES CLUSTER|REPLICAS CLUSTER|SHARDS CLUSTER|SLAVES CLUSTER|SLOTS`,
    "only answers"
  ]
]

const names = Array.from(commands.keys())

const decisions: ReadonlyMap<string, Decision> = new Map<string, Decision>([
  // A command that Redis itself calls read-only changes nothing; help only answers.
  ...Array.from(commands)
    .filter(([name, { flags }]) => flags.includes("r") || name.endsWith("|HELP"))
    .map(([name]) => [name, "read"] as const),
  ...byReason.flatMap(([kind, listed]) =>
    words(listed).flatMap((name) =>
      [name, ...names.filter((each) => each.startsWith(`${name}|`))].map((each) => [each, kind] as const)
    )
  ),
  ...stores.map((name) => [name, store(name)] as const)
])
