import * as DebianPackage from "./DebianPackage.ts"

/** The path of a Chromium: `CHROMIUM_BIN`, else the one on PATH, else Debian's. */
export const find = DebianPackage.find({
  name: "chromium",
  file: "usr/lib/chromium/chromium",
  variable: "CHROMIUM_BIN",
  howTo: "Install it (Debian, Ubuntu: apt-get install chromium) or set CHROMIUM_BIN to the path of one."
})
