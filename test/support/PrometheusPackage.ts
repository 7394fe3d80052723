import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { join, resolve } from "node:path"

const cache = "node_modules/.cache/prometheus"

const run = (command: string, ...args: ReadonlyArray<string>): boolean =>
  spawnSync(command, args, { cwd: cache, stdio: "ignore", timeout: 120_000 }).status === 0

/**
 * The path of a program of Debian's package `prometheus`, which is unpacked here and not installed. `undefined` where there is no
 * apt, or no way to its packages. `PROMETHEUS_BIN` and `PROMTOOL_BIN` name others.
 */
export const find = (program: "prometheus" | "promtool"): string | undefined => {
  const named = process.env[`${program.toUpperCase()}_BIN`]
  if (named !== undefined) return named
  const binary = join(cache, "usr/bin", program)
  if (existsSync(binary)) return resolve(binary)
  mkdirSync(cache, { recursive: true })
  run("apt-get", "download", "prometheus")
  const archive = readdirSync(cache).find((file) => file.endsWith(".deb"))
  return archive !== undefined && run("dpkg-deb", "-x", archive, ".") && existsSync(binary)
    ? resolve(binary)
    : undefined
}
