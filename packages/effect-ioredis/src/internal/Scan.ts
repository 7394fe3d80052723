import { Effect, Exit, Option, Result, Stream } from "effect"
import type { Dispatch, Session } from "../dispatch.ts"
import * as RedisCommand from "../RedisCommand.ts"
import * as RedisError from "../RedisError.ts"
import * as Replies from "./Replies.ts"

/**
 * The keys of every server.
 *
 * A cursor belongs to the data of the server that gave it. When the connection is lost or the
 * server may have other data, the scan begins anew: SCAN may give a key twice, but none that was
 * there all the time is left out.
 */
export const stream = (
  dispatch: Dispatch,
  options: { readonly match?: string | undefined; readonly count?: number | undefined } = {}
): Stream.Stream<string, RedisError.RedisCommandError> =>
  Stream.paginate(beginning, (page: Page) =>
    Effect.suspend(() => {
      const session = page.session ?? dispatch.nodes()[0]?.sessionFor("")
      // Nobody knows which session answers, so the answer only shows that there is one.
      if (session === undefined) return Effect.andThen(next(dispatch, session, options, page), beginAnew(page))
      if (page.session !== undefined && hasMoved(page.session, page)) return beginAnew(page)
      return Effect.catchIf(
        next(dispatch, session, options, page),
        () => !session.isOpen(),
        () => beginAnew(page)
      )
    })
  )

interface Page {
  readonly cursor: string
  readonly session: Session | undefined
  readonly generation: number
  readonly beginnings: number
}

const beginning: Page = { cursor: "0", session: undefined, generation: 0, beginnings: 0 }

// A server that changes more often than this is not scanned to an end.
const mostBeginnings = 10

const moving = RedisError.connectionError("SCAN", "Reset", "unknown", new Error("The server changed again and again."))

const hasMoved = (session: Session, { generation }: Page): boolean =>
  !session.isOpen() || session.node.generation() !== generation

const beginAnew = ({ beginnings }: Page): Effect.Effect<Step, RedisError.RedisCommandError> =>
  beginnings >= mostBeginnings
    ? Effect.fail(moving)
    : Effect.succeed([[], Option.some({ ...beginning, beginnings: beginnings + 1 })])

type Step = readonly [keys: ReadonlyArray<string>, next: Option.Option<Page>]

const next = (
  dispatch: Dispatch,
  session: Session | undefined,
  { count = 100, match }: { readonly match?: string | undefined; readonly count?: number | undefined },
  page: Page
): Effect.Effect<Step, RedisError.RedisCommandError> => {
  const matching = match === undefined ? [] : ["MATCH", match]
  const command = RedisCommand.make("SCAN", [page.cursor, "COUNT", count, ...matching], { decode: Replies.scanPage })
  const generation = session?.node.generation() ?? 0
  return Effect.flatMap(
    Effect.callback<RedisCommand.Reply, RedisError.RedisCommandError>((resume) => {
      const cancel = dispatch.send(command, { session }, (result) =>
        resume(Result.isSuccess(result) ? Exit.succeed(result.success) : Exit.fail(result.failure))
      )
      return Effect.sync(cancel)
    }),
    (reply): Effect.Effect<Step, RedisError.RedisCommandError> => {
      if (session !== undefined && session.node.generation() !== generation) return beginAnew(page)
      const decoded = Replies.decode(command, reply)
      if (Result.isFailure(decoded)) return Effect.fail(decoded.failure)
      const { keys, next } = decoded.success
      const rest = next === "0" ? Option.none() : Option.some({ ...page, cursor: next, session, generation })
      return Effect.succeed([keys, rest])
    }
  )
}
