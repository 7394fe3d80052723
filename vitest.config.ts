import { availableParallelism } from "node:os"
import { defaultExclude, defineConfig } from "vitest/config"
import "./test/support/Node20.ts"

// The quick loop starts no process: virtual time and plain functions. What starts a server or a process is in these
// folders, what plays hundreds of histories takes longer than all the rest, and an example is a whole program. Single
// tests that take long have a tag.
const slow = [
  "test/**/live/**",
  "test/processes/**",
  "test/examples/**",
  "test/**/Model.test.ts",
  "test/**/*Histories.test.ts"
]

// What starts one cluster after the other would take a third of the whole: `.ci/night` has it. These are the demo of a
// cluster, the start of the shop, the tests of the tests' own servers, what managed services do otherwise, and what Prometheus'
// own tool says of the metrics, and who is answered sooner by the load rule: how soon says nothing beside other tests.
const nightly = [
  "processes/jobMatcherLoad.test.ts",
  "examples/live/**",
  "support/live/Redis{Cluster,Sentinels}.test.ts",
  "effect-ioredis-cache/live/Services.test.ts",
  "effect-ioredis-{cache,tasks}/live/Promtool.test.ts"
]

const quick = process.env.QUICK !== undefined

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [
      ...defaultExclude,
      ...(quick ? slow : []),
      ...(process.env.NIGHT === undefined ? nightly.map((files) => `test/${files}`) : [])
    ],
    tags: [{ name: "long", description: "Takes more than half a second, so that the quick loop leaves it out." }],
    // Effect and the driver, loaded once for all files, are half of the processor time.
    isolate: false,
    setupFiles: ["test/support/setup.ts"],
    // Most tests wait for a server rather than compute, so that one more than the processor has cores is the quickest.
    maxWorkers: availableParallelism() + 1,
    // Tests of the documentation are written there, and are TypeScript.
    server: { deps: { inline: [/\.cache\/documented-tests/] } },
    globalSetup: ["test/support/globalSetup.ts"],
    reporters: ["default", "./test/support/CountReporter.ts"],
    // Beyond any wait of test/support, so that its message is the one that is seen.
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
