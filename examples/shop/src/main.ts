// First, so that every schema below is compiled to plain JavaScript.
import "effect/schema/SchemaJITCompiler/enable"
import { NodeRuntime } from "@effect/platform-node"
import { Layer } from "effect"
import * as Shop from "./Shop.ts"

NodeRuntime.runMain(Layer.launch(Shop.layer))
