import type { SimulatedScript } from "effect-ioredis/testing"
import * as QueueKeys from "../../../packages/effect-ioredis-tasks/src/internal/QueueKeys.ts"
import type { Seam } from "./Queue.ts"

/** Queues that are broken on purpose: the model has to notice each. */
export interface Variant {
  readonly seam: Seam
  /** What a history says that has noticed. */
  readonly finds: RegExp
}

const keys = QueueKeys.of("tasks", "model")

// Answers a command in the place of Redis, or lets it be.
const answering =
  (answer: (name: string, args: ReadonlyArray<string | number>) => SimulatedScript.Value | undefined): Seam =>
  (run) =>
  (given, args, call) =>
    run(given, args, (name, ...rest) => {
      const answered = answer(name, rest)
      return answered === undefined ? call(name, ...rest) : answered
    })

// Whoever has the task is whoever settles it.
const withoutFence: Seam = (run) => (given, args, call) => {
  const isWork = given.some((key) => key.startsWith(keys.calls))
  const holderOf = (id: string) => String(call("HGET", keys.attempts, id) ?? "").replace(/^\d+:?/, "")
  if (!isWork) return run(given, args, call)
  const count = Number(args[10])
  const alike = args.slice(11 + 2 * count)
  const kinds = alike.flatMap((_, at) =>
    at % 4 === 0 ? Array.from({ length: Number(alike[at + 3]) }, () => alike.slice(at + 1, at + 3)) : []
  )
  const each = kinds.flatMap(([kind = "", delay = ""], at) => [holderOf(args[11 + at] ?? ""), kind, delay, "1"])
  return run(given, [...args.slice(0, 11 + 2 * count), ...each], call)
}

export const variants: Readonly<Record<string, Variant>> = {
  "nobody is asked for his token": { seam: withoutFence, finds: /was settled by/ },
  "no call is remembered": {
    seam: answering((name, [key]) => (name === "GET" && String(key).startsWith(keys.calls) ? null : undefined)),
    finds: /was done again|does not know it/
  },
  "what a lost worker had is not given back": {
    seam: answering((name, [key]) => (name === "ZRANGE" && key === keys.leases ? [] : undefined)),
    finds: /although it wanted more/
  },
  "who was cut off has no time to settle": {
    seam: answering((name, [key]) => (name === "GET" && key === keys.heard ? "0 99999999999999" : undefined)),
    finds: /ought to be at|took .* which is/
  },
  "nobody is heard": {
    seam: answering((name, [key]) => (name === "GET" && key === keys.heard ? null : undefined)),
    finds: /although it wanted more|ought to be at/
  },
  "a rate counts from each call anew": {
    seam: answering((name, [key]) => (name === "LLEN" && key === keys.rate ? 0 : undefined)),
    finds: /were begun in/
  },
  "what is to be cancelled is not looked for": {
    seam: answering((name, [key]) => (name === "SREM" && key === keys.cancelled ? 0 : undefined)),
    finds: /to be cancelled|ought to be at/
  },
  "a cancelled task stays where it waits": {
    seam: answering((name, [key, , value]) => (name === "HSET" && key === keys.tasks && value === "" ? 1 : undefined)),
    finds: /ought to be at/
  }
}
