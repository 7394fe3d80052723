import { Duration, Effect, Schema, SchemaIssue } from "effect"
import { HttpServerRespondable, HttpServerResponse, ProblemDetails } from "effect/http"

/** The request says something else than it should. */
export class BadRequest extends Schema.TaggedError<BadRequest>()("BadRequest", { detail: Schema.String }) {
  /** Names each field that does not fit. */
  static readonly fromSchema = ({ issue }: Schema.SchemaError) =>
    new BadRequest({
      detail: formatIssue(issue)
        .issues.map(({ message, path = [] }) => `${path.map(String).join(".")}: ${message}`)
        .join("; ")
    });

  [HttpServerRespondable.symbol]() {
    return respond(400, "Bad request", this.detail)
  }
}

/** The request names no session, or one that has ended. */
export class SignedOut extends Schema.TaggedError<SignedOut>()("SignedOut", {}) {
  [HttpServerRespondable.symbol]() {
    return respond(401, "Signed out", "POST /sign-in first, and send the cookie that it gives.")
  }
}

/** The customer asked for a product that is not sold. */
export class NoSuchProduct extends Schema.TaggedError<NoSuchProduct>()("NoSuchProduct", {
  product: Schema.String
}) {
  [HttpServerRespondable.symbol]() {
    return respond(404, "No such product", "GET /products lists what there is.")
  }
}

/** Somebody asked too often. */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>()("TooManyRequests", {
  retryAfter: Schema.Duration
}) {
  [HttpServerRespondable.symbol]() {
    return respond(429, "Too many requests", "Wait, and try again.", this.retryAfter)
  }
}

/** The Redis that numbers the orders is away: none can be placed, and everything else works. */
export class OrdersClosed extends Schema.TaggedError<OrdersClosed>()("OrdersClosed", {
  retryAfter: Schema.Duration
}) {
  [HttpServerRespondable.symbol]() {
    return respond(503, "Orders are closed", "No order was placed. Try again in a moment.", this.retryAfter)
  }
}

const respond = (status: number, title: string, detail: string, retryAfter?: Duration.Duration) => {
  const response = ProblemDetails.toResponse({ type: ProblemDetails.blankType, status, title, detail })
  return Effect.succeed(
    retryAfter === undefined ? response : HttpServerResponse.setHeader(response, "retry-after", secondsOf(retryAfter))
  )
}

// Nobody is asked to try again at once.
const secondsOf = (duration: Duration.Duration) => String(Math.max(1, Math.ceil(Duration.toSeconds(duration))))

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()
