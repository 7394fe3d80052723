import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Tls from "node:tls"
import { Data, Effect, Option, Result, Schedule, type Scope } from "effect"
import * as Certificates from "./Certificates.ts"
import * as FreePort from "./FreePort.ts"
import * as LiveClock from "./LiveClock.ts"
import type * as DebianPackage from "./DebianPackage.ts"
import * as RedisBinary from "./RedisBinary.ts"
import * as Resp from "./Resp.ts"

/** A private redis-server on 127.0.0.1 that is killed, and its directory removed, when its scope closes. */
export interface RedisServer {
  readonly port: number
  /** `redis://` or `rediss://`, with the password of the default user when there is one. */
  readonly url: string
  /** Where its dump and append-only file go; it lives as long as the scope, over every restart. */
  readonly dir: string
  /** The certificate a client has to trust (PEM), when the server speaks TLS. */
  readonly ca: string | undefined
  /** The process now running. */
  readonly pid: Effect.Effect<number, RedisServerError>
  /** SIGKILL, and wait until it is gone. Does nothing when it does not run. */
  readonly kill: Effect.Effect<void>
  /** SIGSTOP: connections stay open, the kernel accepts new ones, nothing is answered. */
  readonly freeze: Effect.Effect<void, RedisServerError>
  /** SIGCONT. */
  readonly thaw: Effect.Effect<void, RedisServerError>
  /** Start it again, on the same port and directory. Does nothing when it runs. */
  readonly start: Effect.Effect<void, RedisServerError>
  /** One command on a fresh connection, as the default user; an error reply is the failure `Resp.ReplyError`. */
  readonly cli: (
    ...args: ReadonlyArray<string | number | Uint8Array>
  ) => Effect.Effect<Resp.Reply, RedisServerError | Resp.ReplyError>
}

export interface Options {
  /** Default: a free one. */
  readonly port?: number | undefined
  /** Password of the default user. */
  readonly password?: string | undefined
  /** ACL users beside the default one; `rules` such as `~* +@all -set`, default everything. */
  readonly users?: ReadonlyArray<User> | undefined
  /**
   * Speak TLS, and only TLS: with a self-signed certificate (`ca`), or with those given, which a client has to show too.
   * Default: false.
   */
  readonly tls?: boolean | Certificates.Certificates | undefined
  /** Run as a Sentinel: `config` says what it watches, and it writes into its own redis.conf. Default: false. */
  readonly sentinel?: boolean | undefined
  /** Files, by name, that stand in its directory before it starts. */
  readonly files?: Readonly<Record<string, string>> | undefined
  /** Such as `2mb`. Default: no limit. */
  readonly maxmemory?: string | undefined
  /** More lines of redis.conf, such as `appendonly yes`; they win over those made from the options above. */
  readonly config?: ReadonlyArray<string> | undefined
  /**
   * When it counts as started: when PING is answered by PONG (the default; NOAUTH will do too), or as soon as it answers
   * anything at all, such as LOADING.
   */
  readonly ready?: "Pong" | "AnyReply" | undefined
}

export interface User {
  readonly name: string
  readonly password: string
  readonly rules?: string | undefined
}

/** The server could not be started, is not running, or did not answer. */
export class RedisServerError extends Data.TaggedError("RedisServerError")<{ readonly message: string }> {}

/**
 * Starts a server and waits until it answers. Nothing is persisted unless `config` says so.
 *
 * **Example** (A server that dies and comes back)
 *
 * ```ts
 * const server = yield* RedisServer.make({ password: "secret" })
 * yield* server.cli("SET", "a", "1")
 * yield* server.kill
 * yield* server.start
 * ```
 */
export const make: (
  options?: Options
) => Effect.Effect<RedisServer, RedisServerError | DebianPackage.MissingProgram, Scope.Scope> = Effect.fnUntraced(
  function* (options: Options = {}) {
    const binary = yield* RedisBinary.find
    const start = startOn(binary, options)
    if (options.port !== undefined) return yield* start(options.port)
    // Another process may take a free port before the server does.
    return yield* FreePort.make.pipe(
      Effect.mapError((error) => new RedisServerError({ message: error.message })),
      Effect.flatMap(start),
      Effect.retry({ times: 5, while: (error) => /address already in use/i.test(error.message) })
    )
  },
  LiveClock.provide
)

const startOn = (binary: string, options: Options) =>
  Effect.fnUntraced(function* (port: number) {
    const dir = yield* Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-ioredis-test-"))),
      (dir) => Effect.sync(() => Fs.rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))
    )
    const tls = writeCertificate(dir, options.tls)
    const endpoint: Endpoint = { port, password: options.password, tls: tls?.client }
    const conf = Path.join(dir, "redis.conf")
    // In a file, not on the command line, where passwords could be read by every user of the machine.
    Fs.writeFileSync(conf, [...configuration(port, dir, options, tls), ""].join("\n"), { mode: 0o600 })
    for (const [name, text] of Object.entries(options.files ?? {})) Fs.writeFileSync(Path.join(dir, name), text)

    let running: Running | undefined
    const isRunning = () =>
      running !== undefined && running.child.exitCode === null && running.child.signalCode === null

    const kill = Effect.suspend(() => {
      const current = running
      if (current === undefined) return Effect.void
      // SIGKILL ends a stopped process too.
      current.child.kill("SIGKILL")
      return Effect.promise(() => current.gone)
    })
    const signal = (name: "SIGSTOP" | "SIGCONT") =>
      Effect.suspend(() => {
        const sent = isRunning() && running?.child.kill(name)
        return sent === true ? Effect.void : Effect.fail(notRunning(port))
      })
    const start = Effect.suspend(() => {
      if (isRunning()) return Effect.void
      const started = spawn(binary, options.sentinel === true ? [conf, "--sentinel"] : [conf])
      running = started
      return awaitReady(endpoint, started, options.ready ?? "Pong")
    }).pipe(Effect.onError(() => kill))

    yield* Effect.addFinalizer(() => kill)
    yield* start

    const auth = options.password === undefined ? "" : `:${encodeURIComponent(options.password)}@`
    const server: RedisServer = {
      port,
      url: `${tls === undefined ? "redis" : "rediss"}://${auth}127.0.0.1:${port}`,
      dir,
      ca: tls?.client.ca,
      pid: Effect.suspend(() => {
        const pid = isRunning() ? running?.child.pid : undefined
        return pid === undefined ? Effect.fail(notRunning(port)) : Effect.succeed(pid)
      }),
      kill: Effect.uninterruptible(kill),
      freeze: signal("SIGSTOP"),
      thaw: signal("SIGCONT"),
      start: LiveClock.provide(start),
      cli: (...args) => LiveClock.provide(command(endpoint, args))
    }
    return server
  })

/** What the server is configured with, and what a client of it needs. */
interface ServerTls {
  readonly lines: ReadonlyArray<string>
  readonly client: ClientTls
}

interface ClientTls {
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

const writeCertificate = (dir: string, tls: Options["tls"]): ServerTls | undefined => {
  if (tls === undefined || tls === false) return undefined
  if (tls !== true) {
    const { ca, caFile, client, server } = tls
    const lines = tlsLines(server.certFile, server.keyFile, caFile, "yes")
    return { lines, client: { ca, cert: client.cert, key: client.key } }
  }
  const { cert, key } = Certificates.selfSigned()
  const certFile = Path.join(dir, "cert.pem")
  const keyFile = Path.join(dir, "key.pem")
  Fs.writeFileSync(keyFile, key, { mode: 0o600 })
  Fs.writeFileSync(certFile, cert)
  return { lines: tlsLines(certFile, keyFile, certFile, "no"), client: { ca: cert } }
}

const tlsLines = (certFile: string, keyFile: string, caFile: string, authClients: "yes" | "no") => [
  `tls-cert-file ${quote(certFile)}`,
  `tls-key-file ${quote(keyFile)}`,
  `tls-ca-cert-file ${quote(caFile)}`,
  `tls-auth-clients ${authClients}`
]

const configuration = (
  port: number,
  dir: string,
  options: Options,
  tls: ServerTls | undefined
): ReadonlyArray<string> => [
  "bind 127.0.0.1",
  ...(tls === undefined ? [`port ${port}`] : ["port 0", `tls-port ${port}`, ...tls.lines]),
  `dir ${quote(dir)}`,
  'save ""',
  "appendonly no",
  "daemonize no",
  ...(options.password === undefined ? [] : [`requirepass ${quote(options.password)}`]),
  ...(options.users ?? []).map(
    (user) => `user ${user.name} on ${quote(`>${user.password}`)} ${user.rules ?? "~* &* +@all"}`
  ),
  ...(options.maxmemory === undefined ? [] : [`maxmemory ${options.maxmemory}`]),
  ...(options.config ?? [])
]

const quote = (text: string): string => JSON.stringify(text)

const notRunning = (port: number) =>
  new RedisServerError({ message: `the redis-server on port ${port} is not running` })

// ---------------------------------------------------------------------------------------------------------------------
// The process
// ---------------------------------------------------------------------------------------------------------------------

interface Running {
  readonly child: ChildProcess.ChildProcess
  readonly gone: Promise<void>
  /** `gone`, and its log is complete. A child of its own that is writing a dump holds this up. */
  readonly closed: Promise<void>
  readonly log: () => string
}

// A test runner that ends without closing its scopes still takes its servers along.
const children = new Set<ChildProcess.ChildProcess>()
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL")
})

const spawn = (binary: string, args: ReadonlyArray<string>): Running => {
  const child = ChildProcess.spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] })
  let log = ""
  const keep = (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000)
  }
  child.stdout.on("data", keep)
  child.stderr.on("data", keep)
  children.add(child)
  const error = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      keep(Buffer.from(error.message))
      resolve()
    })
  })
  const exit = new Promise<void>((resolve) => {
    child.once("exit", () => resolve())
  })
  const close = new Promise<void>((resolve) => {
    child.once("close", () => resolve())
  })
  const gone = Promise.race([exit, error]).finally(() => children.delete(child))
  return { child, gone, closed: Promise.race([close, error]), log: () => log }
}

const awaitReady = (
  endpoint: Endpoint,
  running: Running,
  ready: "Pong" | "AnyReply"
): Effect.Effect<void, RedisServerError> => {
  const ping = Effect.result(command(endpoint, ["PING"], "1 second")).pipe(
    Effect.flatMap((result) =>
      Result.isSuccess(result) ||
      (Resp.isReplyError(result.failure) && (ready === "AnyReply" || result.failure.message.startsWith("NOAUTH")))
        ? Effect.void
        : Effect.fail(new RedisServerError({ message: result.failure.message }))
    )
  )
  const failed = (what: string) =>
    new RedisServerError({ message: `redis-server on port ${endpoint.port} ${what}:\n${running.log().trim()}` })
  return ping.pipe(
    Effect.retry(Schedule.spaced("5 millis")),
    Effect.timeoutOrElse({ duration: "15 seconds", orElse: () => Effect.fail(failed("did not get ready")) }),
    Effect.raceFirst(
      Effect.promise(() => running.closed).pipe(
        Effect.andThen(Effect.suspend(() => Effect.fail(failed("did not start"))))
      )
    )
  )
}

// ---------------------------------------------------------------------------------------------------------------------
// One command on one connection
// ---------------------------------------------------------------------------------------------------------------------

interface Endpoint {
  readonly port: number
  readonly password: string | undefined
  readonly tls: ClientTls | undefined
}

const command = (
  endpoint: Endpoint,
  args: ReadonlyArray<string | number | Uint8Array>,
  within: "1 second" | "5 seconds" = "5 seconds"
): Effect.Effect<Resp.Reply, RedisServerError | Resp.ReplyError> => {
  const failure = (message: string) =>
    Effect.fail(new RedisServerError({ message: `${String(args[0])} on port ${endpoint.port}: ${message}` }))
  const login = endpoint.password === undefined ? [] : [["AUTH", endpoint.password]]
  return Effect.callback<Resp.Reply, RedisServerError | Resp.ReplyError>((resume) => {
    const at = { host: "127.0.0.1", port: endpoint.port }
    const socket = endpoint.tls === undefined ? Net.connect(at) : Tls.connect({ ...at, ...endpoint.tls })
    let received: Buffer = Buffer.alloc(0)
    let before = login.length
    socket.on("error", (error) => resume(failure(error.message)))
    socket.on("close", () => resume(failure("the connection was closed without a reply")))
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (;;) {
        const decoded = Resp.decode(received)
        if (Option.isNone(decoded)) return
        const [reply, next] = decoded.value
        received = received.subarray(next)
        if (before > 0 && !Resp.isReplyError(reply)) {
          before--
          continue
        }
        resume(Resp.isReplyError(reply) ? Effect.fail(reply) : Effect.succeed(reply))
        socket.destroy()
        return
      }
    })
    socket.write(Buffer.concat([...login, args].map(Resp.encode)))
    return Effect.sync(() => {
      socket.destroy()
    })
  }).pipe(Effect.timeoutOrElse({ duration: within, orElse: () => failure(`no reply within ${within}`) }))
}
