import { Duration } from "effect"
import type { RefreshPolicy } from "../RefreshPolicy.ts"
import type { Life } from "./CacheTier.ts"

/** Tells whether a fresh value is due to be looked up anew. `random` is from 0 up to 1. */
export type Due = (life: Life, now: number, random: () => number) => boolean

/** Compiles a policy. */
export const make = (policy: RefreshPolicy): Due => {
  switch (policy._tag) {
    case "Ahead":
      return ({ origin, timeToLive }, _, random) =>
        origin !== undefined && timeToLive <= -origin.lookupTime * policy.beta * Math.log(random())
    case "FromAge": {
      const age = Duration.toMillis(policy.age)
      return ({ origin }, now) => origin !== undefined && now - origin.madeAt >= age
    }
    case "AfterExpiry":
      return () => false
  }
}
