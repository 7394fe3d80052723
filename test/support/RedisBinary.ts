import * as DebianPackage from "./DebianPackage.ts"

/** The path of a redis-server: `REDIS_SERVER_BIN`, else the one on PATH, else Debian's. */
export const find = DebianPackage.find({
  name: "redis-server",
  file: "usr/bin/redis-server",
  variable: "REDIS_SERVER_BIN",
  howTo: [
    "Install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis; Alpine: apk add redis)",
    "or set REDIS_SERVER_BIN to the path of one."
  ].join(" ")
})
