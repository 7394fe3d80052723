import { type Commands, read, type Run } from "./Command.ts"
import * as Wire from "./Wire.ts"

const multi: Run = (_, { client: { transaction } }) => {
  if (transaction.queued !== undefined) return Wire.fail("ERR MULTI calls can not be nested")
  transaction.begin()
  return "OK"
}

const exec: Run = (_, { client: { transaction }, execute }) => {
  const { isAborted, queued } = transaction
  if (queued === undefined) return Wire.fail("ERR EXEC without MULTI")
  const isBroken = transaction.isBroken()
  transaction.end()
  if (isAborted) return Wire.fail("EXECABORT Transaction discarded because of previous errors.")
  return isBroken ? null : queued.map(({ args, name }) => execute(name, args))
}

const discard: Run = (_, { client: { transaction } }) => {
  if (transaction.queued === undefined) return Wire.fail("ERR DISCARD without MULTI")
  transaction.end()
  return "OK"
}

const watch: Run = (keys, { client: { transaction }, store }) => {
  if (transaction.queued !== undefined) return Wire.fail("ERR WATCH inside MULTI is not allowed")
  for (const key of keys) transaction.watch(store, key)
  return "OK"
}

/** Tells whether a command of a transaction is executed at once, and not queued. */
export const isImmediate = (name: string): boolean => immediate.has(name)

const immediate = new Set(["multi", "exec", "discard", "watch", "quit", "reset"])

export const commands: Commands = {
  multi: read(1, multi),
  exec: read(1, exec),
  discard: read(1, discard),
  watch: read(-2, watch),
  unwatch: read(1, (_, { client: { transaction } }) => {
    transaction.unwatch()
    return "OK"
  })
}
