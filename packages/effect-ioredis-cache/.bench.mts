import { Cache, Clock, Effect, Schema, Result, Layer } from "effect"
import { createHash } from "node:crypto"
import * as crypto from "node:crypto"
if (process.argv[2] === "jit") await import("effect/schema/SchemaJITCompiler/enable")
import * as K from "./src/CacheKey.ts"
import * as C from "./src/CacheCodec.ts"
import * as M from "./src/MemoryCache.ts"
const Job = Schema.Struct({ id: Schema.String, title: Schema.String, company: Schema.String, salary: Schema.Finite, remote: Schema.Boolean, skills: Schema.Array(Schema.String), score: Schema.Finite, location: Schema.optionalKey(Schema.String) })
const v = { id: "job-12345", title: "Senior TypeScript Engineer", company: "Acme Incorporated GmbH", salary: 123000, remote: true, skills: ["typescript","effect","redis"], score: 0.87, location: "Berlin" }
const json = JSON.stringify(v)
const bench = (n: string, f: () => any) => { const N = 200000; for (let i=0;i<N;i++) f(); const ts=[]; for (let r=0;r<7;r++){ const t=process.hrtime.bigint(); for (let i=0;i<N;i++) f(); ts.push(Number(process.hrtime.bigint()-t)/N)} ts.sort((a,b)=>a-b); console.log(n.padEnd(40), ts[3]!.toFixed(0)) }
const c = C.make(Job); const stored = Result.getOrThrow(c.encode(v, 1.7e12))
bench("JSON.parse", () => JSON.parse(json)); bench("decode 194 B", () => c.decode(stored))
bench("JSON.stringify", () => JSON.stringify(v)); bench("encode 194 B", () => c.encode(v, 1.7e12))
bench("decode of a miss (older shape)", () => c.decode("1:{}"))
bench("decode of foreign text", () => c.decode("{}"))
const ks = K.make(Schema.String), kn = K.make(Schema.Int)
bench("key readable string", () => ks("job-12345")); bench("key int", () => kn(42)); bench("key hashed string", () => ks("job 12345"))
const Q = Schema.Struct({ candidate: Schema.String, skills: K.unordered(Schema.Array(Schema.String)), location: Schema.optional(Schema.String) })
const kq = K.make(Q), kp = K.make(Schema.Struct({ candidate: Schema.String, skills: Schema.Array(Schema.String), location: Schema.optional(Schema.String) }))
bench("key struct", () => kp({ candidate: "ada", skills: ["b","a","c"], location: "Berlin" }))
bench("key struct unordered", () => kq({ candidate: "ada", skills: ["b","a","c"], location: "Berlin" }))
bench("key struct unordered undefined", () => kq({ candidate: "ada", skills: ["b","a","c"], location: undefined }))
bench("createHash", () => createHash("sha256").update("x".repeat(80)).digest("base64url"))
if ((crypto as any).hash) bench("crypto.hash", () => (crypto as any).hash("sha256", "x".repeat(80), "base64url"))
const mem = Effect.runSync(M.make({})), memB = Effect.runSync(M.make({ maxBytes: 1e6 })); const clock = Effect.runSync(Effect.map(Clock.Clock, c => c) as any) as Clock.Clock
const e = { value: v, expiresAt: Infinity, bytes: 200 }
for (let i = 0; i < 1000; i++) { mem.set(`k${i}`, e); memB.set(`k${i}`, e) }
bench("now(clock)", () => M.now(clock)); bench("memory get", () => mem.get("k500", 1)); bench("memory get + now", () => mem.get("k500", M.now(clock)))
bench("memory set", () => mem.set("k500", e)); bench("memory set maxBytes", () => memB.set("k500", e)); 
let n = 0; bench("memory set, evicting", () => mem.set(`n${n++}`, e))
const cache = Effect.runSync(Cache.make({ capacity: 1000, lookup: (k: string) => Effect.succeed(k), timeToLive: "1 hour" })); Effect.runSync(Cache.get(cache, "k"))
bench("effect Cache.get (runSync)", () => Effect.runSync(Cache.get(cache, "k")))
const N=100000; const loop = Effect.gen(function*(){ for (let i=0;i<N;i++) yield* Cache.get(cache, "k") }); Effect.runSync(loop); const t=process.hrtime.bigint(); Effect.runSync(loop); console.log("effect Cache.get in a loop".padEnd(40), (Number(process.hrtime.bigint()-t)/N).toFixed(0))
