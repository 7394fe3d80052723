import { Effect, Exit, Option, Stream } from "effect"
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
      if (session === undefined) return send(dispatch, undefined, page.cursor, options, page)
      const moved = !session.isOpen() || (page.session !== undefined && session.node.generation() !== page.generation)
      if (!moved) return send(dispatch, session, page.cursor, options, page)
      if (page.beginnings >= mostBeginnings) return Effect.fail(moving)
      return Effect.succeed([[], Option.some({ ...beginning, beginnings: page.beginnings + 1 })] as const)
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

const send = (
  dispatch: Dispatch,
  session: Session | undefined,
  cursor: string,
  { count = 100, match }: { readonly match?: string | undefined; readonly count?: number | undefined },
  page: Page
) => {
  const command = RedisCommand.make("SCAN", [cursor, "COUNT", count, ...(match === undefined ? [] : ["MATCH", match])])
  const generation = session?.node.generation() ?? 0
  return Effect.map(
    Effect.callback<RedisCommand.Reply, RedisError.RedisCommandError>((resume) => {
      const cancel = dispatch.send(command, { session }, (result) =>
        resume(result._tag === "Success" ? Exit.succeed(result.success) : Exit.fail(result.failure))
      )
      return Effect.sync(cancel)
    }),
    (reply) => {
      const { keys, next } = Replies.scanPage(reply)
      const following: Page = { cursor: next, session, generation, beginnings: page.beginnings }
      return [keys, next === "0" ? Option.none<Page>() : Option.some(following)] as const
    }
  )
}
