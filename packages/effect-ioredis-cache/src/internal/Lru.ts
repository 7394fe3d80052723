/**
 * A map that keeps the entries used last, as many as fit by number and by size.
 *
 * **Details**
 *
 * Its nodes form a list from the one used last to the one used longest ago, and are found by their
 * keys. The package lru-cache does more than is needed here: with it a hit takes 1.7 times as long.
 *
 * What is used stands in the newer of two generations. Once that has as many keys as there may be
 * entries, all of them are there, and the older generation is forgotten as a whole. So the key of
 * what makes room need not be deleted. A `Map` from which as much is deleted as is added moves to
 * another table again and again, and in the collector's old generation each keeps alive the one
 * that followed it: a write to a full map took twice as long.
 *
 * These invariants hold between any two calls:
 *
 * - the newer generation has the keys of entries alone, of those used last, and room for another
 * - the key of every other entry is in the older one, beside keys whose nodes have another key now
 */
export class Lru<A> {
  #newer = new Map<string, Node<A>>()
  #older = new Map<string, Node<A>>()
  readonly #maxEntries: number
  readonly #maxSize: number
  #newest: Node<A> | undefined
  #oldest: Node<A> | undefined
  #size = 0
  #total = 0
  /** Counts the entries that made room for others. */
  evictions = 0

  constructor(maxEntries: number, maxSize: number) {
    this.#maxEntries = maxEntries
    this.#maxSize = maxSize
  }

  get size(): number {
    return this.#size
  }

  /** The sizes of all entries together. */
  get total(): number {
    return this.#total
  }

  /**
   * All keys, in no order of use, among keys of what has made room. One that is added or used
   * meanwhile comes last or not at all, and any may come twice. To pass over those that nobody asks
   * for would make a single step as long as the whole walk.
   */
  *keys(): IterableIterator<string> {
    const newer = this.#newer
    yield* this.#older.keys()
    yield* newer.keys()
  }

  /** Gives the value of a key, which has been used thereby. */
  get(key: string): A | undefined {
    return this.#used(key)?.value
  }

  /** Gives the value of a key, which does not count as a use. */
  peek(key: string): A | undefined {
    return (this.#newer.get(key) ?? this.#olderOf(key))?.value
  }

  /**
   * Keeps a value. One that is too large alone is not kept, and what was there before is dropped.
   */
  set(key: string, value: A, size: number): void {
    const known = this.#used(key)
    if (size > this.#maxSize) {
      if (known !== undefined) this.#drop(known)
      return
    }
    if (known === undefined) {
      const node = this.#nodeFor(key, value, size)
      this.#link(node)
      this.#size++
      this.#total += size
      this.#enter(node)
    } else {
      this.#total += size - known.size
      known.value = value
      known.size = size
    }
    while (this.#oldest !== undefined && this.#total > this.#maxSize) {
      this.evictions++
      this.#drop(this.#oldest)
    }
  }

  // The node of a key, which has been used thereby.
  #used(key: string): Node<A> | undefined {
    const newer = this.#newer.get(key)
    const node = newer ?? this.#olderOf(key)
    if (node === undefined) return undefined
    this.#use(node)
    if (newer === undefined) this.#enter(node)
    return node
  }

  #olderOf(key: string): Node<A> | undefined {
    const node = this.#older.get(key)
    return node?.key === key ? node : undefined
  }

  #enter(node: Node<A>): void {
    this.#newer.set(node.key, node)
    if (this.#newer.size < this.#maxEntries) return
    this.#older = this.#newer
    this.#newer = new Map()
  }

  // A full map takes the node of what makes room: nodes that die old cost the collector most.
  #nodeFor(key: string, value: A, size: number): Node<A> {
    const oldest = this.#oldest
    if (oldest === undefined || this.#size < this.#maxEntries) return new Node(key, value, size)
    this.evictions++
    this.#leave(oldest)
    oldest.key = key
    oldest.value = value
    oldest.size = size
    return oldest
  }

  /** Drops a key, and says whether it was there. */
  delete(key: string): boolean {
    const node = this.#newer.get(key) ?? this.#olderOf(key)
    if (node === undefined) return false
    this.#drop(node)
    return true
  }

  #drop(node: Node<A>): void {
    this.#newer.delete(node.key)
    this.#older.delete(node.key)
    this.#leave(node)
    // The older generation may have the node under a key that it had, and would keep alive all that
    // it knows: its value, its neighbours and theirs, without end.
    node.value = undefined
    node.newer = undefined
    node.older = undefined
  }

  #leave(node: Node<A>): void {
    this.#unlink(node)
    this.#size--
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
  value: A | undefined
  size: number
  newer: Node<A> | undefined = undefined
  older: Node<A> | undefined = undefined

  constructor(key: string, value: A, size: number) {
    this.key = key
    this.value = value
    this.size = size
  }
}
