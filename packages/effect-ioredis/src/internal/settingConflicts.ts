/** Says which settings do not go together, by the names of variables or of options. */

/** The settings that depend on each other. */
export interface Dependent<A> {
  readonly url: A
  readonly host: A
  readonly db: A
  readonly sentinels: A
  readonly sentinelMaster: A
  readonly sentinelUsername: A
  readonly sentinelPassword: A
  readonly cluster: A
  readonly natMap: A
  readonly tls: A
  readonly tlsCa: A
  readonly tlsCert: A
  readonly tlsKey: A
}

type Setting = keyof Dependent<unknown>

/** What they are called, and how a list of addresses is written. */
export interface Vocabulary {
  readonly names: Dependent<string>
  readonly list: { readonly expected: string; readonly example: (host: string, port: number) => string }
}

/** What was given; what was not is `undefined`. */
export type Given = Partial<Dependent<unknown>>

/** The names of the variables under a path. */
export const variables = (path: ReadonlyArray<string | number>): Vocabulary => {
  const before = path.map((segment) => `${segment}_`).join("")
  return {
    names: {
      url: `${before}REDIS_URL`,
      host: `${before}REDIS_HOST`,
      db: `${before}REDIS_DB`,
      sentinels: `${before}REDIS_SENTINELS`,
      sentinelMaster: `${before}REDIS_SENTINEL_MASTER`,
      sentinelUsername: `${before}REDIS_SENTINEL_USERNAME`,
      sentinelPassword: `${before}REDIS_SENTINEL_PASSWORD`,
      cluster: `${before}REDIS_CLUSTER_NODES`,
      natMap: `${before}REDIS_NAT_MAP`,
      tls: `${before}REDIS_TLS`,
      tlsCa: `${before}REDIS_TLS_CA`,
      tlsCert: `${before}REDIS_TLS_CERT`,
      tlsKey: `${before}REDIS_TLS_KEY`
    },
    list: {
      expected: "host:port,host:port",
      example: (host, port) => `${host}-1:${port},${host}-2:${port}`
    }
  }
}

/** The names of the options in code. */
export const options: Vocabulary = {
  names: {
    url: "url",
    host: "host",
    db: "db",
    sentinels: "sentinels",
    sentinelMaster: "sentinelMaster",
    sentinelUsername: "sentinelUsername",
    sentinelPassword: "sentinelPassword",
    cluster: "cluster",
    natMap: "natMap",
    tls: "tls",
    tlsCa: "tls.caFile",
    tlsCert: "tls.certFile",
    tlsKey: "tls.keyFile"
  },
  list: {
    expected: "a list of addresses",
    example: (host, port) => `[{ host: "${host}", port: ${port} }]`
  }
}

/** Says what is wrong, a sentence for each problem. */
export const conflicts = (vocabulary: Vocabulary, given: Given): ReadonlyArray<string> => [
  ...placeConflicts(vocabulary, given),
  ...sentinelConflicts(vocabulary, given),
  ...tlsConflicts(vocabulary, given)
]

const placeConflicts = ({ list, names }: Vocabulary, given: Given): ReadonlyArray<string> => {
  const has = (setting: Setting) => given[setting] !== undefined
  const one = (["url", "host"] as const).filter(has)
  const places = [one, ["sentinels"] as const, ["cluster"] as const].filter((place) => place.some(has))
  const problems: Array<string> = []
  if (places.length > 1) {
    const all = places.flat().map((setting) => names[setting])
    problems.push(`${joined(all)} each say where Redis is: expected only one of them, for example ${all.at(-1)}`)
  }
  if (has("cluster") && Number(given.db) > 0) {
    problems.push(
      `${names.db} is ${given.db}: expected the only database of a cluster (${names.cluster}), for example 0`
    )
  }
  if (has("natMap") && !has("sentinels") && !has("cluster")) {
    problems.push(
      `${names.natMap} is given without ${names.sentinels} or ${names.cluster}: expected one of them, for example ${names.cluster} as ${list.example("redis", 6379)}`
    )
  }
  return problems
}

const sentinelConflicts = ({ list, names }: Vocabulary, given: Given): ReadonlyArray<string> => {
  const [beside] = (["sentinelMaster", "sentinelUsername", "sentinelPassword"] as const).filter(
    (setting) => given[setting] !== undefined
  )
  if (given.sentinels === undefined) {
    return beside === undefined
      ? []
      : [
          `${names.sentinels} is missing: expected ${list.expected} beside ${names[beside]}, for example ${list.example("sentinel", 26379)}`
        ]
  }
  return given.sentinelMaster === undefined
    ? [
        `${names.sentinelMaster} is missing: expected the name under which ${names.sentinels} watch the master, for example mymaster`
      ]
    : []
}

const tlsConflicts = ({ names }: Vocabulary, given: Given): ReadonlyArray<string> => {
  const files = (["tlsCa", "tlsCert", "tlsKey"] as const).filter((file) => given[file] !== undefined)
  const problems: Array<string> = []
  if (given.tls === false && files.length > 0) {
    problems.push(
      `${names.tls} is false: expected true beside ${joined(files.map((file) => names[file]))}, for example true`
    )
  }
  if (given.tlsCert !== undefined && given.tlsKey === undefined) {
    problems.push(
      `${names.tlsKey} is missing: expected the file with the key of ${names.tlsCert}, for example ${keyExample}`
    )
  }
  if (given.tlsKey !== undefined && given.tlsCert === undefined) {
    problems.push(
      `${names.tlsCert} is missing: expected the file with the certificate of ${names.tlsKey}, for example ${certExample}`
    )
  }
  return problems
}

const certExample = "/etc/redis-tls/tls.crt"
const keyExample = "/etc/redis-tls/tls.key"

const joined = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`
