import { Tracer } from "effect"

// W3C's Trace Context, version 00: the trace, the span in it, and whether it is recorded.
const form = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

const noId = /^0+$/

/** What says in another process which span something comes from. A span without ids has none. */
export const write = ({ sampled, spanId, traceId }: Tracer.AnySpan): string | undefined => {
  const text = `00-${traceId.padStart(32, "0")}-${spanId}-${sampled ? "01" : "00"}`
  return read(text) === undefined ? undefined : text
}

/** The span that it says, if it says any. */
export const read = (text: string): Tracer.ExternalSpan | undefined => {
  const [, traceId = "", spanId = "", flags = ""] = form.exec(text) ?? []
  if (noId.test(traceId) || noId.test(spanId) || spanId === "") return undefined
  return Tracer.externalSpan({ traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 })
}
