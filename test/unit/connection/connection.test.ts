import assert from 'node:assert/strict';
import {
  Connection,
  type ConnectionOptions,
  type SessionPacket,
  type SkippedMessage,
} from '../../../src/connection/connection.ts';
import type { ServerLimits } from '../../../src/connection/server-limits.ts';
import {
  ConnectionRefused,
  MqttError,
  NotMqtt,
  PacketTooLarge,
  ProtocolViolation,
  ServerDisconnected,
} from '../../../src/protocol/errors.ts';
import type {
  ConnackPacket,
  ConnectPacket,
  PacketId,
  ProtocolVersion,
  PublishPacket,
} from '../../../src/protocol/packet.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import { duplexPair, type Peer } from '../../support/duplex-pair.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { frame, hex, properties, property, text, uint16 } from '../codec/wire.ts';

const ACCEPTED = { 3: '20020000', 4: '20020000', 5: '2003000000' } as const;
const CLOSED = new MqttError('closed', 'closed by the test');
const id = (value: number): PacketId => value as PacketId;

interface Scene {
  readonly connection: Connection;
  readonly peer: Peer;
  readonly clock: FakeClock;
  readonly accepted: { readonly connack: ConnackPacket; readonly limits: ServerLimits }[];
  readonly packets: SessionPacket[];
  readonly skipped: { readonly problem: MqttError; readonly packet: SkippedMessage }[];
  readonly ended: MqttError[];
  /** `settled` and `drained` in the order of their calls. */
  readonly calls: string[];
  readonly roundTrips: number[];
  /** What to do with a packet besides noting it. */
  act: (packet: SessionPacket) => void;
}

/** A connection that was opened, its CONNECT taken from the wire. */
function opened(connect: Partial<ConnectPacket> = {}, options: Partial<ConnectionOptions> = {}): Scene {
  const { transport, peer } = duplexPair();
  const clock = new FakeClock();
  const packet: ConnectPacket = {
    cmd: 'connect',
    protocolVersion: 5,
    clientId: 'c',
    cleanStart: true,
    keepAlive: 0,
    ...connect,
  };
  const all: ConnectionOptions = {
    connect: packet,
    server: 'mqtt://host:1883',
    maximumPacketSize: 10_000,
    handshakeTimeout: 5000,
    records: new MemoryStore(),
    clock,
  };
  const connection = new Connection(
    transport,
    { ...all, ...options },
    {
      accepted: (connack, limits) => void scene.accepted.push({ connack, limits }),
      packet: (received) => {
        scene.packets.push(received);
        scene.act(received);
      },
      skipped: (problem, skipped) => void scene.skipped.push({ problem, packet: skipped }),
      settled: () => void scene.calls.push('settled'),
      drained: () => void scene.calls.push('drained'),
      roundTrip: (milliseconds) => void scene.roundTrips.push(milliseconds),
      ended: (cause) => void scene.ended.push(cause),
    },
  );
  const scene: Scene = {
    connection,
    peer,
    clock,
    accepted: [],
    packets: [],
    skipped: [],
    ended: [],
    calls: [],
    roundTrips: [],
    act: () => undefined,
  };
  connection.open();
  return scene;
}

/** A connection whose CONNECT was accepted. */
function running(version: ProtocolVersion = 5, connect: Partial<ConnectPacket> = {}, connack?: string): Scene {
  const scene = opened({ protocolVersion: version, ...connect });
  scene.peer.send(hex(connack ?? ACCEPTED[version]));
  assert.equal(scene.accepted.length, 1);
  scene.peer.taken();
  scene.calls.length = 0;
  return scene;
}

function acknowledging(scene: Scene): Scene {
  scene.act = (packet) => {
    if (packet.cmd === 'publish' && packet.packetId !== undefined) {
      scene.connection.acknowledge('puback', packet.packetId, 0);
    }
  };
  return scene;
}

function publish(version: ProtocolVersion, packetId: number, ...list: readonly Buffer[]): Buffer {
  const props = version === 5 ? properties(...list) : Buffer.alloc(0);
  return frame(0x32, text('t'), uint16(packetId), props);
}

function message(topic: string): PublishPacket {
  const payload = Buffer.from('payload');
  return {
    cmd: 'publish',
    topic,
    payload,
    qos: 0,
    retain: false,
    dup: false,
    packetId: undefined,
    properties: undefined,
  };
}

function end(scene: Scene): MqttError {
  assert.equal(scene.ended.length, 1, `ended ${scene.ended.length} times`);
  return scene.ended[0] ?? assert.fail();
}

/** Asserts the violation, and what was sent because of it. */
function violated(scene: Scene, reasonCode: number, sent: string): void {
  assert.equal(scene.peer.taken().toString('hex'), sent);
  assert.deepEqual(scene.peer.endings, ['end']);
  scene.peer.closed();
  const cause = end(scene);
  assert.ok(cause instanceof ProtocolViolation, cause.message);
  assert.equal(cause.reasonCode, reasonCode);
}

describe('Connection, handshake', () => {
  it('sends CONNECT first, in one write [MQTT-3.1.0-1]', () => {
    const { peer } = opened({ protocolVersion: 4 });
    assert.equal(peer.writes.length, 1);
    assert.equal(peer.taken().toString('hex'), '100d00044d51545404020000000163');
  });

  it('is not writable, and sends nothing else, until the CONNACK', () => {
    const { connection, peer } = opened();
    peer.taken();
    assert.equal(connection.writable, false);
    connection.acknowledge('puback', id(1), 0);
    connection.control({ cmd: 'pingreq' });
    connection.flush();
    assert.equal(peer.taken().length, 0);
  });

  it('tells the CONNACK with the Server’s limits [MQTT-3.2.2-22]', () => {
    const scene = running(5, { keepAlive: 60 }, '2006 00 00 03 21 0002');
    assert.equal(scene.accepted[0]?.limits.receiveMaximum, 2);
    assert.equal(scene.accepted[0]?.limits.keepAlive, 60);
    assert.equal(scene.connection.writable, true);
  });

  it('hands on the packets behind the CONNACK in the same chunk', () => {
    const scene = opened();
    scene.peer.send(Buffer.concat([hex(ACCEPTED[5]), publish(5, 1), publish(5, 2)]));
    assert.equal(scene.packets.length, 2);
    assert.deepEqual(scene.calls, ['settled']);
  });

  for (const [name, bytes] of [
    ['PUBLISH', '3004 0001 61 00'],
    ['PUBACK', '4002 0001'],
    ['SUBACK', '9004 0001 00 00'],
    ['UNSUBACK', 'b004 0001 00 00'],
    ['PINGRESP', 'd000'],
    ['DISCONNECT [MQTT-3.14.0-1]', 'e000'],
    ['AUTH [MQTT-4.12.0-6]', 'f000'],
  ] as const) {
    it(`ends without DISCONNECT when ${name} comes before CONNACK [MQTT-3.2.0-1]`, () => {
      const scene = opened();
      scene.peer.taken();
      scene.peer.send(hex(bytes));
      assert.equal(scene.packets.length, 0);
      violated(scene, 0x82, '');
    });
  }

  it('ends without DISCONNECT on a malformed packet before CONNACK', () => {
    const scene = opened();
    scene.peer.taken();
    scene.peer.send(hex('2003 02 00 00'));
    violated(scene, 0x81, '');
  });

  it('refused: tells code and reason, sends nothing, and ends by itself [MQTT-3.2.2-7]', () => {
    const scene = opened();
    scene.peer.taken();
    scene.peer.send(frame(0x20, hex('0087'), properties(property(0x1f, text('go away')))));
    assert.equal(scene.peer.taken().length, 0);
    assert.deepEqual(scene.peer.endings, ['end']);
    scene.peer.closed();
    const cause = end(scene);
    assert.ok(cause instanceof ConnectionRefused);
    assert.equal(cause.reasonCode, 0x87);
    assert.equal(cause.message, 'broker refused the connection (0x87 Not authorized: go away) at mqtt://host:1883');
    assert.deepEqual(scene.accepted, []);
  });

  it('refuses Session Present after a clean start [MQTT-3.2.2-2]', () => {
    const scene = opened({ cleanStart: true });
    scene.peer.taken();
    scene.peer.send(hex('2003 01 00 00'));
    violated(scene, 0x82, '');
  });

  it('refuses an Authentication Method that nobody asked for [MQTT-4.12.0-6]', () => {
    const scene = opened();
    scene.peer.taken();
    scene.peer.send(frame(0x20, hex('0000'), properties(property(0x15, text('SCRAM')))));
    assert.deepEqual(scene.accepted, []);
    violated(scene, 0x82, '');
  });

  it('does not wait for the end of an answer that is no MQTT, and says what came', () => {
    for (const [answer, shown] of [
      [Buffer.from('220 mail ESMTP\r\n'), '"220 mail ESMTP"'],
      [hex('15 02'), 'the bytes 1502'],
      [hex('00'), 'the bytes 00'],
    ] as const) {
      const scene = opened();
      scene.peer.taken();
      scene.peer.send(answer);
      violated(scene, 0x82, '');
      const message = `mqtt://host:1883 answered CONNECT with ${shown} instead of CONNACK`;
      assert.equal(end(scene).message, `${message} (0x82 Protocol Error)`);
    }
  });

  it('recognizes by the first bytes what else listens on the port', () => {
    for (const [answer, spoken, shown] of [
      [Buffer.from('HTTP/1.1 400 Bad Request\r\n'), 'http', '"HTTP/1.1 400 Bad"'],
      [Buffer.from('<!DOCTYPE html>'), 'http', '"<!DOCTYPE html>"'],
      [Buffer.from('SSH-2.0\r\n'), 'ssh', '"SSH-2.0"'],
      [hex('15 03 03 00 02 02 46'), 'tls', 'the bytes 15030300020246'],
      [hex('16 03 01 00 02 02 46'), 'tls', 'the bytes 16030100020246'],
    ] as const) {
      const scene = opened();
      scene.peer.taken();
      scene.peer.send(answer);
      scene.peer.closed();
      const cause = end(scene);
      assert.ok(cause instanceof NotMqtt, cause.message);
      assert.deepEqual([cause.code, cause.spoken, cause.retryable], ['not-mqtt', spoken, true]);
      assert.ok(cause.message.startsWith(`mqtt://host:1883 answered CONNECT with ${shown} instead of CONNACK: `));
      // Nothing is said to a stranger.
      assert.deepEqual([scene.peer.taken().length, scene.peer.endings], [0, ['end']]);
    }
  });

  it('takes a CONNACK that comes byte by byte', () => {
    const scene = opened();
    for (const byte of hex(ACCEPTED[5])) scene.peer.send(Buffer.alloc(0), Buffer.from([byte]));
    assert.equal(scene.accepted.length, 1);
  });

  it('that a TLS alert ends is a failure of TLS, which a retry does not mend', () => {
    const alert = Object.assign(new Error('alert certificate required'), {
      code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    });
    const scene = opened({}, { server: 'mqtts://host:8883' });
    scene.peer.closed(alert);
    assert.deepEqual([end(scene).code, end(scene).retryable], ['tls-failed', false]);
    assert.match(end(scene).message, /TLS to mqtts:\/\/host:8883 failed: alert certificate required/);
    const later = running();
    later.peer.closed(alert);
    assert.deepEqual([end(later).code, end(later).retryable], ['connection-lost', true]);
  });

  it('takes Session Present without a clean start [MQTT-3.2.2-3]', () => {
    const scene = running(5, { cleanStart: false }, '2003 01 00 00');
    assert.equal(scene.accepted[0]?.connack.sessionPresent, true);
  });

  it('without an answer ends after its deadline', () => {
    const scene = opened();
    scene.clock.advance(4999);
    assert.deepEqual(scene.ended, []);
    scene.clock.advance(1);
    assert.equal(end(scene).code, 'handshake-timeout');
    assert.match(end(scene).message, /mqtt:\/\/host:1883 did not answer CONNECT within 5 s/);
    assert.deepEqual(scene.peer.endings, ['destroy']);
  });

  it('answered in time has no deadline any more', () => {
    const scene = running();
    scene.clock.advance(1_000_000);
    assert.deepEqual(scene.ended, []);
    assert.equal(scene.clock.armed, 0);
  });

  it('with a CONNECT that cannot be encoded ends with the reason, and leaves nothing open', () => {
    const scene = opened({ clientId: 'x'.repeat(65_536) });
    assert.deepEqual(scene.peer.endings, ['end']);
    scene.peer.closed();
    assert.match(end(scene).message, /CONNECT/);
    assert.equal(scene.clock.armed, 0);
  });
});

describe('Connection, violations', () => {
  for (const [what, bytes, reasonCode] of [
    ['a malformed packet', 'd00100', 0x81],
    ['a second CONNACK [MQTT-3.2.0-2]', '2003000000', 0x82],
    ['AUTH without a method in CONNECT [MQTT-4.12.0-6] [MQTT-4.12.0-7]', 'f000', 0x82],
    ['a packet that only a client may send', 'c000', 0x82],
    ['a wildcard in a Topic Name', '3004 000123 00', 0x82],
    ['an alias that was not allowed [MQTT-3.1.2-27]', '3007 000161 03 230001', 0x94],
    ['a packet above our Maximum Packet Size [MQTT-3.1.2-24]', '30 9f4e', 0x95],
    ['an over-long Remaining Length [MQTT-1.5.5-1]', 'd08000', 0x81],
  ] as const) {
    it(`${what}: DISCONNECT 0x${reasonCode.toString(16)}, then the end [MQTT-4.13.2-1]`, () => {
      const scene = running();
      scene.peer.send(hex(bytes));
      violated(scene, reasonCode, `e002${reasonCode.toString(16)}00`);
    });
  }

  for (const version of [3, 4] as const) {
    it(`before MQTT 5 (${version}) there is no DISCONNECT with a reason: the connection just ends [MQTT-4.8.0-1 of 3.1.1]`, () => {
      const scene = running(version);
      scene.peer.send(hex('d00100'));
      violated(scene, 0x81, '');
    });

    it(`before MQTT 5 (${version}) a DISCONNECT from the Server is a violation [MQTT-3.14 of 3.1.1]`, () => {
      const scene = running(version);
      scene.peer.send(hex('e000'));
      violated(scene, 0x82, '');
    });
  }

  it('the packets before it in the chunk are handled and acknowledged, those behind it are not', () => {
    for (const [version, disconnect] of [
      [4, ''],
      [5, 'e0028100'],
    ] as const) {
      const scene = acknowledging(running(version));
      scene.peer.send(Buffer.concat([publish(version, 1), hex('d00100'), publish(version, 2)]));
      assert.equal(scene.packets.length, 1);
      violated(scene, 0x81, `40020001${disconnect}`);
    }
  });

  it('of a Server that takes no packet as large as a DISCONNECT ends without one, not with an exception', () => {
    const scene = running(5, {}, '2008 00 00 05 27 00000001');
    scene.peer.send(hex('d00100'));
    violated(scene, 0x81, '');
  });

  it('nothing is read and nothing written after it', () => {
    const scene = acknowledging(running());
    scene.peer.send(hex('d00100'), publish(5, 2));
    scene.connection.publish(message('late'));
    scene.connection.acknowledge('puback', id(1), 0);
    scene.connection.flush();
    assert.deepEqual(scene.packets, []);
    assert.deepEqual(scene.peer.endings, ['end']);
    assert.equal(scene.peer.taken().toString('hex'), 'e0028100');
  });

  it('a handler that finds one ends the connection with its code', () => {
    const scene = running();
    scene.act = () => {
      throw new ProtocolViolation('protocol-error', 0x93, 'too many');
    };
    scene.peer.send(publish(5, 1), publish(5, 2));
    assert.equal(scene.packets.length, 1);
    violated(scene, 0x93, 'e0029300');
  });

  it('a handler that fails ends the connection with 0x80, not the process', () => {
    const scene = running();
    scene.act = () => {
      throw new TypeError('a defect');
    };
    scene.peer.send(publish(5, 1));
    assert.equal(scene.peer.taken().toString('hex'), 'e0028000');
    scene.peer.closed();
    assert.match(end(scene).message, /a packet could not be handled: a defect/);
    assert.ok(end(scene).cause instanceof TypeError);
  });
});

describe('Connection, receiving', () => {
  it('one byte at a time and all at once gives the same packets and the same answers', () => {
    const stream = Buffer.concat([...Array(20).keys()].map((n) => publish(5, n + 1)));
    const whole = acknowledging(running());
    whole.peer.send(stream);
    const split = acknowledging(running());
    for (const byte of stream) split.peer.send(Buffer.from([byte]));
    assert.equal(whole.packets.length, 20);
    assert.deepEqual(split.packets, whole.packets);
    assert.deepEqual(split.peer.taken(), whole.peer.taken());
  });

  it('writes the acknowledgements of a chunk in one write, in order', () => {
    const scene = acknowledging(running());
    const before = scene.peer.writes.length;
    scene.peer.send(Buffer.concat([...Array(100).keys()].map((n) => publish(5, n + 1))));
    assert.equal(scene.peer.writes.length - before, 1);
    const written = scene.peer.writes[before] ?? [];
    assert.equal(written.length, 1);
    const ids = Array.from({ length: 100 }, (_, n) => written[0]?.readUInt16BE(4 * n + 2));
    assert.deepEqual(
      ids,
      Array.from({ length: 100 }, (_, n) => n + 1),
    );
  });

  it('tells once per chunk that all of it was handled', () => {
    const scene = running();
    scene.peer.send(Buffer.concat([publish(5, 1), publish(5, 2)]), publish(5, 3));
    assert.deepEqual(scene.calls, ['settled', 'settled']);
  });

  it('resolves topic aliases as far as CONNECT allowed them', () => {
    const scene = running(5, { properties: { topicAliasMaximum: 1 } });
    const alias = property(0x23, uint16(1));
    scene.peer.send(
      frame(0x34, text('full/topic'), uint16(1), properties(alias)),
      frame(0x34, text(''), uint16(2), properties(alias)),
    );
    assert.deepEqual(
      scene.packets.map((packet) => packet.cmd === 'publish' && packet.topic),
      ['full/topic', 'full/topic'],
    );
  });

  it('keeps a PINGRESP to itself', () => {
    const scene = running();
    scene.peer.send(hex('d000'));
    assert.deepEqual(scene.packets, []);
    assert.deepEqual(scene.ended, []);
  });

  it('tells how long a PINGREQ took to be answered', () => {
    const scene = running();
    scene.connection.measure();
    scene.connection.measure();
    assert.equal(scene.peer.taken().toString('hex'), 'c000', 'one is enough at a time');
    scene.clock.advance(12);
    scene.peer.send(hex('d000'));
    assert.deepEqual(scene.roundTrips, [12]);
  });

  it('asks for no time while the network takes no more', () => {
    const scene = running();
    scene.peer.accepts = false;
    scene.connection.control({ cmd: 'pingreq' });
    scene.connection.flush();
    scene.peer.taken();
    for (let count = 0; count < 3; count++) scene.connection.measure();
    scene.peer.accepts = true;
    scene.peer.drain();
    assert.equal(scene.peer.taken().toString('hex'), '');
  });

  it('tells no time for an answer that it did not want to read meanwhile', () => {
    const scene = running();
    scene.connection.measure();
    scene.clock.advance(5);
    scene.connection.hold();
    scene.peer.send(hex('d000'));
    scene.clock.advance(3000);
    scene.connection.proceed();
    scene.clock.io();
    assert.deepEqual(scene.roundTrips, []);
    scene.clock.advance(1);
    scene.connection.measure();
    scene.clock.advance(7);
    scene.peer.send(hex('d000'));
    assert.deepEqual(scene.roundTrips, [7]);
  });

  it('a DISCONNECT from the Server ends it at once, and nothing is sent any more [MQTT-4.13.2-1]', () => {
    const scene = acknowledging(running());
    scene.peer.send(
      Buffer.concat([
        publish(5, 1),
        frame(0xe0, hex('8e'), properties(property(0x1f, text('elsewhere')))),
        publish(5, 2),
      ]),
    );
    assert.equal(scene.packets.length, 1);
    assert.equal(scene.peer.taken().length, 0);
    assert.deepEqual(scene.peer.endings, ['destroy']);
    const cause = end(scene);
    assert.ok(cause instanceof ServerDisconnected);
    assert.equal(cause.message, 'broker closed the connection (0x8e Session taken over: elsewhere)');
  });
});

describe('Connection, reading', () => {
  /** Packets of the first turn, with the CONNACK before them. */
  const FIRST = 127;

  function numbered(count: number, first = 1): Buffer {
    return Buffer.concat(Array.from({ length: count }, (_, n) => publish(4, first + n)));
  }

  function ids(scene: Scene): (number | undefined)[] {
    return scene.packets.map((packet) => packet.packetId);
  }

  function upTo(count: number): number[] {
    return Array.from({ length: count }, (_, n) => n + 1);
  }

  it('a flood gives the event loop back, in the middle of a chunk, and loses nothing', () => {
    const scene = running(4);
    scene.peer.send(numbered(500), numbered(1, 501));
    assert.deepEqual([scene.packets.length, scene.peer.paused], [FIRST, true]);
    scene.clock.io();
    assert.deepEqual([scene.packets.length, scene.peer.paused], [FIRST + 256, true]);
    scene.clock.io();
    assert.deepEqual([ids(scene), scene.peer.paused], [upTo(501), false]);
  });

  it('what it has handled of a chunk is answered in this turn', () => {
    const scene = acknowledging(running(4));
    scene.peer.send(numbered(200));
    assert.equal(scene.peer.taken().length, 4 * FIRST);
    assert.deepEqual(scene.calls, ['settled']);
    scene.clock.io();
    assert.equal(scene.peer.taken().length, 4 * (200 - FIRST));
    assert.deepEqual(scene.calls, ['settled', 'settled']);
  });

  it('the longer flows work on the packets of a turn, the fewer there are in one, and the other way round', () => {
    const scene = running(4);
    scene.peer.send(numbered(65_535));
    const turn = (milliseconds: number): number => {
      const before = scene.packets.length;
      scene.clock.stall(milliseconds, () => undefined);
      return scene.packets.length - before;
    };
    const turns = [0, 0, 0, 0, 10, 50, 50, 50, 50, 10, 0];
    assert.deepEqual(turns.map(turn), [256, 512, 1024, 1024, 1024, 512, 256, 128, 128, 128, 256]);
  });

  it('after a quiet time a flood begins with few packets a turn, whatever the last one ended with', () => {
    const scene = running(4);
    scene.peer.send(numbered(5000));
    for (let n = 0; n < 20; n++) scene.clock.io();
    for (let n = 0; n < 5000; n++) {
      scene.clock.advance(100);
      scene.peer.send(publish(4, 1));
    }
    scene.clock.io();
    const before = scene.packets.length;
    scene.peer.send(numbered(5000));
    assert.ok(scene.packets.length - before <= 128, `${scene.packets.length - before} packets`);
  });

  it('the end of the network connection does not cut off what came before it: it may be the reason', () => {
    const scene = running(5);
    const flood = Buffer.concat(upTo(2000).map((n) => publish(5, n)));
    scene.peer.send(Buffer.concat([flood, hex('e0018b')]));
    scene.peer.closed();
    assert.equal(scene.packets.length, 2000);
    assert.match(end(scene).message, /Server shutting down/);
    scene.clock.io();
    assert.equal(scene.packets.length, 2000);
  });

  it('nothing is sent into a network connection that is gone', () => {
    const scene = acknowledging(running(4));
    scene.peer.send(numbered(2000));
    scene.peer.taken();
    scene.calls.length = 0;
    let writable = true;
    scene.act = () => {
      writable &&= scene.connection.writable;
    };
    scene.peer.closed();
    assert.deepEqual([scene.peer.taken().length, scene.calls, writable], [0, [], false]);
  });

  it('ended in the pause, it hands on nothing any more', () => {
    for (const ending of ['close', 'destroy'] as const) {
      const scene = running(4);
      scene.peer.send(numbered(2000));
      scene.connection[ending](CLOSED);
      scene.clock.io();
      assert.equal(scene.packets.length, FIRST);
    }
  });

  it('on hold, the packet that is being handled is the last one, until the owner goes on', () => {
    const scene = running(4);
    scene.act = ({ packetId }) => {
      if (packetId === 3) scene.connection.hold();
    };
    scene.peer.send(numbered(5), numbered(5, 6));
    scene.clock.io();
    assert.deepEqual([ids(scene), scene.peer.paused], [upTo(3), true]);
    scene.connection.proceed();
    assert.deepEqual(ids(scene), upTo(3), 'nothing comes from within the call');
    scene.clock.io();
    assert.deepEqual([ids(scene), scene.peer.paused], [upTo(10), false]);
  });

  it('on hold and off in one turn, it reads on', () => {
    const scene = running(4);
    scene.connection.hold();
    scene.connection.proceed();
    scene.connection.hold();
    scene.connection.proceed();
    scene.peer.send(numbered(2));
    scene.clock.io();
    assert.deepEqual(ids(scene), upTo(2));
  });

  it('an owner that goes on without a hold does not keep a dead peer alive by it', () => {
    const scene = running(4, { keepAlive: 10 });
    for (let n = 0; n < 30; n++) {
      scene.clock.advance(1000);
      scene.connection.proceed();
    }
    assert.equal(end(scene).code, 'keep-alive-timeout');
  });

  it('ended by the last packet of a turn, it still sees the end of the network connection', () => {
    const scene = running(4);
    scene.act = ({ packetId }) => {
      if (packetId === FIRST) scene.connection.close(CLOSED);
    };
    scene.peer.send(numbered(200));
    assert.deepEqual([scene.peer.endings, scene.peer.paused], [['end'], false]);
  });

  it('on hold in the pause of a flood, it does not go on by itself', () => {
    const scene = running(4);
    scene.peer.send(numbered(300));
    scene.connection.hold();
    scene.clock.io();
    assert.deepEqual([scene.packets.length, scene.peer.paused], [FIRST, true]);
    scene.connection.proceed();
    scene.clock.io();
    assert.deepEqual(ids(scene), upTo(300));
  });

  it('on hold it still sends, and pings', () => {
    const scene = running(4, { keepAlive: 10 });
    scene.connection.hold();
    scene.connection.acknowledge('puback', id(1), 0);
    scene.connection.flush();
    assert.equal(scene.peer.taken().toString('hex'), '40020001');
    scene.clock.advance(100_000);
    assert.ok(scene.peer.taken().length >= 20);
    assert.deepEqual(scene.ended, []);
  });

  it('on hold, what was read and not handled is not handed on when the network connection ends', () => {
    const scene = running(4);
    scene.act = () => scene.connection.hold();
    scene.peer.send(numbered(5));
    scene.peer.closed();
    assert.deepEqual(ids(scene), [1]);
    assert.equal(end(scene).code, 'connection-lost');
  });

  it('its owner can end it with a cause, and the Server is told the reason code of it', () => {
    const scene = running();
    scene.connection.fail(new ProtocolViolation('protocol-error', 0x93, 'too many'));
    violated(scene, 0x93, 'e0029300');
  });
});

describe('Connection, a message that cannot be taken in', () => {
  const user = property(0x26, Buffer.concat([text(''), text('')]));
  const many = Array<Buffer>(10_001).fill(user);

  it('with too many properties is skipped and told; those around it come', () => {
    const scene = opened({}, { maximumPacketSize: 1_000_000 });
    scene.peer.send(hex(ACCEPTED[5]));
    const message = frame(0x34, text('bad\n'), uint16(2), properties(...many), Buffer.from('payload'));
    scene.peer.send(Buffer.concat([publish(5, 1), message, publish(5, 3)]));
    assert.deepEqual(
      scene.packets.map(({ packetId }) => packetId),
      [1, 3],
    );
    const [{ problem, packet } = assert.fail()] = scene.skipped;
    assert.deepEqual(packet, { topic: 'bad\n', qos: 2, dup: false, packetId: 2 });
    assert.equal(problem.message, 'a message to "bad\\n" was skipped: it has more than 10000 properties');
    assert.equal(problem.code, 'message-skipped');
    assert.deepEqual([scene.skipped.length, scene.ended, scene.peer.endings], [1, [], []]);
  });

  it('sets its Topic Alias all the same, wherever that stands among them, and may use one', () => {
    const alias = property(0x23, uint16(1));
    for (const list of [
      [alias, ...many],
      [...many, alias],
    ]) {
      const scene = opened({ properties: { topicAliasMaximum: 1 } }, { maximumPacketSize: 1_000_000 });
      scene.peer.send(hex(ACCEPTED[5]));
      scene.peer.send(frame(0x30, text('full/topic'), properties(...list)));
      scene.peer.send(frame(0x30, text(''), properties(alias)), frame(0x30, text(''), properties(...list)));
      assert.deepEqual(
        scene.packets.map((packet) => packet.cmd === 'publish' && packet.topic),
        ['full/topic'],
      );
      assert.deepEqual(
        scene.skipped.map(({ packet }) => packet.topic),
        ['full/topic', 'full/topic'],
      );
    }
  });

  it('with properties that are broken behind the 10,000th is malformed as ever', () => {
    const scene = opened({}, { maximumPacketSize: 1_000_000 });
    scene.peer.send(hex(ACCEPTED[5]));
    scene.peer.taken();
    scene.peer.send(frame(0x30, text('t'), properties(...many, hex('7f'))));
    violated(scene, 0x81, 'e0028100');
  });

  for (const version of [3, 4] as const) {
    it(`above our maximum in version ${version}, where the Server could not know it, is skipped and told`, () => {
      const scene = running(version);
      const large = frame(0x32, text('large'), uint16(2), Buffer.alloc(20_000));
      scene.peer.send(Buffer.concat([publish(version, 1), large, publish(version, 3)]));
      assert.deepEqual(
        scene.packets.map(({ packetId }) => packetId),
        [1, 3],
      );
      const [{ problem, packet } = assert.fail()] = scene.skipped;
      assert.deepEqual(packet, { topic: 'large', qos: 1, dup: false, packetId: 2 });
      assert.match(
        problem.message,
        /a message to "large" was skipped: it takes 20013 bytes, at most 10000 are accepted/,
      );
      assert.deepEqual(scene.peer.endings, []);
    });
  }

  it('before the CONNACK is a violation', () => {
    const scene = opened({ protocolVersion: 4 });
    scene.peer.taken();
    scene.peer.send(frame(0x30, text('large'), Buffer.alloc(20_000)));
    violated(scene, 0x82, '');
  });
});

describe('Connection, sending', () => {
  it('collects what is sent until it is flushed: one write', () => {
    const scene = running(4);
    const before = scene.peer.writes.length;
    scene.connection.publish(message('a'));
    scene.connection.publish(message('b'));
    scene.connection.acknowledge('pubrec', id(1), 0);
    assert.equal(scene.peer.writes.length, before);
    scene.connection.flush();
    assert.equal(scene.peer.writes.length, before + 1);
    scene.connection.flush();
    assert.equal(scene.peer.writes.length, before + 1);
  });

  it('says from 256 KiB on that what was collected should leave', () => {
    const scene = running(4);
    for (let n = 0; n < 26; n++) scene.connection.publish({ ...message('a'), payload: Buffer.alloc(10_000) });
    assert.equal(scene.connection.isFull, false);
    scene.connection.publish({ ...message('a'), payload: Buffer.alloc(10_000) });
    assert.equal(scene.connection.isFull, true);
    scene.connection.flush();
    assert.equal(scene.connection.isFull, false);
  });

  it('is not writable while the transport takes no more, and says when it does again', () => {
    const scene = running(4);
    scene.peer.accepts = false;
    scene.connection.publish(message('a'));
    scene.connection.flush();
    assert.equal(scene.connection.writable, false);
    scene.peer.accepts = true;
    scene.peer.drain();
    assert.equal(scene.connection.writable, true);
    assert.deepEqual(scene.calls, ['drained']);
  });

  it('while the transport takes no more, answers are kept here, and leave in order when it does again', () => {
    const scene = acknowledging(running(4));
    scene.peer.accepts = false;
    scene.peer.send(publish(4, 1));
    const before = scene.peer.writes.length;
    scene.peer.send(publish(4, 2), publish(4, 3));
    assert.equal(scene.peer.writes.length, before);
    scene.peer.accepts = true;
    scene.peer.taken();
    scene.peer.drain();
    assert.deepEqual(scene.peer.taken(), hex('40020002 40020003'));
  });

  it('a peer that sends and never reads is left before its answers fill the memory', () => {
    const scene = acknowledging(running(4));
    scene.peer.accepts = false;
    const thousand = Buffer.concat(Array.from({ length: 1000 }, (_, n) => publish(4, n + 1)));
    for (let n = 0; n < 300 && scene.ended.length === 0; n++) {
      scene.peer.send(thousand);
      scene.clock.io();
    }
    assert.match(scene.ended[0]?.message ?? '', /does not read: \d+ bytes of answers wait for it/);
    assert.deepEqual(scene.peer.endings, ['destroy']);
  });

  it('a packet above the Server’s Maximum Packet Size is not sent, and the next one is [MQTT-3.2.2-15]', () => {
    const scene = running(5, {}, '2008 00 00 05 27 00000014');
    assert.throws(() => scene.connection.publish(message('much too long a topic')), PacketTooLarge);
    scene.connection.publish(message('a'));
    scene.connection.flush();
    assert.equal(
      scene.peer.taken().toString('hex'),
      frame(0x30, text('a'), hex('00'), Buffer.from('payload')).toString('hex'),
    );
  });

  it('a PINGREQ that is due while the transport takes no more leaves as soon as it does', () => {
    const scene = running(4, { keepAlive: 10 });
    scene.peer.accepts = false;
    scene.connection.publish(message('a'));
    scene.connection.flush();
    scene.peer.taken();
    for (let n = 0; n < 20; n++) {
      scene.clock.advance(5000);
      scene.peer.progress();
    }
    assert.deepEqual([scene.peer.taken().length, scene.ended], [0, []]);
    scene.peer.accepts = true;
    scene.peer.drain();
    assert.equal(scene.peer.taken().toString('hex'), 'c000');
    scene.clock.advance(10_000);
    assert.equal(end(scene).code, 'keep-alive-timeout', 'and its answer is awaited from then on');
  });

  it('pings by the Server’s Keep Alive, and ends when nothing answers', () => {
    const scene = running(5, { keepAlive: 0 }, '2006 00 00 03 13 000a');
    scene.clock.advance(7500);
    assert.equal(scene.peer.taken().toString('hex'), 'c000');
    scene.peer.send(hex('d000'));
    scene.clock.advance(7500);
    assert.equal(scene.peer.taken().toString('hex'), 'c000');
    scene.clock.advance(10_000);
    assert.equal(end(scene).code, 'keep-alive-timeout');
    assert.equal(end(scene).retryable, true);
    assert.deepEqual(scene.peer.endings, ['destroy']);
    assert.equal(scene.clock.armed, 0);
  });
});

describe('Connection, PINGREQ to a Server that takes no packet of two bytes', () => {
  it('ends the connection with the reason, not with an exception in a timer', () => {
    const scene = running(5, { keepAlive: 10 }, '2008 00 00 05 27 00000001');
    scene.clock.advance(10_000);
    assert.deepEqual(scene.peer.endings[0], 'end');
    scene.peer.closed();
    assert.ok(end(scene) instanceof PacketTooLarge);
  });
});

describe('Connection, end', () => {
  for (const version of [3, 4, 5] as const) {
    it(`in order in version ${version}: DISCONNECT behind everything collected, then the transport’s end [MQTT-3.14.4-2]`, () => {
      const scene = running(version);
      scene.connection.acknowledge('puback', id(1), 0);
      scene.connection.close(CLOSED);
      assert.equal(scene.peer.taken().toString('hex'), version === 5 ? '40020001e0020000' : '40020001e000');
      assert.deepEqual(scene.peer.endings, ['end']);
      assert.deepEqual(scene.ended, []);
      scene.peer.closed();
      assert.equal(end(scene), CLOSED);
      assert.equal(scene.clock.armed, 0);
    });
  }

  it('with properties that cannot be encoded, or are too large, says goodbye without them, and throws nothing [MQTT-3.14.2-3] [MQTT-3.14.2-4]', () => {
    const bare = running(5);
    bare.connection.close(CLOSED, 4, { reasonString: 'x'.repeat(70_000) });
    assert.equal(bare.peer.taken().toString('hex'), 'e0020400');
    const [text, pairs] = [4, 4].map(() => running(5, {}, '2008 00 00 05 27 00000004'));
    assert.ok(text !== undefined && pairs !== undefined);
    text.connection.close(CLOSED, 4, { reasonString: 'too much' });
    pairs.connection.close(CLOSED, 4, { userProperties: [['too', 'much']] });
    for (const small of [text, pairs]) assert.equal(small.peer.taken().toString('hex'), 'e0020400');
    for (const scene of [bare, text, pairs]) {
      scene.peer.closed();
      assert.equal(end(scene), CLOSED);
    }
  });

  it('does not wait more than a second for the transport', () => {
    const scene = running();
    scene.connection.close(CLOSED);
    scene.clock.advance(999);
    assert.deepEqual(scene.ended, []);
    scene.clock.advance(1);
    assert.equal(end(scene), CLOSED);
    assert.deepEqual(scene.peer.endings, ['end', 'destroy']);
  });

  it('nothing is sent after DISCONNECT, whatever is tried [MQTT-3.14.4-1]', () => {
    const scene = running();
    scene.connection.close(CLOSED);
    scene.peer.taken();
    scene.connection.publish(message('late'));
    scene.connection.acknowledge('puback', id(1), 0);
    scene.connection.control({ cmd: 'pingreq' });
    scene.connection.flush();
    assert.equal(scene.connection.writable, false);
    assert.equal(scene.peer.taken().length, 0);
    assert.deepEqual(scene.peer.endings, ['end']);
  });

  it('before the CONNACK is the end of the transport, without DISCONNECT', () => {
    const scene = opened();
    scene.peer.taken();
    scene.connection.close(CLOSED);
    assert.equal(scene.peer.taken().length, 0);
    assert.deepEqual(scene.peer.endings, ['end']);
  });

  it('at once sends nothing', () => {
    const scene = running();
    scene.connection.destroy(CLOSED);
    assert.equal(end(scene), CLOSED);
    assert.equal(scene.peer.taken().length, 0);
    assert.deepEqual(scene.peer.endings, ['destroy']);
  });

  it('comes exactly once, with the first cause, however many ends there are', () => {
    const other = new MqttError('offline', 'another cause');
    const scene = running();
    scene.connection.close(CLOSED);
    scene.connection.close(other);
    scene.connection.destroy(other);
    scene.peer.closed(new Error('late'));
    scene.connection.destroy(other);
    scene.connection.close(other);
    assert.equal(end(scene), CLOSED);
  });

  it('before the CONNACK says that there was no connection, and that the version may be the reason', () => {
    const [five, four] = [opened(), opened({ protocolVersion: 4 })];
    five.peer.closed();
    four.peer.closed(new Error('read ECONNRESET'));
    const unanswered = 'mqtt://host:1883 closed the connection before it answered CONNECT';
    assert.equal(end(five).message, `${unanswered}; it may not speak MQTT 5: choose 3.1.1 or automatic`);
    assert.equal(end(four).message, `${unanswered} (read ECONNRESET)`);
    assert.equal(end(five).code, 'connection-lost');
    assert.equal(end(five).retryable, true);
  });

  it('by the network is `connection-lost`, which a retry may mend', () => {
    const scene = running();
    scene.peer.closed(new Error('read ECONNRESET'));
    assert.equal(end(scene).code, 'connection-lost');
    assert.equal(end(scene).retryable, true);
    assert.equal(end(scene).message, 'connection to mqtt://host:1883 was lost: read ECONNRESET');
    const orderly = running();
    orderly.peer.closed();
    assert.match(end(orderly).message, /closed by the broker/);
  });

  it('tells its owner nothing afterwards', () => {
    const scene = acknowledging(running(5, { keepAlive: 10 }));
    scene.peer.closed();
    scene.peer.send(publish(5, 1));
    scene.peer.drain();
    scene.clock.advance(1_000_000);
    scene.connection.flush();
    assert.deepEqual([scene.packets.length, scene.calls, scene.peer.taken().length], [0, [], 0]);
    assert.equal(scene.ended.length, 1);
    assert.equal(scene.clock.armed, 0);
  });

  it('in a packet’s handler leaves the rest of the chunk alone', () => {
    for (const ending of ['close', 'destroy'] as const) {
      const scene = running();
      scene.act = () => scene.connection[ending](CLOSED);
      scene.peer.send(Buffer.concat([publish(5, 1), publish(5, 2)]));
      assert.equal(scene.packets.length, 1);
      assert.deepEqual(scene.calls, []);
    }
  });
});
