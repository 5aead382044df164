import assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import type { ClientOptions } from '../../../src/client/options.ts';
import type { PublishPacket } from '../../../src/protocol/packet.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import type { Receiver, Work, Workable } from '../../../src/router/router.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import { aPublish } from '../../support/packets.ts';
import { Taker, VirtualClient } from '../../support/virtual-client.ts';

/** A receiver that is not done with a message when it has it. */
class Worker implements Receiver {
  readonly ref = 'worker';
  readonly topics: string[] = [];
  readonly works: Work[] = [];
  /** Of which it is done at once. */
  isQuick: (packet: PublishPacket) => boolean = () => false;

  receive(packet: PublishPacket, _filter: TopicFilter, workable?: Workable): void {
    this.topics.push(packet.topic);
    if (workable !== undefined && !this.isQuick(packet)) this.works.push(workable.begin());
  }

  end(index: number, reasonCode?: number): string | undefined {
    return this.works[index]?.end(reasonCode);
  }
}

const ACKS = new Set(['puback', 'pubrec']);

function message(topic: string, qos: 1 | 2, messageId: number, more: object = {}): Packet {
  return aPublish({ topic, qos, messageId, ...more });
}

/** PUBACK and PUBREC on the connection of now, in order: `puback 1`; `pubrec 1 128`, if refused. */
function acks({ server }: VirtualClient): string[] {
  return server.connection.received
    .filter(({ cmd }) => ACKS.has(cmd))
    .map((packet) => {
      const code = (packet as { reasonCode?: number }).reasonCode ?? 0;
      return `${packet.cmd} ${packet.messageId}${code === 0 ? '' : ` ${code}`}`;
    });
}

async function scene(options: Partial<ClientOptions> = {}): Promise<[VirtualClient, Worker]> {
  const virtual = new VirtualClient({ cleanStart: false, ...options });
  const worker = new Worker();
  await virtual.connected();
  virtual.subscribe('#', worker);
  await virtual.settle();
  return [virtual, worker];
}

async function came(virtual: VirtualClient, ...packets: Packet[]): Promise<void> {
  virtual.server.connection.send(...packets);
  await virtual.settle();
}

/** The connection ends, and the Server comes back with the session or without. */
async function reconnected(virtual: VirtualClient, sessionPresent: boolean): Promise<void> {
  virtual.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent, returnCode: 0, reasonCode: 0 }) };
  virtual.server.connection.close();
  await virtual.pass(10_000);
  assert.equal(virtual.client.state.phase, 'connected');
}

describe('A message that a receiver works on', () => {
  for (const qos of [1, 2] as const) {
    const ack = qos === 1 ? 'puback' : 'pubrec';

    it(`is acknowledged when the work has ended, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 7));
      await virtual.pass(60_000);
      assert.deepEqual(acks(virtual), []);
      assert.equal(worker.end(0), 'open');
      await virtual.settle();
      assert.deepEqual(acks(virtual), [`${ack} 7`]);
      assert.equal(worker.end(0), 'ended');
      await virtual.settle();
      assert.deepEqual(acks(virtual), [`${ack} 7`]);
    });

    it(`is acknowledged in the order in which it came, though another work has ended first, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 3), message('b', qos, 2), message('c', qos, 1));
      worker.end(2);
      worker.end(1);
      await virtual.settle();
      assert.deepEqual(acks(virtual), []);
      worker.end(0);
      await virtual.settle();
      assert.deepEqual(acks(virtual), [`${ack} 3`, `${ack} 2`, `${ack} 1`]);
    });

    it(`is not started again when the Server sends it again in a kept session, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 7));
      await reconnected(virtual, true);
      await came(virtual, message('a', qos, 7, { dup: true }));
      assert.deepEqual(worker.topics, ['a']);
      assert.deepEqual(acks(virtual), []);
      assert.equal(worker.end(0), 'open');
      await virtual.settle();
      assert.deepEqual(acks(virtual), [`${ack} 7`]);
    });

    it(`whose work ends without a connection is acknowledged when it is sent again, and not started again, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 7));
      virtual.server.connection.close();
      await virtual.settle();
      assert.equal(worker.end(0), 'open');
      await reconnected(virtual, true);
      await came(virtual, message('a', qos, 7, { dup: true }));
      assert.deepEqual(worker.topics, ['a']);
      assert.deepEqual(acks(virtual), [`${ack} 7`]);
    });

    it(`whose work ends while the connection is being closed is acknowledged when it is sent again, and not started again, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 7));
      const { connection } = virtual.server;
      connection.closes = false;
      const stopped = virtual.client.disconnect();
      while (!connection.over) await virtual.pass(10);
      assert.equal(worker.end(0), 'open');
      await virtual.settle();
      connection.close();
      await stopped;
      virtual.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0 }) };
      await virtual.connected();
      await came(virtual, message('a', qos, 7, { dup: true }));
      assert.deepEqual(worker.topics, ['a']);
      assert.deepEqual(acks(virtual), [`${ack} 7`]);
    });

    it(`of a session that the Server has lost is acknowledged to nobody, and says so, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 7));
      await reconnected(virtual, false);
      await came(virtual, message('b', qos, 7));
      assert.deepEqual(worker.topics, ['a', 'b']);
      assert.equal(worker.end(0), 'lost');
      await virtual.settle();
      assert.deepEqual(acks(virtual), []);
      assert.equal(worker.end(1), 'open');
      await virtual.settle();
      assert.deepEqual(acks(virtual), [`${ack} 7`]);
    });

    it(`is with the next client when this one is closed: it comes again, at QoS ${qos}`, async () => {
      const store = new MemoryStore();
      const [virtual, worker] = await scene({ store });
      await came(virtual, message('a', qos, 7));
      const closing = virtual.client.close();
      await virtual.pass(3000);
      await closing;
      assert.equal(worker.end(0), 'left');
      const next = new VirtualClient({ cleanStart: false, store });
      next.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0, reasonCode: 0 }) };
      const other = new Taker('worker');
      next.subscribe('#', other);
      await next.connected();
      await came(next, message('a', qos, 7, { dup: true }));
      assert.deepEqual(other.topics, ['a']);
      assert.deepEqual(acks(next), [`${ack} 7`]);
    });
  }

  it('is a new one where the Server numbers anew on each connection: worked on twice, and never lost', async () => {
    const [virtual, worker] = await scene();
    await came(virtual, message('a', 1, 71));
    await reconnected(virtual, true);
    await came(virtual, message('a', 1, 1, { dup: true }));
    assert.deepEqual(worker.topics, ['a', 'a']);
    worker.end(1);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['puback 1']);
  });

  it('is another one with other properties, though the Server says DUP', async () => {
    const [virtual, worker] = await scene({ protocolVersion: 5 });
    const asked = (correlation: string): object => ({ properties: { correlationData: Buffer.from(correlation) } });
    await came(virtual, message('a', 1, 7, asked('one')));
    await reconnected(virtual, true);
    await came(virtual, message('a', 1, 7, { dup: true, ...asked('two') }));
    assert.deepEqual(worker.topics, ['a', 'a']);
  });

  it('that a node of a deploy gets behind the loss of the session is acknowledged to nobody, and says so', async () => {
    const [virtual] = await scene();
    virtual.subscribe('a', new Taker('other')).release();
    await came(virtual, message('a', 1, 7));
    await reconnected(virtual, false);
    const back = new Worker();
    virtual.subscribe('a', Object.assign(back, { ref: 'other' }));
    virtual.client.prune();
    await virtual.settle();
    assert.equal(back.end(0), 'lost');
  });

  it('at QoS 2 whose work ends when the client is closed is on record for nobody', async () => {
    const store = new MemoryStore();
    const [virtual, worker] = await scene({ store, cleanStart: true });
    await came(virtual, message('a', 2, 7));
    const closing = virtual.client.close();
    await virtual.pass(3000);
    await closing;
    worker.end(0);
    assert.deepEqual(store.load().received, []);
  });

  it('and that waits for a node of a deploy when the session is lost stays with the one that has it, and goes to the other', async () => {
    const [virtual, worker] = await scene();
    virtual.subscribe('a', new Taker('other')).release();
    await came(virtual, message('a', 1, 7, { payload: Buffer.from('payload') }));
    await reconnected(virtual, false);
    const back = new Taker('other');
    virtual.subscribe('a', back);
    virtual.client.prune();
    await virtual.settle();
    assert.deepEqual(back.topics, ['a']);
    assert.equal(worker.works[0]?.packet?.payload.toString(), 'payload');
    assert.equal(worker.end(0), 'lost');
    assert.equal(worker.works[0]?.packet, undefined);
  });

  it('keeps the subscriptions of its session at a stop that unsubscribes: some Servers would forget it with them', async () => {
    for (const [cleanStart, works, expected] of [
      [false, true, 0],
      [false, false, 1],
      [true, true, 1],
    ] as const) {
      const [virtual, worker] = await scene({ cleanStart });
      await came(virtual, message('a', 1, 7));
      if (!works) worker.end(0);
      const closing = virtual.client.close(true);
      await virtual.pass(3000);
      await closing;
      const { length } = virtual.server.connection.all('unsubscribe');
      assert.equal(length, expected, `clean ${cleanStart}, works ${works}`);
    }
  });

  it('keeps them also in the turn in which it came', async () => {
    const virtual = await new VirtualClient({ cleanStart: false }).connected();
    let closing: Promise<void> | undefined;
    virtual.subscribe('#', {
      receive: (_packet, _filter, workable) => {
        workable?.begin();
        closing = virtual.client.close(true);
      },
    });
    await virtual.settle();
    await came(virtual, message('a', 1, 7));
    await virtual.pass(3000);
    await closing;
    assert.equal(virtual.server.connection.all('unsubscribe').length, 0);
  });

  it('of a lost session keeps no subscription: nobody sends it again', async () => {
    const [virtual] = await scene();
    await came(virtual, message('a', 1, 7));
    await reconnected(virtual, false);
    const closing = virtual.client.close(true);
    await virtual.pass(3000);
    await closing;
    assert.equal(virtual.server.connection.all('unsubscribe').length, 1);
  });

  it('of a session that ends with its connection comes from nobody again when the client is closed', async () => {
    for (const options of [{ cleanStart: true }, { protocolVersion: 5 as const, sessionExpiryInterval: 0 }]) {
      const [virtual, worker] = await scene(options);
      await came(virtual, message('a', 1, 7));
      const closing = virtual.client.close();
      await virtual.pass(3000);
      await closing;
      assert.equal(worker.end(0), 'lost');
    }
  });

  it('whose work ended behind another one is not started again when the Server sends both again', async () => {
    for (const qos of [1, 2] as const) {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 1), message('b', qos, 2));
      worker.end(1);
      await virtual.settle();
      await reconnected(virtual, true);
      await came(virtual, message('a', qos, 1, { dup: true }), message('b', qos, 2, { dup: true }));
      assert.deepEqual(worker.topics, ['a', 'b'], `QoS ${qos}`);
      worker.end(0);
      await virtual.settle();
      assert.equal(acks(virtual).length, 2);
    }
  });

  it('at QoS 2 whose work ends without a connection is on record: another process does not start it again', async () => {
    const store = new MemoryStore();
    const [virtual, worker] = await scene({ store });
    await came(virtual, message('a', 2, 7));
    virtual.server.connection.close();
    await virtual.settle();
    assert.deepEqual(store.load().received, []);
    worker.end(0);
    assert.deepEqual(
      store.load().received.map(({ packetId }) => packetId),
      [7],
    );
  });

  it('and that waits for a node of a deploy when the client is closed is with the next one', async () => {
    const [virtual, worker] = await scene();
    virtual.subscribe('a', new Taker('other')).release();
    await came(virtual, message('a', 1, 7));
    const closing = virtual.client.close();
    await virtual.pass(3000);
    await closing;
    assert.equal(worker.end(0), 'left');
  });

  it('is acknowledged when all of several receivers are done', async () => {
    const [virtual, worker] = await scene();
    const other = new Worker();
    virtual.subscribe('a', other);
    virtual.subscribe('+', new Taker());
    await virtual.settle();
    await came(virtual, message('a', 1, 7));
    assert.equal(worker.end(0), 'open');
    await virtual.settle();
    assert.deepEqual(acks(virtual), []);
    assert.equal(other.end(0), 'open');
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['puback 7']);
  });

  it('and that waits for a node of a deploy too is acknowledged behind both', async () => {
    const [virtual, worker] = await scene();
    const held = virtual.subscribe('a', new Taker('other'));
    await virtual.settle();
    held.release();
    await came(virtual, message('a', 1, 7));
    worker.end(0);
    await virtual.settle();
    assert.deepEqual(acks(virtual), []);
    const back = new Worker();
    virtual.subscribe('a', Object.assign(back, { ref: 'other' }));
    virtual.client.prune();
    await virtual.settle();
    assert.deepEqual(back.topics, ['a']);
    assert.deepEqual(acks(virtual), []);
    back.end(0);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['puback 7']);
  });

  it('goes on when the wait for a node that does not come back is over', async () => {
    const [virtual, worker] = await scene();
    virtual.subscribe('a', new Taker('other')).release();
    await came(virtual, message('a', 2, 7));
    virtual.client.prune();
    await virtual.settle();
    assert.deepEqual(acks(virtual), []);
    assert.equal(worker.end(0), 'open');
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['pubrec 7']);
  });

  it('is there as long as the work is open', async () => {
    const [virtual, worker] = await scene();
    await came(virtual, message('a', 1, 7, { payload: Buffer.from('payload') }));
    assert.equal(worker.works[0]?.packet?.payload.toString(), 'payload');
    worker.end(0);
    assert.equal(worker.works[0]?.packet, undefined);
  });

  it('whose work ends within its own turn is acknowledged like any other', async () => {
    const virtual = await new VirtualClient({ cleanStart: false }).connected();
    virtual.subscribe('#', { receive: (_packet, _filter, workable) => void workable?.begin().end() });
    await virtual.settle();
    await came(virtual, message('a', 1, 7));
    assert.deepEqual(acks(virtual), ['puback 7']);
  });

  it('does not hold up what others publish, and a stop waits for no work', async () => {
    const [virtual] = await scene();
    await came(virtual, message('a', 1, 7));
    assert.deepEqual(virtual.publish('x', 1), []);
    await virtual.settle();
    assert.equal(virtual.client.waiting, 0);
    const began = virtual.clock.now();
    const closing = virtual.client.close();
    await virtual.settle();
    await closing;
    assert.equal(virtual.clock.now(), began);
  });
});

describe('A message that the Server sends again on the same connection, because it is not acknowledged yet', () => {
  for (const qos of [1, 2] as const) {
    const ack = qos === 1 ? 'puback' : 'pubrec';

    /** At QoS 2 those that come again are answered too [MQTT-4.3.3-10]. */
    const answers = (...ids: readonly number[]): string[] => ids.map((id) => `${ack} ${id}`);

    it(`is not started again, and acknowledged once at QoS 1, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 7));
      for (let times = 0; times < 3; times++) await came(virtual, message('a', qos, 7, { dup: true }));
      assert.deepEqual(acks(virtual), []);
      worker.end(0);
      await virtual.settle();
      assert.deepEqual(worker.topics, ['a']);
      assert.deepEqual(acks(virtual), qos === 1 ? answers(7) : answers(7, 7));
    });

    it(`and which only waits behind another one, is not handed out again, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      const taker = new Taker();
      virtual.subscribe('b', taker);
      await virtual.settle();
      worker.isQuick = ({ topic }) => topic === 'b';
      await came(virtual, message('a', qos, 7), message('b', qos, 8));
      await came(virtual, message('a', qos, 7, { dup: true }), message('b', qos, 8, { dup: true }));
      assert.deepEqual([worker.topics, taker.topics], [['a', 'b'], ['b']]);
      worker.end(0);
      await virtual.settle();
      assert.deepEqual(acks(virtual), qos === 1 ? answers(7, 8) : answers(7, 8, 7, 8));
    });

    it(`takes no acknowledgement from the next message with its id, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 7), message('a', qos, 7, { dup: true }));
      worker.end(0);
      await virtual.settle();
      await came(virtual, message('b', qos, 7));
      assert.deepEqual(worker.topics, ['a', 'b']);
      assert.deepEqual(acks(virtual), qos === 1 ? answers(7) : answers(7, 7));
    });

    it(`and whose first connection is gone, is not started again either, at QoS ${qos}`, async () => {
      const [virtual, worker] = await scene();
      await came(virtual, message('a', qos, 7), message('a', qos, 7, { dup: true }));
      await reconnected(virtual, true);
      for (let times = 0; times < 3; times++) await came(virtual, message('a', qos, 7, { dup: true }));
      worker.end(0);
      await virtual.settle();
      assert.deepEqual(worker.topics, ['a']);
      assert.deepEqual(acks(virtual), qos === 1 ? answers(7) : answers(7, 7));
    });
  }

  it('is not answered in the place of the next message with its id, where its own PUBREC leaves alone', async () => {
    const [virtual, worker] = await scene();
    virtual.server.connection.answers = { pubrec: () => undefined };
    await came(virtual, message('a', 2, 7), message('b', 2, 8), message('a', 2, 7, { dup: true }));
    worker.end(0);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['pubrec 7']);
    await came(virtual, { cmd: 'pubrel', messageId: 7 }, message('c', 2, 7));
    worker.end(1);
    await virtual.settle();
    assert.deepEqual(
      [worker.topics, acks(virtual)],
      [
        ['a', 'b', 'c'],
        ['pubrec 7', 'pubrec 8'],
      ],
    );
  });

  it('nor where that was a refusal, behind which no PUBREL comes (4.3.3)', async () => {
    const [virtual, worker] = await scene({ protocolVersion: 5 });
    virtual.server.connection.answers = { pubrec: () => undefined };
    await came(virtual, message('a', 2, 7), message('b', 2, 8), message('a', 2, 7, { dup: true }));
    worker.end(0, 0x83);
    await virtual.settle();
    await came(virtual, message('c', 2, 7));
    worker.end(1);
    await virtual.settle();
    assert.deepEqual(
      [worker.topics, acks(virtual)],
      [
        ['a', 'b', 'c'],
        ['pubrec 7 131', 'pubrec 8'],
      ],
    );
  });

  it('does not stop what is read, however often it comes, nor is it answered as often', async () => {
    const [virtual, worker] = await scene();
    worker.isQuick = ({ topic }) => topic !== 'a0';
    const all = Array.from({ length: 600 }, (_, index) => [`a${index}`, index + 1] as const);
    await came(virtual, ...all.map(([topic, number]) => message(topic, 2, number)));
    for (let times = 0; times < 3; times++) {
      await came(virtual, ...all.map(([topic, number]) => message(topic, 2, number, { dup: true })));
    }
    await came(virtual, message('b', 1, 601));
    assert.equal(worker.topics.at(-1), 'b');
    worker.end(0);
    await virtual.settle();
    assert.equal(acks(virtual).filter((line) => line.startsWith('pubrec')).length, 1200);
    assert.deepEqual(virtual.notices, []);
  });

  it('nor is a later one under its id left without an answer when that comes again', async () => {
    const [virtual, worker] = await scene();
    virtual.server.connection.answers = { pubrec: () => undefined };
    await came(virtual, message('a', 2, 7), message('b', 2, 8), message('a', 2, 7, { dup: true }));
    worker.end(0);
    await virtual.settle();
    await came(virtual, { cmd: 'pubrel', messageId: 7 }, message('c', 2, 7), message('c', 2, 7, { dup: true }));
    worker.end(1);
    worker.end(2);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['pubrec 7', 'pubrec 8', 'pubrec 7', 'pubrec 7']);
  });

  it('that cannot be taken in is told once, on 3.1.1', async () => {
    const [virtual, worker] = await scene({ maximumPacketSize: 1000 });
    const large = (dup: boolean): Packet => message('large', 1, 2, { dup, payload: Buffer.alloc(2000) });
    await came(virtual, message('a', 1, 1), large(false));
    for (let times = 0; times < 2; times++) await came(virtual, large(true));
    worker.end(0);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['puback 1', 'puback 2']);
    assert.equal(virtual.notices.length, 1);
    await came(virtual, large(false));
    assert.equal(virtual.notices.length, 2);
  });

  it('whose answers are not needed any more does not stop what is read', async () => {
    const [virtual, worker] = await scene();
    worker.isQuick = ({ topic }) => topic === 'a';
    virtual.server.connection.answers = { pubrec: () => undefined };
    const ids = Array.from({ length: 1200 }, (_, index) => index + 1);
    await came(virtual, ...ids.map((id) => message('a', 2, id)));
    await came(virtual, message('work', 2, 5000), ...ids.map((id) => message('a', 2, id, { dup: true })));
    await came(virtual, ...ids.map((messageId): Packet => ({ cmd: 'pubrel', messageId })), message('b', 1, 5001));
    assert.equal(worker.topics.at(-1), 'b');
    worker.end(0);
    await virtual.settle();
    assert.equal(acks(virtual).filter((line) => line.startsWith('pubrec')).length, 1201);
    assert.deepEqual(virtual.notices, []);
    // As many others as may not be do.
    await came(virtual, message('work', 2, 6000), ...ids.map((id) => message('a', 2, 6000 + id)));
    assert.match(String(virtual.notices[0]), /reading is paused/);
  });

  it('counts once for the Receive Maximum', async () => {
    const [virtual, worker] = await scene({ protocolVersion: 5, receiveMaximum: 2 });
    await came(virtual, message('a', 1, 1), message('b', 1, 2));
    await came(virtual, message('a', 1, 1, { dup: true }), message('b', 1, 2, { dup: true }));
    assert.equal(virtual.client.state.phase, 'connected');
    worker.end(0);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['puback 1']);
  });

  it('is another one without DUP at QoS 1, and both are acknowledged: a Server that forgets its ids loses nothing', async () => {
    const [virtual, worker] = await scene();
    await came(virtual, message('a', 1, 7), message('a', 1, 7), message('b', 1, 7, { dup: true }));
    assert.deepEqual(worker.topics, ['a', 'a', 'b']);
    for (const index of [0, 1, 2]) worker.end(index);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['puback 7', 'puback 7', 'puback 7']);
  });

  it('and whose PUBREC has left, is answered again, but not in the place of the next message with its id', async () => {
    const [virtual, worker] = await scene();
    worker.isQuick = ({ topic }) => topic === 'a';
    virtual.server.connection.answers = { pubrec: () => undefined };
    await came(virtual, message('a', 2, 7), message('b', 2, 8));
    assert.deepEqual(acks(virtual), ['pubrec 7']);
    // It waits behind what is worked on; meanwhile the Server has the first answer, and uses the id again.
    await came(virtual, message('a', 2, 7, { dup: true }), { cmd: 'pubrel', messageId: 7 });
    worker.isQuick = () => false;
    await came(virtual, message('c', 2, 7));
    worker.end(0);
    await virtual.settle();
    assert.deepEqual(
      [worker.topics, acks(virtual)],
      [
        ['a', 'b', 'c'],
        ['pubrec 7', 'pubrec 8'],
      ],
    );
    worker.end(1);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['pubrec 7', 'pubrec 8', 'pubrec 7']);
  });
});

describe('A message that a receiver refuses', () => {
  it('is told so to the Server with the reason, and the highest of several counts', async () => {
    const [virtual, worker] = await scene({ protocolVersion: 5 });
    const other = new Worker();
    virtual.subscribe('a', other);
    await virtual.settle();
    await came(virtual, message('a', 1, 7));
    worker.end(0, 0x99);
    other.end(0, 0x83);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['puback 7 153']);
  });

  it('at QoS 2 ends its exchange: its id is free for the next, and counts for no limit [MQTT-4.3.3-9]', async () => {
    const store = new MemoryStore();
    const [virtual, worker] = await scene({ protocolVersion: 5, receiveMaximum: 1, store });
    // As it ought to: a refused message is over.
    virtual.server.connection.answers = { pubrec: () => undefined };
    await came(virtual, message('a', 2, 7));
    worker.end(0, 0x97);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['pubrec 7 151']);
    assert.deepEqual(store.load().received, [], 'no PUBREL comes that would forget its id');
    await came(virtual, message('b', 2, 7));
    assert.deepEqual(worker.topics, ['a', 'b']);
    worker.end(1);
    await virtual.settle();
    assert.deepEqual(acks(virtual), ['pubrec 7 151', 'pubrec 7']);
  });

  it('at QoS 2 is over for the Receive Maximum too: the Server may send the next under another id', async () => {
    const [virtual, worker] = await scene({ protocolVersion: 5, receiveMaximum: 1 });
    virtual.server.connection.answers = { pubrec: () => undefined };
    for (const packetId of [7, 8, 9]) {
      await came(virtual, message('a', 2, packetId));
      worker.end(packetId - 7, 0x97);
      await virtual.settle();
    }
    assert.deepEqual(acks(virtual), ['pubrec 7 151', 'pubrec 8 151', 'pubrec 9 151']);
  });
});

describe('What receivers have at once', () => {
  it('is bounded by our Receive Maximum where they work on messages, asked at each CONNECT, unless a person chose one', async () => {
    let work = true;
    const [virtual] = await scene({ protocolVersion: 5, cleanStart: true, receiversWork: () => work });
    const told = (): unknown => virtual.server.connection.all('connect')[0]?.properties?.receiveMaximum;
    assert.equal(told(), 1000);
    work = false;
    await reconnected(virtual, false);
    assert.equal(told(), undefined);
    const [other] = await scene({ protocolVersion: 5, receiveMaximum: 7, receiversWork: () => true });
    assert.equal(other.server.connection.all('connect')[0]?.properties?.receiveMaximum, 7);
  });

  /** So many messages come, one after the other, and none is acknowledged. @returns how many were read. */
  async function flooded([virtual, worker]: [VirtualClient, Worker], count: number): Promise<number> {
    for (let number = 1; number <= count; number++) await came(virtual, message('a', 1, number));
    return worker.topics.length;
  }

  it('stops being read when a thousand wait, until some are acknowledged; what is published meanwhile leaves', async () => {
    const [virtual, worker] = await scene();
    const before = await flooded([virtual, worker], 1500);
    assert.ok(before >= 1000 && before < 1100, String(before));
    assert.match(virtual.notices.map(String).join(), /messages wait to be acknowledged by flows/);
    virtual.publish('x', 0);
    await virtual.settle();
    assert.equal(virtual.server.connection.all('publish').length, 1);
    for (let index = 0; index < before; index++) worker.end(index);
    await virtual.settle();
    assert.ok(worker.topics.length > before);
  });

  it('is read beyond that as long as the broker has not answered what we publish: flows wait for its answer, which comes behind', async () => {
    const [virtual, worker] = await scene();
    virtual.server.connection.answers = { publish: () => undefined };
    const outcome = virtual.publish('x', 1);
    await virtual.settle();
    assert.equal(await flooded([virtual, worker], 1500), 1500);
    const [{ messageId = 0 } = {}] = virtual.server.connection.all('publish');
    await came(virtual, { cmd: 'puback', messageId, reasonCode: 0 });
    assert.deepEqual(outcome, [0]);
    assert.equal(await flooded([virtual, worker], 1100), 1500, 'and then no further');
  });

  it('counts over lost sessions: nobody else has it, and what comes anew waits with it', async () => {
    const [virtual, worker] = await scene();
    assert.equal(await flooded([virtual, worker], 600), 600);
    await reconnected(virtual, false);
    const before = await flooded([virtual, worker], 600);
    assert.ok(before >= 1000 && before < 1100, String(before));
    for (let index = 0; index < 600; index++) assert.equal(worker.end(index), 'lost');
    await virtual.settle();
    assert.ok(worker.topics.length > before);
  });

  it('counts by its bytes too', async () => {
    const [virtual, worker] = await scene();
    const payload = Buffer.alloc(6 * 1024 * 1024);
    for (let number = 1; number <= 5; number++) await came(virtual, message('a', 1, number, { payload }));
    assert.equal(worker.topics.length, 3);
    worker.end(0);
    await virtual.settle();
    assert.ok(worker.topics.length > 3);
  });

  it('counts by its bytes what a lost session left with flows, until they are done with it', async () => {
    const [virtual, worker] = await scene();
    const payload = Buffer.alloc(6 * 1024 * 1024);
    for (let number = 1; number <= 3; number++) await came(virtual, message('a', 1, number, { payload }));
    await reconnected(virtual, false);
    await came(virtual, message('b', 1, 1));
    await came(virtual, message('c', 1, 2));
    assert.deepEqual(worker.topics, ['a', 'a', 'a']);
    for (const index of [0, 1, 2]) worker.end(index);
    await virtual.settle();
    assert.deepEqual(worker.topics, ['a', 'a', 'a', 'b', 'c']);
  });
});
