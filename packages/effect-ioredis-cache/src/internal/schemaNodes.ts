import { SchemaAST } from "effect"

/**
 * Tells whether a predicate holds for a schema and for all that it is made of, what it is encoded
 * to included.
 */
export const everyNode = (root: SchemaAST.AST, holds: (ast: SchemaAST.AST) => boolean): boolean => {
  const seen = new Set<SchemaAST.AST>()
  const visit = (ast: SchemaAST.AST): boolean => {
    if (seen.has(ast)) return true
    seen.add(ast)
    return holds(ast) && (ast.encoding ?? []).every(({ to }) => visit(to)) && partsOf(ast).every(visit)
  }
  return visit(root)
}

const partsOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  if (SchemaAST.isArrays(ast)) return [...ast.elements, ...ast.rest]
  if (SchemaAST.isUnion(ast)) return ast.types
  if (!SchemaAST.isObjects(ast)) return []
  const { indexSignatures, propertySignatures } = ast
  return [
    ...propertySignatures.map(({ type }) => type),
    ...indexSignatures.flatMap(({ parameter, type }) => [parameter, type])
  ]
}

/**
 * Tells whether the values of a schema are what they are encoded to, apart from what it is made of.
 */
export const isPlainNode = (ast: SchemaAST.AST): boolean =>
  ast.encoding === undefined && isBoundedNode(ast) && ast._tag !== "Declaration"

/**
 * Tells whether a schema bounds by itself how deep its values are, apart from what it is made of.
 *
 * Schemas that look into what they do not describe do not, nor do those that contain themselves. A
 * declaration with an encoding is as deep as what it is encoded to, and an object without fields
 * lets everything through.
 */
export const isBoundedNode = (ast: SchemaAST.AST): boolean => {
  switch (ast._tag) {
    case "Any":
    case "Unknown":
    case "ObjectKeyword":
    case "Suspend":
      return false
    case "Declaration":
      return ast.encoding !== undefined
    case "Objects":
      return ast.propertySignatures.length + ast.indexSignatures.length > 0
    default:
      return true
  }
}
