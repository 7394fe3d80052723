import { Effect } from "effect"
import * as Generate from "./Generate.ts"
import * as Runner from "./Runner.ts"
import * as History from "./History.ts"
const h = Generate.history(Number(process.argv[2] ?? 1), [])

for (let n=0;n<12;n++) { const t = performance.now(), c = process.cpuUsage(); const r = await Effect.runPromise(Runner.run(h)); const u = process.cpuUsage(c); console.log(n, r, performance.now()-t, u.user/1000) }
