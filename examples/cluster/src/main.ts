// First, so that every schema below is compiled to plain JavaScript.
import "effect/schema/SchemaJITCompiler/enable"
import { NodeRuntime } from "@effect/platform-node"
import { Layer } from "effect"
import { HttpRouter } from "effect/http"
import { HybridCache } from "effect-ioredis-cache"
import * as Api from "../../job-matcher/src/Api.ts"
import { Freshness } from "../../job-matcher/src/Flags.ts"
import { Jobs } from "../../job-matcher/src/Jobs.ts"
import { Matcher } from "../../job-matcher/src/Matcher.ts"
import * as Operations from "../../job-matcher/src/Operations.ts"
import * as Server from "../../job-matcher/src/Server.ts"
import { Status } from "../../job-matcher/src/Status.ts"
import * as NoteApi from "./NoteApi.ts"

// Nothing here knows of a cluster: REDIS_CLUSTER_NODES says so.
HttpRouter.serve(Layer.mergeAll(Api.layer, NoteApi.layer, Operations.routes), { disableLogger: true }).pipe(
  Layer.provide(Server.layer),
  Layer.provide([Status.layer, Operations.health]),
  Layer.provide([HybridCache.layerFromEnv(), Freshness.layer]),
  Layer.provide(Matcher.layer),
  Layer.provide(Jobs.layer),
  Layer.launch,
  NodeRuntime.runMain
)
