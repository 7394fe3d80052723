import { Effect, Schema, SchemaTransformation } from "effect"

/** A schema that cannot end at once, whichever way it is used. */
export const asynchronousSchema = Schema.String.pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transformEffect({
      decode: (text: string) => Effect.as(Effect.sleep(1), text),
      encode: (text: string) => Effect.as(Effect.sleep(1), text)
    })
  )
)
