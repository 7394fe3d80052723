import { assert, describe, it } from "@effect/vitest"
import { baseOf } from "../../packages/effect-ioredis-cli/src/internal/facts/queues.ts"
import * as QueueKeys from "../../packages/effect-ioredis-tasks/src/internal/QueueKeys.ts"

describe("The keys of a queue", () => {
  it("are looked for where tasks have them", () => {
    for (const [name, prefix, queue] of [
      ["mails", "tasks", "mails"],
      ["shop:mails", "shop", "mails"]
    ] as const) {
      const { attempts, dead, over, paused, tasks, waiting, wake } = QueueKeys.of(prefix, queue)
      const base = baseOf(name)
      assert.deepStrictEqual(
        [tasks, attempts, dead, over, paused, wake, ...waiting],
        ["tasks", "attempts", "dead", "over", "paused", "wake", "waiting:high", "waiting:normal", "waiting:low"].map(
          (key) => base + key
        )
      )
    }
  })
})
