import { isKnown } from "./commandKeys.ts"

/**
 * Lists what Redis itself may say in an error reply.
 *
 * A reply's text may quote whatever it concerns: keys, values, coordinates, what a script raised.
 * So nothing is removed from it; only what is known to be Redis' own is shown, and what stands
 * between is left out.
 */

/**
 * The first word of a reply if Redis has such a code, or if the command declares it, else `ERR`: so
 * there are only so many of them.
 */
export const codeOf = (text: string, declared: ReadonlyArray<string> = []): string => {
  const word = /^[^ :]+/.exec(text)?.[0] ?? "ERR"
  return codes.has(word) || (declared.includes(word) && !ownCodes.has(word)) ? word : "ERR"
}

// What these say of a command is not for Redis to say.
const ownCodes = new Set(["ARGUMENT", "UNSUPPORTED", "SUPERSEDED", "REPLY"])

/**
 * The text as far as it is Redis' own, or `undefined` where nothing of it is known. `name` is that
 * of the command, upper-case.
 */
export const knownText = (text: string, name: string): string | undefined => {
  const code = codeOf(text)
  const rest = withoutEnd(text.startsWith(`${code} `) ? text.slice(code.length + 1) : text)
  const known = firstMatch(replies.get(code) ?? [], rest, name)
  return known === undefined ? undefined : `${code} ${known}`
}

/** Describes what a script's reply says, as far as it is known, and the line that it stopped at. */
export interface ScriptReply {
  readonly text: string | undefined
  readonly line: number | undefined
}

/** As {@link knownText}, for the reply to a script: what a script raises may be anything. */
export const knownScriptText = (reply: string, name: string): ScriptReply => {
  const compiling =
    /^ERR Error compiling (script \(new function\)|function): user_(?:script|function):(\d{1,6}): /.exec(reply)
  if (compiling !== null) {
    const [prefix, what, line] = compiling
    const problem = firstMatch(luaProblems, withoutEnd(reply.slice(prefix.length)), name)
    return { text: `ERR Error compiling ${what}: ${problem ?? "…"}`, line: Number(line) }
  }
  const registering = "ERR Error registering functions: "
  if (reply.startsWith(registering)) {
    const { line, text = "…" } = knownScriptText(reply.slice(registering.length), name)
    return { text: `${registering}${text}`, line }
  }
  const placed = / script: \S{1,128}, on @user_(?:script|function):(\d{1,6})\.?$/.exec(reply)
  const body = placed === null ? reply : reply.slice(0, placed.index)
  const [prefix = "", code = "", begins] = /^(ERR )?user_(?:script|function):(\d{1,6}): /.exec(body) ?? []
  const line = placed?.[1] ?? begins
  // A script that raises the text of what it caught has two codes.
  const said = body.slice(prefix.length)
  return {
    text: knownText(said.startsWith("ERR ") ? said : code + said, name),
    line: line === undefined ? undefined : Number(line)
  }
}

// Pieces of text with what may stand between them.
interface Template {
  readonly pieces: ReadonlyArray<string>
  readonly places: ReadonlyArray<Place>
}

// How what stands in a place is shown: not at all, as a whole number, a command's name, an address,
// or a word of Lua.
type Place = "s" | "d" | "c" | "a" | "l"

const parse = (line: string): Template => {
  const parts = line.split(/%([sdcal])/)
  return {
    pieces: parts.filter((_, index) => index % 2 === 0),
    places: parts.filter((_, index) => index % 2 === 1) as ReadonlyArray<Place>
  }
}

const firstMatch = (templates: ReadonlyArray<Template>, text: string, name: string): string | undefined => {
  for (const template of templates) {
    const found = matched(template, text, name)
    if (found !== undefined) return found
  }
  return undefined
}

const matched = ({ pieces, places }: Template, text: string, name: string): string | undefined => {
  const [first = ""] = pieces
  if (!text.startsWith(first)) return undefined
  let shown = first
  let position = first.length
  for (let index = 0; index < places.length; index++) {
    const piece = pieces[index + 1] ?? ""
    const isLast = index === places.length - 1
    const end = isLast ? text.length - piece.length : text.indexOf(piece, position)
    if (end < position || (isLast && !text.endsWith(piece))) return undefined
    shown += placed(places[index] ?? "s", text.slice(position, end), name) + piece
    position = end + piece.length
  }
  return position === text.length ? shown : undefined
}

const placed = (place: Place, given: string, name: string): string => (shows[place](given, name) ? given : "…")

const shows: Readonly<Record<Place, (given: string, name: string) => boolean>> = {
  s: () => false,
  d: (given) => /^-?\d{1,20}$/.test(given),
  c: (given, name) => given.toUpperCase() === name || isKnown(given.toUpperCase()),
  a: (given) => /^[\w.:-]{1,255}$/.test(given),
  l: (given) => luaWords.has(given) || /^[^\w\s'"]{1,3}$/.test(given)
}

// Some replies end with a full stop, some with a space.
const withoutEnd = (text: string): string => text.replace(/[.\s]+$/, "")

const lines = (text: string): ReadonlyArray<string> =>
  text
    .trim()
    .split("\n")
    .map((line) => line.trim())

const luaWords = new Set([
  ..."<eof> <name> and break do else elseif end false for function if in local nil not or repeat return then true".split(
    " "
  ),
  ..."until while boolean number string table userdata thread value field global upvalue method".split(" ")
])

const luaProblems = lines(`
  unexpected symbol near '%l'
  '%l' expected near '%l'
  '%l' expected (to close '%l' at line %d) near '%l'
  <name> expected near '%l'
  <name> or '...' expected near '%l'
  '=' or 'in' expected near '%l'
  function arguments expected near '%l'
  unfinished string near '%l'
  unfinished long string near '%l'
  unfinished long comment near '%l'
  malformed number near '%l'
  ambiguous syntax (function call x new statement) near '%l'
  no loop to break near '%l'
  cannot use '...' outside a vararg function near '%l'
  escape sequence too large near '%l'
  chunk has too many syntax levels
`).map(parse)

// Redis 7.0's own texts, without the full stop at their end; some that later versions worded anew.
// The last of them are Lua's, of which a script's errors are made.
const texts = lines(`
  ASK %d %a
  BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE
  BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE
  BUSY Redis is busy running a module command
  BUSYGROUP Consumer Group name already exists
  BUSYKEY Target key name already exists
  CLUSTERDOWN The cluster is down
  CLUSTERDOWN The cluster is down and only accepts read commands
  CLUSTERDOWN Hash slot not served
  CROSSSLOT Keys in request don't hash to the same slot
  DENIED Redis is running in protected mode%s
  EXECABORT Transaction discarded because of previous errors
  EXECABORT Transaction discarded because of: %s
  INPROG Failover already in progress
  INVALIDOBJ Corrupted HLL object detected
  IOERR error or timeout connecting to the client
  IOERR error or timeout %s to target instance
  LOADING Redis is loading the dataset in memory
  MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'
  MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is not set on the script
  MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk%s
  MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to disk%s
  MISCONF Errors writing to the AOF file: %s
  MOVED %d %a
  NOAUTH Authentication required
  NOAUTH HELLO must be called with the client already authenticated%s
  NOGOODSLAVE No suitable replica to promote
  NOGROUP No such key '%s' or consumer group '%s' in XREADGROUP with GROUP option
  NOGROUP No such key '%s' or consumer group '%s'
  NOGROUP No such consumer group '%s' for key name '%s'
  NOGROUP the consumer group this client was blocked on no longer exists
  NOMASTERLINK Can't SYNC while failing over
  NOMASTERLINK Can't SYNC while not connected with my master
  NOPERM this user has no permissions to run the '%c' command
  NOPERM this user has no permissions to access one of the keys used as arguments
  NOPERM this user has no permissions to access one of the channels used as arguments
  NOPERM User %s has no permissions to run the '%c' command
  NOPERM User %s has no permissions to access the '%s' key
  NOPERM User %s has no permissions to access the '%s' channel
  NOPERM No permissions to access a key
  NOPERM No permissions to access a channel
  NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call%s
  NOPROTO unsupported protocol version
  NOREPLICAS Not enough good replicas to write
  NOSCRIPT No matching script. Please use EVAL
  NOSCRIPT No matching script
  NOTBUSY No scripts in execution right now
  OOM command not allowed when used memory > 'maxmemory'
  OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'
  READONLY You can't write against a read only replica
  READONLY Can not run script with write flag on readonly replica
  TRYAGAIN Multiple keys request during rehashing of slot
  UNBLOCKED client unblocked via CLIENT UNBLOCK
  UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)
  UNBLOCKED the stream key no longer exists
  UNKILLABLE The busy script was sent by a master instance in the context of replication and cannot be killed
  UNKILLABLE Sorry the script already executed write commands against the dataset%s
  WRONGPASS invalid username-password pair or user is disabled
  WRONGTYPE Operation against a key holding the wrong kind of value
  WRONGTYPE Key is not a valid HyperLogLog string value
  ERR max number of clients reached
  ERR max number of clients + cluster connections reached
  ERR unknown command '%c', with args beginning with: %s
  ERR unknown command '%c', with args beginning with:
  ERR unknown subcommand '%s'. Try %c HELP
  ERR unknown subcommand or wrong number of arguments for '%s'. Try %c HELP
  ERR wrong number of arguments for '%c' command
  ERR syntax error
  ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
  ERR syntax error, WITHSCORES not supported in combination with BYLEX
  ERR syntax error, MAXLEN and MINID options at the same time are not compatible
  ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
  ERR syntax error, XTRIM must be called with a trimming strategy
  ERR syntax error, LIMIT cannot be used without the special ~ option
  ERR no such key
  ERR index out of range
  ERR source and destination objects are the same
  ERR operation not permitted
  ERR Command not allowed inside a transaction
  ERR Can't execute '%c': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
  ERR Protocol error: %s
  ERR invalid expire time in '%c' command
  ERR value is not an integer or out of range
  ERR value is out of range
  ERR value is out of range, must be positive
  ERR value is out of range, value must between %d and %d
  ERR value is not a valid float
  ERR value is NaN or Infinity
  ERR hash value is not an integer
  ERR hash value is not a float
  ERR min or max is not a float
  ERR min or max not valid string range item
  ERR weight value is not a float
  ERR resulting score is not a number (NaN)
  ERR increment or decrement would overflow
  ERR increment would produce NaN or Infinity
  ERR decrement would overflow
  ERR offset is out of range
  ERR string exceeds maximum allowed size (proto-max-bulk-len)
  ERR bit is not an integer or out of range
  ERR bit offset is not an integer or out of range
  ERR The bit argument must be 1 or 0
  ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is
  ERR Invalid OVERFLOW type specified
  ERR BITFIELD_RO only supports the GET subcommand
  ERR BITOP NOT must be called with a single source key
  ERR timeout is negative
  ERR timeout is not an integer or out of range
  ERR timeout is not a float or out of range
  ERR timeout is out of range
  ERR numkeys should be greater than 0
  ERR count should be greater than 0
  ERR count should be greater than or equal to -1
  ERR limit can't be negative
  ERR at least 1 input key is needed for '%c' command
  ERR Number of keys can't be greater than number of args
  ERR Number of keys can't be negative
  ERR Number of keys must be positive
  ERR COUNT can't be negative
  ERR COUNT must be > 0
  ERR MAXLEN can't be negative
  ERR LIMIT can't be negative
  ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list
  ERR XX and NX options at the same time are not compatible
  ERR GT, LT, and/or NX options at the same time are not compatible
  ERR NX and XX, GT or LT options at the same time are not compatible
  ERR GT and LT options at the same time are not compatible
  ERR INCR option supports a single increment-element pair
  ERR Unsupported option %s
  ERR The specified keys must contain string values
  ERR If you want both the length and indexes, please just use IDX
  ERR String too long for LCS
  ERR One or more scores can't be converted into double
  ERR BY option of SORT denied in Cluster mode
  ERR GET option of SORT denied in Cluster mode
  ERR BY option of SORT denied due to insufficient ACL permissions
  ERR GET option of SORT denied due to insufficient ACL permissions
  ERR invalid cursor
  ERR invalid longitude,latitude pair %s
  ERR unsupported unit provided. please use M, KM, FT, MI
  ERR could not decode requested zset member
  ERR need numeric radius
  ERR need numeric width
  ERR need numeric height
  ERR radius cannot be negative
  ERR height or width cannot be negative
  ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %c
  ERR exactly one of BYRADIUS and BYBOX can be specified for %c
  ERR Invalid stream ID specified as stream command argument
  ERR The ID specified in XADD is equal or smaller than the target stream top item
  ERR The ID specified in XADD must be greater than 0-0
  ERR The ID specified in XSETID is smaller than the target stream top item
  ERR The MAXLEN argument must be >= 0
  ERR The LIMIT argument must be >= 0
  ERR The stream has exhausted the last possible ID, unable to add more items
  ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically
  ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified
  ERR Unbalanced %c list of streams: for each stream key an ID or '$' must be specified
  ERR Missing GROUP option for XREADGROUP
  ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead
  ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead
  ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option
  ERR invalid start ID for the interval
  ERR invalid end ID for the interval
  ERR Invalid min-idle-time argument for %c
  ERR Invalid IDLE option argument for XCLAIM
  ERR Invalid TIME option argument for XCLAIM
  ERR Invalid RETRYCOUNT option argument for XCLAIM
  ERR value for ENTRIESREAD must be positive or -1
  ERR DUMP payload version or checksum are wrong
  ERR Bad data format
  ERR Invalid TTL value, must be >= 0
  ERR Invalid IDLETIME value, must be >= 0
  ERR Invalid FREQ value, must be >= 0 and <= 255
  ERR An LFU maxmemory policy is not selected, access frequency not tracked%s
  ERR An LFU maxmemory policy is selected, idle time not tracked%s
  ERR DB index is out of range
  ERR invalid DB index
  ERR SELECT is not allowed in cluster mode
  ERR SWAPDB is not allowed in cluster mode
  ERR MOVE is not allowed in cluster mode
  ERR Copying to another database is not allowed in cluster mode
  ERR This instance has cluster support disabled
  ERR MULTI calls can not be nested
  ERR EXEC without MULTI
  ERR DISCARD without MULTI
  ERR WATCH inside MULTI is not allowed
  ERR No such user '%s'
  ERR No such client
  ERR No such master with that name
  ERR Invalid client ID
  ERR Client names cannot contain spaces, newlines or special characters
  ERR CLIENT PAUSE mode must be WRITE or ALL
  ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR
  ERR The client ID you want redirect to does not exist
  ERR A client can only redirect to a single other client
  ERR PREFIX option requires BCAST mode to be enabled
  ERR Prefix '%s' overlaps with an existing prefix '%s'. Prefixes for a single client must not overlap
  ERR Prefix '%s' overlaps with another provided prefix '%s'. Prefixes for a single client must not overlap
  ERR OPTIN and OPTOUT are not compatible with BCAST
  ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
  ERR Client sent AUTH, but no password is set
  ERR Error in ACL SETUSER modifier '%s': %s
  ERR User '%s' not found
  ERR Command '%s' not found
  ERR Unknown category '%s'
  ERR The 'default' user cannot be removed
  ERR CONFIG SET failed (possibly related to argument '%s') - %s
  ERR CONFIG SET failed - %s
  ERR Unknown option or number of arguments for CONFIG SET - '%s'
  ERR The server is running without a config file
  ERR Rewriting config file: %s
  ERR DEBUG command not allowed. If the enable-debug-command option is set to "local"%s
  ERR No samples available for event '%s'
  ERR Background save already in progress
  ERR Background append only file rewriting already in progress
  ERR Another child process is active (AOF?): can't BGSAVE right now%s
  ERR Errors trying to SHUTDOWN. Check logs
  ERR WAIT cannot be used with replica instances%s
  ERR FAILOVER requires connected replicas
  ERR FAILOVER already in progress
  ERR No failover in progress
  ERR REPLICAOF not allowed in cluster mode
  ERR Invalid master port
  ERR Target instance replied with error: %s
  ERR Function not found
  ERR Library not found
  ERR Library '%s' already exists
  ERR Missing library metadata
  ERR Error registering functions: %s
  ERR Can not execute a script with write flag using *_ro command
  ERR Can not run script on cluster, 'no-cluster' flag is set
  ERR Unexpected flag in script shebang: %s
  ERR Unexpected engine in script shebang: %s
  ERR Invalid script shebang
  ERR Unknown Redis command called from script
  ERR Wrong number of args calling Redis command from script
  ERR This Redis command is not allowed from script
  ERR Write commands are not allowed from read-only scripts
  ERR Please specify at least one argument for this redis lib call
  ERR Lua redis lib command arguments must be strings or integers
  ERR Script attempted to access nonexistent global variable '%s'
  ERR Script attempted to access a non local key in a cluster node
  ERR Script attempted to access keys that do not hash to the same slot
  ERR Script attempted to execute a command while the cluster is down
  ERR Script attempted to execute a write command while the cluster is down and readonly
  ERR The user executing the script can't run this command or subcommand
  ERR The user executing the script can't access at least one of the keys mentioned in the command arguments
  ERR The user executing the script can't publish to the channel mentioned in the command
  ERR The user executing the script %s
  ERR ACL failure in script: User %s has no permissions to run the '%c' command
  ERR ACL failure in script: User %s has no permissions to access the '%s' key
  ERR ACL failure in script: User %s has no permissions to access the '%s' channel
  ERR ACL failure in script: %s
  ERR Error running script, script killed by user with SCRIPT KILL
  ERR Script killed by user with SCRIPT KILL
  ERR Attempt to modify a readonly table
  ERR attempt to perform arithmetic on a %l value
  ERR attempt to perform arithmetic on %l '%s' (a %l value)
  ERR attempt to concatenate a %l value
  ERR attempt to concatenate %l '%s' (a %l value)
  ERR attempt to index a %l value
  ERR attempt to index %l '%s' (a %l value)
  ERR attempt to call a %l value
  ERR attempt to call %l '%s' (a %l value)
  ERR attempt to compare two %l values
  ERR attempt to compare %l with %l
  ERR attempt to get length of a %l value
  ERR attempt to get length of %l '%s' (a %l value)
  ERR bad argument #%d to '%s' (%l expected, got %s)
  ERR bad argument #%d to '%s' (%l expected)
  ERR bad argument #%d to '%s' (%s)
  ERR calling '%s' on bad self
  ERR invalid value (%l) at index %d in table for 'concat'
  ERR assertion failed!
  ERR 'for' %s must be a number
  ERR RESP version must be 2 or 3
  ERR wrong number of arguments
  ERR too many results to unpack
  ERR stack overflow
  ERR Expected %s but found %s at character %d
`)

const codes: ReadonlySet<string> = new Set(texts.map((text) => text.slice(0, text.indexOf(" "))))

const replies: ReadonlyMap<string, ReadonlyArray<Template>> = new Map(
  Array.from(codes, (code) => [
    code,
    texts.filter((text) => text.startsWith(`${code} `)).map((text) => parse(text.slice(code.length + 1)))
  ])
)
