import * as Crypto from "node:crypto"

/** A private key and a certificate for 127.0.0.1 and localhost that signs itself, both PEM. */
export interface SelfSignedCertificate {
  readonly key: string
  readonly cert: string
}

/** Made here in DER, because neither Node nor a bare machine without the openssl program can make one. Valid 10 years. */
export const make = (): SelfSignedCertificate => {
  const { privateKey, publicKey } = Crypto.generateKeyPairSync("ec", { namedCurve: "prime256v1" })
  const name = sequence(set(sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from("effect-ioredis test")))))
  const now = new Date()
  const body = sequence(
    der(0xa0, integer(2)),
    der(0x02, Buffer.concat([Buffer.from([1]), Crypto.randomBytes(8)])),
    ecdsaWithSha256,
    name,
    sequence(time(now.getUTCFullYear() - 1), time(now.getUTCFullYear() + 9)),
    name,
    publicKey.export({ format: "der", type: "spki" }),
    der(
      0xa3,
      sequence(
        // basicConstraints, critical: it is its own authority
        sequence(
          oid(0x55, 0x1d, 0x13),
          der(0x01, Buffer.from([0xff])),
          octets(sequence(der(0x01, Buffer.from([0xff]))))
        ),
        // subjectAltName: dNSName and iPAddress
        sequence(
          oid(0x55, 0x1d, 0x11),
          octets(sequence(der(0x82, Buffer.from("localhost")), der(0x87, Buffer.from([127, 0, 0, 1]))))
        )
      )
    )
  )
  const signature = Crypto.sign("sha256", body, privateKey)
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const base64 = certificate.toString("base64").replace(/(.{64})/g, "$1\n")
  return {
    key: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
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
