import { assert, it } from "@effect/vitest"
import { Effect, Exit, Result } from "effect"
import { Redis } from "ioredis"
import * as Scripts from "../../../../packages/effect-ioredis-cache/src/internal/journal/scripts.ts"
import { encodeText, type Fields } from "../../../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"
import * as RedisServer from "../../../support/RedisServer.ts"
import { DispatchDouble } from "../DispatchDouble.ts"

const now = Date.now()
const minute = 60_000
const key = "cache:texts:v1:=a"

const stored = (fields: Partial<Fields>) =>
  encodeText(
    key,
    { kind: "set", stamp: "mine--000005", writtenAt: now, life: minute, staleLife: minute, lookupTime: 0, ...fields },
    "payload"
  )

/** What may be there before a script runs. */
const before: ReadonlyArray<readonly [string, string | undefined]> = [
  ["nothing", undefined],
  ["an empty text", ""],
  ["what is not of this format", "12345:{}"],
  ["what is broken", "E1js-"],
  ["the same", stored({})],
  ["own, earlier than the base", stored({ stamp: "mine--000001", writtenAt: now - 9 })],
  ["own, sent since the base", stored({ stamp: "mine--000004", writtenAt: now - 1 })],
  ["own, later, in small letters", stored({ stamp: "mine--00000a", writtenAt: now - 1 })],
  ["the base", stored({ stamp: "theirs000001", writtenAt: now - 10 })],
  ["another's, earlier", stored({ stamp: "theirs000002", writtenAt: now - 5 })],
  ["another's, later", stored({ stamp: "theirs000003", writtenAt: now + 5 })],
  ["another's, at the same time", stored({ stamp: "theirs000004" })],
  ["another's mark, earlier", stored({ stamp: "theirs000005", kind: "removed", writtenAt: now - 5 })],
  ["another's mark, later", stored({ stamp: "theirs000006", kind: "removed", writtenAt: now + 5 })],
  ["the mark that is the base", stored({ stamp: "theirs000001", kind: "removed", writtenAt: now - 5 })],
  ["for ever", stored({ stamp: "theirs000007", life: Infinity, staleLife: Infinity })],
  ["short", stored({ stamp: "theirs000008", life: 1000, staleLife: 2000 })],
  ["long ago", stored({ stamp: "theirs000009", writtenAt: now - 2.1 * 365 * 24 * 60 * minute, life: 1 })]
]

const value = stored({})

const calls: ReadonlyArray<readonly [string, Parameters<typeof Scripts.call>]> = [
  ["replaceKnown", [Scripts.replaceKnown, key, [value, minute, "theirs000001", "mine--000003"]]],
  ["replaceKnown, for ever", [Scripts.replaceKnown, key, [value, 0, "theirs000001", "mine--000003"]]],
  ["replaceKnown, nothing known", [Scripts.replaceKnown, key, [value, minute, Scripts.noStamp, "mine--000003"]]],
  ["replaceEarlier", [Scripts.replaceEarlier, key, [value, minute, Scripts.moment(now - 1)]]],
  ["replaceEarlier, at once", [Scripts.replaceEarlier, key, [value, minute, Scripts.moment(now + 50)]]],
  [
    "replaceEarlier, absent keys left alone",
    [Scripts.replaceEarlier, key, [value, minute, Scripts.moment(now - 1), 1]]
  ],
  ["unlinkEarlier", [Scripts.unlinkEarlier, key, [Scripts.moment(now)]]],
  ["unlinkEarlier, by an own stamp", [Scripts.unlinkEarlier, key, [Scripts.moment(now), "mine--000003"]]],
  ["unlinkEarlier, by another's stamp", [Scripts.unlinkEarlier, key, [Scripts.moment(now), "theirs000004"]]],
  ["unlinkEarlier, all", [Scripts.unlinkEarlier, key, [Scripts.moment(Number.POSITIVE_INFINITY)]]],
  ["extend", [Scripts.extend, key, [now + 2 * minute, 0, now]]],
  ["extend, stale", [Scripts.extend, key, [now + 2 * minute, minute, now]]],
  [
    "extend beyond the field",
    [Scripts.extend, key, [now + 60 * 24 * 60 * minute, minute, now - 3 * 365 * 24 * 60 * minute]]
  ],
  ["extend by nothing", [Scripts.extend, key, [now + 500, 0, now]]],
  ["extend for ever", [Scripts.extend, key, [0, minute, now]]],
  ["extend what was fresh no longer", [Scripts.extend, key, [now + 2 * minute, 0, now + minute]]],
  ["replaceSame", [Scripts.replaceSame, key, [value, minute, before[8]?.[1]?.slice(0, 64) ?? "", 51]]],
  ["replaceSame, of an empty text", [Scripts.replaceSame, key, [value, minute, "", 0]]],
  [
    "replaceSame, of another length",
    [Scripts.replaceSame, key, [value, minute, before[8]?.[1]?.slice(0, 64) ?? "", 52]]
  ]
]

it.live("each script and its counterpart in JavaScript do the same to whatever is there", () =>
  Effect.gen(function* () {
    const { port } = yield* RedisServer.make()
    const redis = yield* Effect.acquireRelease(
      Effect.sync(() => new Redis(port, "127.0.0.1")),
      (redis) => Effect.sync(() => redis.disconnect())
    )
    const cli = (name: string, ...args: ReadonlyArray<string | number>) =>
      Effect.promise(() => redis.call(name, ...args))
    for (const [what, there] of before) {
      for (const [title, call] of calls) {
        const command = Scripts.call(...call)
        const double = new DispatchDouble({ now: () => now })
        yield* cli("UNLINK", key)
        if (there !== undefined) {
          yield* cli("SET", key, there, "PXAT", now + minute)
          double.store.set(key, { value: there, expiresAt: now + minute })
        }
        const source = Scripts.withSource(command)
        const reply = yield* cli(source.name, ...source.args.map(String))
        const counterpart = double.execute(source)
        const label = `${title} of ${what}`
        assert.deepStrictEqual(Result.getOrThrow(counterpart), reply, label)
        assert.strictEqual(double.find(key)?.value ?? null, yield* cli("GET", key), label)
        const expiresAt = Number(yield* cli("PEXPIRETIME", key))
        const ends = double.find(key)?.expiresAt ?? -2
        const expected = ends === Number.POSITIVE_INFINITY ? -1 : ends
        // SET counts from the server's own time.
        assert.closeTo(expected, expiresAt, 60_000, label)
        if (title.startsWith("extend")) assert.strictEqual(expected, expiresAt, label)
      }
    }
    yield* cli("UNLINK", key)
    yield* cli("RPUSH", key, "a list")
    for (const [title, call] of calls) {
      if (call[0] === Scripts.replaceKnown || call[0] === Scripts.replaceEarlier) continue
      const source = Scripts.withSource(Scripts.call(...call))
      assert.strictEqual(yield* cli(source.name, ...source.args.map(String)), 0, `${title} of a list`)
    }
    const fill = Scripts.withSource(Scripts.call(Scripts.replaceSame, key, [value, minute, "", Scripts.otherType]))
    assert.strictEqual(yield* cli(fill.name, ...fill.args.map(String)), 1)
    assert.strictEqual(yield* cli("GET", key), value)
  }).pipe(Effect.scoped)
)

const lease = `cache:texts:v1!lease:{${key}}`

const leaseCalls: ReadonlyArray<readonly [string, Parameters<typeof Scripts.callMany>]> = [
  ["takeLease", [Scripts.takeLease, [lease], ["mine", minute, 0]]],
  ["takeLease from another", [Scripts.takeLease, [lease], ["mine", minute, 1]]],
  ["renewLease", [Scripts.renewLease, [lease], ["mine", minute]]],
  ["giveLeaseBack", [Scripts.giveLeaseBack, [lease], ["mine"]]],
  ["fillLeased", [Scripts.fillLeased, [key, lease], [value, minute, "", Scripts.absent, "mine"]]],
  ["fillLeased, for ever", [Scripts.fillLeased, [key, lease], [value, 0, "", Scripts.absent, "mine"]]],
  ["fillLeased, of the same", [Scripts.fillLeased, [key, lease], [value, minute, "there", 5, "mine"]]],
  ["fillLeased, of an empty text", [Scripts.fillLeased, [key, lease], [value, minute, "", 0, "mine"]]]
]

it.live("so does each script of leases to whatever lease there is", () =>
  Effect.gen(function* () {
    const { port } = yield* RedisServer.make()
    const redis = yield* Effect.acquireRelease(
      Effect.sync(() => new Redis(port, "127.0.0.1")),
      (redis) => Effect.sync(() => redis.disconnect())
    )
    const cli = (name: string, ...args: ReadonlyArray<string | number>) =>
      Effect.promise(() => redis.call(name, ...args))
    for (const holder of [undefined, "mine", "another's"]) {
      for (const there of [undefined, "there", ""]) {
        for (const [title, call] of leaseCalls) {
          const double = new DispatchDouble({ now: () => now })
          yield* cli("UNLINK", key, lease)
          const given = [
            [key, there],
            [lease, holder]
          ] as const
          for (const [name, text] of given) {
            if (text === undefined) continue
            yield* cli("SET", name, text, "PX", 1000)
            double.store.set(name, { value: text, expiresAt: now + 1000 })
          }
          const source = Scripts.withSource(Scripts.callMany(...call))
          const reply = yield* cli(source.name, ...source.args.map(String))
          const label = `${title} of the lease ${holder} beside ${there}`
          assert.deepStrictEqual(Result.getOrThrow(double.execute(source)), reply, label)
          for (const name of [key, lease]) {
            assert.strictEqual(double.find(name)?.value ?? null, yield* cli("GET", name), label)
            const ends = double.find(name)?.expiresAt ?? now - 2
            const left = Number(yield* cli("PTTL", name))
            if (ends === Number.POSITIVE_INFINITY) assert.strictEqual(left, -1, label)
            else assert.closeTo(ends - now, left, 900, label)
          }
        }
      }
    }
    yield* cli("UNLINK", lease)
    yield* cli("RPUSH", lease, "a list")
    for (const [title, call] of leaseCalls) {
      const source = Scripts.withSource(Scripts.callMany(...call))
      const exit = yield* Effect.exit(Effect.tryPromise(() => redis.call(source.name, ...source.args.map(String))))
      assert.isTrue(Exit.isFailure(exit), `${title} of a list`)
    }
  }).pipe(Effect.scoped)
)
