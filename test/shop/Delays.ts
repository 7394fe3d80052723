import type { Answer, Span } from "./History.ts"

/** The route that waits for the process alone, so that its delays are the machine's. */
export const alone = "GET /live"

/** How long an answer took, less what the machine was late by about then. */
const lessDelay = (answer: Answer, history: ReadonlyArray<Answer>): number => {
  const late = history
    .filter(({ began, ended, route }) => route === alone && ended >= answer.began - 100 && began <= answer.ended + 100)
    .reduce((most, { began, ended }) => Math.max(most, ended - began), 0)
  return Math.max(0, answer.ended - answer.began - late)
}

/** What took longest of that which was asked for in this time, what nineteen of twenty took at most, and how many there are. */
export const taken = (history: ReadonlyArray<Answer>, { from, to }: Span) => {
  const sorted = history
    .filter(({ began, route }) => began >= from && began < to && route !== alone)
    .map((answer) => ({ route: answer.route, millis: Math.round(lessDelay(answer, history)) }))
    .sort((one, other) => one.millis - other.millis)
  return {
    answers: sorted.length,
    most: sorted[Math.ceil(sorted.length * 0.95) - 1]?.millis ?? 0,
    slowest: sorted.at(-1) ?? { route: "none", millis: 0 }
  }
}
