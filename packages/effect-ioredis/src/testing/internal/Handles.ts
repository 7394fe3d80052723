import type { SimulatedServer } from "../SimulatedServer.ts"
import type { Network } from "./Network.ts"
import type { Server } from "./Server.ts"
import { serverHandle } from "./serverHandle.ts"

/** The servers of a network as a test holds them: for one server always the same handle. */
export class Handles {
  readonly network: Network
  readonly #byServer = new Map<Server, SimulatedServer>()

  constructor(network: Network) {
    this.network = network
  }

  of(server: Server): SimulatedServer {
    const handle = this.#byServer.get(server) ?? serverHandle(server, (address) => this.network.serverAt(address))
    this.#byServer.set(server, handle)
    return handle
  }

  /** The server that a handle holds. */
  serverOf({ address }: Pick<SimulatedServer, "address">): Server {
    return this.network.serverAt(address)
  }
}
