import { Schema } from "effect"

/** What a customer wants. */
export class Wish extends Schema.Class<Wish>("Wish")({
  product: Schema.NonEmptyString,
  quantity: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))
}) {}

/** What a customer has bought. */
export class Order extends Schema.Class<Order>("Order")({
  number: Schema.Int,
  customer: Schema.NonEmptyString,
  product: Schema.NonEmptyString,
  quantity: Schema.Int
}) {}
