import { vi } from "vitest"

// Before each file. Files share a process, and what a module of ours keeps for all of it, such as the first hundred names
// that have series of their own, is nevertheless each file's own: only Effect and the driver are loaded once.
vi.resetModules()
