import * as Net from "node:net"
import { Data, Effect, type Scope } from "effect"
import * as FreePort from "./FreePort.ts"
import * as Resp from "./Resp.ts"

/**
 * A bad network between a client and a server, switched while it runs. A switch holds for open and for new connections
 * until the next one.
 */
export interface TcpProxy {
  /** Connect to 127.0.0.1 at this port. */
  readonly port: number
  /**
   * Forward both ways, at once. Connections that lost bytes while they were swallowed are cut, because no network
   * delivers what comes after a gap.
   */
  readonly pass: Effect.Effect<void>
  /** Forward both ways, every byte this much later. */
  readonly delay: (millis: number) => Effect.Effect<void>
  /** Hold everything back, both ways, and the ends of connections with it; `pass` delivers it. */
  readonly hold: Effect.Effect<void>
  /** Accept, swallow everything both ways, and never say that the other side is gone: a dead link. */
  readonly silent: Effect.Effect<void>
  /** The same for the connection that was opened last, until it ends; the others are not affected. */
  readonly silentOne: Effect.Effect<void>
  /** Requests reach the server, replies are swallowed. */
  readonly dropReplies: Effect.Effect<void>
  /**
   * What the connections of now send from here on reaches the server this much later, also when the client has hung up
   * meanwhile, as from the buffers of a network or of a frozen server. Later connections are not affected.
   */
  readonly late: (millis: number) => Effect.Effect<void>
  /** Each request reaches the server, then its connection is cut before the reply. */
  readonly cutAfterRequest: Effect.Effect<void>
  /** The same for the next request only; after it, the proxy passes. */
  readonly cutAfterNextRequest: Effect.Effect<void>
  /** Destroys every open connection. */
  readonly cut: Effect.Effect<void>
  /** Stop listening: new connections are refused, open ones stay. */
  readonly refuse: Effect.Effect<void>
  /** Listen again, on the same port. */
  readonly listen: Effect.Effect<void, TcpProxyError>
  readonly stats: Effect.Effect<Stats>
  /** The connections that are open now, the oldest first, each with faults of its own. */
  readonly connections: Effect.Effect<ReadonlyArray<Connection>>
}

/** One client's connection through the proxy. Its own fault holds until it is closed, whatever the proxy is switched to. */
export interface Connection {
  /** The port that the server sees it come from, as in CLIENT LIST. */
  readonly port: () => number | undefined
  /** Requests reach the server, replies are swallowed. */
  readonly mute: Effect.Effect<void>
  /** Nothing goes either way, as if the other side were stopped. */
  readonly freeze: Effect.Effect<void>
  /** What a `freeze` has held back goes on. */
  readonly thaw: Effect.Effect<void>
  /** Ends it at once by RST. */
  readonly reset: Effect.Effect<void>
  /** Keeps from now on what the client sends over it. */
  readonly listenIn: Effect.Effect<void>
  /** What the client sent since it is listened to. */
  readonly sent: () => string
}

export interface Stats {
  /** Connections accepted so far, and open now. */
  readonly connections: number
  readonly open: number
  /** Commands that reached the server whole (in RESP; nothing is counted under TLS), and bytes forwarded. */
  readonly commands: number
  readonly requestBytes: number
  readonly replyBytes: number
  /** Bytes of replies that were swallowed. */
  readonly droppedBytes: number
}

export class TcpProxyError extends Data.TaggedError("TcpProxyError")<{ readonly message: string }> {}

/** A proxy to a port of 127.0.0.1, gone with its scope. */
export const make = Effect.fnUntraced(function* (
  targetPort: number
): Effect.fn.Return<TcpProxy, TcpProxyError | FreePort.FreePortError, Scope.Scope> {
  const port = yield* FreePort.make
  const links = new Set<Link>()
  const state: State = {
    mode: "Pass",
    delay: 0,
    connections: 0,
    commands: 0,
    requestBytes: 0,
    replyBytes: 0,
    droppedBytes: 0
  }
  let server: Net.Server | undefined

  const listen = Effect.callback<void, TcpProxyError>((resume) => {
    if (server !== undefined) return resume(Effect.void)
    const created = Net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      state.connections++
      const link: Link = makeLink(client, targetPort, state, () => links.delete(link))
      links.add(link)
    })
    created.once("error", (error) => {
      server = undefined
      resume(Effect.fail(new TcpProxyError({ message: error.message })))
    })
    server = created.listen({ host: "127.0.0.1", port, exclusive: true }, () => resume(Effect.void))
  })
  const refuse = Effect.sync(() => {
    server?.close()
    server = undefined
  })
  const cut = Effect.sync(() => {
    for (const link of links) link.destroy()
  })
  const change = (mode: Mode, delay = 0) =>
    Effect.sync(() => {
      state.mode = mode
      state.delay = delay
      for (const link of links) link.changed()
    })

  yield* Effect.addFinalizer(() => Effect.andThen(refuse, cut))
  yield* listen
  const proxy: TcpProxy = {
    port,
    pass: change("Pass"),
    delay: (millis) => change("Pass", millis),
    hold: change("Hold"),
    silent: change("Silent"),
    silentOne: Effect.sync(() => Array.from(links).at(-1)?.silence()),
    dropReplies: change("DropReplies"),
    late: (millis) =>
      Effect.sync(() => {
        for (const link of links) link.late(millis)
      }),
    cutAfterRequest: change("CutAfterRequest"),
    cutAfterNextRequest: change("CutAfterNextRequest"),
    cut,
    refuse,
    listen,
    stats: Effect.sync(() => ({
      connections: state.connections,
      open: Array.from(links).filter((link) => link.isOpen()).length,
      commands: state.commands,
      requestBytes: state.requestBytes,
      replyBytes: state.replyBytes,
      droppedBytes: state.droppedBytes
    })),
    connections: Effect.sync(() =>
      Array.from(links)
        .filter((link) => link.isOpen())
        .map(connectionOf)
    )
  }
  return proxy
})

type Mode = "Pass" | "Hold" | "Silent" | "DropReplies" | "CutAfterRequest" | "CutAfterNextRequest"

interface State {
  mode: Mode
  delay: number
  connections: number
  commands: number
  requestBytes: number
  replyBytes: number
  droppedBytes: number
}

const connectionOf = (link: Link): Connection => ({
  port: link.port,
  mute: Effect.sync(() => link.fail("DropReplies")),
  freeze: Effect.sync(() => link.fail("Hold")),
  thaw: Effect.sync(() => link.fail("Pass")),
  reset: Effect.sync(() => link.reset()),
  listenIn: Effect.sync(() => link.listenIn()),
  sent: link.sent
})

/** One client's connection and the one to the server behind it. */
interface Link {
  readonly port: () => number | undefined
  readonly changed: () => void
  readonly fail: (mode: Mode) => void
  readonly reset: () => void
  readonly listenIn: () => void
  readonly sent: () => string
  readonly late: (millis: number) => void
  readonly silence: () => void
  readonly destroy: () => void
  readonly isOpen: () => boolean
}

const makeLink = (client: Net.Socket, targetPort: number, shared: State, onClosed: () => void): Link => {
  let own: Mode | undefined
  let sent: string | undefined
  const state = {
    get mode() {
      return own ?? shared.mode
    },
    get delay() {
      return shared.delay
    }
  }
  const upstream = Net.connect({ host: "127.0.0.1", port: targetPort, allowHalfOpen: true, noDelay: true })
  const counter = Resp.makeCommandCounter()
  // Bytes or the news of an end were swallowed.
  let lost = false
  // A request, or a part of one, went out that is to be cut off before its reply.
  let doomed = false
  let cutting = false
  let silent = false
  let lateness = 0
  const lateTimers = new Set<NodeJS.Timeout>()
  const sendLate = (chunk: Buffer): void => {
    const timer = setTimeout(() => {
      lateTimers.delete(timer)
      upstream.write(chunk)
      if (lateTimers.size === 0 && client.destroyed) upstream.end()
    }, lateness)
    lateTimers.add(timer)
  }

  const destroy = () => {
    for (const timer of lateTimers) clearTimeout(timer)
    lateTimers.clear()
    requests.clear()
    replies.clear()
    client.destroy()
    upstream.destroy()
    onClosed()
  }
  // The client is gone; what it sent still has to be executed, so the server sees the end only after it, and whatever it
  // answers is read: an unread reply would make the kernel reset the connection under it.
  const cutClient = () => {
    cutting = true
    replies.clear()
    client.destroy()
    upstream.end()
  }

  const requests = makeLane(state, {
    deliver: (chunk) => {
      const before = counter.commands()
      counter.push(chunk)
      shared.commands += counter.commands() - before
      shared.requestBytes += chunk.length
      upstream.write(chunk)
      doomed = state.mode === "CutAfterRequest" || state.mode === "CutAfterNextRequest"
      if (doomed && counter.boundary()) {
        if (state.mode === "CutAfterNextRequest") shared.mode = "Pass"
        cutClient()
      }
    },
    end: () => upstream.end()
  })
  const replies = makeLane(state, {
    deliver: (chunk) => {
      shared.replyBytes += chunk.length
      client.write(chunk)
    },
    end: () => client.end()
  })

  client.on("data", (chunk: Buffer) => {
    if (cutting || silent) return
    if (sent !== undefined) sent += chunk.toString("latin1")
    if (lateness > 0) sendLate(chunk)
    else if (state.mode === "Silent") lost = true
    else requests.push(chunk)
  })
  upstream.on("data", (chunk: Buffer) => {
    if (cutting || silent) return
    if (doomed || state.mode === "Silent" || state.mode === "DropReplies") {
      lost = true
      shared.droppedBytes += chunk.length
    } else replies.push(chunk)
  })
  client.on("end", () => {
    if (lateTimers.size === 0) requests.end()
  })
  upstream.on("end", () => {
    if (cutting) upstream.destroy()
    else if (state.mode === "Silent") lost = true
    else replies.end()
  })
  client.on("close", () => {
    if (!cutting && lateTimers.size === 0) destroy()
  })
  upstream.on("close", () => {
    if (cutting) onClosed()
    else if (state.mode === "Silent") lost = true
    else if (state.mode === "Hold" || !replies.empty()) replies.end()
    else destroy()
  })
  // "close" follows, and says it all.
  client.on("error", () => {})
  upstream.on("error", () => {})

  return {
    port: () => upstream.localPort,
    changed: () => {
      if (state.mode === "Pass" && lost) return destroy()
      requests.pump()
      replies.pump()
    },
    late: (millis) => {
      lateness = millis
    },
    silence: () => {
      silent = true
    },
    fail: (mode) => {
      own = mode
      // What a server cannot send piles up there.
      if (mode === "Hold") upstream.pause()
      else upstream.resume()
      requests.pump()
      replies.pump()
    },
    reset: () => {
      own = "Hold"
      client.resetAndDestroy()
      destroy()
    },
    listenIn: () => {
      sent ??= ""
    },
    sent: () => sent ?? "",
    destroy,
    isOpen: () => !client.destroyed
  }
}

/** One direction: chunks in order, each held until it is due. */
const makeLane = (
  state: Pick<State, "mode" | "delay">,
  to: { readonly deliver: (chunk: Buffer) => void; readonly end: () => void }
): {
  readonly push: (chunk: Buffer) => void
  readonly end: () => void
  readonly pump: () => void
  readonly clear: () => void
  readonly empty: () => boolean
} => {
  const queue: Array<{ readonly chunk: Buffer | undefined; readonly due: number }> = []
  let timer: NodeJS.Timeout | undefined

  const pump = () => {
    clearTimeout(timer)
    timer = undefined
    while (state.mode !== "Hold") {
      const head = queue[0]
      if (head === undefined) return
      const wait = state.delay === 0 ? 0 : head.due - performance.now()
      if (wait > 0) {
        timer = setTimeout(pump, Math.ceil(wait))
        return
      }
      queue.shift()
      if (head.chunk === undefined) to.end()
      else to.deliver(head.chunk)
    }
  }
  const push = (chunk: Buffer | undefined) => {
    queue.push({ chunk, due: performance.now() + state.delay })
    if (timer === undefined) pump()
  }
  return {
    push,
    end: () => push(undefined),
    pump,
    clear: () => {
      clearTimeout(timer)
      queue.length = 0
    },
    empty: () => queue.length === 0
  }
}
