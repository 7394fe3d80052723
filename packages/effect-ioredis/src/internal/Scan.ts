import { Effect, Exit, Option, Result, Stream } from "effect"
import type { Dispatch, Node, SendOptions, Session } from "../dispatch.ts"
import * as RedisCommand from "../RedisCommand.ts"
import * as RedisError from "../RedisError.ts"
import * as Replies from "./Replies.ts"

/** What a scan asks of a client. `version` grows whenever keys have other owners, which
 * `refresh` asks for. */
export type Scanned = Pick<Dispatch, "nodes" | "send"> & {
  readonly version?: () => number
  readonly refresh?: Effect.Effect<boolean>
}

/** Says which keys are given, and about how many a server looks at for one page. */
export interface Options {
  readonly match?: string | undefined
  readonly count?: number | undefined
}

/** How long each of its commands may take, and may wait. Default: as any command. */
export type Times = Pick<SendOptions, "timeout" | "waitToSend">

/**
 * The keys of every server, one server after the other.
 *
 * A cursor belongs to the data of the server that gave it. When the connection is lost or the
 * server may have other data, its scan begins anew, and that of all when keys have changed their
 * owners: SCAN may give a key twice, but none that was there all the time is left out.
 */
export const stream = (
  dispatch: Scanned,
  options: Options = {},
  times: Times = {}
): Stream.Stream<string, RedisError.RedisCommandError> =>
  Stream.suspend(() =>
    Stream.paginate(beginningOf(dispatch, 0), (page: Page) =>
      Effect.suspend(() => {
        const session = page.session ?? page.nodes[0]?.sessionFor("")
        if (session === undefined) return Effect.andThen(awaitSession(dispatch, options, times, page), beginAnew(page))
        if (page.session !== undefined && hasMoved(page.session, page)) return beginAnew(page)
        return Effect.catchIf(
          next(dispatch, session, options, times, page),
          () => !session.isOpen(),
          () => beginAnew(page)
        )
      })
    )
  )

interface Page {
  /** The servers whose keys are still to come, the present one first. */
  readonly nodes: ReadonlyArray<Node>
  readonly version: number
  readonly cursor: string
  readonly session: Session | undefined
  readonly generation: number
  readonly beginnings: number
}

const beginningOf = (dispatch: Scanned, beginnings: number): Page => ({
  nodes: dispatch.nodes(),
  version: dispatch.version?.() ?? 0,
  ...firstPage,
  beginnings
})

const firstPage = { cursor: "0", session: undefined, generation: 0 }

// A server that changes more often than this is not scanned to an end.
const mostBeginnings = 10

const moving = RedisError.connectionError("SCAN", "Reset", "unknown", new Error("The server changed again and again."))

const unknown = RedisError.connectionError("SCAN", "NotReady", "unknown", new Error("No server said who owns what."))

const hasMoved = (session: Session, { generation }: Page): boolean =>
  !session.isOpen() || session.node.generation() !== generation

const beginAnew = (page: Page): Effect.Effect<Step, RedisError.RedisCommandError> =>
  page.beginnings >= mostBeginnings
    ? Effect.fail(moving)
    : Effect.succeed([[], Option.some({ ...page, ...firstPage, beginnings: page.beginnings + 1 })])

// After the last key of a server. Where owners have changed meanwhile, a key may have gone from one
// that was still to come to one that was done. A client that sends nothing else is not told of it.
const nextNode = Effect.fnUntraced(function* (
  dispatch: Scanned,
  page: Page
): Effect.fn.Return<Option.Option<Page>, RedisError.RedisCommandError> {
  const nodes = page.nodes.slice(1)
  if (nodes.length > 0) return Option.some({ ...page, ...firstPage, nodes })
  const isKnown = yield* dispatch.refresh ?? Effect.succeed(true)
  if (!isKnown) return yield* unknown
  if ((dispatch.version?.() ?? 0) === page.version) return Option.none()
  return page.beginnings >= mostBeginnings ? yield* moving : Option.some(beginningOf(dispatch, page.beginnings + 1))
})

// Nobody knows which session answers, so the answer only shows that there is one. Where there are
// several servers, another one would answer.
const awaitSession = (
  dispatch: Scanned,
  options: Options,
  times: Times,
  page: Page
): Effect.Effect<unknown, RedisError.RedisCommandError> =>
  dispatch.nodes().length > 1
    ? Effect.fail(RedisError.connectionError("SCAN", "NotReady", "never"))
    : next(dispatch, undefined, options, times, page)

type Step = readonly [keys: ReadonlyArray<string>, next: Option.Option<Page>]

const next = (
  dispatch: Scanned,
  session: Session | undefined,
  { count = 100, match }: Options,
  times: Times,
  page: Page
): Effect.Effect<Step, RedisError.RedisCommandError> => {
  const matching = match === undefined ? [] : ["MATCH", match]
  const command = RedisCommand.make("SCAN", [page.cursor, "COUNT", count, ...matching], { decode: Replies.scanPage })
  const generation = session?.node.generation() ?? 0
  return Effect.flatMap(
    Effect.callback<RedisCommand.Reply, RedisError.RedisCommandError>((resume) => {
      const cancel = dispatch.send(command, { ...times, session }, (result) =>
        resume(Result.isSuccess(result) ? Exit.succeed(result.success) : Exit.fail(result.failure))
      )
      return Effect.sync(cancel)
    }),
    (reply): Effect.Effect<Step, RedisError.RedisCommandError> => {
      if (session !== undefined && session.node.generation() !== generation) return beginAnew(page)
      const decoded = Replies.decode(command, reply)
      if (Result.isFailure(decoded)) return Effect.fail(decoded.failure)
      const { keys, next } = decoded.success
      const rest =
        next === "0"
          ? nextNode(dispatch, page)
          : Effect.succeed(Option.some({ ...page, cursor: next, session, generation }))
      return Effect.map(rest, (rest) => [keys, rest])
    }
  )
}
