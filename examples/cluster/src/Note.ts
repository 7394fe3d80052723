import { Schema } from "effect"
import type { Cache } from "effect-ioredis-cache"

/** What a recruiter noted of a candidate last. Unlike a match it cannot be computed again. */
export class Note extends Schema.Class<Note>("Note")({
  /** Grows with each write. */
  revision: Schema.Int,
  text: Schema.String
}) {}

/** The notes, by candidate: the one written last stays, whichever process wrote it and wherever Redis was. */
export const region = {
  name: "notes",
  version: 1,
  key: Schema.String,
  value: Note,
  replay: "latest"
} satisfies Cache.RegionOptions<string, Note>
