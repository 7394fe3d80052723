import * as Fs from "node:fs"

/**
 * How many bytes wait in the kernel for the reader of a connection over 127.0.0.1, read without a turn of the event
 * loop. Zero where there is no `/proc`.
 */
export const bytes = (end: { readonly localPort?: number; readonly remotePort?: number }): number => {
  if (!Fs.existsSync(table)) return 0
  let waiting = 0
  for (const line of Fs.readFileSync(table, "latin1").split("\n")) {
    const [, local, remote, state, queues] = line.trim().split(/\s+/)
    if (state !== established || queues === undefined) continue
    if (end.localPort !== undefined && portOf(local) !== end.localPort) continue
    if (end.remotePort !== undefined && portOf(remote) !== end.remotePort) continue
    waiting += Number.parseInt(queues.split(":")[1] ?? "0", 16)
  }
  return waiting
}

const table = "/proc/net/tcp"
const established = "01"

const portOf = (address: string | undefined): number => Number.parseInt(address?.split(":")[1] ?? "", 16)
