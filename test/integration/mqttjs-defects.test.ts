import assert from 'node:assert/strict';
import { ClientClosed, MqttError, PacketTooLarge, ServerDisconnected } from '../../src/index.ts';
import { systemClock } from '../../src/util/clock.ts';
import type { Clock } from '../../src/util/clock.ts';
import {
  delivered,
  failure,
  Mailbox,
  numbered,
  phase,
  publish,
  publishedTo,
  subscribe,
  useBench,
} from '../support/client-bench.ts';
import { later } from '../support/clock-shift.ts';
import { settle, until, within } from '../support/events.ts';
import type { FakePeer } from '../support/fake-broker.ts';
import { aPublish } from '../support/packets.ts';
import { freePort } from '../support/ports.ts';

/** Defects that were reproduced on MQTT.js 5.16.0, by their numbers there; each test says what is right instead. */
describe('what MQTT.js 5.16.0 gets wrong', () => {
  const bench = useBench();
  const KEPT = { cleanStart: false, sessionExpiryInterval: 3600 } as const;

  /** The client's next connection, which resumes the session. */
  async function resumed(broker: { accept(): Promise<FakePeer> }): Promise<FakePeer> {
    const peer = await broker.accept();
    await peer.handshake({ sessionPresent: true });
    return peer;
  }

  it('1: more messages wait offline than there are packet ids; each arrives and is settled once, no id is in use twice', async function () {
    this.timeout(30_000);
    const broker = await bench.broker();
    const client = bench.client(broker.url);
    const outcomes = numbered(70_000).map((payload) => publish(client, { payload, qos: 1 }));
    assert.equal(client.waiting, 70_000);
    client.connect();
    const peer = await broker.accept();
    await peer.handshake();
    const first = await peer.expect('publish');
    // The first one stays open while the ids of the others wrap around it.
    const others = numbered(70_000).slice(1);
    for (const payload of others) {
      const { messageId = 0, ...packet } = await peer.expect('publish');
      assert.equal(String(packet.payload), payload);
      assert.notEqual(messageId, first.messageId);
      peer.send({ cmd: 'puback', messageId, reasonCode: 0 });
    }
    assert.equal(outcomes[0]?.times, 0);
    peer.send({ cmd: 'puback', messageId: first.messageId ?? 0, reasonCode: 0 });
    await within(Promise.all(outcomes.map(({ settled }) => settled)), 'not all settled');
    assert.ok(outcomes.every(({ times, error }) => times === 1 && error === undefined));
  });

  it('2: a resumed session sends all that is unacknowledged at once, with DUP, in the first order', async () => {
    const { broker, client, peer } = await bench.connected(KEPT);
    const outcomes = numbered(5).map((payload) => publish(client, { payload, qos: 1 }));
    const first: (number | undefined)[] = [];
    while (first.length < outcomes.length) first.push((await peer.expect('publish')).messageId);
    peer.drop();
    const again = await resumed(broker);
    // None is acknowledged yet: the next comes all the same.
    for (const [index, messageId] of first.entries()) {
      const packet = await again.expect('publish');
      assert.deepEqual([String(packet.payload), packet.messageId, packet.dup], [String(index), messageId, true]);
    }
    for (const messageId of first) again.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0 });
    await Promise.all(outcomes.map((outcome) => delivered(outcome)));
  });

  it('3: a message published while the session is being resumed survives another loss', async () => {
    const { broker, client, peer } = await bench.connected(KEPT);
    publish(client, { payload: 'old', qos: 1 });
    await peer.expect('publish');
    peer.drop();
    const second = await resumed(broker);
    const outcome = publish(client, { payload: 'new', qos: 1 });
    await second.expect('publish');
    second.drop();
    const third = await resumed(broker);
    third.autoRespond();
    await delivered(outcome);
    assert.deepEqual(publishedTo(third), ['old', 'new']);
    assert.equal(outcome.times, 1);
  });

  it('4: no more is unacknowledged than the Receive Maximum of the broker, also when it is sent again', async () => {
    const { broker, client, peer } = await bench.connected(KEPT, { properties: { receiveMaximum: 2 } });
    for (const payload of numbered(50)) publish(client, { payload, qos: 1 });
    const one = await peer.expect('publish');
    await peer.expect('publish');
    await peer.expectNothing();
    peer.send({ cmd: 'puback', messageId: one.messageId ?? 0, reasonCode: 0 });
    assert.equal(String((await peer.expect('publish')).payload), '2');
    await peer.expectNothing();
    peer.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true, properties: { receiveMaximum: 1 } });
    const packet = await again.expect('publish');
    assert.deepEqual([String(packet.payload), packet.dup], ['1', true]);
    await again.expectNothing();
  });

  for (const qos of [0, 1, 2] as const) {
    it(`5: a QoS ${qos} message above the Maximum Packet Size of the broker fails alone, and is not tried again`, async () => {
      const { broker, client, peer } = await bench.connected({}, { properties: { maximumPacketSize: 50 } });
      const error = await failure(publish(client, { payload: 'x'.repeat(1000), qos }));
      assert.ok(error instanceof PacketTooLarge);
      assert.equal(error.limit, 50);
      assert.ok(error.size > 1000);
      peer.autoRespond();
      await delivered(publish(client, { payload: 'small', qos }));
      await settle();
      assert.deepEqual(publishedTo(peer), ['small']);
      assert.equal(broker.peers.length, 1);
    });
  }

  it('6: what the broker does not take is not sent: QoS above its maximum, retained messages', async () => {
    const limits = { properties: { maximumQoS: 0, retainAvailable: false } };
    const { client, peer } = await bench.connected({}, limits);
    const tooHigh = await failure(publish(client, { qos: 2 }));
    const retained = await failure(publish(client, { retain: true }));
    assert.deepEqual([codeOf(tooHigh), codeOf(retained)], ['not-supported', 'not-supported']);
    await delivered(publish(client, { payload: 'allowed' }));
    assert.equal(String((await peer.expect('publish')).payload), 'allowed');
  });

  it('7: the time that a message waited is taken from its expiry, and an expired one is reported, not sent', async () => {
    const broker = await bench.broker({ autoRespond: {} });
    const client = bench.client(broker.url);
    const short = publish(client, { payload: 'short', qos: 1, properties: { messageExpiryInterval: 1 } });
    const long = publish(client, { payload: 'long', qos: 1, properties: { messageExpiryInterval: 10 } });
    const error = await later(2500, async () => {
      client.connect();
      await delivered(long);
      return failure(short);
    });
    assert.equal(codeOf(error), 'expired');
    const [peer] = broker.peers;
    const publishes = peer?.received.filter((packet) => packet.cmd === 'publish') ?? [];
    assert.deepEqual(
      publishes.map(({ payload, properties }) => [String(payload), properties?.messageExpiryInterval]),
      [['long', 8]],
    );
  });

  it('7: messages leave in the order in which they were given, whatever their QoS', async () => {
    const broker = await bench.broker({ autoRespond: {} });
    const client = bench.client(broker.url);
    client.connect();
    const outcomes = [0, 1, 0, 2, 1, 0].map((qos, index) =>
      publish(client, { payload: String(index), qos: qos as 0 | 1 | 2 }),
    );
    await Promise.all(outcomes.map((outcome) => delivered(outcome)));
    const peer = await broker.accept();
    await until(() => publishedTo(peer).length === 6, 'all came');
    assert.deepEqual(publishedTo(peer), numbered(6));
  });

  it('8: a malformed packet ends the connection; what came before it counts, nothing behind it is read', async () => {
    const { broker, client, peer } = await bench.connected();
    const mailbox = new Mailbox();
    subscribe(client, 't', mailbox);
    peer.autoRespond();
    await mailbox.outcomes.take('no SUBACK');
    const message = (payload: string): Buffer => peer.encode(aPublish({ payload }));
    peer.sendBytes(Buffer.concat([message('before'), Buffer.from('3600', 'hex'), message('behind')]));
    assert.equal(String((await mailbox.next()).payload), 'before');
    assert.equal((await peer.skipTo('disconnect')).reasonCode, 0x81);
    await peer.expectClosed();
    await (await broker.accept()).handshake();
    await phase(client, 'connected');
    assert.deepEqual(mailbox.texts, ['before']);
  });

  for (const qos of [0, 1, 2] as const) {
    it(`9: a QoS ${qos} message that comes with a Topic Alias only has its full topic`, async () => {
      const { client, peer } = await bench.connected();
      const mailbox = new Mailbox();
      subscribe(client, 'long/topic', mailbox);
      const one = qos === 0 ? {} : { messageId: 1 };
      const two = qos === 0 ? {} : { messageId: 2 };
      peer.send(aPublish({ topic: 'long/topic', qos, ...one, properties: { topicAlias: 3 } }));
      peer.send(aPublish({ topic: '', qos, ...two, properties: { topicAlias: 3 } }));
      assert.equal((await mailbox.next()).topic, 'long/topic');
      assert.equal((await mailbox.next()).topic, 'long/topic');
    });
  }

  it('10: a PUBREL that comes twice delivers once', async () => {
    const { client, peer } = await bench.connected();
    const mailbox = new Mailbox();
    subscribe(client, 't', mailbox);
    await peer.expect('subscribe');
    peer.send(aPublish({ qos: 2, messageId: 7 }));
    peer.send(aPublish({ qos: 2, messageId: 7, dup: true }));
    await peer.expect('pubrec');
    await peer.expect('pubrec');
    peer.send({ cmd: 'pubrel', messageId: 7, reasonCode: 0 });
    peer.send({ cmd: 'pubrel', messageId: 7, reasonCode: 0 });
    assert.equal((await peer.expect('pubcomp')).reasonCode ?? 0, 0);
    assert.equal((await peer.expect('pubcomp')).reasonCode, 0x92);
    assert.equal(mailbox.messages.length, 1);
  });

  it('11: a new session never sees an old packet: everything that is not complete is published anew, in its first order', async () => {
    const { broker, client, peer } = await bench.connected({ cleanStart: true });
    const taken = publish(client, { payload: 'taken', qos: 2 });
    const { messageId = 0 } = await peer.expect('publish');
    peer.send({ cmd: 'pubrec', messageId, reasonCode: 0 });
    await peer.expect('pubrel');
    const open = publish(client, { payload: 'open', qos: 2 });
    await peer.expect('publish');
    peer.drop();
    const again = await broker.accept();
    again.autoRespond();
    await Promise.all([delivered(taken), delivered(open)]);
    const publishes = again.received.filter((packet) => packet.cmd === 'publish');
    assert.deepEqual(
      publishes.map(({ payload, dup }) => [String(payload), dup]),
      [
        ['taken', false],
        ['open', false],
      ],
    );
  });

  it('12: no PUBREL of a session that the broker lost; the message is published anew, and settled when it arrived', async () => {
    const { broker, client, peer } = await bench.connected(KEPT);
    const outcome = publish(client, { qos: 2 });
    const { messageId = 0 } = await peer.expect('publish');
    peer.send({ cmd: 'pubrec', messageId, reasonCode: 0 });
    await peer.expect('pubrel');
    peer.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: false });
    assert.equal((await again.expect('publish')).dup, false);
    assert.equal(outcome.times, 0);
    again.autoRespond();
    const anew = again.received.findLast((packet) => packet.cmd === 'publish');
    again.send({ cmd: 'pubrec', messageId: anew?.messageId ?? 0, reasonCode: 0 });
    await delivered(outcome);
    assert.equal(outcome.times, 1);
  });

  it('13: 2,000 QoS 0 messages under backpressure are all settled when the connection is lost', async () => {
    const { client, peer } = await bench.connected();
    peer.pause();
    const payload = Buffer.alloc(4096);
    const outcomes = numbered(2000).map(() => publish(client, { payload }));
    await until(() => outcomes.some(({ times }) => times > 0), 'the socket took some');
    await settle();
    assert.ok(
      outcomes.some(({ times }) => times === 0),
      'the socket took all, which is no backpressure',
    );
    peer.drop();
    await within(Promise.all(outcomes.map(({ settled }) => settled)), 'not all settled');
    assert.ok(outcomes.every(({ times }) => times === 1));
    assert.equal(client.waiting, 0);
  });

  it('14: a PINGRESP that lies in the socket during a stall of the event loop is seen before the peer is called dead', async () => {
    const { broker, client, peer } = await bench.connected({ keepAlive: 1 });
    await peer.expect('pingreq');
    peer.send({ cmd: 'pingresp' });
    stall(1500);
    await peer.expect('pingreq');
    assert.equal(client.state.phase, 'connected');
    assert.equal(broker.peers.length, 1);
  });

  it('15: close settles an unacknowledged message while offline, and ends', async () => {
    const { broker, client, peer } = await bench.connected({ ...KEPT, backoff: { initial: 60_000, maximum: 60_000 } });
    const outcome = publish(client, { qos: 1 });
    await peer.expect('publish');
    await broker.close();
    await phase(client, 'waiting');
    await within(client.close(), 'close did not end');
    const error = await failure(outcome);
    assert.ok(error instanceof ClientClosed);
    assert.equal(outcome.times, 1);
  });

  it('16: a PUBLISH with the packet id 0 is neither delivered nor acknowledged', async () => {
    const { client, peer } = await bench.connected();
    const mailbox = new Mailbox();
    subscribe(client, 't', mailbox);
    await peer.expect('subscribe');
    peer.sendBytes('32 06 0001 74 0000 00');
    assert.equal((await peer.expect('disconnect')).reasonCode, 0x82);
    await peer.expectClosed();
    assert.equal(mailbox.messages.length, 0);
  });

  for (const protocolVersion of [4, 5] as const) {
    it(`17: Session Present after a clean start is refused (version ${protocolVersion})`, async () => {
      const broker = await bench.broker();
      const client = bench.client(broker.url, { protocolVersion, cleanStart: true });
      client.connect();
      const peer = await broker.accept();
      await peer.handshake({ sessionPresent: true });
      await peer.expectClosed();
      const { cause } = await phase(client, 'waiting');
      assert.match(cause.message, /Session Present/);
    });
  }

  it('18: a DISCONNECT of the broker ends the connection, and its reason is told', async () => {
    const { client, peer } = await bench.connected({ backoff: { initial: 60_000, maximum: 60_000 } });
    const properties = { serverReference: 'elsewhere', reasonString: 'moved away' };
    peer.send({ cmd: 'disconnect', reasonCode: 0x9c, properties });
    await peer.expectClosed();
    const { cause } = await phase(client, 'waiting');
    assert.ok(cause instanceof ServerDisconnected);
    assert.equal(cause.reasonCode, 0x9c);
    assert.match(cause.message, /0x9c Use another server: moved away/);
    await peer.expectNothing().catch((error: unknown) => assert.match(String(error), /connection ended/));
  });

  it('19: when a receiver fails, that is told, and the connection and all other messages go on', async () => {
    const notices: MqttError[] = [];
    const { client, peer } = await bench.connected({ ...KEPT, report: (notice) => void notices.push(notice) });
    const receive = (): never => {
      throw new Error('the receiver failed');
    };
    const options = { qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;
    client.subscribe('t', { receive }, options, () => undefined);
    await peer.expect('subscribe');
    peer.send(aPublish({ topic: 'other', qos: 1, messageId: 1 }));
    await peer.expect('puback');
    const both = [2, 3].map((messageId) => peer.encode(aPublish({ qos: 1, messageId })));
    peer.sendBytes(Buffer.concat(both));
    for (const messageId of [2, 3]) assert.equal((await peer.expect('puback')).messageId, messageId);
    assert.ok(notices.length > 0 && notices.every(({ code }) => code === 'receiver-failed'));
    assert.match(notices[0]?.message ?? '', /the receiver failed/);
  });

  it('20: the waits between attempts grow, are bounded, and differ', async () => {
    const waits: number[] = [];
    const clock = recordingClock(waits);
    const client = bench.client(`mqtt://127.0.0.1:${await freePort()}`, {
      clock,
      connectTimeout: 77_777,
      backoff: { initial: 1000, maximum: 30_000 },
    });
    client.connect();
    await until(() => waits.length >= 40, '40 attempts');
    await client.close();
    const bounds = waits.map((_, index) => Math.min(30_000, 1000 * 2 ** index));
    assert.ok(
      waits.every((wait, index) => wait <= (bounds[index] ?? 0)),
      String(waits),
    );
    assert.ok(Math.max(...waits.slice(5)) > 10_000, String(waits));
    assert.ok(new Set(waits).size > 30, String(waits));
  });

  it('21: a topic of 65,536 bytes is refused before a byte of it is written', async () => {
    const { client, peer } = await bench.connected();
    const error = await failure(publish(client, { topic: 'x'.repeat(65_536) }));
    assert.equal(codeOf(error), 'invalid-topic');
    const longest = 'x'.repeat(65_535);
    await delivered(publish(client, { topic: longest, payload: 'longest' }));
    await delivered(publish(client, { payload: 'next' }));
    assert.equal((await peer.expect('publish')).topic, longest);
    assert.equal(String((await peer.expect('publish')).payload), 'next');
  });

  it('22: a message to a topic with a wildcard is refused', async () => {
    const { client, peer } = await bench.connected();
    for (const topic of ['a/#', '+/b', '', 'a\0b', '\ud800']) {
      assert.equal(codeOf(await failure(publish(client, { topic }))), 'invalid-topic', JSON.stringify(topic));
    }
    await peer.expectNothing();
  });

  it('23: a PUBCOMP that answers a PUBLISH is no success: the message is sent again', async () => {
    const { broker, client, peer } = await bench.connected(KEPT);
    const outcome = publish(client, { qos: 2 });
    const { messageId = 0 } = await peer.expect('publish');
    peer.send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
    assert.equal((await peer.expect('disconnect')).reasonCode, 0x82);
    const again = await resumed(broker);
    const packet = await again.expect('publish');
    assert.deepEqual([packet.messageId, packet.dup], [messageId, true]);
    assert.equal(outcome.times, 0);
    again.autoRespond();
    again.send({ cmd: 'pubrec', messageId, reasonCode: 0 });
    await delivered(outcome);
  });

  it('24: each PUBREC that comes again gets its PUBREL', async () => {
    const { client, peer } = await bench.connected();
    const outcome = publish(client, { qos: 2 });
    const { messageId = 0 } = await peer.expect('publish');
    peer.send({ cmd: 'pubrec', messageId, reasonCode: 0 });
    peer.send({ cmd: 'pubrec', messageId, reasonCode: 0 });
    await peer.expect('pubrel');
    await peer.expect('pubrel');
    peer.send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
    peer.send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
    await delivered(outcome);
    await peer.expectNothing();
    assert.equal(outcome.times, 1);
  });

  function codeOf(error: Error): string {
    assert.ok(error instanceof MqttError, String(error));
    return error.code;
  }

  /** Keeps the whole process from doing anything, as a long calculation does. */
  function stall(milliseconds: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  }

  /** Writes the waits down and does not wait; the deadline of a dial is left alone. */
  function recordingClock(waits: number[]): Clock {
    return {
      ...systemClock,
      timer: (delay, fire) => {
        if (delay === 77_777) return systemClock.timer(delay, fire);
        waits.push(delay);
        return systemClock.timer(0, fire);
      },
    };
  }
});
