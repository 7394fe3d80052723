import { defineConfig } from "vitest/config"
import "./test/support/Node20.ts"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/globalSetup.ts"],
    reporters: ["default", "./test/support/CountReporter.ts"],
    // Beyond any wait of test/support, so that its message is the one that is seen.
    testTimeout: 20_000,
    hookTimeout: 20_000
  }
})
