import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import {
  MqttError,
  type OutcomeListener,
  parseTopicFilter,
  type PublishPacket,
  type TopicFilter,
} from '../../../../src/index.ts';
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

/** A connection that writes down who subscribes and what ends, and refuses a filter that is none. */
function recording() {
  const subscribers: Subscriber[] = [];
  const outcomes: OutcomeListener[] = [];
  const ended: string[] = [];
  const errors: unknown[] = [];
  const connection = {
    subscribe(filter: string, subscriber: Subscriber, _options: object, outcome: OutcomeListener) {
      parseTopicFilter(filter);
      subscribers.push(subscriber);
      outcomes.push(outcome);
    },
    unsubscribe: (filter: string) => void ended.push(`unsubscribe ${filter}`),
    release: (filter: string) => void ended.push(`release ${filter}`),
  } as unknown as SharedConnection;
  const node = { error: (text: unknown) => void errors.push(text) } as unknown as Node;
  return { subscribers, outcomes, ended, errors, callbacks: new CallbackSubscribers(node, connection) };
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

  it('may keep what it gets: the memory of the packet is another one’s later', () => {
    const { subscribers, callbacks } = recording();
    const kept: Buffer[] = [];
    callbacks.subscribe('a', OPTIONS, (_topic, payload, packet) => kept.push(payload, packet.payload), 'me');
    const payload = Buffer.from('mine');
    subscribers[0]?.receive({ ...PACKET, payload }, 'a' as TopicFilter);
    payload.fill('!');
    assert.deepEqual(kept.map(String), ['mine', 'mine']);
  });

  it('hears nothing more by a filter that it unsubscribed', () => {
    const { subscribers, callbacks } = recording();
    const heard: string[] = [];
    callbacks.subscribe('a', OPTIONS, () => heard.push('by a'), 'me');
    callbacks.subscribe('b', OPTIONS, () => heard.push('by b'), 'me');
    callbacks.unsubscribe('a', 'me', true);
    subscribers[0]?.receive(PACKET, 'a' as TopicFilter);
    assert.deepEqual(heard, []);
  });

  it('is forgotten when it wants nothing any more', () => {
    const { subscribers, callbacks } = recording();
    callbacks.subscribe('a', OPTIONS, () => undefined, 'me');
    callbacks.unsubscribe('a', 'me', true);
    callbacks.subscribe('a', OPTIONS, () => undefined, 'me');
    assert.equal(new Set(subscribers).size, 2);
  });

  it('that is no filter is told so by an error of the connection, and goes on, and is not kept', () => {
    const { subscribers, errors, callbacks } = recording();
    callbacks.subscribe('a/#/b', OPTIONS, () => undefined, 'me');
    assert.match(String(errors), /^another node could not subscribe a\/#\/b: /);
    callbacks.subscribe('a', OPTIONS, () => undefined, 'me');
    callbacks.unsubscribe('a', 'me', true);
    callbacks.subscribe('a', OPTIONS, () => undefined, 'me');
    assert.equal(new Set(subscribers).size, 2);
  });

  it('is told by an error of the connection that the broker refuses, once until it grants', () => {
    const { outcomes, errors, callbacks } = recording();
    callbacks.subscribe('a', OPTIONS, () => undefined, 'me');
    const refused = { granted: false, error: new MqttError('subscription-refused', 'not authorized') } as const;
    for (const outcome of [refused, refused, { granted: true, qos: 1 } as const, refused]) outcomes[0]?.(outcome);
    const told = 'another node could not subscribe a: not authorized';
    assert.deepEqual(errors, [told, told]);
  });

  it('keeps its place when it ends and was not removed: a deploy brings it back', () => {
    const { ended, callbacks } = recording();
    for (const filter of ['a', 'b']) callbacks.subscribe(filter, OPTIONS, () => undefined, 'me');
    callbacks.unsubscribe('a', 'me', false);
    callbacks.unsubscribe('b', 'me', true);
    assert.deepEqual(ended, ['release a', 'unsubscribe b']);
  });
});
