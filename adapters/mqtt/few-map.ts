/**
 * A map for what nearly always has one entry, as the levels of a device's own topics do: a Map of one takes 200 bytes, this
 * takes 50, and there are ten of them for each connection. From the second entry on it is a Map. `undefined` is no value.
 */
export class FewMap<K, V> {
  #key: K | undefined
  #value: V | undefined
  #more: Map<K, V> | undefined

  get(key: K): V | undefined {
    if (this.#more) return this.#more.get(key)
    return this.#key === key ? this.#value : undefined
  }

  /** True: the key is new. */
  set(key: K, value: V): boolean {
    if (this.#more) {
      const isNew = !this.#more.has(key)
      this.#more.set(key, value)
      return isNew
    }
    const before = this.#value
    if (before === undefined || this.#key === key) {
      this.#key = key
      this.#value = value
      return before === undefined
    }
    this.#more = new Map([
      [this.#key as K, before],
      [key, value],
    ])
    this.#key = undefined
    this.#value = undefined
    return true
  }

  /** True: it was there. */
  delete(key: K): boolean {
    if (this.#more) return this.#more.delete(key)
    if (this.#value === undefined || this.#key !== key) return false
    this.#key = undefined
    this.#value = undefined
    return true
  }

  get isEmpty(): boolean {
    return this.#more ? this.#more.size === 0 : this.#value === undefined
  }

  forEach(visit: (value: V, key: K) => void): void {
    if (this.#more) this.#more.forEach(visit)
    else if (this.#value !== undefined) visit(this.#value, this.#key as K)
  }
}
