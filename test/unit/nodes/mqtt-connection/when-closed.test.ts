import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import { whenClosed } from '../../../../nodes/mqtt-connection/when-closed.ts';

/** What is told, and how often `done` is called, for a close whose work is this. */
async function close(work: Promise<void>): Promise<{ errors: unknown[]; done: number }> {
  const errors: unknown[] = [];
  const node = { error: (error: unknown) => errors.push(error) } as unknown as Node;
  let done = 0;
  await new Promise<void>((resolve) => {
    whenClosed(node, work, () => {
      done += 1;
      resolve();
    });
  });
  return { errors, done };
}

describe('the close of a node', () => {
  it('is done once when its work is', async () => {
    assert.deepEqual(await close(Promise.resolve()), { errors: [], done: 1 });
  });

  it('is done all the same when its work fails, which is told and ends nothing else', async () => {
    const work = Promise.reject(new RangeError('Maximum call stack size exceeded'));
    const sentence = 'could not be closed in order: Maximum call stack size exceeded';
    assert.deepEqual(await close(work), { errors: [sentence], done: 1 });
  });
});
