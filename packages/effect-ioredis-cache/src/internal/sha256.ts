import { createHash } from "node:crypto"

/** The SHA-256 of a text, which tells it apart and does not show it. */
export const sha256 = (text: string, encoding: "base64url" | "hex" = "base64url"): string =>
  createHash("sha256").update(text).digest(encoding)
