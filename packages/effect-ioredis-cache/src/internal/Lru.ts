/**
 * A map that keeps the entries used last, as many as fit by number and by size.
 *
 * It is a `Map` of nodes that form a list from the one used last to the one used longest ago. The
 * package lru-cache does more than is needed here: with it a hit takes 1.7 times as long.
 */
export class Lru<A> {
  readonly #nodes = new Map<string, Node<A>>()
  readonly #maxEntries: number
  readonly #maxSize: number
  #newest: Node<A> | undefined
  #oldest: Node<A> | undefined
  #total = 0
  /** Counts the entries that made room for others. */
  evictions = 0

  constructor(maxEntries: number, maxSize: number) {
    this.#maxEntries = maxEntries
    this.#maxSize = maxSize
  }

  get size(): number {
    return this.#nodes.size
  }

  /** The sizes of all entries together. */
  get total(): number {
    return this.#total
  }

  /** All keys, in no order of use. One that is added meanwhile comes last, and none comes twice. */
  keys(): IterableIterator<string> {
    return this.#nodes.keys()
  }

  /** Gives the value of a key, which has been used thereby. */
  get(key: string): A | undefined {
    const node = this.#nodes.get(key)
    if (node === undefined) return undefined
    this.#use(node)
    return node.value
  }

  /** Gives the value of a key, which does not count as a use. */
  peek(key: string): A | undefined {
    return this.#nodes.get(key)?.value
  }

  /**
   * Keeps a value. One that is too large alone is not kept, and what was there before is dropped.
   */
  set(key: string, value: A, size: number): void {
    const known = this.#nodes.get(key)
    if (size > this.#maxSize) {
      if (known !== undefined) this.#drop(known)
      return
    }
    if (known === undefined) {
      const node = this.#nodeFor(key, value, size)
      this.#nodes.set(key, node)
      this.#link(node)
      this.#total += size
    } else {
      this.#total += size - known.size
      known.value = value
      known.size = size
      this.#use(known)
    }
    while (this.#oldest !== undefined && this.#total > this.#maxSize) {
      this.evictions++
      this.#drop(this.#oldest)
    }
  }

  // A full map takes the node of what makes room: nodes that die old cost the collector most.
  #nodeFor(key: string, value: A, size: number): Node<A> {
    const oldest = this.#oldest
    if (oldest === undefined || this.#nodes.size < this.#maxEntries) return new Node(key, value, size)
    this.evictions++
    this.#drop(oldest)
    oldest.key = key
    oldest.value = value
    oldest.size = size
    return oldest
  }

  /** Drops a key, and says whether it was there. */
  delete(key: string): boolean {
    const node = this.#nodes.get(key)
    if (node === undefined) return false
    this.#drop(node)
    return true
  }

  #drop(node: Node<A>): void {
    this.#nodes.delete(node.key)
    this.#unlink(node)
    this.#total -= node.size
  }

  #use(node: Node<A>): void {
    if (node === this.#newest) return
    this.#unlink(node)
    this.#link(node)
  }

  #link(node: Node<A>): void {
    node.older = this.#newest
    node.newer = undefined
    if (this.#newest === undefined) this.#oldest = node
    else this.#newest.newer = node
    this.#newest = node
  }

  #unlink({ newer, older }: Node<A>): void {
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }
}

class Node<A> {
  key: string
  value: A
  size: number
  newer: Node<A> | undefined = undefined
  older: Node<A> | undefined = undefined

  constructor(key: string, value: A, size: number) {
    this.key = key
    this.value = value
    this.size = size
  }
}
