import { Schema } from "effect"

/** One answer of a shop, as the customer saw it. Times are milliseconds of one clock. */
export interface Answer {
  readonly customer: string
  /** The session whose cookie went with the question. */
  readonly session: string | undefined
  readonly route: string
  readonly began: number
  readonly ended: number
  /** 0 where no answer came. */
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  /** The session that a sign-in gave. */
  readonly given: string | undefined
}

export interface Span {
  readonly from: number
  readonly to: number
}

/**
 * What was said that may not be said, a line for each. `closed` are the times in which the shop may refuse orders.
 *
 * This knows nothing of Redis: only what customers were told, and when each had asked.
 */
export const contradictions = (history: ReadonlyArray<Answer>, closed: ReadonlyArray<Span>): ReadonlyArray<string> => {
  const sessions = sessionsOf(history)
  const orders = ordersOf(history)
  const numbers = orders.map(({ number }) => number)
  const twice = numbers.filter((number, index) => numbers.indexOf(number) !== index)
  return [
    ...twice.map((number) => `the number ${number} was given twice`),
    ...history.flatMap((answer) =>
      [failure(answer, closed), admission(answer, sessions), listing(answer, orders)].flatMap((problem) =>
        problem === undefined ? [] : [`${answer.customer}: ${answer.route} ${answer.status}: ${problem}`]
      )
    )
  ]
}

/** Whether an answer took the order for refused in the way that the shop says it would. */
export const isClosed = ({ body, headers, route, status }: Answer): boolean =>
  route === "POST /orders" &&
  status === 503 &&
  headers["content-type"]?.startsWith("application/problem+json") === true &&
  Number(headers["retry-after"]) > 0 &&
  body.includes("Orders are closed")

const failure = (answer: Answer, closed: ReadonlyArray<Span>) => {
  if (answer.status === 0) return `no answer: ${answer.body}`
  if (answer.status < 500) return undefined
  if (!isClosed(answer)) return `an error that is not the customer's: ${answer.body}`
  return closed.some(({ from, to }) => answer.ended >= from && answer.began <= to)
    ? undefined
    : `orders are closed although Redis is there, from ${sinceLast(answer.began, closed)} ms on`
}

// For how long Redis had been there.
const sinceLast = (began: number, closed: ReadonlyArray<Span>): number =>
  Math.round(Math.min(...closed.map(({ to }) => began - to).filter((since) => since > 0)))

interface Session {
  readonly customer: string
  readonly beganBy: number
  /** When its end was asked for first, and when that was acknowledged first. */
  readonly leaving: number
  readonly left: number
}

const sessionsOf = (history: ReadonlyArray<Answer>): ReadonlyMap<string, Session> => {
  const sessions = new Map<string, Session>()
  for (const { customer, ended, given } of history) {
    if (given !== undefined) sessions.set(given, { customer, beganBy: ended, leaving: Infinity, left: Infinity })
  }
  for (const { began, ended, route, session: name = "", status } of history) {
    const session = sessions.get(name)
    if (route !== "POST /sign-out" || session === undefined) continue
    const left = status === 204 ? Math.min(session.left, ended) : session.left
    sessions.set(name, { ...session, leaving: Math.min(session.leaving, began), left })
  }
  return sessions
}

const own = ["GET /me", "GET /orders", "POST /orders"]

// What was asked for before an acknowledgement came may be answered either way.
const admission = (answer: Answer, sessions: ReadonlyMap<string, Session>) => {
  if (!own.includes(answer.route) || answer.status === 0) return undefined
  const isAdmitted = answer.status !== 401
  const session = sessions.get(answer.session ?? "")
  if (session === undefined) return isAdmitted ? "nobody is signed in" : undefined
  if (isAdmitted && answer.began >= session.left) return "the sign-out was acknowledged before"
  if (!isAdmitted && answer.began >= session.beganBy && answer.ended <= session.leaving)
    return "the customer is signed in"
  if (
    answer.route === "GET /me" &&
    answer.status === 200 &&
    !answer.body.includes(`"customer":"${session.customer}"`)
  ) {
    return "this is somebody else's session"
  }
  return undefined
}

const Numbered = Schema.fromJsonString(Schema.Struct({ number: Schema.Int }))
const numberOf = Schema.decodeUnknownSync(Numbered)
const numbersOf = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Schema.Struct({ number: Schema.Int }))))

interface Order {
  readonly customer: string
  readonly number: number
  readonly placedBy: number
}

const ordersOf = (history: ReadonlyArray<Answer>): ReadonlyArray<Order> =>
  history
    .filter(({ route, status }) => route === "POST /orders" && status === 200)
    .map(({ body, customer, ended }) => ({ customer, number: numberOf(body).number, placedBy: ended }))

const listing = (answer: Answer, orders: ReadonlyArray<Order>) => {
  if (answer.route !== "GET /orders" || answer.status !== 200) return undefined
  const listed = numbersOf(answer.body).map(({ number }) => number)
  const placed = orders.filter(({ customer }) => customer === answer.customer)
  const missing = placed.filter(({ number, placedBy }) => placedBy <= answer.began && !listed.includes(number))
  if (missing.length > 0) return `the order ${missing[0]?.number} is missing`
  const foreign = listed.filter((listed) => !placed.some(({ number }) => number === listed))
  return foreign.length > 0 ? `the order ${foreign[0]} was never acknowledged` : undefined
}
