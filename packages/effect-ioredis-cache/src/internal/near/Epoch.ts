/**
 * An unbroken stretch of time in which a link tells of every write of some keys: the keys of one
 * slot, or all keys of a server that owns every one.
 *
 * **Details**
 *
 * A value may be answered from memory only in the epoch in which it was read from Redis. An epoch
 * ends with its link, when the server forgets everything, when its history changes, when a data
 * connection reaches another server than the link, and when its slot moves. It does not come back:
 * what follows is another epoch.
 */
export class Epoch {
  readonly lease: Lease
  isOver = false

  constructor(lease: Lease) {
    this.lease = lease
  }
}

/** Holds what is known of a link at the moment: how long its silence is no news. */
export class Lease {
  /** Says when the last PING that was answered was sent, in monotonic milliseconds. */
  askedAt = Number.NEGATIVE_INFINITY
  /** Says by how much the wall clock was ahead of the monotonic one at that time. */
  wallAhead = 0
  /** Says whether every data connection of the node reaches the process that the link hears. */
  isOfData = false

  /** The server has answered a PING that was sent at that time. */
  renew(askedAt: number, wallAhead: number): void {
    this.askedAt = askedAt
    this.wallAhead = wallAhead
  }
}

/**
 * Decides whether memory may answer with a value of that epoch now. Times are in milliseconds.
 *
 * **Details**
 *
 * An answered PING proves that every write was told that was acknowledged before the PING was sent.
 * So a value that was replaced `maxStaleness` ago or earlier is told by then, or it is too late for
 * the lease.
 *
 * A machine that was asleep, or whose clock was set, may not trust its monotonic time: where the
 * two clocks have jumped apart, only the next PING gives a new lease.
 */
export const mayAnswer = (
  { isOver, lease }: Epoch,
  maxStaleness: number,
  monotonic: number,
  wallClock: number
): boolean =>
  !isOver &&
  lease.isOfData &&
  monotonic - lease.askedAt < maxStaleness &&
  Math.abs(wallClock - monotonic - lease.wallAhead) <= longestJump

const longestJump = 1000
