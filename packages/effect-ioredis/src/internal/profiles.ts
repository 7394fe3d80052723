import type { Profile, ProfileSettings } from "../RuntimeSettings.ts"

/** Holds what options that say nothing are taken to say, where there is no profile. */
const usual: ProfileSettings = {
  commandTimeout: "2 seconds",
  operationTimeout: "5 seconds",
  maxRetries: 3,
  retryDelay: "100 millis",
  maxRetryDelay: "30 seconds",
  failureThreshold: 5,
  resetTimeout: "30 seconds",
  patience: "1 second",
  timeToLive: "5 minutes"
}

/** Holds the settings of each profile. */
export const profiles: { readonly [profile in Profile]: ProfileSettings } = {
  // A breakpoint is no outage, an error is to be seen at once, and who restarts Redis waits for it.
  development: {
    ...usual,
    commandTimeout: "10 seconds",
    operationTimeout: "10 seconds",
    maxRetries: 0,
    resetTimeout: "1 second",
    patience: "5 seconds",
    timeToLive: "1 minute"
  },
  // Nobody waits long for what memory or a lookup can answer.
  production: {
    ...usual,
    commandTimeout: "1 second",
    operationTimeout: "3 seconds",
    retryDelay: "50 millis",
    maxRetryDelay: "1 second",
    resetTimeout: "10 seconds",
    patience: "500 millis"
  }
}

/** Gives the defaults of a profile, or of none. */
export const defaultsOf = (profile: Profile | undefined): ProfileSettings =>
  profile === undefined ? usual : profiles[profile]
