import assert from 'node:assert/strict';
import { ClassicLevel } from 'classic-level';

/** What writes a batch; `sync`: it is to be on the medium then. */
type Write = (original: () => Promise<void>, sync: boolean) => Promise<void>;

/** From now on each batch of a database is written so, until `end`. */
export function changedWrites(write: Write): { count: number; end: () => void } {
  const original = Object.getOwnPropertyDescriptor(ClassicLevel.prototype, '_chainedBatch');
  assert.ok(original !== undefined);
  const changed = {
    count: 0,
    end: () => void Object.defineProperty(ClassicLevel.prototype, '_chainedBatch', original),
  };
  Object.defineProperty(ClassicLevel.prototype, '_chainedBatch', {
    ...original,
    value(this: unknown) {
      const batch = (original.value as () => { _write: (options: { sync?: boolean }) => Promise<void> }).call(this);
      const wrote = batch._write.bind(batch);
      batch._write = (options) => {
        changed.count += 1;
        return write(() => wrote(options), options.sync === true);
      };
      return batch;
    },
  });
  return changed;
}

/** Whether each batch that is written from now on is to be on the medium, until `end`. */
export function syncsOfWrites(): { readonly syncs: boolean[]; end: () => void } {
  const syncs: boolean[] = [];
  const { end } = changedWrites((original, sync) => {
    syncs.push(sync);
    return original();
  });
  return { syncs, end };
}
