import type * as Round from "../../examples/worker/src/demo/Round.ts"

/** The big one: two thousand tasks, and Redis killed and frozen twice. */
export const big: Round.Settings = {
  parcels: 2000,
  perSecond: 40,
  workers: 5,
  concurrency: 10,
  leaseSeconds: 3,
  resetTimeoutSeconds: 1,
  killEvery: 2,
  stopShare: 0.4,
  steps: [
    { name: "killed", after: 5, seconds: 4 },
    { name: "frozen", after: 6, seconds: 6 },
    { name: "killed", after: 6, seconds: 4 },
    { name: "frozen", after: 6, seconds: 6 }
  ],
  longest: 90
}

/** One for every run of the tests. It has one parcel that kills its worker. */
export const short: Round.Settings = {
  ...big,
  parcels: 160,
  perSecond: 20,
  workers: 3,
  leaseSeconds: 2,
  killEvery: 1.5,
  steps: [
    { name: "killed", after: 1, seconds: 1.5 },
    { name: "frozen", after: 1, seconds: 3 }
  ],
  longest: 30
}

/** One for workers that are broken: so many tasks that each fault of a worker meets some. */
export const broken = (stopShare: number): Round.Settings => ({
  ...short,
  parcels: 900,
  perSecond: 60,
  workers: 5,
  killEvery: 0.7,
  stopShare,
  steps: [],
  longest: 8
})
