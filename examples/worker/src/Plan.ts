import type { Fate, Parcel } from "./Parcel.ts"

/**
 * Parcel number so and so: what happens to it, and for how long somebody works on it. Two of a
 * thousand kill their worker, and eight of a hundred have some other trouble.
 */
export const parcelOf = (parcel: number): Parcel => ({
  parcel,
  fate: fateOf(parcel),
  takes: 10 + ((parcel * 7919) % 190)
})

/** The name that Redis knows it by. */
export const idOf = (parcel: number): string => `${isScanned(fateOf(parcel)) ? "scan" : "ship"}:${parcel}`

/** Tells whether it is scanned rather than shipped. */
export const isScanned = (fate: Fate): boolean => fate === "dies" || fate === "kills"

const fateOf = (parcel: number): Fate => {
  if (parcel % 500 === 60) return "kills"
  switch (parcel % 50) {
    case 7:
      return "returns"
    case 17:
      return "dies"
    case 27:
      return "unreadable"
    case 37:
      return "waits"
    default:
      return "ships"
  }
}
