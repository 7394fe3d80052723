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
  if (typeof key !== "string") return crcOfBytes(key) % slotCount
  if (key !== lastKey) {
    lastSlot = crcOfText(key) % slotCount
    lastKey = key
  }
  return lastSlot
}

// One call asks several times for the slot of its key: of its owner, its time, its trust.
let lastKey = ""
let lastSlot = 0

// The variant XMODEM: polynomial 0x1021, begun with 0, nothing reflected. Nearly every key is
// ASCII, and without bytes it takes half the time.
const crcOfText = (key: string): number => {
  const open = key.indexOf("{")
  const close = open === -1 ? -1 : key.indexOf("}", open + 1)
  const isTagged = close > open + 1
  const to = isTagged ? close : key.length
  let crc = 0
  for (let index = isTagged ? open + 1 : 0; index < to; index++) {
    const code = key.charCodeAt(index)
    if (code > 0x7f) return crcOfBytes(Buffer.from(key))
    crc = next(crc, code)
  }
  return crc
}

const crcOfBytes = (key: Uint8Array): number => {
  const open = key.indexOf(0x7b)
  const close = open === -1 ? -1 : key.indexOf(0x7d, open + 1)
  const isTagged = close > open + 1
  const to = isTagged ? close : key.length
  let crc = 0
  for (let index = isTagged ? open + 1 : 0; index < to; index++) crc = next(crc, key[index] as number)
  return crc
}

const next = (crc: number, byte: number): number => ((crc << 8) ^ (remainders[(crc >>> 8) ^ byte] as number)) & 0xffff

const remainders = Uint16Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte << 8
  for (let bit = 0; bit < 8; bit++)
    remainder = (remainder & 0x8000 ? (remainder << 1) ^ 0x1021 : remainder << 1) & 0xffff
  return remainder
})
