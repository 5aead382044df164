/** Where a ring is no larger, what stands in the way makes it grow; in a larger one it moves aside. */
const LARGEST_RING = 65_536;

const SMALLEST_RING = 16;

/** A larger one is given up when it is empty. */
const LASTING_RING = 1024;

/** No key. */
const FREE = -1;

/**
 * A map by whole numbers from 0 on that rise, perhaps around the end of their range, and whose entries go about in the
 * order in which they came. They are in a ring; those that stay while a whole ring of others comes and goes are kept
 * aside. A `Map` makes its table anew every few hundred entries that come and go, and the old one keeps alive what it
 * held: publishing at QoS 1 cost nearly twice as much with it, all in the collection of garbage.
 */
export class RecentMap<V> {
  #keys: number[] = free(SMALLEST_RING);
  #values: (V | undefined)[] = Array.from({ length: SMALLEST_RING });
  readonly #aside = new Map<number, V>();
  #inRing = 0;

  get size(): number {
    return this.#inRing + this.#aside.size;
  }

  /** Entries for which there is room. */
  get room(): number {
    return this.#keys.length + this.#aside.size;
  }

  get(key: number): V | undefined {
    const slot = this.#slotOf(key);
    if (this.#keys[slot] === key) return this.#values[slot];
    return this.#aside.size === 0 ? undefined : this.#aside.get(key);
  }

  has(key: number): boolean {
    return this.#keys[this.#slotOf(key)] === key || this.#aside.has(key);
  }

  set(key: number, value: V): void {
    if (this.#aside.size > 0 && this.#aside.has(key)) {
      this.#aside.set(key, value);
      return;
    }
    let slot = this.#slotOf(key);
    while (this.#keys[slot] !== key && this.#keys[slot] !== FREE) {
      this.#makeWay(slot);
      slot = this.#slotOf(key);
    }
    if (this.#keys[slot] === FREE) this.#inRing += 1;
    this.#keys[slot] = key;
    this.#values[slot] = value;
  }

  delete(key: number): boolean {
    const slot = this.#slotOf(key);
    if (this.#keys[slot] !== key) return this.#aside.size > 0 && this.#aside.delete(key);
    this.#free(slot);
    return true;
  }

  clear(): void {
    this.#beginRing();
    this.#aside.clear();
    this.#inRing = 0;
  }

  /** In no particular order. */
  values(): V[] {
    if (this.size === 0) return [];
    return [...this.#values.filter((_, slot) => this.#keys[slot] !== FREE), ...this.#aside.values()] as V[];
  }

  /** In no particular order. */
  keys(): number[] {
    if (this.size === 0) return [];
    return [...this.#keys.filter((key) => key !== FREE), ...this.#aside.keys()];
  }

  #slotOf(key: number): number {
    return key & (this.#keys.length - 1);
  }

  #free(slot: number): void {
    this.#keys[slot] = FREE;
    this.#values[slot] = undefined;
    this.#inRing -= 1;
    if (this.#inRing === 0 && this.#keys.length > LASTING_RING) this.#beginRing();
  }

  #beginRing(): void {
    this.#keys = free(SMALLEST_RING);
    this.#values = Array.from({ length: SMALLEST_RING });
  }

  /** Twice the ring, where it is half full; else what stays there while others come and go moves aside. */
  #makeWay(slot: number): void {
    if (this.#keys.length < LARGEST_RING && this.#inRing * 2 >= this.#keys.length) return this.#grow();
    this.#aside.set(this.#keys[slot] as number, this.#values[slot] as V);
    this.#free(slot);
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = free(keys.length * 2);
    this.#values = Array.from({ length: keys.length * 2 });
    for (const [slot, key] of keys.entries()) {
      if (key === FREE) continue;
      this.#keys[this.#slotOf(key)] = key;
      this.#values[this.#slotOf(key)] = values[slot];
    }
  }
}

function free(length: number): number[] {
  return Array.from({ length }, () => FREE);
}
