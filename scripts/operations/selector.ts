/** Adds a matcher to every metric of a query, such as `job="shop"`. `names` are the metrics that there are. */
export const withMatcher = (query: string, matcher: string, names: Iterable<string>): string => {
  const metric = new RegExp(`\\b((?:${Array.from(names).join("|")})(?:_bucket|_count|_sum)?)\\b(?!["=])(\\{)?`, "g")
  return query.replace(metric, (_, name: string, brace: string | undefined) =>
    brace === undefined ? `${name}{${matcher}}` : `${name}{${matcher}, `
  )
}
