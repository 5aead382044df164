import assert from 'node:assert/strict';
import type { OutgoingMessage } from '../../../src/session/outgoing-message.ts';
import { WaitingMessages } from '../../../src/session/waiting-messages.ts';
import { Queue } from '../../../src/util/queue.ts';
import { message } from './fixture.ts';

let sequence = 0;

function entry(topic: string, size = 100): OutgoingMessage {
  return {
    sequence: ++sequence,
    message: message(topic, 1),
    acceptedAt: 0,
    expiresAt: undefined,
    state: { step: 'queued' },
    recorded: true,
    restored: false,
    isEarlier: false,
    settled: false,
    size,
    connection: 0,
    hangUps: 0,
  };
}

function giveWay(waiting: WaitingMessages, one: OutgoingMessage): void {
  waiting.takeOut(one);
  one.settled = true;
  waiting.tidy();
}

describe('Messages that wait', () => {
  it('count for the room that may be made only while they wait', () => {
    const waiting = new WaitingMessages('keep-latest');
    for (const topic of ['a', 'a', 'b']) waiting.push(entry(topic));
    assert.equal(waiting.givingWay('a', 2, 200).length, 2);
    waiting.shift();
    assert.deepEqual(waiting.givingWay('a', 1, 200), [], 'the one that was replaced has left');
    assert.equal(waiting.givingWay('a', 1, 100).length, 1);
    waiting.shift();
    assert.deepEqual(waiting.givingWay('a', 1, 0), []);
    waiting.drain();
    assert.deepEqual(waiting.givingWay('b', 1, 0), []);
  });

  it('count for it only while they wait, also where the oldest give way', () => {
    const waiting = new WaitingMessages('drop-oldest');
    for (const topic of ['a', 'b']) waiting.push(entry(topic));
    assert.equal(waiting.givingWay('c', 1, 200).length, 2);
    waiting.shift();
    assert.deepEqual(waiting.givingWay('c', 1, 200), []);
    assert.equal(waiting.givingWay('c', 1, 100).length, 1);
  });

  it('are those that did not give way, in their order', () => {
    const waiting = new WaitingMessages('drop-oldest');
    const all = ['a', 'b', 'c', 'd'].map((topic) => entry(topic));
    for (const one of all) waiting.push(one);
    for (const one of [all[0], all[2]]) if (one !== undefined) giveWay(waiting, one);
    assert.equal(waiting.length, 2);
    assert.equal(waiting.peek(), all[1]);
    assert.deepEqual([...waiting], [all[1], all[3]]);
    assert.deepEqual(
      waiting.partition((one) => one !== all[1]),
      [all[1]],
    );
    assert.deepEqual([waiting.length, waiting.shift(), waiting.shift()], [1, all[3], undefined]);
  });

  it('do not fill the memory when very many give way behind one that stays', () => {
    const waiting = new WaitingMessages('keep-latest');
    waiting.push(entry('first'));
    for (let n = 0; n < 100_000; n++) {
      const [before] = waiting.givingWay('a', 1, 0);
      if (before !== undefined) giveWay(waiting, before);
      waiting.push(entry('a'));
    }
    assert.equal(waiting.length, 2);
    const kept = [...Queue.prototype[Symbol.iterator].call(waiting)].length;
    assert.ok(kept < 5000, `${kept} are kept`);
  });
});
