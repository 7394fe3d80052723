/**
 * Reads the files that a login's TLS options name, anew for each login.
 *
 * **Details**
 *
 * What is read is looked at before the handshake, so that a failure names the file it is about.
 * Node's own errors say neither which file they mean nor what to do. No error quotes a file.
 */
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import type * as Tls from "node:tls"
import { Effect, Result } from "effect"
import type { RedisTls } from "../RedisConnector.ts"
import { connectionError, type RedisConnectionError } from "../RedisError.ts"
import { fileProblem } from "./tlsAdvice.ts"

/** Gives Node's own options, with what the files hold in the place of their names. */
export const read = (tls: RedisTls): Effect.Effect<Tls.ConnectionOptions, RedisConnectionError> => {
  const { caFile, certFile, keyFile, ...options } = tls
  const files = Effect.all({
    ca: contentOf("caFile", caFile),
    cert: contentOf("certFile", certFile),
    key: contentOf("keyFile", keyFile)
  })
  return Effect.flatMap(files, ({ ca, cert, key }) => {
    const problem = problemIn(tls, { ca, cert, key })
    return problem === undefined
      ? Effect.succeed({ ...options, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
      : refuse(problem)
  })
}

const contentOf = (
  option: string,
  file: string | undefined
): Effect.Effect<Buffer | undefined, RedisConnectionError> =>
  file === undefined
    ? Effect.succeed(undefined)
    : Effect.callback((resume, signal) => {
        Fs.readFile(file, { signal }, (error, content) => {
          if (error === null) return resume(Effect.succeed(content))
          const advice = "Check that it is there and that this process may read it"
          resume(refuse(`${option} ${file} could not be read (${error.code ?? error.name}). ${advice}`))
        })
      })

interface Files {
  readonly ca: Buffer | undefined
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
}

const problemIn = (tls: RedisTls, { ca, cert, key }: Files): string | undefined => {
  const { caFile, certFile, keyFile, passphrase } = tls
  if (ca !== undefined && !isCertificate(ca)) return `caFile ${caFile} ${noCertificate}`
  if (cert !== undefined && !isCertificate(cert)) return `certFile ${certFile} ${noCertificate}`
  if (key !== undefined && keyOf(key, passphrase) === undefined) return `keyFile ${keyFile} ${noKey}`
  if (cert !== undefined && (key ?? tls.key) === undefined) {
    return `certFile ${certFile} is given without its key. Give that by keyFile`
  }
  if (key !== undefined && (cert ?? tls.cert) === undefined) {
    return `keyFile ${keyFile} is given without its certificate. Give that by certFile`
  }
  // Whoever replaces both may be between them, and the next login finds the two that belong
  // together.
  return cert === undefined || key === undefined || belongTogether(cert, key, passphrase)
    ? undefined
    : `keyFile ${keyFile} is not the key of certFile ${certFile}. Replace both together`
}

const noCertificate = "holds no certificate in PEM. Check that it is the right file and that it is whole"
const noKey = "holds no private key in PEM, or one that the passphrase does not open. Check both"

const isCertificate = (pem: Buffer): boolean => Result.isSuccess(Result.try(() => new Crypto.X509Certificate(pem)))

const keyOf = (key: Buffer, passphrase: string | undefined): Crypto.KeyObject | undefined =>
  Result.getOrUndefined(
    Result.try(() => Crypto.createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) }))
  )

const belongTogether = (cert: Buffer, pem: Buffer, passphrase: string | undefined): boolean => {
  const key = keyOf(pem, passphrase)
  return key !== undefined && new Crypto.X509Certificate(cert).checkPrivateKey(key)
}

const refuse = (problem: string) => Effect.fail(connectionError("CONNECT", "Tls", "never", fileProblem(problem)))
