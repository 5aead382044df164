/** Numbers of messages in the order in which something happened to them. */
export type Numbers = number[];

/** The numbers under a key; none yet where nothing happened. */
export function numbersOf<K>(all: Map<K, Numbers>, key: K): Numbers {
  const found = all.get(key) ?? [];
  all.set(key, found);
  return found;
}
