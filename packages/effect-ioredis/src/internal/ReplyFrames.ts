/**
 * Follows where each reply of a RESP2 stream begins and ends, without looking into values, and says
 * how much of it a decoder may be given.
 *
 * **Details**
 *
 * ioredis' decoder believes what it reads: it takes `$5x` for a length of 122 and gives one caller
 * the replies of the next ones, takes RESP3 pushes on a RESP2 connection as answers to commands,
 * and throws on the next tick, where nobody can catch it, when a nil comes that nobody asked for. A
 * value that comes unasked is dropped, and every later caller gets the reply of the one before. So
 * it is only given what passes here: whole RESP2, and no more replies than commands are in flight.
 *
 * Headers alone are read and bodies are skipped, so that a reply of 100 bytes costs about ten
 * steps.
 */
export class ReplyFrames {
  /** Why nothing more can be taken, once that is so. It quotes nothing that was received. */
  fault: string | undefined
  /** Counts the replies that have come whole. */
  replies = 0

  readonly #maxBytes: number
  #phase: Phase = phases.type
  // What is still missing of each array that is open, the innermost last.
  readonly #missing: Array<number> = []
  // What the current reply takes, counted when it is announced rather than when it has come.
  #bytes = 0
  #type = 0
  #number = 0
  #digits = 0
  #sign = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /**
   * Tells how many bytes of the chunk may be decoded, when so many commands were sent by now. It is
   * less than all of them only together with a `fault`, and then ends with the last reply that is
   * whole.
   */
  accept(chunk: Uint8Array, sent: number): number {
    if (this.fault !== undefined) return 0
    const end = chunk.length
    let whole = 0
    let at = 0
    while (at < end) {
      if (this.#phase === phases.body) {
        at = this.#skipBody(at, end)
        continue
      }
      if (this.#phase === phases.type && this.#missing.length === 0) {
        if (this.replies === sent) return this.#refuse("Redis sent a reply that nobody asked for", whole)
        this.#bytes = 0
      }
      if (this.#step(chunk[at++] ?? 0)) {
        this.replies++
        whole = at
      } else if (this.fault !== undefined) return whole
    }
    return end
  }

  #skipBody(at: number, end: number): number {
    const skipped = Math.min(this.#number, end - at)
    this.#number -= skipped
    if (this.#number === 0) this.#phase = phases.bodyReturn
    return at + skipped
  }

  // Takes one byte, and says whether a reply is whole with it.
  #step(byte: number): boolean {
    switch (this.#phase) {
      case phases.type:
        return this.#begin(byte)
      case phases.text:
        if (byte === carriageReturn) this.#phase = phases.lineFeed
        else this.#charge(1)
        return false
      case phases.number:
        return this.#digit(byte)
      case phases.lineFeed:
        return byte === lineFeed ? this.#endLine() : this.#malformed()
      case phases.bodyReturn:
        this.#phase = phases.bodyFeed
        return byte === carriageReturn ? false : this.#malformed()
      default:
        return byte === lineFeed ? this.#close() : this.#malformed()
    }
  }

  #begin(type: number): boolean {
    this.#type = type
    if (type === simple || type === error) {
      this.#phase = phases.text
      return false
    }
    if (type !== integer && type !== bulk && type !== array) return this.#malformed()
    this.#phase = phases.number
    this.#number = 0
    this.#digits = 0
    this.#sign = 0
    return false
  }

  #digit(byte: number): boolean {
    if (byte >= zero && byte <= nine && this.#digits < maxDigits) {
      this.#number = this.#number * 10 + (byte - zero)
      this.#digits++
      return false
    }
    if (byte === carriageReturn && this.#digits > 0) {
      this.#phase = phases.lineFeed
      return false
    }
    const isSign = byte === minus || (byte === plus && this.#type === integer)
    if (!isSign || this.#digits > 0 || this.#sign !== 0) return this.#malformed()
    this.#sign = byte
    return false
  }

  #endLine(): boolean {
    if (this.#type === simple || this.#type === error || this.#type === integer) return this.#close()
    // The decoder skips four bytes for nil, whatever the number is.
    if (this.#sign !== 0) return this.#number === 1 && this.#digits === 1 ? this.#close() : this.#malformed()
    return this.#type === bulk ? this.#openBulk() : this.#openArray()
  }

  #openBulk(): boolean {
    this.#phase = this.#number === 0 ? phases.bodyReturn : phases.body
    return this.#charge(this.#number)
  }

  #openArray(): boolean {
    if (this.#number === 0) return this.#close()
    if (this.#missing.length === maxDepth) return this.#malformed()
    this.#missing.push(this.#number)
    this.#phase = phases.type
    // The decoder makes room for all items at once.
    return this.#charge(this.#number * bytesPerItem)
  }

  #charge(bytes: number): boolean {
    this.#bytes += bytes
    if (this.#bytes > this.#maxBytes) this.fault = `Redis sent a reply of more than ${this.#maxBytes} bytes`
    return false
  }

  // A value is whole, and with it each array of which it was the last item.
  #close(): boolean {
    this.#phase = phases.type
    while (this.#missing.length > 0) {
      const last = this.#missing.length - 1
      // There is one, for the length is not 0.
      const missing = (this.#missing[last] as number) - 1
      this.#missing[last] = missing
      if (missing > 0) return false
      this.#missing.pop()
    }
    return true
  }

  #malformed(): boolean {
    this.fault = "Redis sent something that is not RESP2"
    return false
  }

  #refuse(fault: string, whole: number): number {
    this.fault = fault
    return whole
  }
}

const phases = { type: 0, text: 1, number: 2, lineFeed: 3, body: 4, bodyReturn: 5, bodyFeed: 6 } as const
type Phase = (typeof phases)[keyof typeof phases]

const carriageReturn = 13
const lineFeed = 10
const plus = 43
const minus = 45
const zero = 48
const nine = 57
const simple = plus
const error = minus
const integer = 58
const bulk = 36
const array = 42

// 2^64 has twenty.
const maxDigits = 20

// Redis' own replies nest less than ten deep, and the decoder is recursive.
const maxDepth = 512

// A slot of the array and a small object in it.
const bytesPerItem = 16
