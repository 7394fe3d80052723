import type { Redis } from "ioredis"
import type { Socket } from "node:net"

/**
 * Gathers what is sent in one tick, so that it leaves in one system call: without it, half as many
 * sets a second.
 *
 * It stands where the driver has a pipeline to write to. Texts are joined: a call takes
 * a tenth less processor time where the socket is given one long string than many short ones.
 */
export class Outgoing {
  readonly isPipeline = true
  readonly destination: { readonly redis: Redis }
  readonly #socket: Socket
  #isCorked = false
  #text = ""
  #arguments = 0

  constructor(redis: Redis, socket: Socket) {
    this.destination = { redis }
    this.#socket = socket
  }

  /**
   * Announces a command with so many arguments. Many commands leave before the tick ends, so that
   * Redis begins.
   */
  expect(count: number): void {
    this.#arguments += count
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#socket.cork()
      process.nextTick(this.#endTick)
    } else if (this.#arguments >= argumentsAtOnce) {
      this.#release()
      this.#socket.cork()
    }
  }

  write(data: string | Buffer): void {
    if (typeof data === "string" && this.#text.length + data.length <= longestText) {
      this.#text += data
      return
    }
    this.#writeText()
    this.#socket.write(data)
  }

  readonly #endTick = (): void => {
    this.#isCorked = false
    this.#release()
  }

  #release(): void {
    this.#arguments = 0
    this.#writeText()
    this.#socket.uncork()
  }

  #writeText(): void {
    const text = this.#text
    this.#text = ""
    // A socket that has ended meanwhile fails all that was sent on it.
    if (text !== "" && this.#socket.writable) this.#socket.write(text)
  }
}

// Arguments, not commands: four MGETs of 64 keys, or 64 SETs.
const argumentsAtOnce = 256

// In characters. What is longer gains nothing by being copied once more.
const longestText = 2 ** 16
