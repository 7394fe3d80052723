/** The slot of a key in a cluster, worked out apart from the library: CRC16 (XMODEM) of its hash tag or of all of it. */
export const slotOf = (key: string): number => {
  const open = key.indexOf("{")
  const close = open === -1 ? -1 : key.indexOf("}", open + 1)
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key
  let crc = 0
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff
  }
  return crc % 16_384
}

/** A hash tag whose keys are in this slot. */
export const tagIn = (slot: number): string => {
  let tried = 0
  while (slotOf(`t${tried}`) !== slot) tried++
  return `t${tried}`
}
