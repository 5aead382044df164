import assert from 'node:assert/strict';
import type { PacketId } from '../../../src/protocol/packet.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { parseTopicName } from '../../../src/protocol/topic.ts';
import type {
  OutgoingState,
  SessionStore,
  StoredMessage,
  StoredReceived,
  StoredSession,
  StoredWish,
} from '../../../src/store/session-store.ts';

/** A received id, with what its message was. */
export const taken = (packetId: number, fingerprint?: number): StoredReceived => ({
  packetId: id(packetId),
  fingerprint,
});

export const id = (packetId: number): PacketId => packetId as PacketId;

export function record(sequence: number, state: OutgoingState = { step: 'queued' }, qos: 1 | 2 = 2): StoredMessage {
  const payload = Buffer.from([0, sequence & 0xff, 255]);
  const message = { topic: parseTopicName('a/ä'), payload, qos, retain: sequence % 2 === 0, properties: undefined };
  return { sequence, message, acceptedAt: 0, expiresAt: undefined, state };
}

export function wish(ref: string, filter: string, more: Partial<StoredWish> = {}): StoredWish {
  const options = { qos: 1, noLocal: true, retainAsPublished: false, retainHandling: 2 } as const;
  return { ref, filter: filter as TopicFilter, options, note: 'json', ...more };
}

/** What a store holds. A disk tells the time by another clock, and so not to the millisecond. */
export function held(store: SessionStore): StoredSession {
  const session = store.load();
  const outgoing = session.outgoing.map((message) => ({
    ...message,
    // Without a zero below zero.
    acceptedAt: Math.round(message.acceptedAt / 100) * 100 + 0,
  }));
  return { ...session, outgoing };
}

/** A store, and what opens it anew when its user is gone; without it, the same. */
export interface Opened {
  readonly store: SessionStore;
  readonly reopen: () => Promise<SessionStore>;
}

/** What every store promises, whatever it outlives. */
export function itKeepsASession(open: () => Promise<Opened>): void {
  /** What the next user finds behind `work`. */
  async function after(
    work: (store: SessionStore) => void,
  ): ReturnType<() => Promise<ReturnType<SessionStore['load']>>> {
    const { store, reopen } = await open();
    work(store);
    await new Promise<void>((resolve) => store.commit(() => resolve()));
    return held(await reopen());
  }

  it('holds nothing at first', async () => {
    const nothing = { identity: undefined, outgoing: [], received: [], subscriptions: [], wishes: [] };
    assert.deepEqual(await after(() => undefined), nothing);
  });

  it('holds messages by rising sequence, whatever order they came in', async () => {
    const { outgoing } = await after((store) => {
      for (const sequence of [3, 1, 10, 2]) store.put(record(sequence));
    });
    assert.deepEqual(
      outgoing.map(({ sequence }) => sequence),
      [1, 2, 3, 10],
    );
  });

  it('holds each part of a message', async () => {
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 7,
      responseTopic: 'r/ö',
      correlationData: Buffer.from([0, 254]),
      userProperties: [
        ['a', '1'],
        ['a', '2'],
      ],
      contentType: 'text/plain',
    } as const;
    const full = { ...record(4), message: { ...record(4).message, properties } };
    assert.deepEqual((await after((store) => store.put(full))).outgoing, [full]);
  });

  it('holds the latest step of a QoS 2 message', async () => {
    const steps: readonly OutgoingState[] = [
      { step: 'published', packetId: id(7) },
      { step: 'released', packetId: id(7), order: 3 },
      { step: 'released', packetId: id(7), order: 3, doubtful: true },
      { step: 'abandoned', packetId: id(7), order: 4 },
      { step: 'queued' },
    ];
    for (let count = 1; count <= steps.length; count++) {
      const { outgoing } = await after((store) => {
        store.put(record(1));
        for (const state of steps.slice(0, count)) store.advance(record(1, state));
      });
      assert.deepEqual(outgoing, [record(1, steps[count - 1])]);
    }
  });

  it('holds a message that is put in its later steps', async () => {
    const abandoned = record(2, { step: 'abandoned', packetId: id(9), order: 1 });
    assert.deepEqual((await after((store) => store.put(abandoned))).outgoing, [abandoned]);
  });

  it('forgets a message, its step too, and nothing else', async () => {
    const { outgoing } = await after((store) => {
      for (const sequence of [1, 2]) store.put(record(sequence));
      store.advance(record(1, { step: 'published', packetId: id(7) }));
      store.remove(1);
      store.remove(3);
    });
    assert.deepEqual(outgoing, [record(2)]);
  });

  it('holds received packet ids once each, with what the messages were', async () => {
    const { received } = await after((store) => {
      for (const each of [taken(5, 1), taken(7, 1), taken(7, -(2 ** 31)), taken(5, 2), taken(8)])
        store.saveReceived(each);
      store.saveReceived(taken(65_535, 2 ** 31 - 1));
      store.removeReceived(id(5));
      store.removeReceived(id(6));
    });
    assert.deepEqual(new Set(received), new Set([taken(7, -(2 ** 31)), taken(8), taken(65_535, 2 ** 31 - 1)]));
  });

  it('holds whose session it is', async () => {
    const identity = { server: 'mqtts://host:8883', clientId: 'c', unanswered: true };
    const { identity: held } = await after((store) => {
      store.saveIdentity({ ...identity, clientId: 'earlier' });
      store.saveIdentity(identity);
    });
    assert.deepEqual(held, identity);
  });

  it('holds subscriptions by filter', async () => {
    const options = { qos: 1, noLocal: true, retainAsPublished: false, retainHandling: 2 } as const;
    const [a, b] = ['a/+/#', 'b'] as TopicFilter[];
    assert.ok(a !== undefined && b !== undefined);
    const { subscriptions } = await after((store) => {
      store.saveSubscription({ filter: a, identifier: 1, options, granted: 0 });
      store.saveSubscription({ filter: a, identifier: 2, options, granted: 1, unanswered: 'unsubscribe' });
      store.saveSubscription({ filter: b, identifier: undefined, options, granted: 1 });
      store.removeSubscription(b);
    });
    assert.deepEqual(subscriptions, [{ filter: a, identifier: 2, options, granted: 1, unanswered: 'unsubscribe' }]);
  });

  it('holds what each one wants, the latest of each filter', async () => {
    const { wishes } = await after((store) => {
      store.saveWish(wish('n', 'a/+/#', { note: '' }));
      store.saveWish(wish('m', 'a/+/#'));
      store.saveWish(wish('n', 'a/+/#', { options: { ...wish('n', 'a').options, qos: 2 } }));
    });
    const latest = wish('n', 'a/+/#', { options: { ...wish('n', 'a').options, qos: 2 } });
    assert.deepEqual(new Set(wishes), new Set([latest, wish('m', 'a/+/#')]));
  });

  it('tells apart who wants what, whatever they are called', async () => {
    const all = [wish('a', 'b/c'), wish('a/b', 'c'), wish('1/a', 'b'), wish('wish/1', '/'), wish('é/..', '$share/g/ä')];
    const { wishes } = await after((store) => {
      for (const each of all) store.saveWish(each);
    });
    assert.deepEqual(new Set(wishes), new Set(all));
  });

  it('forgets a wish, or all of one, and nothing else', async () => {
    const { store, reopen } = await open();
    for (const filter of ['a', 'b']) store.saveWish(wish('n', filter));
    for (const ref of ['m', 'o', 'n/1']) for (const filter of ['a', 'b']) store.saveWish(wish(ref, filter));
    await new Promise<void>((resolve) => store.commit(() => resolve()));
    store.removeWish('n', 'a' as TopicFilter);
    store.removeWish('n', 'never' as TopicFilter);
    store.removeWish('m');
    store.removeWish('nobody');
    // A wish that is found once more would be subscribed.
    await new Promise<void>((resolve) => store.commit(() => resolve()));
    const next = await reopen();
    assert.deepEqual(next.wishesOf('n'), [wish('n', 'b')]);
    assert.deepEqual(next.wishesOf('m'), []);
    assert.equal(next.wishesOf().length, 5);
    assert.deepEqual(next.wishesOf(), next.load().wishes);
  });

  it('has what one wants at once', async () => {
    const { store } = await open();
    store.saveWish(wish('n', 'a'));
    store.saveWish(wish('n', 'b'));
    store.removeWish('n', 'a' as TopicFilter);
    assert.deepEqual(store.wishesOf('n'), [wish('n', 'b')]);
  });

  it('calls back for each commit once, in their order', async () => {
    const { store } = await open();
    const called: number[] = [];
    for (const number of [1, 2, 3]) {
      store.put(record(number));
      store.commit(() => called.push(number));
    }
    await new Promise<void>((resolve) => store.commit(() => resolve()));
    assert.deepEqual(called, [1, 2, 3]);
  });

  it('waits for nothing where nothing was written, or only a message removed', async () => {
    const { store } = await open();
    store.put(record(1));
    await new Promise<void>((resolve) => store.commit(() => resolve()));
    store.remove(1);
    let durable = false;
    store.commit(() => (durable = true));
    assert.equal(durable, true);
  });
}
