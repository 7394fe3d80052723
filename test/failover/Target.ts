import { Data } from "effect"

export interface Address {
  readonly host: string
  readonly port: number
}

interface Common {
  /** From what the servers tell to where a client reaches them. */
  readonly addressMap: ReadonlyArray<{ readonly from: Address; readonly to: Address }>
}

/** Where the servers of a row are, in no client's words. */
export type Target = Data.TaggedEnum<{
  Sentinel: Common & { readonly master: string; readonly sentinels: ReadonlyArray<Address> }
  Cluster: Common & { readonly seeds: ReadonlyArray<Address> }
}>

export const { Cluster, Sentinel } = Data.taggedEnum<Target>()
