/**
 * What Redis may hold after an outage, row by row: the table that `pnpm test:replay` holds the cache
 * to.
 *
 * It was derived from the rules alone, before the first run and without a look at the code:
 *
 * - **What the outage leaves.** A frozen server and one that writes every command to disk come back
 *   with what they held ("intact"); one without persistence comes back empty ("gone"). What had been
 *   sent and not begun, a frozen server may still run when it goes on, and a killed one never does.
 *   Nothing else differs between the outages.
 * - **`"ifUnchanged"`** writes a deferred `set` where the key still holds what this process last knew
 *   there, or what this process itself sent since; else it unlinks the key. So an own `set` holds
 *   where data are intact. It is unlinked where the key is gone, was never there, was never seen by
 *   this process, or was `set` by a second process in the same outage: whoever replays first writes,
 *   and the other finds a stranger's value. After an own `remove` a key is known to be absent, so a
 *   `set` that follows in the same outage is unlinked too. A deferred `remove` unlinks whatever is
 *   there.
 * - **`"latest"`** keeps, of two, the one that was asked for later, whoever replays first. An absent
 *   key is written. The mark of a removal counts as later than every `set` before it, and is an absent key
 *   to readers. So what was asked for last holds, also where the data are gone.
 * - **`"invalidate"`** unlinks the key of every deferred `set` and `remove`.
 * - **`"overwrite"`** writes every deferred `set`: it is for one process alone, so where two write
 *   one key the last to replay wins, and either answer is allowed.
 * - **`touch`** is no `set`: it extends what it finds and changes no stamp and no time of writing, so
 *   it disturbs no other intent, in any mode. It extends an own deferred `set`, and does nothing to a
 *   deferred `remove`, to the mark of a removal or to an absent key. A `set` that follows a `touch` brings a
 *   life of its own. Where one process has a `set` and another a `touch`, both are replayed at once:
 *   the value is certain, and the life is either.
 * - **A command in flight when the server stopped** is deferred like the others, and Redis has run
 *   it, runs it late, or never. What it does is an own sending. So it decides nothing where the key
 *   holds what this process knew. Where the key is absent, or was not known, `"ifUnchanged"` unlinks
 *   a `set` that did not run, and leaves one that did: it is there already. Of a `set` that ran and
 *   was touched since, the longer life holds. A second process finds a stranger's value either way.
 * - **A command that was executed and not acknowledged** is one of these, of which it is certain that
 *   it ran.
 */

export const modes = ["ifUnchanged", "latest", "invalidate", "overwrite"] as const

/** What a region says of deferred writes. */
export type Mode = (typeof modes)[number]

/**
 * `Frozen` and `Durable` (killed with `appendfsync always`) leave the data intact; after `Empty`
 * (killed, no persistence) they are gone.
 */
export const outages = ["Frozen", "Durable", "Empty"] as const

export type Outage = (typeof outages)[number]

/**
 * What stands under a key: nothing that a reader sees, or a value, which is `before` or says who set
 * it, the first or the second time. A `+` says that it lives as long as a `touch` asked for, beyond
 * the life of a `set`.
 */
export type State = "absent" | `${"before" | "A1" | "A2" | "B1" | "B2"}${"" | "+"}`

/**
 * One process asks for one thing, at one of three times: `executed` by Redis just before it stops, with
 * the reply lost; `underWay` as it stops; or `deferred`, when the circuit is open.
 */
export interface Step {
  readonly by: "A" | "B"
  readonly does: "set" | "touch" | "remove"
  readonly how: "executed" | "underWay" | "deferred"
}

/**
 * What stood there before the outage: `known` was set by a third process and read by both, `own` was
 * set by A and read by B, `unknown` was set by a third process and read by neither, `nothing` was
 * never there.
 */
export type Prior = "known" | "own" | "unknown" | "nothing"

export interface Row {
  readonly name: string
  readonly prior: Prior
  readonly steps: ReadonlyArray<Step>
  /** The states that are allowed, by mode and outage. */
  readonly allowed: Readonly<Partial<Record<Mode, Allowed>>>
}

/** More than one only where two processes, or a process and the end of its session, were at it at once. */
export type Answer = ReadonlyArray<State>

export type Allowed = Readonly<Record<Outage, Answer>>

/** The answer of one cell; none where the row is not about that mode. */
export const answer = (row: Row, mode: Mode, outage: Outage): Answer | undefined => row.allowed[mode]?.[outage]

const allowed = (Frozen: Answer, Durable: Answer, Empty: Answer): Allowed => ({ Frozen, Durable, Empty })
const absent: Answer = ["absent"]
const nowhere = allowed(absent, absent, absent)
const always = (...states: Answer) => allowed(states, states, states)
const ifIntact = (...states: Answer) => allowed(states, states, absent)
/** What was in flight is there if it ran late, which a killed server cannot. */
const ifItRan = (...states: Answer) => allowed([...states, "absent"], absent, absent)

/** The same in every mode. */
const everyMode = (allowed: Allowed): Row["allowed"] => ({
  ifUnchanged: allowed,
  latest: allowed,
  invalidate: allowed,
  overwrite: allowed
})
const byMode = (ifUnchanged: Allowed, latest: Allowed, overwrite: Allowed): Row["allowed"] => ({
  ifUnchanged,
  latest,
  invalidate: nowhere,
  overwrite
})
const inLatest = (latest: Allowed): Row["allowed"] => ({ latest })

/** Reads `A set, B touch`. `A set!` is in flight as the server stops, `A set?` executed before. */
const row = (prior: Prior, steps: string, allowed: Row["allowed"], about = ""): Row => ({
  name: `${about}${steps === "" ? "nobody" : steps}`,
  prior,
  steps: steps === "" ? [] : steps.split(", ").map(stepOf),
  allowed
})

const stepOf = (text: string): Step => {
  const [by, does] = text.split(/[ !?]+/) as [Step["by"], Step["does"]] // every text is written below
  return { by, does, how: text.endsWith("!") ? "underWay" : text.endsWith("?") ? "executed" : "deferred" }
}

export const rows: ReadonlyArray<Row> = [
  row("known", "", everyMode(ifIntact("before"))),
  // A change of servers is verified, and costs no value that is not older than what was confirmed.
  row("own", "", everyMode(ifIntact("before")), "own: "),

  // One process.
  row("own", "A set", byMode(ifIntact("A1"), always("A1"), always("A1")), "own: "),
  row("known", "A set", byMode(ifIntact("A1"), always("A1"), always("A1"))),
  row("known", "A set, A set", byMode(ifIntact("A2"), always("A2"), always("A2"))),
  row("known", "A remove", everyMode(nowhere)),
  row("known", "A remove, A remove", everyMode(nowhere)),
  row("known", "A touch", everyMode(ifIntact("before+"))),
  row("known", "A touch, A touch", everyMode(ifIntact("before+"))),
  row("known", "A set, A remove", everyMode(nowhere)),
  row("known", "A remove, A set", byMode(nowhere, always("A1"), always("A1"))),
  row("known", "A set, A touch", byMode(ifIntact("A1+"), always("A1+"), always("A1+"))),
  row("known", "A touch, A set", byMode(ifIntact("A1"), always("A1"), always("A1"))),
  row("known", "A remove, A touch", everyMode(nowhere)),
  row("known", "A touch, A remove", everyMode(nowhere)),

  // Two processes, the second after the first.
  row("known", "A set, B set", byMode(nowhere, always("B1"), always("A1", "B1"))),
  row("known", "A set, A set, B set, B set", byMode(nowhere, always("B2"), always("A2", "B2"))),
  row("known", "A set, B set, A set", byMode(nowhere, always("A2"), always("A2", "B1"))),
  row("known", "B set, A set", byMode(nowhere, always("A1"), always("A1", "B1"))),
  row("known", "B set, A remove", byMode(nowhere, nowhere, always("absent", "B1"))),
  row("known", "B remove, A set", byMode(nowhere, always("A1"), always("absent", "A1"))),
  row("known", "A remove, B remove", everyMode(nowhere)),
  row("known", "A touch, B touch", everyMode(ifIntact("before+"))),
  row("known", "A touch, B touch, A touch, B touch", everyMode(ifIntact("before+"))),
  row("known", "A set, B remove", byMode(nowhere, nowhere, always("absent", "A1"))),
  row("known", "A remove, B set", byMode(nowhere, always("B1"), always("absent", "B1"))),
  row("known", "A set, B touch", byMode(ifIntact("A1", "A1+"), always("A1", "A1+"), always("A1", "A1+"))),
  row("known", "B touch, A set", byMode(ifIntact("A1", "A1+"), always("A1", "A1+"), always("A1", "A1+"))),
  row("known", "A remove, B touch", everyMode(nowhere)),
  row("known", "B touch, A remove", everyMode(nowhere)),

  // A key that was never there, and one that this process never saw.
  row("nothing", "A set", byMode(nowhere, always("A1"), always("A1")), "no value: "),
  row("nothing", "A remove", everyMode(nowhere), "no value: "),
  row("nothing", "A touch", everyMode(nowhere), "no value: "),
  row("nothing", "A set, A touch", byMode(nowhere, always("A1+"), always("A1+")), "no value: "),
  row("nothing", "A set, B set", byMode(nowhere, always("B1"), always("A1", "B1")), "no value: "),
  row("unknown", "A set", byMode(nowhere, always("A1"), always("A1")), "not seen: "),
  row("unknown", "A remove", everyMode(nowhere), "not seen: "),
  row("unknown", "A touch", everyMode(ifIntact("before+")), "not seen: "),

  // The value that stood there is A's own. It is later than nothing that is asked for here, so nothing differs.
  row("own", "A touch", everyMode(ifIntact("before+")), "own: "),
  row("own", "A remove", everyMode(nowhere), "own: "),
  row("own", "A remove, A set", byMode(nowhere, always("A1"), always("A1")), "own: "),
  row("own", "B set", byMode(ifIntact("B1"), always("B1"), always("B1")), "own: "),
  row("own", "B touch", everyMode(ifIntact("before+")), "own: "),
  row("own", "B remove", everyMode(nowhere), "own: "),
  row("own", "A set, B set", byMode(nowhere, always("B1"), always("A1", "B1")), "own: "),
  row("own", "A set!", byMode(ifIntact("A1"), always("A1"), always("A1")), "own: "),
  row("own", "A set?", byMode(ifIntact("A1"), always("A1"), always("A1")), "own: "),

  // Under way when the server stopped, one process: what ran is an own sending, and what did not leaves what A knew.
  row("known", "A set!", byMode(ifIntact("A1"), always("A1"), always("A1"))),
  row("known", "A remove!", everyMode(nowhere)),
  row("known", "A touch!", everyMode(ifIntact("before+"))),
  row("known", "A set!, A set", byMode(ifIntact("A2"), always("A2"), always("A2"))),
  row("known", "A set!, A set!", byMode(ifIntact("A2"), always("A2"), always("A2"))),
  row("known", "A set!, A remove", everyMode(nowhere)),
  row("known", "A set!, A remove!", everyMode(nowhere)),
  row("known", "A remove!, A set", byMode(nowhere, always("A1"), always("A1"))),
  // The touch lengthens the deferred set, whether that one has run or not.
  row("known", "A set!, A touch", byMode(ifIntact("A1+"), always("A1+"), always("A1+"))),
  // The life of the set is what was asked for last, and the doubt about the touch is settled before it.
  row("known", "A touch!, A set", byMode(ifIntact("A1"), always("A1"), always("A1"))),
  // Where the set ran it is found as its own; where it did not, the key is absent, or not what A knew.
  row("nothing", "A set!", byMode(ifItRan("A1"), always("A1"), always("A1")), "no value: "),
  row("unknown", "A set!", byMode(ifItRan("A1"), always("A1"), always("A1")), "not seen: "),
  row("known", "A remove!, A set!", byMode(ifItRan("A1"), always("A1"), always("A1"))),

  // Under way, and a second process: each finds a stranger's value, or an absent key, where the other came first.
  row("known", "A set!, B set", byMode(nowhere, always("B1"), always("A1", "B1"))),
  row("known", "A set!, B set!", byMode(nowhere, always("B1"), always("A1", "B1"))),
  row("nothing", "A set!, B set", byMode(nowhere, always("B1"), always("A1", "B1")), "no value: "),
  row("known", "A set!, B remove", byMode(nowhere, nowhere, always("absent", "A1"))),
  row("known", "A remove!, B set", byMode(nowhere, always("B1"), always("absent", "B1"))),
  row("known", "A set!, B touch", byMode(ifIntact("A1", "A1+"), always("A1", "A1+"), always("A1", "A1+"))),

  // Executed and not acknowledged, one process.
  row("known", "A set?", byMode(ifIntact("A1"), always("A1"), always("A1"))),
  row("known", "A remove?", everyMode(nowhere)),
  row("known", "A touch?", everyMode(ifIntact("before+"))),
  row("known", "A set?, A set", byMode(ifIntact("A2"), always("A2"), always("A2"))),
  row("known", "A set?, A remove", everyMode(nowhere)),
  row("known", "A remove?, A set", byMode(nowhere, always("A1"), always("A1"))),
  row("known", "A set?, A touch", byMode(ifIntact("A1+"), always("A1+"), always("A1+"))),
  row("known", "A touch?, A set", byMode(ifIntact("A1"), always("A1"), always("A1"))),
  row("nothing", "A set?", byMode(ifIntact("A1"), always("A1"), always("A1")), "no value: "),
  row("unknown", "A set?", byMode(ifIntact("A1"), always("A1"), always("A1")), "not seen: "),
  row("known", "A remove?, A set?", byMode(ifIntact("A1"), always("A1"), always("A1"))),

  // Executed and not acknowledged, and a second process.
  row("known", "A set?, B set", byMode(nowhere, always("B1"), always("A1", "B1"))),
  row("known", "A set?, B set?", byMode(nowhere, always("B1"), always("A1", "B1"))),
  row("nothing", "A set?, B set", byMode(nowhere, always("B1"), always("A1", "B1")), "no value: "),
  row("known", "A set?, B remove", byMode(nowhere, nowhere, always("absent", "A1"))),
  row("known", "A remove?, B set", byMode(nowhere, always("B1"), always("absent", "B1"))),
  // The value is there already, so the replay of the set writes nothing, and only the touch changes the life.
  row(
    "known",
    "A set?, B touch",
    byMode(ifIntact("A1+"), allowed(["A1+"], ["A1+"], ["A1", "A1+"]), always("A1", "A1+"))
  ),

  // Sessions: signed in is a set, read through the outage is a touch, signed out is a remove.
  row("nothing", "A set, A touch, B touch", inLatest(always("A1+")), "session: "),
  row("nothing", "A set, A touch, B touch, A remove", inLatest(nowhere), "session: "),
  row("nothing", "A set, A touch, B touch, B remove", inLatest(nowhere), "session: "),
  row("nothing", "A set!, B touch, A touch", inLatest(always("A1+")), "session: "),
  row("nothing", "A set!, B touch, B remove", inLatest(nowhere), "session: "),
  row("nothing", "A set?, B touch, B remove", inLatest(nowhere), "session: "),
  row("known", "A touch, B touch, A remove", inLatest(nowhere), "session: "),
  row("known", "A touch, B remove, A touch", inLatest(nowhere), "session: "),
  row("nothing", "A set, A touch, A remove", inLatest(nowhere), "session: "),
  row("nothing", "A set, B remove", inLatest(nowhere), "session: "),
  row("known", "A remove, A set, B touch", inLatest(always("A1", "A1+")), "session: "),
  row("known", "A remove, B touch, B set", inLatest(always("B1")), "session: ")
]

/** The rows that are about a mode. */
export const rowsOf = (mode: Mode): ReadonlyArray<Row> => rows.filter(({ allowed }) => allowed[mode] !== undefined)
