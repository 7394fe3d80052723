/** One side speaks TLS and the other does not, or one does not trust the other. */
import { type Check, eachUnreached, finding } from "../finding.ts"
import type { Unreached } from "../facts/Facts.ts"

/** Finds what keeps a TLS handshake from happening. */
export const tls: Check = eachUnreached((server) => {
  const { address, speaksPlain, speaksTls } = server
  if (speaksTls) {
    return [
      finding(
        "tls-expected",
        "critical",
        "The port speaks TLS, and we speak to it without",
        [`${address} does not answer Redis' protocol, and answers a TLS handshake`],
        ["Write the URL with rediss:// in the place of redis://, or set REDIS_TLS=true", caFile]
      )
    ]
  }
  if (speaksPlain) {
    return [
      finding(
        "tls-unexpected",
        "critical",
        "We speak TLS, and the port does not",
        [`${address} does not answer a TLS handshake, and answers Redis without TLS`],
        [
          "Write the URL with redis:// in the place of rediss:// (and without REDIS_TLS), where the network is yours",
          "Or let Redis listen for TLS (`tls-port`), and connect to that port"
        ]
      )
    ]
  }
  return server.reason === "Tls" ? [handshake(server)] : []
})

const handshake = ({ address, code, message, said }: Unreached) => {
  const words = [said, code].filter((text) => text !== "").join(", ")
  return /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED/.test(code)
    ? finding(
        "tls-untrusted",
        "critical",
        "The authority that signed the server's certificate is not trusted",
        [`${address} showed a certificate that was refused here: ${words}`],
        [caFile]
      )
    : finding("tls", "critical", "The TLS handshake failed", [`${address}: ${words}`], [sentence(message)])
}

const caFile = "With an authority of your own, name its certificate: REDIS_TLS_CA=/path/to/ca.crt (with rediss://)"

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
