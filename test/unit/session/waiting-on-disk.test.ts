import assert from 'node:assert/strict';
import { MqttError } from '../../../src/protocol/errors.ts';
import type { QoS } from '../../../src/protocol/packet.ts';
import type { OutgoingMessage } from '../../../src/session/outgoing-message.ts';
import type { SessionOptions } from '../../../src/session/session.ts';
import type { Window } from '../../../src/store/backlog.ts';
import { sizeOf } from '../../../src/store/message-size.ts';
import { PagedStore } from '../../support/paged-store.ts';
import { ack, Driver, IDENTITY, LIMITS, message } from './fixture.ts';

const LOST = new MqttError('offline', 'gone');
const ONE_AT_A_TIME = { ...LIMITS, receiveMaximum: 1 };
/** What one message without a payload counts for. */
const SIZE = sizeOf(message('a', 1));

interface Scene {
  readonly driver: Driver;
  readonly store: PagedStore;
}

/** A session with room for two messages in memory, unless it is said otherwise. */
function scene(more: Partial<SessionOptions> = {}, window: Partial<Window> = {}): Scene {
  const store = new PagedStore(window);
  return { store, driver: new Driver(store, IDENTITY, more) };
}

function acceptAll(driver: Driver, topics: string, qos: QoS = 1): void {
  for (const topic of topics) driver.accept(topic, qos);
}

/** Sends all at QoS 1, each acknowledged at once, the disk at once too; the topics in their order. */
function sendAll({ driver, store }: Scene): string {
  const topics: string[] = [];
  for (let lines = driver.pump(); lines.length > 0; lines = driver.pump()) {
    for (const [, topic = '', packetId] of lines.map((line) => line.split(' '))) {
      topics.push(topic);
      if (packetId !== undefined) driver.receive(ack('puback', Number(packetId)));
    }
    store.answerAll();
  }
  return topics.join('');
}

const why = ({ outcomes }: Driver): string[] =>
  [...outcomes].map(
    ([topic, all]) =>
      `${topic} ${all.map((outcome) => (outcome instanceof MqttError ? outcome.code : String(outcome))).join()}`,
  );

const each = (topics: string, outcome: string): string[] => topics.split('').map((topic) => `${topic} ${outcome}`);

/** What the session says of itself. */
const counts = ({ session: { outgoing } }: Driver): readonly [number, number] => [outgoing.count, outgoing.bytes];

describe('Messages that wait on disk', () => {
  it('follow those in memory in their order, also those that come while they are read', () => {
    const at = scene();
    acceptAll(at.driver, 'abcdefg');
    assert.deepEqual(
      at.store.load().outgoing.map(({ message: { topic } }) => topic),
      ['a', 'b'],
    );
    at.driver.resume(ONE_AT_A_TIME);
    assert.deepEqual(at.driver.pump(), ['publish a 1']);
    at.driver.receive(ack('puback', 1));
    at.driver.pump();
    acceptAll(at.driver, 'hi');
    at.store.answer();
    acceptAll(at.driver, 'j');
    at.driver.receive(ack('puback', 2));
    assert.equal(sendAll(at), 'cdefghij');
  });

  it('are told their outcome once each, and count until then', () => {
    const at = scene();
    acceptAll(at.driver, 'abcde');
    assert.deepEqual(counts(at.driver), [5, 5 * SIZE]);
    at.driver.resume(ONE_AT_A_TIME);
    for (let left = 5; left > 0; left--) {
      assert.deepEqual(counts(at.driver), [left, left * SIZE]);
      const [line = ''] = at.driver.pump();
      at.store.answerAll();
      at.driver.receive(ack('puback', Number(line.split(' ')[2])));
    }
    assert.deepEqual(counts(at.driver), [0, 0]);
    assert.deepEqual(why(at.driver), ['a 0', 'b 0', 'c 0', 'd 0', 'e 0']);
    assert.equal(at.store.records.size, 0);
  });

  it('wake who sends when they came, and keep the session from being idle until then', () => {
    let woken = 0;
    const at = scene({ came: () => (woken += 1) }, { messages: 1 });
    acceptAll(at.driver, 'ab');
    at.driver.resume();
    at.driver.pump();
    at.driver.receive(ack('puback', 1));
    assert.equal(at.driver.session.outgoing.idle, false);
    at.store.answer();
    assert.equal(woken, 1);
    assert.equal(sendAll(at), 'b');
    assert.equal(at.driver.session.outgoing.idle, true);
  });

  it('are none any more when all have left: what comes then waits in memory', () => {
    const at = scene();
    acceptAll(at.driver, 'abc');
    at.driver.resume();
    assert.equal(sendAll(at), 'abc');
    at.driver.lose(LOST);
    acceptAll(at.driver, 'd');
    assert.equal(at.store.backlog.length, 0);
  });

  it('follow where those in memory have expired', () => {
    const at = scene();
    for (const topic of 'ab') at.driver.accept(topic, 1, 100);
    acceptAll(at.driver, 'c');
    assert.equal(at.driver.session.outgoing.expiryDeadline, 100);
    at.driver.session.outgoing.dropExpired(100);
    at.store.answer();
    assert.equal(at.store.backlog.length, 0);
    assert.deepEqual(why(at.driver), ['a expired', 'b expired']);
  });

  it('expire there', () => {
    const at = scene();
    acceptAll(at.driver, 'ab');
    at.driver.accept('c', 1, 100);
    assert.equal(at.driver.session.outgoing.expiryDeadline, 100);
    at.driver.session.outgoing.dropExpired(99);
    assert.equal(at.driver.session.outgoing.count, 3);
    at.driver.session.outgoing.dropExpired(100);
    at.store.answerAll();
    assert.deepEqual(why(at.driver), ['c expired']);
    assert.equal(at.driver.session.outgoing.expiryDeadline, Infinity);
  });

  it('are read once, however often it is asked what may be sent', () => {
    const at = scene({}, { messages: 1 });
    acceptAll(at.driver, 'ab');
    at.driver.resume();
    for (let turn = 0; turn < 3; turn++) at.driver.pump();
    at.driver.receive(ack('puback', 1));
    at.driver.pump();
    at.driver.pump();
    assert.equal(at.store.asked.length, 1);
  });

  it('do not wait for what is under way, however much that is', () => {
    const at = scene({}, { messages: 100, bytes: 4 * SIZE });
    acceptAll(at.driver, 'abcdefgh');
    at.driver.resume();
    for (let turn = 0; turn < 10; turn++) {
      at.driver.pump();
      at.store.answerAll();
    }
    assert.equal(at.driver.sent.length, 8);
  });

  it('are counted by bytes too', () => {
    const at = scene({}, { messages: 100, bytes: 2 * SIZE });
    acceptAll(at.driver, 'abc');
    assert.equal(at.store.backlog.length, 1);
  });

  it('say since when the oldest has waited, where none is in memory', () => {
    const at = scene({}, { messages: 1 });
    acceptAll(at.driver, 'a');
    at.driver.now = 7;
    acceptAll(at.driver, 'b');
    at.driver.resume();
    at.driver.pump();
    at.driver.receive(ack('puback', 1));
    assert.equal(at.driver.session.outgoing.waitingSince, 7);
  });

  it('can be read as they wait, and stay', async () => {
    const at = scene();
    acceptAll(at.driver, 'abcd');
    const next = at.driver.session.outgoing.waitingOnDisk().next();
    at.store.answer();
    const page: IteratorResult<readonly OutgoingMessage[], unknown> = await next;
    assert.ok(page.done !== true);
    assert.deepEqual(
      page.value.map(({ message: { topic } }) => topic),
      ['c', 'd'],
    );
    assert.equal(at.store.backlog.length, 2);
  });

  it('at QoS 0, where it waits, keep their place', () => {
    const at = scene({ qos0Waits: true });
    for (const [index, topic] of 'abcdefgh'.split('').entries()) at.driver.accept(topic, index % 2 === 0 ? 0 : 1);
    at.driver.resume(ONE_AT_A_TIME);
    assert.equal(sendAll(at), 'abcdefgh');
    assert.equal(at.driver.session.outgoing.count, 0);
  });

  it('are none at QoS 0 that does not wait', () => {
    const at = scene();
    acceptAll(at.driver, 'abc');
    at.driver.accept('d', 0);
    assert.equal(at.store.backlog.length, 1);
  });

  it('are all in memory where a rule has to know them', () => {
    const at = scene();
    acceptAll(at.driver, 'abcdefg');
    at.driver.session.leave(0);
    const next = { store: at.store, driver: new Driver(at.store, IDENTITY, { whenFull: 'keep-latest' }) };
    at.store.answerAll();
    assert.equal(at.store.backlog.length, 0);
    acceptAll(next.driver, 'hij');
    assert.equal(at.store.backlog.length, 0);
    next.driver.resume();
    assert.equal(sendAll(next), 'abcdefghij');
  });
});

describe('Messages that wait on disk and are given up', () => {
  it('while they are read: they are told so once, and not sent', () => {
    const at = scene({}, { messages: 3 });
    acceptAll(at.driver, 'xyz');
    for (const topic of 'abcd') at.driver.accept(topic, 1, 'bc'.includes(topic) ? 100 : undefined);
    at.driver.resume();
    at.driver.pump();
    for (const packetId of [1, 2, 3]) at.driver.receive(ack('puback', packetId));
    at.driver.pump();
    at.driver.session.outgoing.dropExpired(100);
    assert.equal(at.driver.session.outgoing.count, 2);
    at.store.answer();
    assert.equal(sendAll(at), 'ad');
    assert.deepEqual(why(at.driver).slice(3), ['b expired', 'c expired', 'a 0', 'd 0']);
    assert.deepEqual(counts(at.driver), [0, 0]);
  });

  it('by a person: who gave them is told of each, and what comes since is sent', () => {
    const at = scene();
    acceptAll(at.driver, 'abcdef');
    assert.equal(at.driver.session.outgoing.discard(), 6);
    assert.deepEqual(counts(at.driver), [0, 0]);
    acceptAll(at.driver, 'ghi');
    at.store.answerAll();
    assert.deepEqual(why(at.driver), each('abcdef', 'dropped'));
    assert.match(String(at.driver.outcome('f')), /the message to f was discarded by a person/);
    assert.equal(at.driver.session.outgoing.count, 3);
    at.driver.resume();
    assert.equal(sendAll(at), 'ghi');
    assert.equal(at.store.records.size, 0);
  });

  it('and are the last ones: that nothing is left is told', () => {
    let emptied = 0;
    const at = scene({ emptied: () => (emptied += 1) });
    acceptAll(at.driver, 'abc');
    at.driver.session.outgoing.discard();
    at.store.answerAll();
    assert.ok(emptied > 0);
  });

  it('to others: the oldest, on disk where none is in memory', () => {
    const at = scene({ whenFull: 'drop-oldest' }, { messages: 1 });
    acceptAll(at.driver, 'abcd');
    at.driver.resume();
    at.driver.pump();
    at.driver.session.outgoing.makeWay('e', 1, 0);
    assert.equal(at.driver.session.outgoing.count, 3);
    acceptAll(at.driver, 'e');
    at.store.answerAll();
    assert.deepEqual(why(at.driver), ['b dropped']);
    at.driver.receive(ack('puback', 1));
    assert.equal(sendAll(at), 'cde');
  });

  it('to others: those in memory first, and of those on disk what is missing', () => {
    const at = scene({ whenFull: 'drop-oldest' });
    acceptAll(at.driver, 'abcde');
    at.driver.session.outgoing.makeWay('f', 0, 3 * SIZE);
    at.store.answerAll();
    assert.deepEqual(new Set(why(at.driver)), new Set(['a dropped', 'b dropped', 'c dropped']));
    assert.deepEqual(counts(at.driver), [2, 2 * SIZE]);
  });

  it('to others, unless all together are too little: then none is', () => {
    const at = scene({ whenFull: 'drop-oldest' });
    acceptAll(at.driver, 'abcde');
    at.driver.session.outgoing.makeWay('f', 0, 6 * SIZE);
    at.driver.session.outgoing.makeWay('f', 6, 0);
    at.store.answerAll();
    assert.equal(at.driver.session.outgoing.count, 5);
  });

  it('and cannot be read: who waits is told when the store is closed', () => {
    const at = scene();
    acceptAll(at.driver, 'abcdefg');
    at.driver.session.outgoing.discard();
    at.store.answer();
    at.store.close();
    at.store.answer();
    assert.deepEqual(why(at.driver), each('abcdefg', 'dropped'));
    assert.deepEqual(at.driver.restored, []);
  });
});

describe('A message on disk that cannot be read', () => {
  it('fails alone: its sender is told, and the others are sent', () => {
    const at = scene();
    acceptAll(at.driver, 'abcdefg');
    at.store.written();
    at.store.records.delete(5);
    at.driver.resume();
    assert.equal(sendAll(at), 'abcdfg');
    assert.match(String(at.driver.outcome('e')), /a message that waited on disk cannot be read any more/);
    assert.deepEqual(counts(at.driver), [0, 0]);
  });

  it('and was the last one: that nothing is left is told', () => {
    let emptied = 0;
    const at = scene({ emptied: () => (emptied += 1) }, { messages: 1 });
    acceptAll(at.driver, 'ab');
    at.store.written();
    at.store.records.clear();
    at.driver.resume();
    at.driver.pump();
    at.driver.receive(ack('puback', 1));
    at.driver.pump();
    assert.equal(emptied, 0);
    at.store.answerAll();
    assert.equal(emptied, 1);
  });

  it('of a sender who throws when he is told keeps nothing back', () => {
    const at = scene();
    acceptAll(at.driver, 'ab');
    const failing = (): void => assert.fail('a sender that fails');
    at.driver.session.outgoing.accept(message('c', 1), 0, undefined, failing);
    acceptAll(at.driver, 'd');
    at.store.written();
    at.store.records.delete(3);
    at.driver.resume();
    assert.equal(sendAll(at), 'abd');
    assert.match(at.driver.notices[0]?.message ?? '', /whoever was told the outcome of a message failed/);
  });

  it('of an earlier process is told to a person', () => {
    const at = scene();
    acceptAll(at.driver, 'abcd');
    at.store.written();
    at.driver.session.leave(0);
    at.store.backlog.takeWaiter(3);
    at.store.records.delete(3);
    const next = { store: at.store, driver: new Driver(at.store) };
    next.driver.resume();
    assert.equal(sendAll(next), 'abd');
    assert.equal(next.driver.restored.length, 1);
  });
});

describe('A client that leaves what waits on disk', () => {
  it('while it is read: the next one has all of it, in order', () => {
    const at = scene();
    acceptAll(at.driver, 'abcdef');
    at.driver.resume(ONE_AT_A_TIME);
    at.driver.pump();
    at.driver.receive(ack('puback', 1));
    at.driver.pump();
    at.driver.lose(LOST);
    at.driver.session.leave(0);
    const next = { store: at.store, driver: new Driver(at.store) };
    assert.deepEqual(counts(next.driver), [5, 5 * SIZE]);
    at.store.answer();
    acceptAll(next.driver, 'gh');
    next.driver.resume();
    assert.equal(sendAll(next), 'bcdefgh');
    assert.deepEqual(why(at.driver), each('abcdef', '0'));
  });

  it('in part: what had come into memory is for the next one too', () => {
    const at = scene({}, { messages: 3 });
    acceptAll(at.driver, 'abcdef');
    at.driver.resume(ONE_AT_A_TIME);
    for (const packetId of [1, 2, 3]) {
      at.driver.pump();
      at.driver.receive(ack('puback', packetId));
    }
    at.driver.pump();
    at.store.answer();
    at.driver.lose(LOST);
    at.driver.session.leave(0);
    const next = { store: at.store, driver: new Driver(at.store) };
    next.driver.resume();
    assert.equal(sendAll(next), 'def');
  });

  it('to a next one that discards it: the Server may have what an earlier process had sent', () => {
    const at = scene({}, { messages: 1 });
    acceptAll(at.driver, 'ac');
    at.driver.resume();
    at.driver.pump();
    at.driver.receive(ack('puback', 1));
    at.driver.session.leave(0);
    const next = new Driver(at.store);
    next.session.outgoing.discard();
    at.store.answerAll();
    assert.match(String(at.driver.outcome('c')), /to c was discarded by a person: the broker may have it/);
  });

  it('while some are given up: they are told all the same, and touch nothing that comes since', () => {
    const at = scene();
    acceptAll(at.driver, 'abcdef');
    at.driver.session.outgoing.discard();
    at.driver.session.leave(0);
    const next = { store: at.store, driver: new Driver(at.store) };
    acceptAll(next.driver, 'ghijklm');
    at.store.answerAll();
    assert.deepEqual(why(at.driver), each('abcdef', 'dropped'));
    assert.equal(at.store.records.size, 7);
    assert.equal(at.driver.session.outgoing.count, 0);
    next.driver.resume();
    assert.equal(sendAll(next), 'ghijklm');
  });
});

describe('A message on disk that is done when it is stored', () => {
  function accepted(at: Scene, topic: string): () => void {
    const { outgoing } = at.driver.session;
    const place = outgoing.accept(message(topic, 1), 0, undefined, at.driver.noting(topic));
    return () => outgoing.stored(place);
  }

  it('is told once, and nobody who waits for it is remembered', () => {
    const at = scene();
    acceptAll(at.driver, 'ab');
    accepted(at, 'c')();
    assert.deepEqual(why(at.driver), ['c 0']);
    assert.equal(at.store.backlog.takeWaiter(3), undefined);
    at.driver.resume();
    assert.equal(sendAll(at), 'abc');
    assert.deepEqual(why(at.driver), ['c 0', 'a 0', 'b 0']);
  });

  it('is told once where it came into memory meanwhile; its failure is told as one of an earlier client', () => {
    const at = scene({}, { messages: 1 });
    acceptAll(at.driver, 'a');
    const stored = accepted(at, 'b');
    at.driver.resume(ONE_AT_A_TIME);
    at.driver.pump();
    at.driver.pump();
    at.store.answerAll();
    assert.equal(at.store.backlog.length, 0);
    stored();
    at.driver.session.outgoing.discard();
    assert.deepEqual(why(at.driver), ['b 0']);
    assert.equal(at.driver.restored.length, 1);
  });

  it('is not told so when its outcome was told', () => {
    const at = scene();
    acceptAll(at.driver, 'ab');
    const stored = accepted(at, 'c');
    at.driver.session.outgoing.discard();
    at.store.answerAll();
    stored();
    assert.deepEqual(why(at.driver), ['a dropped', 'b dropped', 'c dropped']);
  });

  it('is told by who has the store now, where its client left', () => {
    const at = scene();
    acceptAll(at.driver, 'ab');
    const stored = accepted(at, 'c');
    at.driver.session.leave(0);
    stored();
    assert.deepEqual(why(at.driver), []);
    const next = { store: at.store, driver: new Driver(at.store) };
    next.driver.resume();
    assert.equal(sendAll(next), 'abc');
    assert.deepEqual(why(at.driver), ['a 0', 'b 0', 'c 0']);
  });
});
