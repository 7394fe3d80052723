/**
 * What keeps this process from ending, and who listens to it. The files that the module loader happens to be reading
 * are its own, and what is being closed is gone soon.
 */
export const openResources = (): ReadonlyArray<string> => [
  ...process.getActiveResourcesInfo().filter((name) => !name.startsWith("FSReq") && name !== "CloseReq"),
  ...process.eventNames().map((name) => `${String(name)} ${process.listenerCount(name)}`)
]
