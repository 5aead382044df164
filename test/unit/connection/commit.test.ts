import assert from 'node:assert/strict';
import { Connection } from '../../../src/connection/connection.ts';
import type { MqttError } from '../../../src/protocol/errors.ts';
import { MqttError as Failure } from '../../../src/protocol/errors.ts';
import type { PacketId, PublishPacket } from '../../../src/protocol/packet.ts';
import { duplexPair } from '../../support/duplex-pair.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const PINGREQ = 'c000';
const PINGRESP = Buffer.from('d000', 'hex');
const DISCONNECT = 'e000';

/** A connection that runs, with a disk that finishes when it is told to. */
class Scene {
  readonly clock = new FakeClock();
  readonly ended: MqttError[] = [];
  drained = 0;
  /** Writes that are not finished, in order. */
  readonly waiting: (() => void)[] = [];
  slow = false;
  readonly #pair = duplexPair();

  get isDurable(): boolean {
    return !this.slow;
  }

  commit(durable: () => void): void {
    if (this.slow) this.waiting.push(durable);
    else durable();
  }

  readonly peer = this.#pair.peer;
  readonly connection = new Connection(
    this.#pair.transport,
    {
      connect: { cmd: 'connect', protocolVersion: 4, clientId: 'c', cleanStart: true, keepAlive: 10 },
      server: 'mqtt://host:1883',
      maximumPacketSize: 10_000,
      handshakeTimeout: 5000,
      records: this,
      clock: this.clock,
    },
    {
      accepted: () => undefined,
      packet: () => undefined,
      skipped: () => undefined,
      settled: () => undefined,
      drained: () => void (this.drained += 1),
      roundTrip: () => undefined,
      ended: (cause) => void this.ended.push(cause),
    },
  );

  constructor() {
    this.connection.open();
    this.peer.send(Buffer.from('20020000', 'hex'));
    this.peer.taken();
    this.slow = true;
  }

  acknowledge(packetId: number): void {
    this.connection.acknowledge('puback', packetId as PacketId, 0);
    this.connection.flush();
  }

  get sent(): string {
    return this.peer.taken().toString('hex');
  }
}

function large(): PublishPacket {
  const payload = Buffer.alloc(600 * 1024);
  return {
    cmd: 'publish',
    topic: 't',
    payload,
    qos: 0,
    retain: false,
    dup: false,
    packetId: undefined,
    properties: undefined,
  };
}

describe('A connection over a session on disk', () => {
  it('sends nothing before what it rests on is durable, and then in order', () => {
    const scene = new Scene();
    scene.acknowledge(1);
    scene.acknowledge(2);
    assert.equal(scene.sent, '');
    assert.equal(scene.connection.settled, false);
    scene.waiting[0]?.();
    assert.equal(scene.sent, '40020001');
    scene.slow = false;
    // Durable at once, but behind what is not.
    scene.acknowledge(3);
    assert.equal(scene.sent, '');
    scene.waiting[1]?.();
    assert.equal(scene.sent, '4002000240020003');
    assert.equal(scene.connection.settled, true);
  });

  it('calls back when what was sent leaves', () => {
    const scene = new Scene();
    const left: string[] = [];
    scene.connection.whenSent(() => () => void left.push('first'));
    scene.acknowledge(1);
    scene.connection.whenSent(() => () => void left.push('second'));
    scene.connection.flush();
    assert.deepEqual(left, []);
    scene.waiting[0]?.();
    assert.deepEqual(left, ['first']);
    scene.waiting[1]?.();
    assert.deepEqual(left, ['first', 'second']);
  });

  it('tells nobody what left before all is known that left with it: who is told may end the connection', () => {
    const scene = new Scene();
    const order: string[] = [];
    for (const name of ['first', 'second']) {
      scene.acknowledge(1);
      scene.connection.whenSent(() => {
        order.push(name);
        return () => void order.push(`${name} is told`);
      });
      scene.connection.flush();
    }
    for (const durable of scene.waiting.toReversed()) durable();
    assert.deepEqual(order, ['first', 'second', 'first is told', 'second is told']);
  });

  it('ends once where who is told what left ends it while it is closed', () => {
    const scene = new Scene();
    scene.slow = false;
    scene.connection.whenSent(() => () => scene.connection.destroy(new Failure('closed', 'at once')));
    scene.connection.close(new Failure('closed', 'in order'));
    assert.deepEqual(
      scene.ended.map(({ message }) => message),
      ['in order'],
    );
    assert.equal(scene.clock.armed, 0);
  });

  it('proves to be alive while the disk is slow: a PINGREQ waits for none, and answers one of its own', () => {
    const scene = new Scene();
    let reached = false;
    scene.acknowledge(1);
    scene.connection.barrier(() => (reached = true));
    scene.connection.flush();
    scene.clock.advance(8000);
    assert.equal(scene.sent, PINGREQ);
    scene.peer.send(PINGRESP);
    assert.equal(reached, false, 'what is asked behind a message is not answered before it');
    for (const durable of scene.waiting) durable();
    assert.equal(scene.sent, `40020001${PINGREQ}`);
    scene.peer.send(PINGRESP);
    assert.equal(reached, true);
  });

  it('ends in order while the disk is slow: what waits for it is not sent', () => {
    const scene = new Scene();
    scene.acknowledge(1);
    let left = false;
    scene.connection.whenSent(() => {
      left = true;
      return undefined;
    });
    scene.connection.close(new Failure('closed', 'closed'));
    assert.equal(scene.sent, DISCONNECT);
    for (const durable of scene.waiting) durable();
    assert.equal(scene.sent, '');
    assert.equal(left, false);
  });

  it('asks for no more while too much waits, until that has left', () => {
    const scene = new Scene();
    for (let count = 0; count < 2; count++) {
      assert.equal(scene.connection.writable, true);
      scene.connection.publish(large());
      scene.connection.flush();
    }
    assert.deepEqual([scene.connection.writable, scene.connection.congested], [false, true]);
    for (const durable of scene.waiting) durable();
    assert.deepEqual([scene.connection.writable, scene.connection.congested], [true, false]);
    assert.ok(scene.drained > 0);
  });

  it('sends nothing of a connection that is over when the disk is through', () => {
    const scene = new Scene();
    scene.acknowledge(1);
    scene.connection.destroy(new Failure('closed', 'closed'));
    for (const durable of scene.waiting) durable();
    assert.equal(scene.sent, '');
    assert.equal(scene.ended.length, 1);
  });
});
