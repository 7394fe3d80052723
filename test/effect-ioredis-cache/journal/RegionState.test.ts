import { assert, describe, it } from "@effect/vitest"
import {
  initial,
  type RegionEvent,
  type RegionState,
  transition
} from "../../../packages/effect-ioredis-cache/src/internal/journal/RegionState.ts"

const clean = (clearedAt: number): RegionState => ({ _tag: "Clean", clearedAt })
const dirty = (clearedAt: number): RegionState => ({ _tag: "Dirty", clearedAt })
const emptying = (clearedAt: number, run: number): RegionState => ({ _tag: "Emptying", clearedAt, run })
const denied = (clearedAt: number): RegionState => ({ _tag: "Denied", clearedAt })

const marked = (at: number): RegionEvent => ({ _tag: "Marked", at })
const started = (run: number): RegionEvent => ({ _tag: "Started", run })
const emptied = (run: number): RegionEvent => ({ _tag: "Emptied", run })
const failed = (run: number): RegionEvent => ({ _tag: "Failed", run })
const held: RegionEvent = { _tag: "Held" }
const serverChanged: RegionEvent = { _tag: "ServerChanged" }
const missed: RegionEvent = { _tag: "Missed" }
const refused = (at: number): RegionEvent => ({ _tag: "Refused", at })
const permitted: RegionEvent = { _tag: "Permitted" }

const table: ReadonlyArray<readonly [string, RegionState, RegionEvent, RegionState]> = [
  ["a region that was never cleared becomes dirty", initial, marked(5), dirty(5)],
  ["a clean region is cleared again", clean(3), marked(5), dirty(5)],
  ["a mark never goes back in time", dirty(5), marked(3), dirty(5)],
  ["a mark while it is emptied makes it dirty: the run began too early", emptying(3, 1), marked(5), dirty(5)],
  ["a mark without permission waits for the permission", denied(3), marked(5), denied(5)],
  ["emptying begins", dirty(5), started(1), emptying(5, 1)],
  ["a clean region is not emptied", clean(5), started(1), clean(5)],
  ["a region without permission is not emptied", denied(5), started(1), denied(5)],
  ["a second run does not take over from the first", emptying(5, 1), started(2), emptying(5, 1)],
  ["the run that began has emptied it, and the moment is kept", emptying(5, 1), emptied(1), clean(5)],
  ["an overtaken run has emptied nothing", emptying(5, 2), emptied(1), emptying(5, 2)],
  ["a run that was overtaken by a mark has emptied nothing", dirty(5), emptied(1), dirty(5)],
  ["a run that fails leaves it dirty", emptying(5, 1), failed(1), dirty(5)],
  ["an overtaken run that fails changes nothing", emptying(5, 2), failed(1), emptying(5, 2)],
  ["a server that changes meanwhile makes it begin anew", emptying(5, 1), serverChanged, dirty(5)],
  ["no change empties a clean region again", clean(5), serverChanged, clean(5)],
  ["a change leaves a dirty region dirty", dirty(5), serverChanged, dirty(5)],
  ["a region that is held back is emptied later", emptying(5, 1), held, dirty(5)],
  ["to hold back a clean region leaves nothing to be emptied", clean(5), held, clean(5)],
  ["to hold back a dirty region leaves it dirty", dirty(5), held, dirty(5)],
  ["to hold back a region gives no permission", denied(5), held, denied(5)],
  ["slots that moved while it was emptied are to be emptied too", clean(5), missed, dirty(5)],
  ["slots that move say nothing to a dirty region", dirty(5), missed, dirty(5)],
  [
    "slots that move say nothing to one that is emptied: their server has another turn",
    emptying(5, 1),
    missed,
    emptying(5, 1)
  ],
  ["slots that move give no permission", denied(5), missed, denied(5)],
  ["a change gives no permission", denied(5), serverChanged, denied(5)],
  ["a refusal in a clean region", clean(3), refused(5), denied(5)],
  ["a refusal in a dirty region", dirty(3), refused(5), denied(5)],
  ["a refusal while it is emptied", emptying(3, 1), refused(5), denied(5)],
  ["each write without permission raises the moment", denied(5), refused(7), denied(7)],
  ["a permission that comes back leaves what was written before to be emptied", denied(7), permitted, dirty(7)],
  ["a permission says nothing to a clean region", clean(5), permitted, clean(5)],
  ["a permission says nothing to a dirty region", dirty(5), permitted, dirty(5)],
  ["a permission says nothing to one that is emptied", emptying(5, 1), permitted, emptying(5, 1)]
]

describe("RegionState", () => {
  for (const [title, state, event, expected] of table) {
    it(`${state._tag}, ${event._tag}: ${title}`, () => assert.deepStrictEqual(transition(state, event), expected))
  }

  it("is never emptied by a run that began before the last mark, hold or change", () => {
    const overtaking = [marked(9), held, serverChanged, refused(9)]
    for (const event of overtaking) {
      const later = transition(transition(emptying(5, 1), event), emptied(1))
      assert.notStrictEqual(later._tag, "Clean", event._tag)
    }
  })
})
