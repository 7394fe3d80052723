import * as Fs from "node:fs"
import * as Path from "node:path"
import { Effect } from "effect"
import * as FreePort from "./FreePort.ts"
import * as RedisServer from "./RedisServer.ts"
import * as Certificates from "./Certificates.ts"

/** A redis-server that asks its clients for a certificate, and a directory for theirs. */
export interface MutualTlsServer {
  /** The port that speaks TLS. */
  readonly port: number
  /** The same server without TLS. */
  readonly plain: RedisServer.RedisServer
  /** What a client has to trust. */
  readonly ca: string
  /** The one certificate that the server takes of a client. */
  readonly client: Certificates.Certificate
  /** Writes a file into a directory that goes with the scope, and gives its name. */
  readonly file: (name: string, content: string) => string
  /** From now on the server takes this certificate, and no longer the one before. */
  readonly trust: (cert: string) => Effect.Effect<void>
}

export const make = Effect.gen(function* () {
  const certificate = Certificates.selfSigned()
  const client = Certificates.selfSigned()
  const dir = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync("/tmp/effect-ioredis-test-tls-")),
    (dir) => Effect.sync(() => Fs.rmSync(dir, { recursive: true, force: true }))
  )
  const file = (name: string, content: string): string => {
    const path = Path.join(dir, name)
    Fs.writeFileSync(path, content, { mode: 0o600 })
    return path
  }
  const trusted = file("trusted.pem", client.cert)
  const files = [
    `tls-cert-file ${file("server.pem", certificate.cert)}`,
    `tls-key-file ${file("server.key", certificate.key)}`,
    `tls-ca-cert-file ${trusted}`
  ]
  // Another process may take the port of TLS, of which the server says so as well.
  const start = Effect.gen(function* () {
    const port = yield* FreePort.make
    const plain = yield* RedisServer.make({ config: [`tls-port ${port}`, ...files, "tls-auth-clients yes"] })
    const trust = (cert: string) =>
      Effect.sync(() => file("trusted.pem", cert)).pipe(
        Effect.andThen(plain.cli("CONFIG", "SET", "tls-ca-cert-file", trusted)),
        Effect.orDie
      )
    return { port, plain, ca: certificate.cert, client, file, trust } satisfies MutualTlsServer
  })
  return yield* Effect.retry(start, { times: 5, while: (error) => /address already in use/i.test(error.message) })
})
