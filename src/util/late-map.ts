/**
 * A map that most of its owners never put anything into: a Map of nothing takes 200 bytes, and of some there is one for
 * each of ten thousand nodes.
 */
export class LateMap<K, V> {
  #map: Map<K, V> | undefined;

  get size(): number {
    return this.#map?.size ?? 0;
  }

  has(key: K): boolean {
    return this.#map?.has(key) === true;
  }

  get(key: K): V | undefined {
    return this.#map?.get(key);
  }

  set(key: K, value: V): void {
    (this.#map ??= new Map<K, V>()).set(key, value);
  }

  delete(key: K): boolean {
    return this.#map?.delete(key) === true;
  }

  /** In the order in which they were put in. */
  values(): Iterable<V> {
    return this.#map?.values() ?? [];
  }

  clear(): void {
    this.#map = undefined;
  }
}
