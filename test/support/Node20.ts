// vitest 5 asks for Node 22, and what it uses of it beyond Node 20 is these three, when it reports a failed test and in
// watch mode. Without them a failure would end the run without being shown. To be removed when Node 20 is.
const define = (target: object, name: string, value: unknown): void => {
  if (!(name in target)) Object.defineProperty(target, name, { value, configurable: true, writable: true })
}

const groupBy = <K, V>(items: Iterable<V>, keyOf: (item: V, index: number) => K): Map<K, Array<V>> => {
  const groups = new Map<K, Array<V>>()
  let index = 0
  for (const item of items) {
    const key = keyOf(item, index++)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

define(Map, "groupBy", groupBy)
define(Object, "groupBy", <V>(items: Iterable<V>, keyOf: (item: V, index: number) => PropertyKey) =>
  Object.assign(Object.create(null), Object.fromEntries(groupBy(items, keyOf)))
)
define(Promise, "withResolvers", () => {
  const resolvers: Record<string, unknown> = {}
  resolvers.promise = new Promise((resolve, reject) => {
    resolvers.resolve = resolve
    resolvers.reject = reject
  })
  return resolvers
})
