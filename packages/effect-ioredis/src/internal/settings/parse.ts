import { Result, Schema } from "effect"

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

/** Reads JSON. What is no JSON is not shown, for it may hold a password. */
export const parse = (name: string, text: string): Result.Result<unknown, string> =>
  Result.mapError(decode(text), () => `${name} is no JSON: expected a document such as {"patience": "500 millis"}`)
