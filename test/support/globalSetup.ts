import { Effect } from "effect"
import * as RedisBinary from "./RedisBinary.ts"

/** Once, before any test file: every test server is this binary. Without one, the run ends with one message. */
export default (): Promise<void> =>
  Effect.runPromise(
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
