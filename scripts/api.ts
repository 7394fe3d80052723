/**
 * Lists what the packages export in `docs/api.md`, and checks what is exported: each name has a doc comment, so has each
 * member, and a test and a guide, an example or a doc comment's example use it. What nobody uses is no part of an API.
 *
 * It reads the sources as text: they are formatted, so that a declaration begins on a line of its own, below its comment.
 * A type is used also where the signature of a name that is used needs it. With `--write` it writes the list anew.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const page = "docs/api.md"

interface Module {
  /** What its names are imported from. */
  readonly specifiers: ReadonlyArray<string>
  readonly name: string
  readonly file: string
}

interface Name {
  readonly module: Module
  readonly name: string
  readonly isType: boolean
  readonly comment: string | undefined
  readonly declaration: string
}

const folders = [
  "packages/effect-ioredis",
  "packages/effect-ioredis-cache",
  "packages/effect-ioredis-tasks",
  "packages/effect-ioredis-cli"
]

const read = (file: string): string => readFileSync(file, "utf8")

const filesIn = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending) && !file.includes("node_modules"))
    .map((file) => join(folder, file))

const stemOf = (file: string): string => file.replace(/^.*\//, "").replace(/\.ts$/, "")

// An index that exports namespaces is one specifier for the modules behind it.
const namespacesOf = (file: string): ReadonlyArray<string> =>
  Array.from(read(file).matchAll(/^export \* as \w+ from "(.+)"$/gm), ([, path = ""]) => join(dirname(file), path))

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, string>>
  readonly publishConfig: { readonly exports: Readonly<Record<string, string>> }
}

const manifestOf = (folder: string): Manifest => JSON.parse(read(join(folder, "package.json")))

const modulesOf = (folder: string): ReadonlyArray<Module> => {
  const { exports, name } = manifestOf(folder)
  const found = new Map<string, Array<string>>()
  for (const [path, target] of Object.entries(exports)) {
    if (!target.endsWith(".ts")) continue
    const file = join(folder, target)
    const behind = namespacesOf(file)
    for (const one of behind.length === 0 ? [file] : behind) {
      found.set(one, [...(found.get(one) ?? []), path.replace(/^\./, name)])
    }
  }
  return Array.from(found, ([file, specifiers]) => ({ file, specifiers, name: stemOf(file) }))
}

const startOfName = /^export (?:declare )?(?:abstract )?(const|type|interface|class|function) (\w+)/

const endsDeclaration = /^(?:\/\*\*|\/\/|(?:export |declare )?(?:const|let|type|interface|class|function) )/

const commentAbove = (lines: ReadonlyArray<string>, line: number): string | undefined => {
  if (lines[line - 1]?.trimEnd().endsWith("*/") !== true) return undefined
  let first = line - 1
  while (first > 0 && !(lines[first] ?? "").startsWith("/**")) first--
  return lines.slice(first, line).join("\n")
}

const namesOf = (module: Module): ReadonlyArray<Name> => {
  const lines = read(module.file).split("\n")
  const found: Array<Name> = []
  lines.forEach((line, index) => {
    const [, kind, name = ""] = startOfName.exec(line) ?? []
    if (kind !== undefined) {
      const next = lines.findIndex((other, at) => at > index && endsDeclaration.test(other))
      const declaration = lines.slice(index, next === -1 ? lines.length : next).join("\n")
      const isType = kind === "type" || kind === "interface"
      found.push({ module, name, isType, comment: commentAbove(lines, index), declaration })
    }
    const [, list, path = ""] = /^export \{ (.+) \} from "(.+)"/.exec(line) ?? []
    for (const part of list?.split(", ") ?? []) {
      const [, type, inner = "", outer = inner] = /^(type )?(\w+)(?: as (\w+))?$/.exec(part) ?? []
      const there = namesOf({ ...module, file: join(dirname(module.file), path) }).find(({ name }) => name === inner)
      const comment = commentAbove(lines, index) ?? there?.comment
      found.push({ module, name: outer, isType: type !== undefined, comment, declaration: there?.declaration ?? "" })
    }
  })
  return found
}

// One name may be an interface and the service of it, or a function and its overloads.
const merge = (names: ReadonlyArray<Name>): ReadonlyArray<Name> => {
  const byName = new Map<string, Name>()
  for (const one of names) {
    const before = byName.get(one.name)
    byName.set(
      one.name,
      before === undefined
        ? one
        : {
            ...before,
            isType: before.isType && one.isType,
            comment: before.comment ?? one.comment,
            declaration: `${before.declaration}\n${one.declaration}`
          }
    )
  }
  return Array.from(byName.values())
}

const firstSentence = (comment: string): string => {
  const text = comment
    .replace(/^\/\*\*|\*\/$/g, "")
    .replace(/^ \* ?/gm, "")
    .trim()
  const [paragraph = ""] = text.split(/\n\s*\n|\n@/)
  const line = paragraph.replace(/\s+/g, " ").replace(/\{@link (\S+)\}/g, "`$1`")
  return (/^.*?\.(?= [A-Z`"]|$)/.exec(line)?.[0] ?? line).replaceAll("|", "\\|")
}

const modules = folders.map(modulesOf)
const all = modules.map((ofPackage) => ofPackage.map((module) => ({ module, names: merge(namesOf(module)) })))
const names = all.flat().flatMap((entry) => entry.names)

const isNamespace = ({ name }: Module): boolean => /^[A-Z]/.test(name)

const shown = ({ module, name }: Name): string => (isNamespace(module) ? `${module.name}.${name}` : name)

// Whoever has one of these asks first what can be done with it.
const wholeNames = [
  "Cache.Cache",
  "Cache.Region",
  "ReadThrough.ReadThrough",
  "RedisClient.RedisClient",
  "RedisHealth.RedisHealth",
  "TaskQueue.TaskQueue",
  "CircuitBreaker.CircuitBreaker",
  "SimulatedRedis.SimulatedRedis",
  "SimulatedServer.SimulatedServer"
]

const memberPattern = /^ {2}(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\n {2}readonly (\w+)/gm

const membersOf = (one: Name): ReadonlyArray<string> => {
  if (!wholeNames.includes(shown(one))) return []
  const rows = Array.from(
    one.declaration.matchAll(memberPattern),
    ([, comment = "", name]) => `| \`${name}\` | ${firstSentence(comment.replace(/^ {2}/gm, ""))} |`
  )
  return ["", `A \`${shown(one)}\` has:`, "", "| member | |", "|---|---|", ...rows]
}

const sectionOf = ({ module, names }: (typeof all)[number][number]): string => {
  const title = module.specifiers.map((specifier) => `\`${specifier}\``).join(" and ")
  const rows = names.map((one) => `| \`${shown(one)}\` | ${firstSentence(one.comment ?? "")} |`)
  return [
    `### ${module.name}`,
    "",
    `From ${title}.`,
    "",
    "| name | is |",
    "|---|---|",
    ...rows,
    ...names.flatMap(membersOf),
    ""
  ].join("\n")
}

const listed = [
  "# API",
  "",
  "Every name that the packages export, with the first sentence of its doc comment. `pnpm api` makes this page of the sources.",
  "",
  ...all.flatMap((ofPackage, index) => [`## ${stemOf(folders[index] ?? "")}`, "", ...ofPackage.map(sectionOf)])
].join("\n")

const isIdentifierIn = (text: string, name: string): boolean => new RegExp(`(?<![\\w$])${name}(?![\\w$])`).test(text)

// Names of a module are written behind its name, or imported from it.
const usesIn = (texts: ReadonlyArray<string>) => {
  const imports = texts.map((text) => ({
    text,
    from: new Set(Array.from(text.matchAll(/from "([^"]+)"/g), ([, from = ""]) => from.replace(/^\..*\/src\//, "src/")))
  }))
  return ({ module, name }: Name): boolean =>
    imports.some(({ from, text }) => {
      if (isIdentifierIn(text, `${module.name}\\.${name}`)) return true
      const paths = [...module.specifiers.filter((path) => stemOf(path) === module.name), sourceOf(module)]
      const isImported = !isNamespace(module) || imported(text, name)
      if (isImported && paths.some((path) => from.has(path)) && isIdentifierIn(text, name)) return true
      // A tag, or a word of a guide, where no other module has that name.
      return isOnly(name) && (text.includes(`"${name}"`) || text.includes(`\`${name}\``))
    })
}

const sourceOf = ({ file }: Module): string => file.replace(/^packages\/[^/]+\//, "")

const imported = (text: string, name: string): boolean =>
  Array.from(text.matchAll(/^import (?:type )?\{([^}]*)\}/gm)).some(([, list = ""]) => isIdentifierIn(list, name))

const isOnly = (name: string): boolean => names.filter((one) => one.name === name).length === 1

// A type that stands in the declaration of a name that is used serves to write that signature down.
const withTypes = (used: ReadonlySet<Name>): ReadonlySet<Name> => {
  const reached = new Set(used)
  for (const one of reached) {
    for (const type of names) {
      if (!type.isType || type === one) continue
      const within = type.module === one.module && isIdentifierIn(one.declaration, `(?<!\\.)${type.name}`)
      const beyond = isIdentifierIn(one.declaration, `${type.module.name}\\.${type.name}`)
      const direct = isOnly(type.name) && isIdentifierIn(one.declaration, `(?<!\\.)${type.name}`)
      if (within || beyond || direct) reached.add(type)
    }
  }
  return reached
}

const usedIn = (texts: ReadonlyArray<string>): ReadonlySet<Name> => {
  const uses = usesIn(texts)
  return withTypes(new Set(names.filter(uses)))
}

const docExamplesOf = (file: string): ReadonlyArray<string> =>
  Array.from(
    read(file)
      .replace(/^ *\* ?/gm, "")
      .matchAll(/^```ts\n([\s\S]*?)^```/gm),
    ([, code = ""]) => code
  )

const guides = [
  "README.md",
  ...folders.map((folder) => join(folder, "README.md")),
  ...readdirSync("docs")
    .map((file) => join("docs", file))
    .filter((file) => file.endsWith(".md") && file !== page),
  ...filesIn("examples", ".ts")
].map(read)

const inTests = usedIn(filesIn("test", ".ts").map(read))
const inGuides = usedIn([...guides, ...modules.flat().flatMap(({ file }) => docExamplesOf(file))])

// A member of a union is told by its type's comment.
const membersWithoutComment = ({ declaration }: Name): ReadonlyArray<string> => {
  if (/^export type /.test(declaration)) return []
  const lines = declaration.split("\n")
  return lines.flatMap((line, index) => {
    const field = /Schema\.TaggedError/.test(declaration) ? /^ +(\w+): [A-Z]/.exec(line) : undefined
    const [, member] = /^ +readonly (\S+?)\??: /.exec(line) ?? field ?? []
    return member === undefined || lines[index - 1]?.trimEnd().endsWith("*/") === true ? [] : [member]
  })
}

// Nobody can import what no export names, and what is published is what is tested.
const exportMistakes = folders.flatMap((folder, index) => {
  const { exports, publishConfig } = manifestOf(folder)
  const built = Object.entries(exports).map(([path, file]) => [
    path,
    file.replace(/^\.\/src\/(.*)\.ts$/, "./dist/$1.js")
  ])
  const unnamed = filesIn(join(folder, "src"), ".ts").filter(
    (file) => !/\/internal\/|\/(?:index|bin)\.ts$/.test(file) && modules[index]?.every((module) => module.file !== file)
  )
  return [
    ...(JSON.stringify(built) === JSON.stringify(Object.entries(publishConfig.exports))
      ? []
      : [`The publishConfig.exports of ${folder}/package.json are not its exports with dist in the place of src.`]),
    ...unnamed.map((file) => `${file} is in no export. Name it in package.json, or move it to internal/.`)
  ]
})

const complaints = [
  ...exportMistakes,
  ...names.filter(({ comment }) => comment === undefined).map((one) => `${shown(one)} has no doc comment.`),
  ...names.flatMap((one) =>
    membersWithoutComment(one).map((member) => `${shown(one)}: \`${member}\` has no doc comment.`)
  ),
  ...names.filter((one) => !inTests.has(one)).map((one) => `${shown(one)} is used by no test.`),
  ...names.filter((one) => !inGuides.has(one)).map((one) => `${shown(one)} is used by no guide and no example.`)
]

if (process.argv.includes("--write")) writeFileSync(page, listed)
else if (read(page) !== listed) complaints.push(`${page} is not what the packages export. Run \`npx -y pnpm@12 api\`.`)

for (const complaint of complaints) console.error(complaint)
if (complaints.length > 0) process.exitCode = 1
console.log(`${names.length} public names`)
