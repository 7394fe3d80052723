/** What a client tells of itself besides metrics: events, lines, spans, the sum of an outage. */
import { Clock, Effect, type Scope } from "effect"
import type { NodeEvent } from "../dispatch.ts"
import type { Happening, RedisEvents } from "../RedisEvents.ts"
import { CommandSpans } from "./CommandSpan.ts"
import * as EventLog from "./EventLog.ts"
import type { LiveSettings } from "./LiveSettings.ts"
import { OperationLog } from "./OperationLog.ts"
import { sayEvent, sayStart } from "./operationLines.ts"
import { OutageCounts } from "./OutageCounts.ts"
import { changed } from "./settings/merge.ts"

/** Takes in what happens to a client, for whoever asks or looks. */
export interface Announcements {
  readonly commandSpans: CommandSpans
  readonly events: RedisEvents
  readonly operationLog: OperationLog
  readonly outage: OutageCounts
  /** Takes in what has happened just now. */
  readonly note: (happening: Happening) => void
  /** Takes in what has happened to a node. */
  readonly hear: (event: NodeEvent) => void
}

/** Makes those of one client, which begin with its settings. */
export const make = Effect.fnUntraced(function* (
  live: LiveSettings
): Effect.fn.Return<Announcements, never, Scope.Scope> {
  const { logOperations, name, traceCommands } = live.base
  const operationLog = new OperationLog(logOperations, name, yield* Effect.context<never>())
  const outage = new OutageCounts()
  const { all, last, record } = yield* EventLog.make
  const note = (happening: Happening): void => {
    record(happening)
    if (operationLog.isOn) sayEvent(operationLog, happening)
  }
  if (operationLog.isOn) sayStart(operationLog, live)
  let said = live.said
  live.listeners.add(() => {
    const settings = changed(said, live.said)
    said = live.said
    if (settings.length > 0) note({ _tag: "SettingsChanged", settings })
  })
  return {
    commandSpans: new CommandSpans(traceCommands, name, yield* Clock.Clock),
    events: { all, last },
    operationLog,
    outage,
    note,
    hear: (event) => {
      if (event._tag === "SessionLost" || event._tag === "ConnectFailed") outage.suspect()
      const happening = EventLog.happeningOf(event)
      if (happening !== undefined) note(happening)
    }
  }
})
