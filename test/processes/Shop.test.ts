import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Day from "../shop/Day.ts"
import * as Delays from "../shop/Delays.ts"
import * as History from "../shop/History.ts"

// Node's server ends a connection that was idle for five seconds, maybe just when somebody asks on it.
const services = Layer.mergeAll(NodeServices.layer, NodeHttpClient.layerNodeHttpOptions({ keepAlive: false }))

// That of the clients, which the shop leaves as it is. By it they notice what is frozen.
const commandTimeout = 2_000

/** From when on an outage is known, so that nobody waits for it any more: by some failed attempts, or by the timeout. */
const noticedAfter = { killed: 500, frozen: commandTimeout + 250 }

const outages: ReadonlyArray<Day.Outage> = (["killed", "frozen"] as const).flatMap((how) =>
  ([["cache"], ["durable"], ["cache", "durable"]] as const).map((away) => ({
    away,
    how,
    noticedAfter: noticedAfter[how],
    millis: noticedAfter[how] + 1_250
  }))
)

describe("a shop under load", { timeout: 120_000 }, () => {
  it.live("answers everybody, and forgets nobody, while each Redis is killed and frozen", () =>
    Effect.gen(function* () {
      const { history, listener, played, slow } = yield* Day.play(outages, 20)
      const away = played
        .filter(({ outage }) => outage.away.includes("durable"))
        .map(({ back, from }) => ({ from, to: back }))
      const closed = [...away, ...slow]
      assert.deepStrictEqual(History.contradictions(history, closed), [])

      for (const { back, from, healed, outage } of played) {
        const name = `${outage.away.join(" and ")} ${outage.how}`
        const calm = Delays.taken(history, { from: from - 500, to: from })
        const first = Delays.taken(history, { from, to: back })
        const then = Delays.taken(history, { from: from + outage.noticedAfter, to: healed })
        assert.isAtMost(first.slowest.millis, commandTimeout + 250, `${name}: ${first.slowest.route}`)
        // At once, beside a timeout of two seconds. One of twenty may be slow where the machine has other things to do. They
        // come without end, so that each waits for those before it, and those whom memory answers come sooner.
        assert.isAtMost(then.most, 2 * calm.most + 500, `${name}: ${then.slowest.route}`)
        assert.isAtMost(back - healed, 5_000, `${name}: until everything worked`)
        assert.isAtLeast(then.answers, Day.fewest, name)
        const refused = history.filter(
          (answer) => History.isClosed(answer) && answer.began >= from && answer.ended <= back
        )
        if (outage.away.includes("durable")) assert.isAbove(refused.length, 0, name)
      }
      const of = (route: string, status: number) =>
        history.filter((answer) => answer.route === route && answer.status === status).length
      assert.isAbove(of("POST /sign-out", 204), 5)
      assert.isAbove(of("GET /me", 401), 20)
      // The cache was away four times, which whoever listens is told.
      assert.isFalse(listener.isOver)
      assert.isAtLeast(listener.gaps, 4)
    }).pipe(Effect.provide(services))
  )
})

describe("the checker of a shop", () => {
  let time = 0
  const said = (route: string, status: number, rest: Partial<History.Answer> = {}): History.Answer => {
    time += 10
    const answer = {
      customer: "ada",
      session: "s1",
      route,
      began: time,
      ended: time + 5,
      status,
      headers: {},
      body: ""
    }
    return { ...answer, given: undefined, ...rest }
  }
  const signIn = () => said("POST /sign-in", 200, { session: undefined, given: "s1" })
  const me = (status: number, customer = "ada") => said("GET /me", status, { body: `{"customer":"${customer}"}` })
  const problem = { "content-type": "application/problem+json", "retry-after": "1" }
  const closed = (headers = problem) => said("POST /orders", 503, { headers, body: "Orders are closed" })
  const order = (number: number) => said("POST /orders", 200, { body: JSON.stringify({ number }) })
  const list = (...numbers: ReadonlyArray<number>) =>
    said("GET /orders", 200, { body: JSON.stringify(numbers.map((number) => ({ number }))) })
  const always = [{ from: 0, to: Infinity }]

  it("finds nothing where nothing is wrong", () => {
    const history = [
      said("GET /me", 401, { session: undefined }),
      signIn(),
      me(200),
      order(1),
      closed(),
      list(1),
      said("POST /sign-out", 204),
      me(401)
    ]
    assert.deepStrictEqual(History.contradictions(history, always), [])
  })

  it("lets what overlaps a sign-out be answered either way", () => {
    const out = { ...said("POST /sign-out", 204), ended: time + 50 }
    assert.deepStrictEqual(History.contradictions([signIn(), out, me(200), me(401)], always), [])
  })

  it("finds who waits, and not who is late with everybody", () => {
    const asked = { ...said("GET /products", 200), began: 1_000, ended: 1_500 }
    const alone = (took: number) => ({ ...said(Delays.alone, 200), began: 1_200, ended: 1_200 + took })
    const span = { from: 1_000, to: 2_000 }
    assert.strictEqual(Delays.taken([asked, alone(5)], span).most, 495)
    assert.strictEqual(Delays.taken([asked, alone(600)], span).most, 0)
  })

  for (const [what, history, times] of [
    ["somebody signed out who is signed in", () => [signIn(), me(401)], always],
    ["somebody let in who has signed out", () => [signIn(), said("POST /sign-out", 204), me(200)], always],
    ["somebody let in who never signed in", () => [said("GET /me", 200, { session: "s2" })], always],
    ["somebody else's page", () => [signIn(), me(200, "bob")], always],
    ["a defect", () => [said("GET /products", 500)], always],
    ["an answer that did not come", () => [said("GET /products", 0)], always],
    ["a refusal that does not say what it is", () => [signIn(), said("POST /orders", 503)], always],
    ["a refusal that asks to be asked at once", () => [signIn(), closed({ ...problem, "retry-after": "0" })], always],
    ["a refusal although Redis is there", () => [signIn(), closed()], []],
    ["an order that is missing", () => [signIn(), order(1), list()], always],
    ["an order that was refused and is there", () => [signIn(), closed(), list(1)], always],
    ["a number that was given twice", () => [signIn(), order(1), order(1)], always]
  ] as const) {
    it(`finds ${what}`, () => {
      assert.strictEqual(History.contradictions(history(), times).length, 1)
    })
  }
})
