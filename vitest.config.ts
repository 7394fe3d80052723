import * as Fs from "node:fs"
import { defaultExclude, defineConfig } from "vitest/config"
import "./test/support/Node20.ts"

// What starts processes says so in its imports. The rest is the quick loop: virtual time and plain functions.
const startsProcesses = (file: string): boolean =>
  /^processes\/|support\/RedisServer|suites\/cacheLayers|node:child_process|lost\/|chaos\//.test(
    `${file}\n${Fs.readFileSync(`test/${file}`, "utf8")}`
  )

const slow = Fs.readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts") && startsProcesses(file))
  .map((file) => `test/${file}`)

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: process.env.QUICK === undefined ? defaultExclude : [...defaultExclude, ...slow],
    globalSetup: ["test/support/globalSetup.ts"],
    reporters: ["default", "./test/support/CountReporter.ts"],
    // Beyond any wait of test/support, so that its message is the one that is seen.
    testTimeout: 20_000,
    hookTimeout: 20_000
  }
})
