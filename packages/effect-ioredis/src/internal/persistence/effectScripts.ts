import type { CommandKind } from "../../RedisCommand.ts"

/** Tells a script by the SHA-1 of its source, and says what running it twice would do. */
export interface EffectScript {
  readonly sha: string
  readonly kind: CommandKind
}

/**
 * The scripts that effect 4.1 sends, which it neither names nor exports. One that Effect changes is
 * no longer known here: it is effectful then, as is any script of which nothing is known.
 *
 * A job is offered under an id that is taken once. Whoever ends a job names the lock of his own
 * acquisition, which the first run removes. What is given back, or whose lock is renewed, is so
 * again and again anyway. A take must not be repeated, since it would take other jobs; nor may
 * what consumes tokens.
 */
export const effectScripts = {
  setMany: { sha: "8e99b9746e46fdf5e0dde5349a316f886cda35ed", kind: "repeatable" },
  fixedWindow: { sha: "d14ba1655ff5d9e32d330e17813cce09006efddf", kind: "effectful" },
  tokenBucket: { sha: "03031b54df92ef8e39a74347175629efda08efef", kind: "effectful" },
  adaptiveConsume: { sha: "6a57c585f2987d096e9c07cf49a7039600af0e83", kind: "effectful" },
  adaptiveFeedback: { sha: "bf297d59476cc295bc228364af0d62c075a1d3ec", kind: "repeatable" },
  requeue: { sha: "e171b1062627ef8812bdb28755147e79d647f1dc", kind: "repeatable" },
  complete: { sha: "f85c8070ffeff2b0b0d201a8611dd138c332002a", kind: "repeatable" },
  failed: { sha: "a4ebe183b2449072c0d11c5bbcaed51840f6138f", kind: "repeatable" },
  retry: { sha: "8fe3d2edb052cca3c11ce125c0ee3104177962c2", kind: "repeatable" },
  giveBack: { sha: "35be2bf2136ab54846fa5de6c9e47a2dc83c1c59", kind: "repeatable" },
  offer: { sha: "ef283dc87ba95044fcfc85755d18473d34d361b0", kind: "repeatable" },
  offerDelayed: { sha: "54d396b42f49e2a49fb8fbe28b4be84100fcc496", kind: "repeatable" },
  take: { sha: "b7ac239e1bb6712c6aea94ca0b025fc3a5d1964e", kind: "effectful" },
  renewLocks: { sha: "11e106d29a3cf6f0752466b481a3585edfe666a8", kind: "repeatable" },
  trimFailed: { sha: "68012219bc9d67ea1eaad77b27e3458c2d272daf", kind: "repeatable" }
} satisfies Readonly<Record<string, EffectScript>>

const kinds: ReadonlyMap<string, CommandKind> = new Map(
  Object.values(effectScripts).map(({ kind, sha }) => [sha, kind])
)

/** Says what running a script twice would do, where it is one of Effect's. */
export const kindOfEffectScript = (sha: string): CommandKind => kinds.get(sha) ?? "effectful"
