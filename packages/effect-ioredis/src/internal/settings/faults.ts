import { SchemaIssue } from "effect"
import { pathOf } from "../nesting.ts"
import { problemOf } from "../configError.ts"

/** One thing that does not fit a schema, and where. */
export interface Fault {
  readonly path: ReadonlyArray<string | number>
  readonly issue: SchemaIssue.Issue
}

/** Takes an issue apart into what a person would mend one by one. */
export const faultsIn = (issue: SchemaIssue.Issue, path: Fault["path"] = []): ReadonlyArray<Fault> => {
  if (issue._tag === "Pointer") return faultsIn(issue.issue, [...path, ...pathOf(issue.path)])
  if (issue._tag === "UnexpectedKey") return [{ path, issue }]
  if ("ast" in issue && problemOf("", undefined, issue.ast) !== undefined) return [{ path, issue }]
  // What is within a Redacted is not looked at.
  if ("ast" in issue && issue.ast._tag === "Declaration") return [{ path, issue }]
  if (issue._tag === "Composite") return issue.issues.flatMap((inner) => faultsIn(inner, path))
  return issue._tag === "Encoding" ? faultsIn(issue.issue, path) : [{ path, issue }]
}

/** Says what a schema expected, in its own words and without the value. */
export const format = SchemaIssue.makeFormatterDefault()
