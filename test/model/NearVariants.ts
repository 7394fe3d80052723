/** Near regions without one of the rules that they live by. */
import { type Clock, Duration, Effect, Option, Result } from "effect"
import type { Dispatch, Node } from "effect-ioredis/dispatch"
import type { MemoryStore } from "../../packages/effect-ioredis-cache/src/internal/MemoryStore.ts"
import { Epoch, Lease, mayAnswer } from "../../packages/effect-ioredis-cache/src/internal/near/Epoch.ts"
import { NearRegion } from "../../packages/effect-ioredis-cache/src/internal/near/Near.ts"
import { Hearing } from "../../packages/effect-ioredis-cache/src/internal/near/Hearing.ts"
import { now } from "../../packages/effect-ioredis-cache/src/internal/now.ts"
import type { Range } from "./Generate.ts"
import type { Step } from "./History.ts"
import type { Seams } from "./Process.ts"
import * as Steps from "./Steps.ts"
import type { Variant } from "./Variants.ts"
import type { Which } from "./Wire.ts"

const { call, foreign, get, near, set, wait } = Steps

// Of reads, which others' writes follow, and the faults that are named.
const range = (nearTroubles: Range["nearTroubles"], more: Partial<Range> = {}): Range => ({
  isNear: true,
  isDense: true,
  troubles: [],
  nearTroubles,
  calls: ["Get"],
  ...more
})

// -------------------------------------------------------------------------------------------------
// Seams
// -------------------------------------------------------------------------------------------------

/** Puts other methods in the place of a class's, for the length of a history. */
const patching =
  <Class extends object>(
    prototype: Class,
    wrong: { readonly [Name in keyof Class]?: (right: Class[Name]) => Class[Name] }
  ): NonNullable<Seams["patch"]> =>
  () => {
    // These are the names of its methods.
    const names = Object.keys(wrong) as unknown as ReadonlyArray<keyof Class>
    const right = names.map((name) => [name, prototype[name]] as const)
    for (const [name, method] of right) {
      const change = wrong[name]
      if (change !== undefined) prototype[name] = change(method)
    }
    return () => {
      for (const [name, method] of right) prototype[name] = method
    }
  }

/** Lets the next link of a node go on with the epochs of the last one. */
const sharedEpochs = (): NonNullable<Seams["patch"]> => {
  let epochs = new WeakMap<Node, { readonly epoch: Epoch; lease: Lease }>()
  const following = (hearing: Hearing): Epoch => {
    const known = epochs.get(hearing.node)?.epoch ?? new Epoch(hearing.lease)
    // The lease of an epoch is its link's.
    Object.assign(known, { lease: hearing.lease })
    epochs.set(hearing.node, { epoch: known, lease: hearing.lease })
    return known
  }
  const patch = patching(Hearing.prototype, {
    epochOf: () =>
      function (this: Hearing) {
        return following(this)
      },
    compare: (right) =>
      function (this: Hearing, sessions) {
        following(this)
        right.call(this, sessions)
      },
    end: () => () => {}
  })
  return () => {
    epochs = new WeakMap()
    return patch()
  }
}

/** Answers the PINGs of links in the place of the server. */
const answeringPings: NonNullable<Seams["connection"]> = (connection) => {
  let isLink = false
  return {
    ...connection,
    submit: (command, onReply) => {
      isLink ||= command.name === "SUBSCRIBE"
      if (isLink && command.name === "PING") queueMicrotask(() => onReply(Result.succeed("PONG")))
      else connection.submit(command, onReply)
    }
  }
}

/** Tells every link that it reaches the server of the data. */
const believedRunId = (dispatch: Dispatch): Dispatch => {
  for (const node of dispatch.nodes()) {
    const { connect } = node
    const believed = Effect.map(connect, (link) => ({ ...link, runId: node.sessions()[0]?.runId ?? link.runId }))
    Object.assign(node, { connect: believed })
  }
  return dispatch
}

/** What a memory was last told of an epoch, and what it has. */
class Memories {
  readonly #epochs = new Map<MemoryStore, Epoch>()

  readonly watch = (memory: MemoryStore): MemoryStore => {
    const watched: MemoryStore = {
      ...memory,
      set: (key, entry) => {
        if (entry.epoch !== undefined) this.#epochs.set(watched, entry.epoch)
        memory.set(key, entry)
      }
    }
    return watched
  }

  forget(): void {
    this.#epochs.clear()
  }

  nearValue(key: string, clock: Clock.Clock): string | undefined {
    for (const memory of this.#epochs.keys()) {
      const entry = memory.peek(key)
      const isNear =
        entry?.epoch !== undefined && mayAnswer(entry.epoch, 1000, now(clock), clock.currentTimeMillisUnsafe())
      // The regions of the model have no other values.
      if (isNear) return String(entry.value)
    }
    return undefined
  }

  /** Makes what was written near, in whatever memory has it. */
  makeNear(key: string): void {
    for (const [memory, epoch] of this.#epochs) {
      const entry = memory.peek(key)
      if (entry !== undefined && entry.version === undefined) entry.epoch = epoch
    }
  }
}

const ownNear = (): Seams => {
  const memories = new Memories()
  return {
    memory: memories.watch,
    patch: () => () => memories.forget(),
    region: (region, { options }) =>
      Effect.succeed({
        ...region,
        set: (key, value, given) =>
          Effect.tap(region.set(key, value, given), (outcome) =>
            Effect.sync(() => {
              if (outcome === "Applied") memories.makeNear(`cache:${options.name}:v1:=${key}`)
            })
          )
      })
  }
}

/** Answers with what is near in some memory, or else with what Redis has, and never with what the journal says. */
const journalSkipped = (): Seams => {
  const memories = new Memories()
  let clock: Clock.Clock | undefined
  return {
    memory: memories.watch,
    patch: () => () => memories.forget(),
    dispatch: (dispatch, given) => {
      clock = given
      return dispatch
    },
    region: (region, { options, redis }) =>
      Effect.map(redis.region(options), (strict) => ({
        ...region,
        get: (key) =>
          Effect.suspend(() => {
            const value = clock && memories.nearValue(`cache:${options.name}:v1:=${key}`, clock)
            return value === undefined
              ? Effect.catch(strict.get(key), () => region.get(key))
              : Effect.succeed(Option.some(value))
          })
      }))
  }
}

/** Says of the wall clock what monotonic time says. */
const withoutJumps = (dispatch: Dispatch, clock: Clock.Clock): Dispatch => ({
  ...dispatch,
  clock: { ...clock, currentTimeMillisUnsafe: () => now(clock) }
})

/** Never wakes whoever waits for that long. */
const neverAfter =
  (millis: number) =>
  (dispatch: Dispatch, clock: Clock.Clock): Dispatch => ({
    ...dispatch,
    clock: {
      ...clock,
      sleep: (duration) => (Duration.toMillis(duration) === millis ? Effect.never : clock.sleep(duration))
    }
  })

// -------------------------------------------------------------------------------------------------
// Variants
// -------------------------------------------------------------------------------------------------

const local = (_tag: "Lose" | "Hold" | "Release" | "Mute", which: Which): Step => ({ _tag, process: 0, which })

/** By what they leave out. */
export const nearVariants: Readonly<Record<string, Variant>> = {
  "near: a read under way that a notice does not spoil": {
    breaks: ["stale"],
    range: range(["Data"]),
    witness: near([
      foreign(),
      wait(10),
      local("Hold", "data"),
      call(get),
      foreign(),
      wait(10),
      local("Release", "data"),
      wait(2000),
      call(get)
    ]),
    seams: {
      patch: patching(Hearing.prototype, {
        isUndisturbed: (right) =>
          function (this: Hearing, key, _, ends) {
            return right.call(this, key, Number.POSITIVE_INFINITY, ends)
          }
      })
    }
  },
  "near: a read under way that is shared although a notice has spoiled it": {
    breaks: ["stale"],
    range: range(["Data"]),
    witness: near(
      [
        foreign(),
        wait(10),
        call(get),
        wait(10),
        foreign(),
        wait(10),
        local("Hold", "data"),
        call(get),
        foreign(),
        wait(500),
        call(get, { actor: 1 }),
        wait(10),
        local("Release", "data"),
        wait(10)
      ],
      { near: 200 }
    ),
    seams: {
      patch: patching(NearRegion.prototype, {
        mayAnswer: (right) =>
          function (this: NearRegion, epoch, clock, at) {
            // Only a read under way is asked about without a time.
            return at === undefined || right.call(this, epoch, clock, at)
          }
      })
    }
  },
  "near: what was read in the last life of a link": {
    breaks: ["stale"],
    range: range(["Link"]),
    witness: near([
      foreign(),
      wait(10),
      call(get),
      local("Hold", "link"),
      foreign(),
      local("Lose", "link"),
      wait(2500),
      call(get)
    ]),
    seams: { patch: sharedEpochs() }
  },
  "near: a link that is believed however long it is silent": {
    breaks: ["stale"],
    range: range(["Link"]),
    witness: near([foreign(), wait(10), call(get), local("Mute", "link"), foreign(), wait(1500), call(get)]),
    seams: {
      patch: patching(Lease.prototype, {
        renew: (right) =>
          function (this: Lease, _, wallAhead) {
            right.call(this, Number.POSITIVE_INFINITY, wallAhead)
          }
      })
    }
  },
  "near: a lease that outlives a machine's sleep": {
    breaks: ["stale"],
    range: range(["Suspend"]),
    witness: near([
      foreign(),
      wait(10),
      call(get),
      { _tag: "Suspend", process: 0 },
      foreign(),
      wait(1500),
      { _tag: "Wake", process: 0 },
      call(get)
    ]),
    seams: { dispatch: withoutJumps }
  },
  "near: what was written here is near when it is applied": {
    breaks: ["stale"],
    range: range(["Data"], { calls: ["Set", "Get"] }),
    witness: near([
      call({ _tag: "Set", region: 0, key: 1, life: 600_000 }),
      wait(10),
      call({ _tag: "Get", region: 0, key: 1 }),
      local("Hold", "data"),
      call(set()),
      wait(10),
      foreign(),
      wait(10),
      local("Release", "data"),
      wait(2000),
      call(get)
    ]),
    seams: ownNear()
  },
  "near: a flush that demotes nothing": {
    breaks: ["stale"],
    range: range(["Flush"]),
    witness: near([foreign(), wait(10), call(get), { _tag: "Flush" }, wait(2000), call(get)]),
    seams: {
      connection: (connection) => ({
        ...connection,
        onPush: (listener) => connection.onPush((push) => Array.isArray(push[2]) && listener(push))
      })
    }
  },
  "near: another connection answers the PINGs": {
    breaks: ["stale"],
    range: range(["Link"]),
    witness: near([foreign(), wait(10), call(get), local("Mute", "link"), foreign(), wait(2000), call(get)]),
    seams: { connection: answeringPings }
  },
  "near: a link to another server than the data's": {
    breaks: ["stale"],
    range: range(["Divert"]),
    witness: near([foreign(), { _tag: "Divert", process: 0 }, wait(6000), call(get), foreign(), wait(2000), call(get)]),
    seams: { dispatch: believedRunId }
  },
  "near: a silent link that is kept": {
    breaks: ["not near again"],
    range: range(["Link"]),
    witness: near([local("Mute", "link"), wait(2500)]),
    seams: { dispatch: neverAfter(2000) }
  },
  "near: what is demoted is dropped": {
    breaks: ["nothing to fall back on"],
    range: range(["Link"]),
    witness: near([call(get)]),
    seams: {
      memory: (memory) => ({
        ...memory,
        peek: (key) => {
          const entry = memory.peek(key)
          memory.delete(key)
          return entry
        }
      })
    }
  },
  "near: memory is asked before the journal": {
    breaks: ["contradicted"],
    range: range([], { calls: ["Set", "Get"], troubles: ["MISCONF", "READONLY"] }),
    witness: near([
      call(set()),
      wait(10),
      call(get),
      { _tag: "Trouble", trouble: { _tag: "Error", code: "READONLY", commands: ["SET"] } },
      call(set()),
      wait(1100),
      call(get)
    ]),
    seams: journalSkipped()
  }
}
