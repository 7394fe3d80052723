import { createHash } from "node:crypto"
import { Result } from "effect"
import type { Call, SimulatedScript, Value } from "../SimulatedScript.ts"
import { at, type Commands, type Machine, read, type Run, upper } from "./Command.ts"
import * as Access from "./Access.ts"
import { bytesOf, keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

const sha1 = (lua: Buffer): string => createHash("sha1").update(lua).digest("hex")

const counterpart = (machine: Machine, sha: string): SimulatedScript => {
  const known = machine.scripts.get(sha)
  if (known !== undefined) return known
  machine.onMissingScript(sha)
  return Wire.fail("NOSIMULATEDSCRIPT SimulatedRedis cannot run Lua: give it the script's counterpart in `scripts`")
}

const evalLua: Run = (args, machine) => {
  const input = inputOf(args)
  const sha = sha1(at(args, 0))
  const script = counterpart(machine, sha)
  machine.loaded.add(sha)
  return run(script, input, machine)
}

const evalSha: Run = (args, machine) => {
  // What is no SHA-1 is looked at first.
  if (at(args, 0).length !== 40) return noScript()
  const input = inputOf(args)
  const sha = at(args, 0).toString().toLowerCase()
  if (!machine.loaded.has(sha)) return noScript()
  return run(counterpart(machine, sha), input, machine)
}

const noScript = (): never => Wire.fail("NOSCRIPT No matching script. Please use EVAL.")

interface Input {
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
}

const inputOf = ([, numberOfKeys, ...rest]: ReadonlyArray<Buffer>): Input => {
  const count = Wire.integer(numberOfKeys)
  if (count > rest.length) return Wire.fail("ERR Number of keys can't be greater than number of args")
  if (count < 0) return Wire.fail("ERR Number of keys can't be negative")
  const texts = rest.map(keyOf)
  return { keys: texts.slice(0, count), args: texts.slice(count) }
}

const run = ({ run, script }: SimulatedScript, { args, keys }: Input, machine: Machine): Wire.Wire => {
  const place = ` script: ${script.sha}, on @user_script:1.`
  return counterpartReply(machine, place, (call) => run(keys, args, call))
}

/** Runs what stands in for Lua; `place` is what Redis adds to the message of an error. */
export const counterpartReply = (machine: Machine, place: string, run: (call: Call) => Value): Wire.Wire => {
  const call: Call = (name, ...args) => {
    const refusal = refusedInScript(name, args)
    if (refusal !== undefined) return Wire.fail(`ERR ${refusal}${place}`)
    const reply = machine.execute(name, args.map(String).map(bytesOf))
    return reply instanceof Wire.ErrorReply ? Wire.fail(`${Access.inScript(reply.message)}${place}`) : toValue(reply)
  }
  const result = Result.try(() => run(call))
  if (Result.isSuccess(result)) return toWire(result.success)
  if (result.failure instanceof Wire.ErrorReply) throw result.failure
  return Wire.fail(`ERR ${String(result.failure)}${place}`)
}

const refusedInScript = (name: string, args: ReadonlyArray<unknown>): string | undefined => {
  if (notInScripts.has(name.toUpperCase())) return "This Redis command is not allowed from script"
  const words = args.map((arg) => String(arg).toUpperCase())
  const isRead = /^xread(?:group)?$/i.test(name)
  return isRead && words.slice(0, words.indexOf("STREAMS")).includes("BLOCK")
    ? `${name} command is not allowed with BLOCK option from scripts`
    : undefined
}

// BLMPOP and BZMPOP are allowed, and do not wait.
const notInScripts = new Set(["BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX", "WAIT"])

// A script's string is a bulk string to the caller, a status such as OK is a string to the script.
const toWire = (value: Value): Wire.Wire => {
  if (typeof value === "string") return bytesOf(value)
  // Lua's numbers lose their fraction on the way out.
  if (typeof value === "number") return Math.trunc(value)
  return value === null ? null : value.map(toWire)
}

// Lua's numbers are doubles.
const toValue = (wire: Wire.Wire): Value => {
  if (wire instanceof Wire.ErrorReply) return wire.message
  if (typeof wire === "bigint") return Number(wire)
  if (wire instanceof Uint8Array) return keyOf(Wire.encode(wire))
  return typeof wire === "object" && wire !== null ? wire.map(toValue) : wire
}

const load: Run = (args, machine) => {
  const sha = sha1(at(args, 0))
  machine.loaded.add(sha)
  return Buffer.from(sha)
}

const exists: Run = (args, { loaded }) => args.map((sha) => (loaded.has(sha.toString().toLowerCase()) ? 1 : 0))

const flush: Run = (args, { loaded }) => {
  if (args.length > 1 || (args.length === 1 && !["ASYNC", "SYNC"].includes(upper(args[0])))) {
    return Wire.fail("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
  }
  loaded.clear()
  return "OK"
}

const lacking: Run = () =>
  Wire.fail("NOSIMULATEDFUNCTION SimulatedRedis has no functions: add what a test calls with `commands`, such as fcall")

// What a script does is refused where it does it.
export const commands: Commands = {
  eval: read(-3, evalLua),
  evalsha: read(-3, evalSha),
  "script|load": read(3, load),
  "script|exists": read(-3, exists),
  "script|flush": read(-2, flush),
  fcall: read(-3, lacking),
  fcall_ro: read(-3, lacking),
  "function|delete": read(3, lacking),
  "function|dump": read(2, lacking),
  "function|flush": read(-2, lacking),
  "function|list": read(-2, lacking),
  "function|load": read(-3, lacking),
  "function|restore": read(-3, lacking),
  "function|stats": read(2, lacking)
}
