import { type SchemaAST, SchemaIssue } from "effect"

/**
 * Says in one line what a schema expected and where, without the value that did not fit. Messages
 * made at run time by a filter or a transformation, keys of records and inputs kept by
 * `reportInput` are left out, for they may hold data.
 */
export const describeIssue = (issue: SchemaIssue.Issue): string => describeAt(issue, "", undefined)

const describeAt = (issue: SchemaIssue.Issue, path: string, owner: SchemaAST.AST | undefined): string => {
  switch (issue._tag) {
    case "Pointer":
      return describeAt(issue.issue, path + issue.path.map((key) => segment(key, owner)).join(""), owner)
    case "Encoding":
      return describeAt(issue.issue, path, owner)
    case "Composite":
      return describeAt(issue.issues[0], path, issue.ast)
    case "AnyOf":
      return issue.issues[0] === undefined ? at(expectedBy(issue), path) : describeAt(issue.issues[0], path, owner)
    case "Filter":
      return at(
        expectedIn(issue.filter.annotations) ??
          expectedIn(annotationsOf(issue.issue)) ??
          "a value that passes its checks",
        path
      )
    case "InvalidValue":
      return at(expectedIn(issue.annotations) ?? "a valid value", path)
    case "InvalidType":
      return at(expectedBy(issue), path)
    case "MissingKey":
      return at("a value", path)
    case "UnexpectedKey":
      return at("no such key", path)
    case "Forbidden":
      return at("something that can be written as JSON", path)
    case "OneOf":
      return at("exactly one member of the union to match", path)
  }
}

const at = (expected: string, path: string) => oneLine(`expected ${expected}${path === "" ? "" : ` at ${path}`}`)

// Effect's formatter knows the name of a type. It adds the input only where a schema asked for it.
const expectedBy = (issue: SchemaIssue.InvalidType | SchemaIssue.AnyOf) =>
  SchemaIssue.hasInput(issue) ? "another type" : format(issue).replace(/^Expected /, "")

const format = SchemaIssue.makeFormatterDefault()

const expectedIn = (annotations: { readonly [x: string]: unknown } | undefined) =>
  typeof annotations?.expected === "string" ? annotations.expected : undefined

const annotationsOf = (issue: SchemaIssue.Issue) => (issue._tag === "InvalidValue" ? issue.annotations : undefined)

// A name that the schema declares is not a secret; a key of a record is data.
const segment = (key: PropertyKey, owner: SchemaAST.AST | undefined) => {
  if (typeof key === "number") return `[${key}]`
  const declared = owner?._tag === "Objects" && owner.propertySignatures.some((property) => property.name === key)
  return declared ? `[${JSON.stringify(String(key))}]` : "[*]"
}

// The description of a wide union can be longer than all the rest of a log line.
const oneLine = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}…` : text).replace(/\s+/g, " ")
