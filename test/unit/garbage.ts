import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects now what nothing refers to; objects that a WeakRef of this turn keeps alive are left, so a turn passes first. */
export async function collectGarbage(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Bytes of the heap that are in use after a collection. */
export async function heapInUse(): Promise<number> {
  await collectGarbage();
  return process.memoryUsage().heapUsed;
}
