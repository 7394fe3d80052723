import { inspect } from "node:util"
import { Cause, Layer, Logger, References, Tracer } from "effect"

/** What a program shows to the outside: its log lines, down to the lowest level, and its spans. */
export interface Captured {
  readonly layer: Layer.Layer<never>
  readonly logs: ReadonlyArray<string>
  readonly spans: ReadonlyArray<Tracer.NativeSpan>
  /** All of it as one text. */
  readonly text: () => string
}

/** A tracer that keeps its spans. */
export const tracing = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}

export const make = (): Captured => {
  const logs: Array<string> = []
  const { spans, tracer } = tracing()
  const logger = Logger.make((options: Logger.Options<unknown>) => {
    logs.push(
      [Logger.formatLogFmt.log(options), Logger.formatJson.log(options), everyRendering(options.cause)].join("\n")
    )
  })
  return {
    layer: Layer.mergeAll(
      Logger.layer([logger]),
      Layer.succeed(Tracer.Tracer, tracer),
      Layer.succeed(References.MinimumLogLevel, "Trace")
    ),
    logs,
    spans,
    text: () =>
      [
        ...logs,
        inspect(
          spans.map(({ _attributes, _events, name, status }) => [name, _attributes, _events, status]),
          { depth: 12 }
        )
      ].join("\n")
  }
}

/** A value in every way that a program may come to print it. */
export const everyRendering = (value: unknown): string =>
  [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: 10, showHidden: true }),
    value instanceof Error ? value.stack : "",
    Cause.pretty(Cause.isCause(value) ? value : Cause.fail(value))
  ].join("\n")
