import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import { MqttError, parseTopicFilter, type PublishPacket, type TopicFilter } from '../../../../src/index.ts';
import { CallbackSubscribers } from '../../../../nodes/mqtt-connection/callback-subscribers.ts';
import type { SharedConnection } from '../../../../nodes/mqtt-connection/shared-connection.ts';
import type { Subscriber } from '../../../../nodes/mqtt-connection/wishes.ts';

const OPTIONS = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
const PACKET: PublishPacket = {
  cmd: 'publish',
  topic: 'a',
  payload: Buffer.from('x'),
  qos: 0,
  retain: false,
  dup: false,
  packetId: undefined,
  properties: undefined,
};

/** A connection that writes down who subscribes, and refuses a filter that is none. */
function recording() {
  const subscribers: Subscriber[] = [];
  const connection = {
    subscribe(filter: string, subscriber: Subscriber) {
      parseTopicFilter(filter);
      subscribers.push(subscriber);
    },
    unsubscribe: () => undefined,
  } as unknown as SharedConnection;
  return { subscribers, callbacks: new CallbackSubscribers({} as Node, connection) };
}

describe('who subscribes by a callback', () => {
  it('is the same subscriber for all its filters, each with its callback', () => {
    const { subscribers, callbacks } = recording();
    const heard: string[] = [];
    callbacks.subscribe('a', OPTIONS, () => heard.push('by a'), 'me');
    callbacks.subscribe('b', OPTIONS, () => heard.push('by b'), 'me');
    assert.equal(new Set(subscribers).size, 1);
    subscribers[0]?.receive(PACKET, 'b' as TopicFilter);
    assert.deepEqual(heard, ['by b']);
  });

  it('hears nothing more by a filter that it unsubscribed', () => {
    const { subscribers, callbacks } = recording();
    const heard: string[] = [];
    callbacks.subscribe('a', OPTIONS, () => heard.push('by a'), 'me');
    callbacks.subscribe('b', OPTIONS, () => heard.push('by b'), 'me');
    callbacks.unsubscribe('a', 'me');
    subscribers[0]?.receive(PACKET, 'a' as TopicFilter);
    assert.deepEqual(heard, []);
  });

  it('is forgotten when it wants nothing any more', () => {
    const { subscribers, callbacks } = recording();
    callbacks.subscribe('a', OPTIONS, () => undefined, 'me');
    callbacks.unsubscribe('a', 'me');
    callbacks.subscribe('a', OPTIONS, () => undefined, 'me');
    assert.equal(new Set(subscribers).size, 2);
  });

  it('is not kept for a filter that is refused', () => {
    const { subscribers, callbacks } = recording();
    assert.throws(() => callbacks.subscribe('a/#/b', OPTIONS, () => undefined, 'me'), MqttError);
    callbacks.subscribe('a', OPTIONS, () => undefined, 'me');
    callbacks.unsubscribe('a', 'me');
    callbacks.subscribe('a', OPTIONS, () => undefined, 'me');
    assert.equal(new Set(subscribers).size, 2);
  });
});
