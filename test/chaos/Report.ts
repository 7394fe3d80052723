import { count, type Figures, isOpenReadSlow } from "./Figures.ts"
import * as Page from "./Page.ts"
import type { Outcome, Settings } from "./Round.ts"
import * as Timeline from "./Timeline.ts"

/** What a round of chaos came to, as a page and as lines for a terminal. */

export interface Round {
  readonly outcomes: ReadonlyArray<Outcome>
  readonly figures: ReadonlyArray<Figures>
  readonly broken: ReadonlyArray<string>
  readonly settings: Settings
}

export const html = ({ broken, figures, outcomes, settings }: Round): string =>
  Page.make(
    "Chaos: the cache under faults of Redis",
    [
      "<h1>Chaos: the cache under faults of Redis</h1>",
      `<p class="dim">${settings.workers.length} processes with ${settings.fibers} fibers and ${count(settings.rate)} calls a second each, on a real redis-server through a proxy. Each has ${count(settings.ownKeys)} keys of its own, of which every acknowledged write is remembered and every read compared, a few more in a region that is cleared now and then, and shares ${count(settings.sharedKeys)} with the other. Patience ${count(settings.patienceMillis)} ms, reset timeout ${count(settings.resetTimeoutMillis)} ms.</p>`,
      verdict(broken),
      "<h2>Figures</h2>",
      table(figures, settings),
      `<p class="dim">A read is <i>contradicted</i> if it returned a value older than the last write of that key that had been acknowledged before the read began; a miss contradicts nothing. The <i>slowest</i> call is given as it was and with the event loop's own measured delay taken off, the time of its lookup left out in both. <i>p99 open</i>: of reads that began and ended with the circuit open, likewise, and judged where there were a hundred or more of them. Of the two processes the worse one counts. <i>Back</i>: from Redis answering again until a value came from it with the circuit closed. <i>Older in Redis</i>: keys of which Redis, asked past the cache in the end, held an older value than was acknowledged.</p>`,
      "<h2>Shared keys</h2>",
      sharedTable(figures),
      `<p class="dim"><i>Brought back</i>: reads of a value that the reading process had written or read before its last acknowledged write of that key; the only figures here that are promised, save where a fault's own description says that another's value may come back. <i>Older than own</i>: reads of a value older than a write that the reading process had had acknowledged itself. <i>Contested</i>: keys that both processes wrote after the fault began. <i>Lost</i>: of those, the keys that ended with an older value than the newest acknowledged one. <i>Disagree</i>: keys for which the two read different values in the end.</p>`,
      "<h2>Timelines</h2>",
      `<p class="dim">Each tenth of a second is a point; 0 s is when the fault began, and the fault is shaded. Breaker: ${Page.key("closed", "closed")}${Page.key("half", "half-open")}${Page.key("open", "open")}</p>`,
      ...outcomes.map((outcome) => section(outcome, settings))
    ].join("\n")
  )

const verdict = (broken: ReadonlyArray<string>): string =>
  broken.length === 0
    ? "<p><b>✔ Every promise was kept.</b></p>"
    : `<p><b>✘ Broken promises</b></p><ul>${broken.map((sentence) => `<li>${Page.escaped(sentence)}</li>`).join("")}</ul>`

const section = (outcome: Outcome, settings: Settings): string => {
  const charts = Timeline.make(outcome, settings)
  return [
    `<h2>${Page.escaped(outcome.fault.title)}</h2>`,
    `<p class="dim">${Page.escaped(outcome.fault.says)}</p>`,
    `<h3>Reads answered a second <span>${Page.key("redis", "by Redis")}${Page.key("memory", "by memory")}${Page.key("lookup", "by a lookup")}${Page.key("miss", "with a miss")}</span></h3>`,
    charts.answers,
    "<h3>Breaker</h3>",
    charts.breaker,
    `<h3>Time of calls, lookups left out <span>${Page.key("p99", "p99")}${Page.key("max", "slowest")}${Page.key("loop", "delay of the event loop")}</span></h3>`,
    charts.latency,
    `<h3>Write journal <span>${Page.key("journal", "entries")}</span></h3>`,
    charts.journal
  ].join("\n")
}

const table = (all: ReadonlyArray<Figures>, settings: Settings): string =>
  rows(
    [
      "fault",
      "lasted",
      "calls",
      "answered",
      "checked reads",
      "contradicted",
      "writes applied",
      "deferred",
      "clears applied",
      "deferred",
      "slowest, ms",
      "less loop delay",
      "p99 open, ms",
      "less loop delay",
      "back, ms",
      "journal max",
      "older in Redis",
      "loop delay max, ms"
    ],
    all.map((one) => [
      cell(Page.escaped(one.title)),
      cell(`${(one.faultMillis / 1000).toFixed(1)} s`),
      cell(count(one.calls)),
      cell(`${one.answeredPercent} %`, one.answered < one.calls),
      cell(count(one.checkedReads)),
      cell(count(one.contradicted), one.contradicted > 0),
      cell(count(one.writes.applied)),
      cell(count(one.writes.deferred)),
      cell(count(one.clears.applied)),
      cell(count(one.clears.deferred)),
      cell(number(one.slowest.raw)),
      cell(number(one.slowestLessDelay.lessDelay), one.slowestLessDelay.lessDelay > settings.patienceMillis + 250),
      cell(one.openReads === 0 ? "–" : number(one.openReadP99.raw)),
      cell(one.openReads === 0 ? "–" : number(one.openReadP99.lessDelay), isOpenReadSlow(one)),
      cell(
        one.backMillis === null ? "never" : number(one.backMillis),
        one.backMillis === null || one.backMillis > settings.resetTimeoutMillis + 1000 + one.loopDelayMax
      ),
      cell(count(one.journalMax)),
      cell(`${count(one.redisHoldsOlder)} of ${count(one.redisHolds)}`, one.redisHoldsOlder > 0),
      cell(number(one.loopDelayMax))
    ])
  )

const sharedTable = (all: ReadonlyArray<Figures>): string =>
  rows(
    ["fault", "reads", "brought back, own", "foreign", "older than own", "contested keys", "lost", "disagree"],
    all.map(({ shared, title }) =>
      [
        Page.escaped(title),
        ...[
          shared.reads,
          shared.broughtBack,
          shared.foreignBroughtBack,
          shared.olderThanOwn,
          shared.contested,
          shared.lost,
          shared.disagree
        ].map(count)
      ].map((text) => cell(text))
    )
  )

const rows = (head: ReadonlyArray<string>, body: ReadonlyArray<ReadonlyArray<string>>): string =>
  `<div class="scroll"><table><thead><tr>${head.map((name) => `<th>${name}</th>`).join("")}</tr></thead><tbody>${body
    .map((cells) => `<tr>${cells.join("")}</tr>`)
    .join("\n")}</tbody></table></div>`

const cell = (text: string, isBad = false): string => `<td${isBad ? ' class="bad"' : ""}>${text}</td>`

const number = (value: number): string => (value < 10 ? value.toFixed(1) : count(Math.round(value)))

const millis = (value: number): string => `${number(value)} ms`

export const text = (all: ReadonlyArray<Figures>): ReadonlyArray<string> => [
  line([
    "fault",
    "calls",
    "answered",
    "contradicted",
    "brought back",
    "slowest",
    "less delay",
    "p99 open",
    "back",
    "journal",
    "older"
  ]),
  ...all.map((one) =>
    line([
      one.title,
      count(one.calls),
      `${one.answeredPercent} %`,
      count(one.contradicted),
      `${count(one.shared.broughtBack)}+${count(one.shared.foreignBroughtBack)}`,
      millis(one.slowest.raw),
      millis(one.slowestLessDelay.lessDelay),
      one.openReads === 0 ? "–" : millis(one.openReadP99.raw),
      one.backMillis === null ? "never" : millis(one.backMillis),
      count(one.journalMax),
      count(one.redisHoldsOlder)
    ])
  )
]

const line = (cells: ReadonlyArray<string>): string =>
  cells
    .map((text, index) => (index === 0 ? text.padEnd(34) : text.padStart(index === 3 || index === 4 ? 14 : 11)))
    .join("")
