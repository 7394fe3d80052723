import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { Effect } from "effect"
import * as RedisBinary from "./RedisBinary.ts"

/**
 * Once, before any test file: every test server is this binary, and the ports that tests have are noted in one folder
 * until the run ends. Without a binary, it ends with one message.
 */
export default async (): Promise<() => void> => {
  await Effect.runPromise(
    Effect.match(RedisBinary.find, {
      onSuccess: (path) => {
        process.env.REDIS_SERVER_BIN = path
      },
      onFailure: (error) => {
        console.error(error.message)
        process.exit(1)
      }
    })
  )
  const ports = Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-ioredis-ports-"))
  process.env.TEST_PORTS = ports
  return () => Fs.rmSync(ports, { recursive: true })
}
