/** Makes a page for each module that a package exports, of its doc comments. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { Application, Converter, type DeclarationReflection, ReflectionKind, type TypeDocOptions } from "typedoc"
import type { PluginOptions } from "typedoc-plugin-markdown"

/** What typedoc-vitepress-theme reads, which exports no types. */
interface ThemeOptions {
  readonly docsRoot: string
  readonly sidebar: { readonly autoConfiguration: boolean; readonly format: "vitepress"; readonly pretty: boolean }
}

/** Writes the reference of all packages below `target`, or fails with what typedoc has to say. */
export const makeReference = async (repository: string, site: string, target: string): Promise<void> => {
  const packages = readdirSync(join(repository, "packages"))
  const tsconfig = writeTsconfig(site, packages)
  const options: TypeDocOptions & PluginOptions & ThemeOptions = {
    plugin: ["typedoc-plugin-markdown", "typedoc-vitepress-theme"],
    entryPoints: packages.flatMap((name) => modulesOf(join(repository, "packages", name))),
    entryPointStrategy: "resolve",
    basePath: join(repository, "packages"),
    displayBasePath: join(repository, "packages"),
    tsconfig,
    out: target,
    docsRoot: join(target, ".."),
    name: "Reference",
    readme: "none",
    // A page for each module: one for each name would be some thousand.
    router: "module",
    entryFileName: "index",
    hidePageHeader: true,
    hideBreadcrumbs: true,
    disableSources: true,
    excludeTags: ["@since", "@category"],
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    skipErrorChecking: true,
    treatWarningsAsErrors: false,
    sidebar: { autoConfiguration: true, format: "vitepress", pretty: true },
    blockTags: [
      "@since",
      "@category",
      "@stability",
      "@default",
      "@example",
      "@param",
      "@returns",
      "@see",
      "@deprecated"
    ]
  }
  const application = await Application.bootstrapWithPlugins(options)
  // A module is named as it is imported.
  application.converter.on(Converter.EVENT_CREATE_DECLARATION, (_, made: DeclarationReflection) => {
    if (made.kind === ReflectionKind.Module) made.name = made.name.replace("/src/", "/").replace(/\/index$/, "")
  })
  const project = await application.convert()
  if (project === undefined || application.logger.hasErrors()) throw new Error("typedoc has made no reference")
  await application.generateOutputs(project)
  for (const entry of options.entryPoints ?? []) introduce(repository, target, entry)
}

// What a module's own comment says. typedoc takes it for that of the first import.
const introduce = (repository: string, target: string, source: string): void => {
  const [, comment = ""] = /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(source, "utf8")) ?? []
  const text = comment
    .replaceAll(/^ *\* ?/gm, "")
    .replaceAll(/^@.*$/gm, "")
    .trim()
  const module = relative(join(repository, "packages"), source).replace("/src/", "/").replace(/\.ts$/, "")
  const page = join(target, `${module}.md`)
  const whole = readFileSync(page, "utf8").replace(/^# .*$/m, (title) => `${title}\n\n${text}`)
  writeFileSync(page, leadingToHeadings(whole))
}

// typedoc counts a name twice that is a type and a part of another's text, and leads to its second heading where there is one.
const leadingToHeadings = (text: string): string => {
  return text.replaceAll(/\]\(#(\w+)-1\)/g, (link, name: string) =>
    text.match(new RegExp(`^#+ ${name}\\b`, "gim"))?.length === 1 ? `](#${name})` : link
  )
}

// The sources that are exported, or nothing where a package exports none, such as a command.
const modulesOf = (folder: string): ReadonlyArray<string> => {
  const { exports = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  return Object.values<string>(exports)
    .filter((file) => file.endsWith(".ts") && file !== "./src/index.ts")
    .map((file) => join(folder, file))
}

// One for all packages: with one for each, those whose files the first does not include are left out with a warning.
const writeTsconfig = (site: string, packages: ReadonlyArray<string>): string => {
  const file = join(site, ".tsconfig.reference.json")
  const include = packages.map((name) => `../packages/${name}/src`)
  writeFileSync(file, JSON.stringify({ extends: "../tsconfig.json", compilerOptions: { plugins: [] }, include }))
  return file
}
