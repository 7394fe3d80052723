import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"

const cache = "node_modules/.cache/prometheus"
const binary = join(cache, "usr/bin/promtool")

const run = (command: string, ...args: ReadonlyArray<string>): boolean =>
  spawnSync(command, args, { cwd: cache, stdio: "ignore", timeout: 120_000 }).status === 0

/**
 * The path of `promtool`, of Debian's package `prometheus`, which is unpacked here and not installed. `undefined` where
 * there is no apt, or no way to its packages. `PROMTOOL_BIN` names another one.
 */
export const find = (): string | undefined => {
  if (process.env.PROMTOOL_BIN !== undefined) return process.env.PROMTOOL_BIN
  if (existsSync(binary)) return binary
  mkdirSync(cache, { recursive: true })
  run("apt-get", "download", "prometheus")
  const archive = readdirSync(cache).find((file) => file.endsWith(".deb"))
  return archive !== undefined && run("dpkg-deb", "-x", archive, ".") && existsSync(binary) ? binary : undefined
}

/** What `promtool check metrics --extended` says of an exposition. Without complaints it ends with 0. */
export const check = (promtool: string, text: string): { readonly status: number | null; readonly said: string } => {
  const { status, stderr, stdout } = spawnSync(promtool, ["check", "metrics", "--extended"], {
    input: text,
    encoding: "utf8"
  })
  return { status, said: `${stderr}${stdout}` }
}
