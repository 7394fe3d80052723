import { spawnSync } from "node:child_process"
import * as PrometheusPackage from "./PrometheusPackage.ts"

/** The path of `promtool`, or `undefined` where it cannot be had. */
export const find = (): string | undefined => PrometheusPackage.find("promtool")

/** What one of its commands says, such as `check rules`. Without complaints it ends with 0. */
export const run = (
  promtool: string,
  args: ReadonlyArray<string>,
  input = ""
): { readonly status: number | null; readonly said: string } => {
  const { status, stderr, stdout } = spawnSync(promtool, args, { input, encoding: "utf8" })
  return { status, said: `${stderr}${stdout}` }
}

/** What `promtool check metrics --extended` says of an exposition. */
export const check = (promtool: string, text: string) => run(promtool, ["check", "metrics", "--extended"], text)
