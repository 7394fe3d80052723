import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, ConfigProvider, Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as FaultInjection from "effect-ioredis/FaultInjection"
import * as Flags from "../../examples/job-matcher/src/Flags.ts"
import * as Switches from "../../examples/job-matcher/src/Switches.ts"

interface Request {
  readonly method?: "GET" | "PUT"
  readonly path?: string
  readonly authorization?: string | undefined
  readonly body?: string
}

/** The routes alone, for a program with such a token. */
const withRoutes = <A, E, R>(
  token: string | undefined,
  use: (
    ask: (
      request: Request
    ) => Effect.Effect<{ readonly status: number; readonly headers: Headers; readonly body: string }>
  ) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const app = yield* HttpRouter.toHttpEffect(Switches.layer)
    return yield* use(({ authorization = "Bearer open sesame", body, method = "GET", path = "/ops" }) => {
      const headers = { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) }
      const request = new Request(`http://localhost${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body })
      })
      return app.pipe(
        // A router without such a route fails.
        Effect.orElseSucceed(() => HttpServerResponse.empty({ status: 404 })),
        Effect.map((response) => HttpServerResponse.toWeb(response)),
        Effect.flatMap((response) =>
          Effect.promise(async () => ({
            status: response.status,
            headers: response.headers,
            body: await response.text()
          }))
        ),
        Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(request)),
        Effect.scoped
      )
    })
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.mergeAll(
        Layer.fresh(Flags.layer),
        Layer.fresh(FaultInjection.layer()),
        ConfigProvider.layer(ConfigProvider.fromUnknown(token === undefined ? {} : { OPS_TOKEN: token }))
      )
    )
  )

const freshness = (short: unknown, long: unknown): Request => ({
  method: "PUT",
  path: "/ops/freshness",
  body: JSON.stringify({ short, long })
})

describe("the routes of whoever operates the job matcher", () => {
  for (const token of [undefined, "", " ", "\n"]) {
    it.effect(`are not there where the token is ${JSON.stringify(token)}`, () =>
      withRoutes(
        token,
        Effect.fnUntraced(function* (ask) {
          for (const authorization of ["", "Bearer", "Bearer ", "Bearer undefined"]) {
            assert.strictEqual((yield* ask({ authorization })).status, 404, authorization)
          }
        })
      )
    )
  }

  it.effect("ask for the whole token, and take the scheme in any case", () =>
    withRoutes(
      "open sesame\n",
      Effect.fnUntraced(function* (ask) {
        for (const authorization of ["Bearer open sesame", "bearer open sesame", "BEARER  open sesame"]) {
          assert.strictEqual((yield* ask({ authorization })).status, 200, authorization)
        }
        for (const authorization of [
          "",
          "Bearer",
          "open sesame",
          "Basic open sesame",
          "Bearer open",
          "Bearer open sesame!",
          "Bearer Open Sesame",
          "Bearer Bearer open sesame",
          "Bearer open sesame, Bearer open sesame"
        ]) {
          const { body, headers, status } = yield* ask({ authorization })
          assert.strictEqual(status, 401, authorization)
          assert.strictEqual(headers.get("www-authenticate"), "Bearer")
          assert.notInclude(body, "sesame")
        }
      })
    )
  )

  it.effect("refuse what is no body for them, say what is wrong, and leave everything as it was", () =>
    withRoutes(
      "open sesame",
      Effect.fnUntraced(function* (ask) {
        const before = (yield* ask({})).body
        for (const path of ["/ops/freshness", "/ops/memory-only", "/ops/faults"]) {
          for (const body of ["", "{", "null", "[]", "{}", "\u0000", '{"on":"yes"}', '{"short":"1","long":1}']) {
            const answer = yield* ask({ method: "PUT", path, body })
            assert.strictEqual(answer.status, 400, `${path} ${body}`)
            assert.isAbove(JSON.parse(answer.body).detail.length, 5)
          }
        }
        for (const faults of [
          { on: true, rate: -1 },
          { on: true, kinds: [] },
          { on: true, kinds: ["Fire"] },
          { on: true, duration: 0 },
          { on: true, delay: -5 }
        ]) {
          const answer = yield* ask({ method: "PUT", path: "/ops/faults", body: JSON.stringify(faults) })
          assert.strictEqual(answer.status, 400, JSON.stringify(faults))
        }
        assert.strictEqual((yield* ask(freshness(0, 0))).status, 400)
        assert.strictEqual((yield* ask(freshness(-1, 2))).status, 400)
        assert.strictEqual((yield* ask({})).body, before)
      })
    )
  )

  it.effect("read no body that is larger than any of theirs", () =>
    withRoutes(
      "open sesame",
      Effect.fnUntraced(function* (ask) {
        const body = JSON.stringify({ short: 1, long: 2, more: "x".repeat(1_000_000) })
        assert.strictEqual((yield* ask({ ...freshness(1, 2), body })).status, 413)
        assert.strictEqual((yield* ask({ ...freshness(1, 2), body, authorization: "Bearer x" })).status, 401)
        assert.include((yield* ask({})).body, '"freshness":{"short":1,"long":0}')
      })
    )
  )

  it.effect("take one of several changes at a time whole", () =>
    withRoutes(
      "open sesame",
      Effect.fnUntraced(function* (ask) {
        const answers = yield* Effect.all(
          Arr.range(1, 100).map((n) => ask(freshness(n, n + 1))),
          { concurrency: "unbounded" }
        )
        assert.isTrue(answers.every(({ status }) => status === 200))
        const now: { readonly freshness: { readonly short: number; readonly long: number } } = JSON.parse(
          (yield* ask({})).body
        )
        assert.strictEqual(now.freshness.long, now.freshness.short + 1)
      })
    )
  )
})
