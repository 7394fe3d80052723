import * as Fs from "node:fs"

/** One run of a task, as its process noted it. Times are milliseconds since the machine was started. */
export interface Run {
  readonly name: string
  readonly id: string
  readonly pid: number
  readonly attempt: number
  readonly began: number
  /** When and how it ended. A run that was killed did not. */
  ended: number | undefined
  how: "done" | "failed" | "died" | "left" | undefined
}

/** What was said to a producer. */
export interface Offer {
  readonly id: string
  readonly answer: string
  readonly took: number
  readonly at: number
}

/** What the diary says. */
export interface Entries {
  readonly runs: ReadonlyArray<Run>
  readonly offers: ReadonlyArray<Offer>
  /** When each process began to work. */
  readonly works: ReadonlyMap<number, number>
  /** How many offers went out later, and how many never did; once its producer has ended. */
  readonly handedOver: { readonly replayed: number; readonly lost: number } | undefined
}

/** Reads a diary. There may be none yet. */
export const read = (path: string): Entries => parse(Fs.existsSync(path) ? Fs.readFileSync(path, "utf8") : "")

/** Reads lines of a diary. */
export const parse = (text: string): Entries => {
  const runs = new Map<string, Run>()
  const offers: Array<Offer> = []
  const works = new Map<number, number>()
  let handedOver: Entries["handedOver"]
  // The last one may be cut off.
  for (const line of text.slice(0, text.lastIndexOf("\n") + 1).split("\n")) {
    const [at = "", pid = "", word, ...rest] = line.split(" ")
    const millis = Number(at) / 1e6
    const [name = "", id = "", attempt = ""] = rest
    const run = runs.get(name)
    if (word === "began") {
      const how = { ended: undefined, how: undefined }
      runs.set(name, { name, id, pid: Number(pid), attempt: Number(attempt), began: millis, ...how })
    } else if (word === "offered") {
      offers.push({ id: name, answer: id, took: Number(attempt), at: millis })
    } else if (word === "works") {
      works.set(Number(pid), millis)
    } else if (word === "handed") {
      handedOver = { replayed: Number(id), lost: Number(attempt) }
    } else if (run !== undefined && (word === "done" || word === "failed" || word === "died" || word === "left")) {
      run.ended = millis
      run.how = word
    }
  }
  return { runs: [...runs.values()], offers, works, handedOver }
}
