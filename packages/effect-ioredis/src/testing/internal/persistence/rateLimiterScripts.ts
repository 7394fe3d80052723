import { effectScripts } from "../../../internal/persistence/effectScripts.ts"
import * as SimulatedScript from "../../SimulatedScript.ts"
import { numberOr, texts } from "./bytes.ts"

type Call = SimulatedScript.Call

// Numbers go out as text that loses nothing of them: JavaScript's own does that in fewer digits.

const fixedWindow = SimulatedScript.make(
  effectScripts.fixedWindow,
  ([key = ""], [tokens = "", refillMillis = "", limit], call) => {
    const current = call("GET", key)
    const refill = Number(refillMillis) * Number(tokens)
    if (current === null) {
      const life = Math.max(1, Math.ceil(refill))
      call("SET", key, tokens, "PX", life)
      return [tokens, life]
    }
    const left = Number(call("PTTL", key))
    const next = Number(current) + Number(tokens)
    // Without a limit its argument is the text "undefined", which is no number.
    if (next > Number(limit)) return [String(next), left]
    const life = Math.max(1, Math.ceil(left + refill))
    call("SET", key, next, "PX", life)
    return [String(next), life]
  }
)

const tokenBucket = SimulatedScript.make(
  effectScripts.tokenBucket,
  ([key = "", refillKey = ""], [tokens = "", refillMillis = "", limit = "", time = "", overflow], call) => {
    const [now, most, refill] = [Number(time), Number(limit), Number(refillMillis)]
    const left = numberOr(most, call("GET", key))
    const refilledAt = numberOr(now, call("GET", refillKey))
    const refilled = Math.max(0, Math.floor((now - refilledAt) / refill))
    const current = refilled > 0 ? Math.min(left + refilled, most) : left
    const lastRefill = current >= most ? now : refilledAt + refilled * refill
    const next = current - Number(tokens)
    const stored = next >= 0 || overflow === "1" ? next : current
    const elapsed = Math.max(0, now - lastRefill)
    const life = Math.max(1, Math.ceil(Math.ceil(most - stored) * refill - elapsed))
    call("SET", key, stored, "PX", life)
    call("SET", refillKey, lastRefill, "PX", life)
    return [String(next), String(elapsed)]
  }
)

// The time of the server, in milliseconds.
const nowOf = (call: Call): number => {
  const [seconds, micros] = texts(call("TIME"))
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

interface Adaptive {
  readonly phase: string
  readonly epoch: number
  readonly cooldownUntil: number
  readonly learningStartedAt: number
  readonly observedTokens: number
  readonly learnedLimit: number
  readonly learnedWindowMillis: number
}

const inactive = {
  epoch: 0,
  cooldownUntil: 0,
  learningStartedAt: 0,
  observedTokens: 0,
  learnedLimit: 0,
  learnedWindowMillis: 0
}

const read = (key: string, now: number, call: Call): Adaptive | undefined => {
  const phase = call("HGET", key, "phase")
  if (typeof phase !== "string") return undefined
  const field = (name: keyof Adaptive, otherwise = 0) => numberOr(otherwise, call("HGET", key, name))
  return {
    phase,
    epoch: field("epoch"),
    cooldownUntil: field("cooldownUntil"),
    learningStartedAt: field("learningStartedAt", now),
    observedTokens: field("observedTokens"),
    learnedLimit: field("learnedLimit"),
    learnedWindowMillis: field("learnedWindowMillis")
  }
}

const write = (key: string, state: Partial<Adaptive>, call: Call): void => {
  call("HSET", key, ...Object.entries(state).flat())
}

// The state is kept a little longer than it holds.
const keep = (key: string, millis: number, call: Call): void => {
  call("PEXPIRE", key, Math.max(1, Math.ceil(millis)))
}

const consumeLearned = (key: string, state: Adaptive, tokens: number, now: number, call: Call) => {
  const { cooldownUntil, learnedLimit, learnedWindowMillis } = state
  const perToken = learnedWindowMillis / learnedLimit
  const isOver = cooldownUntil <= now
  const observedTokens = (isOver ? 0 : state.observedTokens) + tokens
  const until = (isOver ? now : cooldownUntil) + perToken * tokens
  const elapsed = observedTokens * perToken - (until - now)
  const windows = Math.floor((observedTokens - 1) / learnedLimit)
  write(key, { observedTokens, cooldownUntil: until }, call)
  return [Math.max(0, Math.ceil(windows * learnedWindowMillis - elapsed)), state.epoch, "learned"]
}

const adaptiveConsume = SimulatedScript.make(
  effectScripts.adaptiveConsume,
  ([key = ""], [given = "", fallbackWindow = "", grace = ""], call) => {
    const now = nowOf(call)
    const tokens = Number(given)
    const state = read(key, now, call)
    if (state === undefined) return [0, 0, "inactive"]
    const { cooldownUntil, observedTokens, phase } = state
    if (phase === "cooldown") {
      if (cooldownUntil > now) return [Math.ceil(cooldownUntil - now), state.epoch, phase]
      const epoch = state.epoch + 1
      const learning = { phase: "learning", epoch, learningStartedAt: now, observedTokens: tokens }
      write(key, { ...inactive, ...learning }, call)
      keep(key, Number(fallbackWindow) + Number(grace), call)
      return [0, epoch, "learning"]
    }
    if (phase === "learning") {
      write(key, { observedTokens: observedTokens + tokens }, call)
      return [0, state.epoch, phase]
    }
    return phase === "learned" ? consumeLearned(key, state, tokens, now, call) : [0, state.epoch, phase]
  }
)

// What was learned is a limit for a window, if anything was accepted in it.
const learnedFrom = (state: Adaptive, tokens: number, retryAfter: number, longest: number, now: number) => {
  const accepted = state.observedTokens - tokens
  if (state.phase !== "learning" || accepted <= 0) return undefined
  const window = Math.min(Math.max(now - state.learningStartedAt + retryAfter, 1), longest)
  return {
    phase: "learned",
    epoch: state.epoch + 1,
    cooldownUntil: state.learningStartedAt + window,
    observedTokens: accepted,
    learnedLimit: accepted,
    learnedWindowMillis: window
  }
}

const adaptiveFeedback = SimulatedScript.make(
  effectScripts.adaptiveFeedback,
  ([key = ""], [feedbackEpoch = "", tokens = "", given = "", grace = "", longest = ""], call) => {
    const now = nowOf(call)
    const retryAfter = Math.min(Math.max(Number(given), 1), Number(longest))
    const cooldownUntil = now + retryAfter
    const state = read(key, now, call)
    if ((state?.epoch ?? 0) !== Number(feedbackEpoch)) return 0
    if (state?.phase === "cooldown") {
      const until = Math.max(state.cooldownUntil, cooldownUntil)
      write(key, { cooldownUntil: until }, call)
      keep(key, until - now + Number(grace), call)
      return 1
    }
    const learned = state && learnedFrom(state, Number(tokens), retryAfter, Number(longest), now)
    const cooldown = { ...inactive, phase: "cooldown", epoch: Number(feedbackEpoch), cooldownUntil }
    write(key, learned ?? cooldown, call)
    keep(key, (learned?.learnedWindowMillis ?? retryAfter) + Number(grace), call)
    return 1
  }
)

/** The counterparts of the scripts of Effect's `RateLimiter`. */
export const rateLimiterScripts: ReadonlyArray<SimulatedScript.SimulatedScript> = [
  fixedWindow,
  tokenBucket,
  adaptiveConsume,
  adaptiveFeedback
]
