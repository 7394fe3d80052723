/** The replication id of data that have no earlier history. */
export const noReplid = "0".repeat(40)

/**
 * Says how long a master that lost its last replica keeps its replication backlog: Redis' own
 * default.
 */
const backlogMillis = 3_600_000

/**
 * Describes what a server's data descend from, as `INFO` shows it, and how each event changes it.
 *
 * It follows Redis 7.0: a master has no backlog before its first replica comes, and takes a new
 * replication id when that comes and when the backlog is dropped.
 */
export class History {
  readonly #random: () => number
  readonly #now: () => number
  runId: string
  role: "master" | "slave" = "master"
  replid: string
  replid2: string = noReplid
  offset = 0
  /** The offset up to which `replid2` is the history of these data, or -1. */
  secondOffset = -1
  #backlog = false
  #replicas = 0
  #aloneSince = 0

  constructor(random: () => number, now: () => number) {
    this.#random = random
    this.#now = now
    this.runId = makeId(random)
    this.replid = makeId(random)
  }

  get replicas(): number {
    return this.#replicas
  }

  get hasBacklog(): boolean {
    return this.#backlog
  }

  /** The process began anew. */
  restart(): void {
    this.runId = makeId(this.#random)
    this.role = "master"
    this.offset = 0
    this.#backlog = false
    this.#replicas = 0
    this.#begin()
  }

  /** A command that changed data was executed. */
  written(bytes: number): void {
    this.refresh()
    if (this.#backlog) this.offset += bytes
  }

  replicaAttached(): void {
    this.refresh()
    this.#replicas++
    if (this.#backlog) return
    this.#backlog = true
    this.#begin()
  }

  replicaDetached(): void {
    this.#replicas = Math.max(0, this.#replicas - 1)
    if (this.#replicas === 0) this.#aloneSince = this.#now()
  }

  /** Tells whether a replica with this history lacks nothing but what came later here. */
  continues(replica: History): boolean {
    if (!this.#backlog || replica.offset > this.offset) return false
    return replica.replid === this.replid || (replica.replid === this.replid2 && replica.offset < this.secondOffset)
  }

  /** It follows `master` from now on, whose data it has taken over. */
  follow(master: History, continued: boolean): void {
    this.role = "slave"
    this.#backlog = true
    if (!continued) this.#forgetSecond()
    else if (this.replid !== master.replid) this.#shift()
    this.replid = master.replid
    this.offset = master.offset
  }

  promote(): void {
    this.role = "master"
    this.#shift()
    this.replid = makeId(this.#random)
    if (this.#replicas === 0) this.#aloneSince = this.#now()
  }

  /** Drops the backlog when its time is over. */
  refresh(): void {
    if (this.role !== "master" || !this.#backlog || this.#replicas > 0) return
    if (this.#now() - this.#aloneSince < backlogMillis) return
    this.#backlog = false
    this.#begin()
  }

  #begin(): void {
    this.replid = makeId(this.#random)
    this.#forgetSecond()
  }

  #shift(): void {
    this.replid2 = this.replid
    this.secondOffset = this.offset + 1
  }

  #forgetSecond(): void {
    this.replid2 = noReplid
    this.secondOffset = -1
  }
}

export const makeId = (random: () => number): string =>
  Array.from({ length: 40 }, () => Math.floor(random() * 16).toString(16)).join("")
