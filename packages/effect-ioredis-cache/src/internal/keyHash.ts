import { sha256 } from "./sha256.ts"

/**
 * A short hash of a key, for errors and logs, which must not contain the key itself. It tells keys
 * apart; it does not hide one that can be guessed.
 */
export const keyHash = (keyPart: string): string => sha256(keyPart, "hex").slice(0, 12)
