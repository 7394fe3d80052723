/**
 * Writes the table of Redis' commands anew from what a real server says of itself (`COMMAND` and `COMMAND DOCS`).
 *
 * Run it with `pnpm exec tsx scripts/commandTable.ts`, and decide in `internal/commandKinds.ts` the kind of what is new.
 */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { Effect } from "effect"
import * as RedisServer from "../test/support/RedisServer.ts"
import type * as Resp from "../test/support/Resp.ts"

const target = "packages/effect-ioredis/src/internal/commandTable.ts"

const flagLetters: Readonly<Record<string, string>> = {
  write: "w",
  readonly: "r",
  blocking: "b",
  denyoom: "m",
  admin: "a",
  pubsub: "p"
}

const array = (reply: unknown): ReadonlyArray<unknown> => (Array.isArray(reply) ? reply : [])

// COMMAND answers maps as flat arrays of names and values.
const field = (map: unknown, name: string): unknown => array(map)[array(map).indexOf(name) + 1]

const numbers = (map: unknown, ...names: ReadonlyArray<string>) => names.map((name) => Number(field(map, name)))

const keySpec = (spec: unknown): string => {
  const begin = field(field(spec, "begin_search"), "spec")
  const find = field(field(spec, "find_keys"), "spec")
  const beginType = field(field(spec, "begin_search"), "type")
  if (beginType === "unknown") return "?"
  const start =
    beginType === "index"
      ? String(field(begin, "index"))
      : `${String(field(begin, "keyword"))}@${Number(field(begin, "startfrom"))}`
  if (field(field(spec, "find_keys"), "type") === "keynum") {
    const [countAt, first, step] = numbers(find, "keynumidx", "firstkey", "keystep")
    if (countAt !== 0 || first !== 1 || step !== 1) throw new Error("a count of keys that the table cannot say")
    return `${start}#`
  }
  const [last, step, limit] = numbers(find, "lastkey", "keystep", "limit")
  return `${start}${last === 0 ? "" : `>${last}`}${step === 1 ? "" : `/${step}`}${limit === 0 ? "" : `|${limit}`}`
}

// What a client of a cluster sends to every master, and how their replies are put together. What
// Redis calls special is sent to one.
const policy = (tips: unknown): ReadonlyArray<string> => {
  const said = (kind: string) =>
    array(tips)
      .map(String)
      .find((tip) => tip.startsWith(`${kind}_policy:`))
      ?.slice(kind.length + "_policy:".length)
  const request = said("request")
  const response = said("response") ?? "any"
  if ((request !== "all_nodes" && request !== "all_shards") || response === "special") return []
  return [`*${response}`]
}

const line = (command: unknown, group: string): string => {
  const [name, arity, flags, , , , , tips, specs] = array(command)
  const letters = array(flags).map((flag) => flagLetters[String(flag)] ?? "")
  return [name, arity, letters.join("") || "-", group, ...policy(tips), ...array(specs).map(keySpec)].join(" ")
}

const lines = (commands: Resp.Reply, docs: Resp.Reply): ReadonlyArray<string> =>
  array(commands)
    .flatMap((command) => {
      const group = String(field(field(docs, String(array(command)[0])), "group"))
      return [command, ...array(array(command)[9])].map((each) => line(each, group))
    })
    .sort()

const program = Effect.gen(function* () {
  const server = yield* RedisServer.make()
  const table = lines(yield* server.cli("COMMAND"), yield* server.cli("COMMAND", "DOCS"))
  writeFileSync(
    target,
    `/**
 * The commands of Redis 7.0, one in each line: name, arity, flags, group, how the replies of all
 * masters are put together, and where its keys are.
 *
 * Made by \`scripts/commandTable.ts\` from a server's \`COMMAND\` and \`COMMAND DOCS\`; a test compares
 * the two.
 *
 * Flags: \`w\` write, \`r\` read only, \`b\` may block, \`m\` refused when memory is full, \`a\`
 * administration, \`p\` publish and subscribe. Keys, counted from the name as 0: \`1\` the word there;
 * \`1>-1\` from there to the last word; \`/2\` each second word; \`|2\` only the first half of what
 * follows; \`1#\` the word there is the number of keys after it; \`STREAMS@4\` after that word, sought
 * from there on; \`?\` a place that only the command itself knows. Replies: \`*\` and what Redis
 * calls the response policy; of a command without one, only one master is asked.
 */
export const commandTable = \`
${table.join("\n")}
\`
`
  )
  execFileSync("npx", ["biome", "check", "--write", target])
})

Effect.runPromise(Effect.scoped(program))
