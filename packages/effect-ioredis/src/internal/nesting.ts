/** Tells under which path a Config is read, so that a problem can name its variable in full. */
import { Config, type ConfigProvider, Schema } from "effect"

/** The error of a Config. Absence is no error to `Config.option`, and an error here. */
export const errorOf = <A>(config: Config.Config<A>): Config.Config<Config.ConfigError | undefined> =>
  config.pipe(
    Config.map(() => undefined),
    Config.orElse((error) => Config.succeed(error))
  )

/** A path as a provider takes it. */
export const pathOf = (path: ReadonlyArray<PropertyKey>): ReadonlyArray<string | number> =>
  path.map((segment) => (typeof segment === "number" ? segment : String(segment)))

/** The path. A Config does not tell where it is nested, and the error of one does. */
export const nesting: Config.Config<ConfigProvider.Path> = Config.map(errorOf(Config.schema(Schema.Never)), (error) =>
  error?.cause._tag === "SchemaError" && error.cause.issue._tag === "Pointer" ? pathOf(error.cause.issue.path) : []
)
