import { type Duration, Latch } from "effect"
import type { Fault } from "../../testing/Fault.ts"
import type { Tally } from "../Tally.ts"
import type { FaultyConnection } from "./FaultyConnection.ts"

/** Names what can befall a command or a login, in the words of the simulation. */
export type Kind = Extract<Fault["_tag"], "Delay" | "Mute" | "Refuse" | "Cut">

/** What befalls which share of commands and logins while the faults are on. */
export interface Settings {
  readonly rate: number
  readonly kinds: ReadonlyArray<Kind>
  readonly delay: Duration.Duration
}

/** What can befall each. A server that has let a client in refuses it no more. */
const ofLogins: ReadonlySet<Kind> = new Set(["Delay", "Mute", "Refuse", "Cut"])
const ofCommands: ReadonlySet<Kind> = new Set(["Delay", "Mute", "Cut"])

/**
 * Says whether there are faults, and chooses whom they befall. It knows the connections that are
 * open, for each has a boolean of its own to ask.
 */
export class FaultSwitch {
  settings: Settings
  readonly #random: { nextDoubleUnsafe(): number }
  readonly #tallies: { readonly [kind in Kind]: Tally }
  readonly #connections = new Set<FaultyConnection>()
  readonly #whenOff = Latch.makeUnsafe(true)
  #isOn = false

  constructor(settings: Settings, random: { nextDoubleUnsafe(): number }, tallies: { readonly [kind in Kind]: Tally }) {
    this.settings = settings
    this.#random = random
    this.#tallies = tallies
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** Waits until there are no faults. */
  get whenOff(): Latch.Latch["await"] {
    return this.#whenOff.await
  }

  turnOn(settings: Settings): void {
    this.settings = settings
    this.#isOn = true
    this.#whenOff.closeUnsafe()
    for (const connection of this.#connections) connection.begin()
  }

  /** What was held back comes at once, and all goes its ordinary way. */
  turnOff(): void {
    this.#isOn = false
    this.#whenOff.openUnsafe()
    for (const connection of Array.from(this.#connections)) connection.end()
  }

  add(connection: FaultyConnection): void {
    this.#connections.add(connection)
    if (this.#isOn) connection.begin()
  }

  remove(connection: FaultyConnection): void {
    this.#connections.delete(connection)
  }

  ofLogin(): Kind | undefined {
    return this.#isOn ? this.#draw(ofLogins) : undefined
  }

  ofCommand(): Kind | undefined {
    return this.#draw(ofCommands)
  }

  /** Tells one of two alike. */
  toss(): boolean {
    return this.#random.nextDoubleUnsafe() < 0.5
  }

  #draw(possible: ReadonlySet<Kind>): Kind | undefined {
    if (this.#random.nextDoubleUnsafe() >= this.settings.rate) return undefined
    const kinds = this.settings.kinds.filter((kind) => possible.has(kind))
    const kind = kinds[Math.floor(this.#random.nextDoubleUnsafe() * kinds.length)]
    if (kind !== undefined) this.#tallies[kind].count++
    return kind
  }
}
