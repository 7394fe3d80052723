/** Words what is wrong with settings that have schemas, without showing a password. */
import { Config, Schema, SchemaAST, SchemaIssue } from "effect"
import { shown } from "./settingProblem.ts"

/**
 * Says what a setting is and what it should be, or `undefined` where its schema does not say the
 * latter by `expected` and `example`.
 */
export const problemOf = (name: string, value: unknown, ast: SchemaAST.AST): string | undefined => {
  const { example, expected } = SchemaAST.resolve(ast) ?? {}
  return typeof expected !== "string" || typeof example !== "string"
    ? undefined
    : `${name} is ${shown(value)}: expected ${expected}, for example ${example}`
}

/** The error for these problems, a line for each. It holds nothing but their text. */
export const configError = (problems: ReadonlyArray<string>): Config.ConfigError =>
  new Config.ConfigError(
    new Schema.SchemaError(new SchemaIssue.InvalidValue({ message: Array.from(new Set(problems)).join("\n") }))
  )
