const slotCount = 16384

/**
 * Tells which of the 16384 slots of a cluster a key belongs to.
 *
 * **Details**
 *
 * It is the CRC16 of the key, or of its hash tag alone: what stands between the first `{` and the
 * next `}`, where that is not empty. Text counts as its UTF-8.
 */
export const slotOf = (key: string | Uint8Array): number => {
  const bytes = typeof key === "string" ? Buffer.from(key) : key
  const open = bytes.indexOf(openingBrace)
  const close = open === -1 ? -1 : bytes.indexOf(closingBrace, open + 1)
  return (close > open + 1 ? crc16(bytes, open + 1, close) : crc16(bytes, 0, bytes.length)) % slotCount
}

const openingBrace = 0x7b
const closingBrace = 0x7d

// The variant XMODEM: polynomial 0x1021, begun with 0, nothing reflected.
const crc16 = (bytes: Uint8Array, from: number, to: number): number => {
  let crc = 0
  for (let index = from; index < to; index++) {
    crc = ((crc << 8) ^ (remainders[(crc >>> 8) ^ (bytes[index] as number)] as number)) & 0xffff
  }
  return crc
}

const remainders = Uint16Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte << 8
  for (let bit = 0; bit < 8; bit++)
    remainder = (remainder & 0x8000 ? (remainder << 1) ^ 0x1021 : remainder << 1) & 0xffff
  return remainder
})
