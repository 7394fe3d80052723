import { assert, describe, it } from "@effect/vitest"
import { Tracer } from "effect"
import * as Traceparent from "../../packages/effect-ioredis-tasks/src/internal/Traceparent.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"

describe("a traceparent", () => {
  it("says which span it is of", () => {
    for (const sampled of [true, false]) {
      const text = Traceparent.write(Tracer.externalSpan({ traceId, spanId, sampled }))
      assert.strictEqual(text, `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`)
      assert.deepInclude(Traceparent.read(text ?? ""), { traceId, spanId, sampled })
    }
  })

  it("fills up the short ids of traces", () => {
    const text = Traceparent.write(Tracer.externalSpan({ traceId: "8448eb211c80319c", spanId }))
    assert.strictEqual(text, `00-00000000000000008448eb211c80319c-${spanId}-01`)
  })

  it("is none where a span has no ids", () => {
    assert.isUndefined(Traceparent.write(Tracer.externalSpan({ traceId: "noop", spanId: "noop" })))
    assert.isUndefined(Traceparent.write(Tracer.externalSpan({ traceId: "0", spanId })))
  })

  it("is not read where it is none", () => {
    for (const text of ["", "00", `01-${traceId}-${spanId}-01`, `00-${traceId}-${spanId}`, `00-${traceId}-x-01`]) {
      assert.isUndefined(Traceparent.read(text), text)
    }
  })
})
