import * as Fs from "node:fs"
import type { AddressInfo } from "node:net"
import * as Tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RedisCommand, RedisConnection, type RedisConnector, type RedisError, RetryPolicy } from "effect-ioredis"
import * as Captured from "../../support/Captured.ts"
import * as Connect from "../../support/Connect.ts"
import * as MutualTlsServer from "../../support/MutualTlsServer.ts"
import * as Certificates from "../../support/Certificates.ts"
import * as Wait from "../../support/Wait.ts"

const ping = (port: number, tls: RedisConnector.RedisTls) =>
  Effect.scoped(
    Effect.flatMap(Connect.connection({ port, tls }), (connection) =>
      RedisConnection.send(connection, RedisCommand.make("PING"))
    )
  )

/** The failure of a login, which has to come at once and quote nothing of a file. */
const refused = Effect.fnUntraced(function* (port: number, tls: RedisConnector.RedisTls) {
  const { millis, value: error } = yield* Wait.timed(Effect.flip(Effect.asVoid(ping(port, tls))))
  assert.isBelow(millis, 1000)
  if (error._tag !== "RedisConnectionError") return assert.fail(error._tag)
  assert.strictEqual(`${error.reason} ${error.sent}`, "Tls never")
  for (const file of [tls.caFile, tls.certFile, tls.keyFile]) quotesNothing(error, file)
  return error.message.replace("No connection to Redis: ", "")
})

const quotesNothing = (error: RedisError.RedisConnectionError, file: string | undefined) => {
  if (file === undefined || !Fs.existsSync(file) || !Fs.statSync(file).isFile()) return
  for (const line of Fs.readFileSync(file, "utf8").split("\n")) {
    if (line.length > 8) assert.notInclude(Captured.everyRendering(error), line)
  }
}

/** Node's own server, which says nothing to whom it does not trust. */
const nodeServer = (options: Tls.TlsOptions, onConnection: (socket: Tls.TLSSocket) => void = () => {}) =>
  Effect.acquireRelease(
    Effect.callback<Tls.Server>((resume) => {
      const server = Tls.createServer(options, (socket) => {
        socket.on("error", () => {})
        onConnection(socket)
      })
      server.on("tlsClientError", () => {})
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(Effect.map((server) => (server.address() as AddressInfo).port))

describe("TLS with a private authority and a client certificate", () => {
  const forEachVersion = (
    name: string,
    test: (server: MutualTlsServer.MutualTlsServer, options: RedisConnector.RedisTls) => Effect.Effect<void, unknown>
  ) => {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      it.live(`${name}, ${maxVersion}`, () =>
        Effect.flatMap(MutualTlsServer.make, (server) => test(server, { maxVersion, ca: server.ca }))
      )
    }
  }

  forEachVersion("is given by option and by file", ({ ca, client, file, port }, { maxVersion }) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* ping(port, { maxVersion, ca, cert: client.cert, key: client.key }), "PONG")
      const caFile = file("ca.pem", ca)
      const certFile = file("cert.pem", client.cert)
      const keyFile = file("key.pem", client.key)
      assert.strictEqual(yield* ping(port, { maxVersion, caFile, certFile, keyFile }), "PONG")
    })
  )

  forEachVersion("a server that is given no certificate says what it misses", ({ port }, tls) =>
    Effect.gen(function* () {
      for (let attempt = 0; attempt < 20; attempt++) {
        assert.include(yield* refused(port, tls), "Give one by certFile and keyFile")
      }
    })
  )

  forEachVersion("a certificate that the server does not trust is named as the reason", ({ file, port }, tls) =>
    Effect.gen(function* () {
      const stranger = Certificates.selfSigned()
      const files = { certFile: file("cert.pem", stranger.cert), keyFile: file("key.pem", stranger.key) }
      for (let attempt = 0; attempt < 20; attempt++) {
        assert.include(yield* refused(port, { ...tls, ...files }), "the server refused the client's certificate")
      }
    })
  )

  forEachVersion("an authority that is not trusted is named as the reason", ({ client, file, port }, { maxVersion }) =>
    Effect.gen(function* () {
      const caFile = file("ca.pem", Certificates.selfSigned().cert)
      for (const tls of [{ caFile }, {}]) {
        const message = yield* refused(port, { ...tls, ...client, maxVersion })
        assert.include(message, "Give the authority's certificate by caFile (REDIS_TLS_CA)")
      }
    })
  )

  it.live("a server that hangs up on a certificate it does not trust refuses it as well", () =>
    Effect.gen(function* () {
      const trusted = Certificates.selfSigned()
      const stranger = Certificates.selfSigned()
      const port = yield* nodeServer({ ...trusted, ca: trusted.cert, requestCert: true })
      const tls = { ca: trusted.cert, ...stranger }
      for (let attempt = 0; attempt < 20; attempt++) {
        assert.include(yield* refused(port, tls), "as it does where it refuses the client's certificate")
      }
      // Without a certificate of the client it is lost, and no more is known.
      const silent = yield* nodeServer({ ...trusted }, (socket) => socket.destroy())
      const lost = Connect.connection({ port: silent, tls: { ca: trusted.cert } })
      assert.strictEqual((yield* Effect.flip(lost)).reason, "Reset")
    })
  )

  it.live("a server of another name is named as the reason", () =>
    Effect.gen(function* () {
      const { ca, client, port } = yield* MutualTlsServer.make
      const message = yield* refused(port, { ca, ...client, servername: "redis.example" })
      assert.include(message, "the server's certificate is for another host")
    })
  )

  it.live("a file that cannot be used is named, and nothing of it is quoted", () =>
    Effect.gen(function* () {
      const { ca, client, file, port } = yield* MutualTlsServer.make
      const certFile = file("cert.pem", client.cert)
      const keyFile = file("key.pem", client.key)
      const missing = certFile.replace("cert.pem", "missing.pem")
      const directory = certFile.replace("/cert.pem", "")
      const otherKey = file("other.pem", Certificates.selfSigned().key)
      const half = file("half.pem", client.key.slice(0, client.key.length / 2))
      const cases: ReadonlyArray<readonly [tls: RedisConnector.RedisTls, message: string]> = [
        [{ caFile: missing }, `caFile ${missing} could not be read (ENOENT). Check that it is there`],
        [{ caFile: directory }, `caFile ${directory} could not be read (EISDIR)`],
        [{ caFile: keyFile }, `caFile ${keyFile} holds no certificate in PEM`],
        [{ ca, certFile: missing, keyFile }, `certFile ${missing} could not be read`],
        [{ ca, certFile: keyFile, keyFile }, `certFile ${keyFile} holds no certificate in PEM`],
        [{ ca, certFile, keyFile: certFile }, `keyFile ${certFile} holds no private key in PEM`],
        [{ ca, certFile, keyFile: half }, `keyFile ${half} holds no private key in PEM`],
        [{ ca, certFile, keyFile: otherKey }, `keyFile ${otherKey} is not the key of certFile ${certFile}`],
        [{ ca, certFile }, `certFile ${certFile} is given without its key`],
        [{ ca, keyFile }, `keyFile ${keyFile} is given without its certificate`]
      ]
      for (const [tls, message] of cases) assert.include(yield* refused(port, tls), message)
      assert.strictEqual(yield* ping(port, { ca, certFile, key: client.key }), "PONG")
    })
  )

  it.live("a client says of each call what is wrong, and goes on by itself once the file is there", () =>
    Effect.gen(function* () {
      const { ca, client, file, port } = yield* MutualTlsServer.make
      const later = file("later.pem", "")
      Fs.rmSync(later)
      const tls = { ...client, caFile: later }
      const redis = yield* Connect.client({ port, tls }, { connectTimeout: "200 millis", retry: RetryPolicy.none })
      const error = yield* Effect.flip(redis.get("a"))
      assert.include(error.message, `GET was not sent: caFile ${later} could not be read (ENOENT)`)
      file("later.pem", ca)
      yield* Wait.until(
        "it is connected",
        Effect.map(redis.stats, ({ connection }) => connection === "Ready")
      )
      yield* redis.breaker.reset
      assert.strictEqual(yield* redis.incr("a"), 1)
    })
  )

  it.live("a certificate that is replaced on disk is used by the next login", () =>
    Effect.gen(function* () {
      const { ca, client, file, port, trust } = yield* MutualTlsServer.make
      const tls = { ca, certFile: file("cert.pem", client.cert), keyFile: file("key.pem", client.key) }
      const before = yield* Connect.connection({ port, tls })
      const next = Certificates.selfSigned()
      yield* trust(next.cert)
      assert.include(yield* refused(port, tls), "the server refused the client's certificate")
      file("cert.pem", next.cert)
      // Between the two the pair does not fit.
      assert.include(yield* refused(port, tls), "Replace both together")
      file("key.pem", next.key)
      assert.strictEqual(yield* ping(port, tls), "PONG")
      assert.isTrue(before.isOpen())
    })
  )
})
