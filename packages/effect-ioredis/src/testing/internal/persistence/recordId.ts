import { Result } from "effect"

/**
 * Reads the id of a queue's record, which begins with it. Texts are bytes here, one character each,
 * and JSON is about characters: so the id is decoded and encoded again.
 */
export const recordId = (record: string): Result.Result<string, string> => {
  const [, id] = /^\{"id":("(?:[^"\\]|\\.)*")/s.exec(record) ?? []
  return id === undefined ? Result.fail("Invalid queue record id") : Result.try({ try: () => parse(id), catch: String })
}

const parse = (id: string): string => {
  const text: unknown = JSON.parse(Buffer.from(id, "latin1").toString())
  return Buffer.from(String(text)).toString("latin1")
}
