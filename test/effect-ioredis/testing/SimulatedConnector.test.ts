import { redisConnectionSuite } from "../../suites/redisConnection.ts"
import { simulatedHarness } from "../../suites/simulatedHarness.ts"

redisConnectionSuite("SimulatedRedis", simulatedHarness())
