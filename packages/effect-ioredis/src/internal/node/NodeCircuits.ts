import type { OperationKind } from "../../dispatch.ts"
import type { NodeCircuit } from "../circuitBreaker/NodeCircuit.ts"

/**
 * The circuits of one node: one for all that it is asked, or one for reads and one for everything
 * else, where the settings say so.
 */
export class NodeCircuits {
  /** Admits reads. */
  read: NodeCircuit
  /** Admits everything else; it is the same one unless they are apart. */
  write: NodeCircuit

  constructor(circuit: NodeCircuit) {
    this.read = circuit
    this.write = circuit
  }

  /** Gives the circuit that a kind of operation is admitted by. */
  of(kind: OperationKind): NodeCircuit {
    return kind === "read" ? this.read : this.write
  }

  /** Gives all of them. */
  all(): ReadonlyArray<NodeCircuit> {
    return this.areApart() ? [this.read, this.write] : [this.read]
  }

  /** Tells whether reads have a circuit of their own. */
  areApart(): boolean {
    return this.read !== this.write
  }

  /** Tells whether the circuit of a kind is closed, or all of them are. */
  isClosed(kind?: OperationKind): boolean {
    return kind === undefined ? this.all().every((circuit) => circuit.isClosed()) : this.of(kind).isClosed()
  }

  /** Opens all of them: what was seen concerns the whole server. */
  trip(): void {
    for (const circuit of this.all()) circuit.apply({ _tag: "Trip" })
  }

  /** Lets all of them be probed now. */
  makeDue(): void {
    for (const circuit of this.all()) circuit.makeDue()
  }
}
