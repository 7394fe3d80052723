#!/usr/bin/env node
/** The process `effect-ioredis`. */
import { readFileSync } from "node:fs"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { CliOutput } from "effect/cli"
import { onStderr, Process, run, withoutSecrets } from "./internal/commands.ts"

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  // Every package has one.
  readonly version: string
}

run.pipe(
  Effect.provideService(Process, { version, started: performance.timeOrigin }),
  Effect.provideServiceEffect(CliOutput.Formatter, withoutSecrets),
  Effect.provide([CliOutput.layerPresenter(onStderr), NodeServices.layer]),
  NodeRuntime.runMain
)
