import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { Effect, type Scope } from "effect"

/** A private key and its certificate, both PEM. */
export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** An authority, and what it has signed, also as files. */
export interface Certificates {
  readonly dir: string
  /** What either side trusts. */
  readonly ca: string
  readonly caFile: string
  /** For 127.0.0.1 and localhost. */
  readonly server: Certificate & Files
  readonly client: Certificate & Files
  /** Puts a new certificate of the same authority into the client's files, as a rotation does. */
  readonly renewClient: Effect.Effect<Certificate>
}

export interface Files {
  readonly certFile: string
  readonly keyFile: string
}

/** An authority with a certificate for servers and one for clients, in a folder that is gone with the scope. */
export const make: Effect.Effect<Certificates, never, Scope.Scope> = Effect.gen(function* () {
  const dir = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-ioredis-tls-"))),
    (dir) => Effect.sync(() => Fs.rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))
  )
  const authority = selfSigned()
  const caFile = Path.join(dir, "ca.pem")
  Fs.writeFileSync(caFile, authority.cert)
  const issue = (role: string): Certificate & Files => {
    const { cert, key } = signedBy(authority, `effect-ioredis ${role}`)
    const files = { certFile: Path.join(dir, `${role}.pem`), keyFile: Path.join(dir, `${role}-key.pem`) }
    Fs.writeFileSync(files.certFile, cert)
    Fs.writeFileSync(files.keyFile, key, { mode: 0o600 })
    return { cert, key, ...files }
  }
  return {
    dir,
    ca: authority.cert,
    caFile,
    server: issue("server"),
    client: issue("client"),
    renewClient: Effect.sync(() => issue("client"))
  }
})

/** A certificate for 127.0.0.1 and localhost that signs itself, and may sign others. */
export const selfSigned = (): Certificate => {
  const { privateKey, publicKey } = newKeys()
  return certify(publicKey, authorityName, privateKey, privateKey)
}

/** A certificate for 127.0.0.1 and localhost under an authority made by `selfSigned`. */
const signedBy = (authority: Certificate, commonName: string): Certificate => {
  const { privateKey, publicKey } = newKeys()
  return certify(publicKey, commonName, privateKey, Crypto.createPrivateKey(authority.key))
}

const authorityName = "effect-ioredis test"

const newKeys = () => Crypto.generateKeyPairSync("ec", { namedCurve: "prime256v1" })

// Made here in DER, because neither Node nor a bare machine without the openssl program can make one. Valid 10 years.
const certify = (
  publicKey: Crypto.KeyObject,
  subject: string,
  key: Crypto.KeyObject,
  signer: Crypto.KeyObject
): Certificate => {
  const name = (text: string) => sequence(set(sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(text)))))
  const now = new Date()
  const body = sequence(
    der(0xa0, integer(2)),
    der(0x02, Buffer.concat([Buffer.from([1]), Crypto.randomBytes(8)])),
    ecdsaWithSha256,
    name(authorityName),
    sequence(time(now.getUTCFullYear() - 1), time(now.getUTCFullYear() + 9)),
    name(subject),
    publicKey.export({ format: "der", type: "spki" }),
    der(0xa3, key === signer ? sequence(isAuthority, localNames) : sequence(localNames))
  )
  const signature = Crypto.sign("sha256", body, signer)
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const base64 = certificate.toString("base64").replace(/(.{64})/g, "$1\n")
  return {
    key: key.export({ format: "pem", type: "pkcs8" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64.trimEnd()}\n-----END CERTIFICATE-----\n`
  }
}

const der = (tag: number, content: Buffer): Buffer => {
  const length = content.length
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), content])
}
const sequence = (...items: ReadonlyArray<Buffer>) => der(0x30, Buffer.concat(items))
const set = (...items: ReadonlyArray<Buffer>) => der(0x31, Buffer.concat(items))
const octets = (content: Buffer) => der(0x04, content)
const oid = (...bytes: ReadonlyArray<number>) => der(0x06, Buffer.from(bytes))
const integer = (value: number) => der(0x02, Buffer.from([value]))
const time = (year: number) => der(0x17, Buffer.from(`${String(year % 100).padStart(2, "0")}0101000000Z`))
const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))

// basicConstraints, critical: it may sign others
const isAuthority = sequence(
  oid(0x55, 0x1d, 0x13),
  der(0x01, Buffer.from([0xff])),
  octets(sequence(der(0x01, Buffer.from([0xff]))))
)
// subjectAltName: dNSName and iPAddress
const localNames = sequence(
  oid(0x55, 0x1d, 0x11),
  octets(sequence(der(0x82, Buffer.from("localhost")), der(0x87, Buffer.from([127, 0, 0, 1]))))
)
