import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as Health from "effect-ioredis/Health"
import * as HealthHttp from "effect-ioredis/HealthHttp"
import { MemoryCache } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import * as Api from "../../examples/job-matcher/src/Api.ts"
import * as Flags from "../../examples/job-matcher/src/Flags.ts"
import { Jobs, make as makeJobs } from "../../examples/job-matcher/src/Jobs.ts"
import { Matches } from "../../examples/job-matcher/src/Match.ts"
import { Matcher, makeRank } from "../../examples/job-matcher/src/Matcher.ts"
import { MatchQuery, MatchQueryFromUrl } from "../../examples/job-matcher/src/MatchQuery.ts"
import { Status } from "../../examples/job-matcher/src/Status.ts"

const ada = new MatchQuery({ candidate: "ada", skills: ["effect", "redis"], location: "Berlin" })

describe("Jobs", () => {
  it.effect("are the same for the same seed, and others for another", () =>
    Effect.gen(function* () {
      const jobs = yield* makeJobs({ seed: "a", count: 300 })
      assert.deepStrictEqual(yield* makeJobs({ seed: "a", count: 300 }), jobs)
      assert.notDeepEqual(yield* makeJobs({ seed: "b", count: 300 }), jobs)
    })
  )

  it.effect("are at least 2,000, all of them different", () =>
    Effect.gen(function* () {
      const jobs = yield* Jobs
      assert.isAtLeast(jobs.length, 2_000)
      assert.strictEqual(new Set(jobs.map((job) => job.id)).size, jobs.length)
      assert.isTrue(jobs.every((job) => job.skills.length >= 3 && job.salary >= 30_000 && job.salary <= 160_000))
    }).pipe(Effect.provide(Jobs.layer))
  )
})

describe("Matcher", () => {
  it.effect("finds the ten best jobs, best first, and says why", () =>
    Effect.gen(function* () {
      const rank = makeRank(yield* Jobs)
      const matches = rank(ada)
      assert.strictEqual(matches.length, 10)
      assert.deepStrictEqual(
        matches.map((match) => match.score),
        matches.map((match) => match.score).sort((a, b) => b - a)
      )
      for (const { job, reasons } of matches) {
        const shared = ada.skills.filter((skill) => job.skills.includes(skill))
        assert.strictEqual(reasons[0], `asks for ${shared.length} of your 2 skills: ${shared.toSorted().join(", ")}`)
        if (job.location === "Berlin") assert.include(reasons, "is in Berlin")
      }
      assert.deepStrictEqual(rank(new MatchQuery({ ...ada, skills: ["redis", "effect", "redis"] })), matches)
      assert.deepStrictEqual(rank(new MatchQuery({ ...ada, skills: ["juggling"] })), [])
    }).pipe(Effect.provide(Jobs.layer))
  )

  it.effect("is slow, and counts its runs", () =>
    Effect.gen(function* () {
      const matcher = yield* Matcher
      const fiber = yield* Effect.forkChild(matcher.find(ada), { startImmediately: true })
      yield* TestClock.adjust("59 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("41 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).length, 10)
      assert.strictEqual(yield* matcher.runs, 1)
    }).pipe(Effect.provide(Matcher.layer.pipe(Layer.provide(Jobs.layer))))
  )
})

describe("MatchQuery", () => {
  const decode = Schema.decodeUnknownEffect(MatchQueryFromUrl)

  it.effect("comes from a URL: trimmed, skills in lower case", () =>
    Effect.gen(function* () {
      const query = yield* decode({ candidate: " ada ", skills: "Effect, redis", location: "Berlin" })
      assert.deepStrictEqual(query, ada)
    })
  )

  it.effect("goes into a URL", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Schema.encodeEffect(MatchQueryFromUrl)(ada), {
        candidate: "ada",
        skills: "effect,redis",
        location: "Berlin"
      })
    })
  )
})

describe("Api", () => {
  const Services = Layer.mergeAll(Status.layerMemory, Health.layer([]), Flags.layer).pipe(
    Layer.provideMerge(MemoryCache.layerCache),
    Layer.provideMerge(Matcher.layer),
    Layer.provide(Jobs.layer)
  )

  /** The router itself, without a server or a socket. */
  const makeAsk = Effect.map(
    HttpRouter.toHttpEffect(Layer.merge(Api.layer, HealthHttp.layer())),
    (app) => (method: "GET" | "DELETE", path: string) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(app, { startImmediately: true })
        yield* TestClock.adjust("100 millis")
        const response = HttpServerResponse.toWeb(yield* Fiber.join(fiber))
        const body: unknown = yield* Effect.promise(() => response.json())
        return { status: response.status, body }
      }).pipe(
        Effect.provideService(
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromWeb(new Request(`http://localhost${path}`, { method }))
        ),
        Effect.scoped
      )
  )

  it.effect("answers with the matches", () =>
    Effect.gen(function* () {
      const ask = yield* makeAsk
      const { status, body } = yield* ask("GET", "/match?candidate=ada&skills=effect,redis&location=Berlin")
      assert.strictEqual(status, 200)
      const matches = yield* Schema.decodeUnknownEffect(Schema.toCodecJson(Matches))(body)
      assert.deepStrictEqual(matches, makeRank(yield* Jobs)(ada))
    }).pipe(Effect.provide([Services, Jobs.layer]))
  )

  it.effect("looks up once for the same skills in another order, and again after DELETE", () =>
    Effect.gen(function* () {
      const ask = yield* makeAsk
      const { runs } = yield* Matcher
      const one = yield* Effect.all(
        [
          ask("GET", "/match?candidate=ada&skills=effect,redis&location=Berlin"),
          ask("GET", "/match?candidate=ada&skills=redis,effect&location=Berlin")
        ],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(one[0], one[1])
      assert.deepStrictEqual(yield* ask("GET", "/match?candidate=ada&skills=redis,effect&location=Berlin"), one[0])
      assert.strictEqual(yield* runs, 1)

      const removed = yield* ask("DELETE", "/match?candidate=ada&skills=redis,effect&location=Berlin")
      assert.deepStrictEqual(removed, { status: 200, body: { removed: "Applied" } })
      assert.deepStrictEqual(yield* ask("GET", "/match?candidate=ada&skills=effect,redis&location=Berlin"), one[0])
      assert.strictEqual(yield* runs, 2)

      const { body } = yield* ask("GET", "/stats")
      assert.deepNestedInclude(body, { redisHits: 0, lookups: 2, breaker: [] })
    }).pipe(Effect.provide(Services))
  )

  it.effect("says what is wrong with a request", () =>
    Effect.gen(function* () {
      const ask = yield* makeAsk
      const { runs } = yield* Matcher
      const cases: ReadonlyArray<readonly [path: string, problems: ReadonlyArray<string>]> = [
        [
          "/match",
          [
            "candidate: is missing, as in candidate=ada",
            "skills: is missing, as in skills=effect,redis",
            "location: is missing, as in location=Berlin"
          ]
        ],
        ["/match?candidate=ada&location=Berlin", ["skills: is missing, as in skills=effect,redis"]],
        ["/match?candidate=ada&skills=&location=Berlin", ["skills.0: must have 1 to 60 characters"]],
        ["/match?candidate=ada&skills=a,,b&location=Berlin", ["skills.1: must have 1 to 60 characters"]],
        [
          "/match?candidate=ada&skills=a&skills=b&location=x",
          ["skills: must be given once, as in skills=effect,redis"]
        ],
        [
          `/match?candidate=%20&skills=a&location=${"x".repeat(61)}`,
          ["candidate: must have 1 to 60 characters", "location: must have 1 to 60 characters"]
        ]
      ]
      for (const method of ["GET", "DELETE"] as const) {
        for (const [path, problems] of cases) {
          const { status, body } = yield* ask(method, path)
          assert.strictEqual(status, 400, path)
          assert.deepNestedPropertyVal(body, "problems", problems, path)
        }
      }
      assert.strictEqual(yield* runs, 0)
    }).pipe(Effect.provide(Services))
  )

  it.effect("is healthy without a Redis where none was configured", () =>
    Effect.gen(function* () {
      const ask = yield* makeAsk
      assert.deepStrictEqual(yield* ask("GET", "/health"), { status: 200, body: { status: "pass", checks: {} } })
    }).pipe(Effect.provide(Services))
  )
})
