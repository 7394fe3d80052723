import type { Reporter, TestModule } from "vitest/node"

/** Ends the run with one plain line, `N passed, N failed`, with `, N skipped` where there are some. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<unknown>): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      const before = count.failed
      for (const test of module.children.allTests()) count[test.result().state]++
      // A file that did not load, or whose hooks failed, has no failed test to show for it.
      if (!module.ok() && count.failed === before) count.failed++
    }
    // A test without a result did not pass.
    const failed = count.failed + count.pending
    console.log(`${count.passed} passed, ${failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ""}`)
  }
}
