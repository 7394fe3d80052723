import { at, type Commands, type Machine, modeOf, read, type Run, upper } from "./Command.ts"
import * as Refusal from "./Refusal.ts"
import { keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

const ping: Run = (args, { client }) => {
  if (args.length > 1) return Wire.wrongArity("ping")
  if (client.subscriptions.isAny) return [Buffer.from("pong"), args[0] ?? Buffer.alloc(0)]
  return args[0] ?? "PONG"
}

const select: Run = (args, { client, cluster, keyspace }) => {
  const db = Wire.between(-(2n ** 31n), 2n ** 31n - 1n, at(args, 0))
  if (cluster !== undefined && db !== 0) return Wire.fail(Refusal.selectInCluster)
  if (keyspace.databases[db] === undefined) return Wire.fail("ERR DB index is out of range")
  client.db = db
  return "OK"
}

const auth: Run = (args, machine) => {
  if (args.length > 2) return Wire.syntaxError()
  const [username, password] = args.length === 2 ? [at(args, 0).toString(), at(args, 1)] : [undefined, at(args, 0)]
  return logIn(machine, username, password.toString()) ?? "OK"
}

const logIn = (machine: Machine, username: string | undefined, password: string): Wire.ErrorReply | undefined => {
  const refusal = machine.loginRefusal(username, password)
  if (refusal === undefined) machine.client.user = username ?? "default"
  return refusal
}

const hello: Run = ([version, ...words], machine) => {
  if (version !== undefined) {
    if (!Wire.isInteger(version)) return Wire.fail("ERR Protocol version is not an integer or out of range")
    // The simulation answers in RESP2 alone.
    if (Wire.integer(version) !== 2) return Wire.fail("NOPROTO unsupported protocol version")
  }
  const refusal = helloWords(words, machine)
  return refusal ?? helloReply(machine)
}

const helloWords = (words: ReadonlyArray<Buffer>, machine: Machine): Wire.ErrorReply | undefined => {
  for (let index = 0; index < words.length; index++) {
    const word = upper(words[index])
    const left = words.length - index - 1
    if (word === "AUTH" && left >= 2) {
      const refusal = logIn(machine, at(words, index + 1).toString(), at(words, index + 2).toString())
      if (refusal !== undefined) return refusal
      index += 2
    } else if (word === "SETNAME" && left >= 1) machine.client.name = nameOf(at(words, ++index))
    else return Wire.fail(`ERR Syntax error in HELLO option '${Wire.quoted(at(words, index))}'`)
  }
  return undefined
}

const helloReply = ({ client, replication, ...machine }: Machine): Wire.Wire => [
  ...["server", "redis", "version", "7.0.15"].map((word) => Buffer.from(word)),
  Buffer.from("proto"),
  2,
  Buffer.from("id"),
  client.id,
  ...["mode", modeOf(machine)].map((word) => Buffer.from(word)),
  // A sentinel says nothing of its role.
  ...(machine.sentinel === undefined
    ? ["role", replication.history.role === "master" ? "master" : "replica"].map((word) => Buffer.from(word))
    : []),
  Buffer.from("modules"),
  []
]

const kill: Run = (args, machine) => {
  // By its address alone no client is found: connections have none here.
  if (args.length === 1) return Wire.fail("ERR No such client")
  let id = 0
  for (let index = 0; index < args.length; index += 2) {
    const [word, argument] = [upper(args[index]), args[index + 1] ?? Wire.syntaxError()]
    if (word !== "ID") return Wire.syntaxError()
    id = Wire.atLeast(1, argument, "ERR client-id should be greater than 0")
  }
  return machine.kill(id) ? 1 : 0
}

const setName: Run = (args, { client }) => {
  client.name = nameOf(at(args, 0))
  return "OK"
}

const nameOf = (bytes: Buffer): string =>
  /^[!-~]*$/.test(keyOf(bytes))
    ? keyOf(bytes)
    : Wire.fail("ERR Client names cannot contain spaces, newlines or special characters.")

const unblock: Run = (args, { unblock }) => {
  if (args.length > 2) {
    return Wire.fail("ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.")
  }
  const reason = args[1] === undefined ? "TIMEOUT" : upper(args[1])
  if (reason !== "TIMEOUT" && reason !== "ERROR") {
    return Wire.fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
  }
  return unblock(Wire.integer(args[0]), reason) ? 1 : 0
}

export const commands: Commands = {
  ping: read(-1, ping),
  echo: read(2, (args) => at(args, 0)),
  select: read(2, select),
  auth: read(-2, auth),
  hello: read(-1, hello),
  "acl|whoami": read(2, (_args, { client }) => Buffer.from(client.user)),
  "client|id": read(2, (_args, { client }) => client.id),
  "client|getname": read(2, (_args, { client }) => (client.name === "" ? null : Buffer.from(client.name))),
  "client|setname": read(3, setName),
  "client|kill": read(-3, kill),
  "client|unblock": read(-3, unblock)
}
