/**
 * Names the keys of a queue. They share a hash tag, so that one script may use them all on a
 * cluster.
 */
export interface QueueKeys {
  /** A hash of what is stored of each task that is not over, by its id. */
  readonly tasks: string
  /** Three lists of ids, by their priority: what may be begun. */
  readonly waiting: readonly [high: string, normal: string, low: string]
  /** A sorted set of ids, by when they may be begun. */
  readonly delayed: string
  /** A sorted set of ids that workers have, by when their leases lapse. */
  readonly leases: string
  /**
   * Since when workers were heard without a break, in which leases could be renewed and tasks
   * settled, and until when they are if no other is.
   */
  readonly heard: string
  /** A hash of how often each task was begun, and by which token whoever has it is known. */
  readonly attempts: string
  /** A sorted set of ids that nobody will try again, by when that was decided. */
  readonly dead: string
  /** A hash of why they are dead. */
  readonly causes: string
  /** A sorted set of ids of tasks that are over, by when each is forgotten. */
  readonly over: string
  /** A list that idle workers wait at: one element wakes one of them. */
  readonly wake: string
  /**
   * What the key of a worker's last call begins with: its name follows. It is for a reply that was
   * lost.
   */
  readonly calls: string
  /** Exists while nothing is handed out. */
  readonly paused: string
  /** A list of when the last tasks were begun that a rate limit counts, the latest first. */
  readonly rate: string
  /** A set of ids that were cancelled while a worker had them. */
  readonly cancelled: string
  /** A hash of how far each task is. */
  readonly progress: string
  /** What the key of a result begins with: the id follows. */
  readonly results: string
  /** What the key of a schedule begins with: its name follows. */
  readonly schedules: string
  /**
   * A shard channel on which ids are told of tasks that have ended, or are further than they were.
   */
  readonly told: string
}

/** The keys of the queue of a name, below a prefix. */
export const of = (prefix: string, queue: string): QueueKeys => {
  const base = `${prefix}:{${queue}}:`
  return {
    tasks: `${base}tasks`,
    waiting: [`${base}waiting:high`, `${base}waiting:normal`, `${base}waiting:low`],
    delayed: `${base}delayed`,
    leases: `${base}leases`,
    heard: `${base}heard`,
    attempts: `${base}attempts`,
    dead: `${base}dead`,
    causes: `${base}causes`,
    over: `${base}over`,
    wake: `${base}wake`,
    calls: `${base}call:`,
    paused: `${base}paused`,
    rate: `${base}rate`,
    cancelled: `${base}cancelled`,
    progress: `${base}progress`,
    results: `${base}result:`,
    schedules: `${base}schedule:`,
    told: `${base}told`
  }
}
