import { Array as Arr, Context, DateTime, Effect, Layer, Random } from "effect"
import { Job } from "./Job.ts"

/** Every open position. */
export class Jobs extends Context.Service<Jobs, ReadonlyArray<Job>>()("job-matcher/Jobs") {
  /** The data this example ships: the same 2,400 jobs in every process that runs it. */
  static readonly layer = Layer.effect(
    Jobs,
    Effect.suspend(() => make({ seed: "effect-ioredis", count: 2_400 }))
  )
}

/** Plausible jobs, which follow from the seed alone. */
export const make = (options: { readonly seed: string; readonly count: number }): Effect.Effect<ReadonlyArray<Job>> =>
  Effect.forEach(Arr.range(1, options.count), makeJob).pipe(Random.withSeed(options.seed))

const makeJob = Effect.fnUntraced(function* (id: number) {
  const role = yield* Random.choice(roles)
  const level = yield* Random.choice(levels)
  const skills = yield* Random.shuffle(role.skills)
  const known = yield* Random.nextIntBetween(3, 6)
  const age = yield* Random.nextIntBetween(0, 60 * 24)
  return new Job({
    id,
    title: `${level.prefix}${role.title}`,
    company: `${yield* Random.choice(companyNames)} ${yield* Random.choice(companyKinds)}`,
    location: yield* Random.choice(locations),
    skills: skills.slice(0, known),
    salary: Math.round((role.salary * level.factor * (yield* Random.nextBetween(0.85, 1.2))) / 500) * 500,
    posted: DateTime.subtract(today, { hours: age })
  })
})

/** The day on which the data was taken: a shipped data set does not get younger. */
const today = DateTime.makeUnsafe("2026-01-31T12:00:00Z")

export const locations = [
  "Amsterdam",
  "Athens",
  "Barcelona",
  "Berlin",
  "Copenhagen",
  "Dublin",
  "Lisbon",
  "London",
  "Milan",
  "Paris",
  "Remote",
  "Stockholm",
  "Vienna",
  "Warsaw",
  "Zurich"
] as const

const levels = [
  { prefix: "Junior ", factor: 0.7 },
  { prefix: "", factor: 1 },
  { prefix: "", factor: 1 },
  { prefix: "Senior ", factor: 1.3 },
  { prefix: "Senior ", factor: 1.3 },
  { prefix: "Staff ", factor: 1.6 }
] as const

export const roles = [
  {
    title: "Backend Engineer",
    salary: 68_000,
    skills: ["typescript", "node", "effect", "redis", "postgresql", "graphql", "kafka", "docker", "testing"]
  },
  {
    title: "Frontend Engineer",
    salary: 62_000,
    skills: ["typescript", "react", "css", "graphql", "accessibility", "testing", "figma", "node"]
  },
  {
    title: "Platform Engineer",
    salary: 72_000,
    skills: ["kubernetes", "terraform", "aws", "docker", "go", "linux", "prometheus", "redis"]
  },
  {
    title: "Site Reliability Engineer",
    salary: 74_000,
    skills: ["linux", "kubernetes", "prometheus", "go", "redis", "postgresql", "networking", "aws"]
  },
  {
    title: "Data Engineer",
    salary: 70_000,
    skills: ["python", "sql", "spark", "kafka", "airflow", "postgresql", "aws", "scala"]
  },
  {
    title: "Machine Learning Engineer",
    salary: 78_000,
    skills: ["python", "pytorch", "sql", "statistics", "kubernetes", "aws", "spark"]
  },
  {
    title: "Mobile Developer",
    salary: 63_000,
    skills: ["kotlin", "swift", "typescript", "react", "graphql", "testing", "figma"]
  },
  {
    title: "Security Engineer",
    salary: 76_000,
    skills: ["linux", "networking", "cryptography", "go", "aws", "python", "docker"]
  },
  {
    title: "Scala Developer",
    salary: 71_000,
    skills: ["scala", "kafka", "spark", "postgresql", "docker", "testing", "sql"]
  }
] as const

const companyNames = [
  "Alder",
  "Beacon",
  "Cinder",
  "Delta",
  "Ember",
  "Fjord",
  "Granite",
  "Harbour",
  "Indigo",
  "Juniper",
  "Kestrel",
  "Lumen",
  "Meridian",
  "Northwind",
  "Orchard",
  "Pelican"
] as const

const companyKinds = ["Analytics", "Bank", "Cloud", "Energy", "Health", "Labs", "Logistics", "Studio"] as const
