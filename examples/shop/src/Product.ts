import { Schema } from "effect"

/** Something that the shop sells. */
export class Product extends Schema.Class<Product>("Product")({
  id: Schema.NonEmptyString,
  name: Schema.NonEmptyString,
  /** In cents. */
  price: Schema.Int
}) {}
