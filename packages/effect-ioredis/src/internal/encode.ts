import type { Argument, RedisCommand } from "../RedisCommand.ts"

/** Writes a command as an array of bulk strings. It throws where that is too long for a string. */
export const encode = ({ args, name }: RedisCommand): string | Buffer => {
  let text = `*${args.length + 1}\r\n${bulk(name)}`
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] as Argument // The index is one of its own.
    if (argument instanceof Uint8Array) return encodeBytes(text, args.slice(index))
    text += bulk(argument)
  }
  return text
}

const encodeBytes = (head: string, args: ReadonlyArray<Argument>): Buffer => {
  const parts: Array<Uint8Array> = []
  let text = head
  for (const argument of args) {
    if (argument instanceof Uint8Array) {
      parts.push(Buffer.from(`${text}$${argument.length}\r\n`), argument)
      text = "\r\n"
    } else text += bulk(argument)
  }
  return Buffer.concat([...parts, Buffer.from(text)])
}

const bulk = (argument: string | number | bigint): string => {
  const text = String(argument)
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}
