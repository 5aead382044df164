import assert from 'node:assert/strict';
import { generate, type Packet } from 'mqtt-packet';
import { ReleasedAgain } from '../../support/released-again.ts';

const publication = (messageId: number, payload: string, dup: boolean): Packet => ({
  cmd: 'publish',
  topic: 't',
  payload,
  qos: 2,
  dup,
  retain: false,
  messageId,
});
const release = (messageId: number): Packet => ({ cmd: 'pubrel', messageId });

/** What is found in packets of a broker, each on a connection of its own. */
function found(...packets: readonly Packet[]): string[] {
  const again = new ReleasedAgain();
  for (const packet of packets) again.tap(4).toClient(generate(packet, { protocolVersion: 4 }));
  return again.payloads;
}

describe('ReleasedAgain', () => {
  it('finds what a broker publishes though it had released it', () => {
    assert.deepEqual(found(publication(1, 'a', false), release(1), publication(1, 'a', true)), ['a']);
  });

  it('finds it each time', () => {
    const [first, again] = [publication(1, 'a', false), publication(1, 'a', true)];
    assert.deepEqual(found(first, release(1), again, release(1), again), ['a', 'a']);
  });

  it('takes nothing else for it: what was not released, what has no DUP, another message, another id', () => {
    const first = publication(1, 'a', false);
    assert.deepEqual(found(first, publication(1, 'a', true), release(1)), []);
    assert.deepEqual(found(first, release(1), first), []);
    assert.deepEqual(found(first, release(1), publication(1, 'b', true)), []);
    assert.deepEqual(found(first, release(1), publication(2, 'a', true)), []);
  });
});
