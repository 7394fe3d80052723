import { Effect } from "effect"
import type { RedisConnection, RedisConnector } from "effect-ioredis"

/** What a test does to one connection: it may hold back what the server has said, and let it come later. */
export class HeldConnection {
  /** Whether it has subscribed, as links do. */
  isLink = false
  #isHeld = false
  readonly #waiting: Array<() => void> = []

  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    for (const tell of this.#waiting.splice(0)) tell()
  }

  /** What was held back never comes. */
  forget(): void {
    this.#waiting.length = 0
  }

  hear(tell: () => void): void {
    if (this.#isHeld) this.#waiting.push(tell)
    else tell()
  }
}

/** The connector of a test, with what it has connected so far, oldest first. */
export interface HeldConnections {
  readonly connector: RedisConnector.RedisConnector["Service"]
  readonly connections: ReadonlyArray<HeldConnection>
}

export const make = (inner: RedisConnector.RedisConnector["Service"]): HeldConnections => {
  const connections: Array<HeldConnection> = []
  return {
    connections,
    connector: {
      clock: inner.clock,
      connect: (address, login) =>
        Effect.map(inner.connect(address, login), (connection) => {
          const held = new HeldConnection()
          connections.push(held)
          return holding(connection, held)
        })
    }
  }
}

const holding = (
  connection: RedisConnection.RedisConnection,
  held: HeldConnection
): RedisConnection.RedisConnection => ({
  ...connection,
  submit: (command, onReply) => {
    if (command.name === "SUBSCRIBE") held.isLink = true
    connection.submit(command, (result) => held.hear(() => onReply(result)))
  },
  onPush: (listener) => connection.onPush((push) => held.hear(() => listener(push)))
})
