/** Says what to do about a TLS handshake that failed, by the code of its error. */

/** The error for a file of TLS that cannot be used. Its message is the whole of the advice. */
export const fileProblem = (problem: string): Error => coded(fileCode, problem)

/** The error for a server that was shown a certificate and hung up right after the handshake. */
export const hangUp = (): Error =>
  coded(hangUpCode, "the server ended the connection right after the TLS handshake, without a word")

/** The rest of a sentence that says why there is no connection, where the error is known. */
export const tlsAdvice = (error: Error): string | undefined => {
  const code: unknown = Reflect.get(error, "code")
  if (typeof code !== "string") return undefined
  return code === fileCode ? error.message : advices.find(([codes]) => codes.test(code))?.[1]
}

const coded = (code: string, message: string): Error =>
  Object.assign(new Error(message), { code, stack: `Error: ${message}` })

const fileCode = "ERR_TLS_FILE"
const hangUpCode = "ERR_TLS_HANG_UP"

// The codes are OpenSSL's names of alerts, which the server sends, and of what is wrong with the
// server's certificate, which is found here.
const advices: ReadonlyArray<readonly [codes: RegExp, advice: string]> = [
  [
    /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE|ALERT_NO_CERTIFICATE/,
    "the server refused the TLS handshake, as it does where it asks for a client certificate and is given none. Give one by certFile and keyFile (REDIS_TLS_CERT, REDIS_TLS_KEY)"
  ],
  [
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_|ACCESS_DENIED|DECRYPT_ERROR)/,
    "the server refused the client's certificate. Check certFile and keyFile (REDIS_TLS_CERT, REDIS_TLS_KEY): that they have not expired, and that the server trusts the authority that signed them"
  ],
  [
    /^ERR_TLS_HANG_UP$/,
    "the server ended the connection right after the TLS handshake, as it does where it refuses the client's certificate. Check certFile and keyFile (REDIS_TLS_CERT, REDIS_TLS_KEY), and that Redis runs where a proxy stands before it"
  ],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE/,
    "the authority that signed the server's certificate is not trusted. Give the authority's certificate by caFile (REDIS_TLS_CA)"
  ],
  [
    /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    "the server's certificate is not valid at this time. Renew it, or check the clock of this machine"
  ],
  [
    /ALTNAME_INVALID/,
    "the server's certificate is for another host. Connect by a name that stands in it, or give that name by tls.servername"
  ]
]
