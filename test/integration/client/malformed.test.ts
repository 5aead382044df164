import assert from 'node:assert/strict';
import { FAST_BACKOFF, phase, useBench } from '../../support/client-bench.ts';

/** What a broker may not send, as hexadecimal bytes, with the Reason Code of the DISCONNECT that it gets in MQTT 5. */
const MQTT_5: readonly (readonly [what: string, bytes: string, code: number])[] = [
  ['a packet of type 0', '00 00', 0x82],
  ['CONNECT', '10 00', 0x82],
  ['a second CONNACK', '20 03 00 00 00', 0x82],
  ['AUTH without a method', 'f0 00', 0x82],
  ['PINGREQ', 'c0 00', 0x82],
  ['a Remaining Length that is not minimal', '30 84 00', 0x81],
  ['a Remaining Length of five bytes', '30 ff ff ff ff 01', 0x81],
  ['more than we accept', '30 ff ff ff 7f', 0x95],
  ['PUBLISH with QoS 3', '36 06 0001 74 0001 00', 0x81],
  ['a topic that is not UTF-8', '30 05 0002 c328 00', 0x81],
  ['a topic with a surrogate', '30 06 0003 eda080 00', 0x81],
  ['a topic with U+0000', '30 04 0001 00 00', 0x81],
  ['a topic with a wildcard', '30 04 0001 23 00', 0x82],
  ['no topic and no Topic Alias', '30 03 0000 00', 0x82],
  ['Topic Alias 0', '30 07 0001 74 03 23 0000', 0x94],
  ['a Topic Alias above the maximum', '30 07 0001 74 03 23 0021', 0x94],
  ['a Topic Alias that was never set', '30 06 0000 03 23 0001', 0x82],
  ['a topic that runs past the packet', '30 03 0009 74', 0x81],
  ['properties that run past the packet', '30 04 0001 74 09', 0x81],
  ['a property that runs past the properties', '30 06 0001 74 01 01 01', 0x81],
  ['a Property Length that is not minimal', '30 05 0001 74 80 00', 0x81],
  ['an unknown property', '30 06 0001 74 02 7f 00', 0x81],
  ['a property of another packet', '30 09 0001 74 05 11 00000001', 0x82],
  ['a property twice', '30 08 0001 74 04 01 00 01 00', 0x82],
  ['a flag that is 2', '30 06 0001 74 02 01 02', 0x82],
  ['Subscription Identifier 0', '30 06 0001 74 02 0b 00', 0x82],
  ['a Response Topic with a wildcard', '30 08 0001 74 04 08 0001 23', 0x82],
  ['a user property that is not UTF-8', '30 0b 0001 74 07 26 0001 c3 0001 61', 0x81],
  ['PUBLISH with packet id 0', '32 06 0001 74 0000 00', 0x82],
  ['PUBACK with flags', '41 02 0001', 0x81],
  ['PUBACK with packet id 0', '40 02 0000', 0x82],
  ['PUBACK of one byte', '40 01 00', 0x81],
  ['PUBACK with an undefined code', '40 03 0001 01', 0x82],
  ['PUBACK with bytes behind its end', '40 05 0001 00 00 00', 0x81],
  ['PUBREC with a code of PUBREL', '50 03 0001 92', 0x82],
  ['PUBREL without its flags', '60 02 0001', 0x81],
  ['PUBREL with packet id 0', '62 02 0000', 0x82],
  ['PUBCOMP with an undefined code', '70 03 0001 80', 0x82],
  ['SUBACK without codes', '90 03 0001 00', 0x82],
  ['SUBACK with an undefined code', '90 04 0001 00 03', 0x82],
  ['UNSUBACK with an undefined code', 'b0 04 0001 00 01', 0x82],
  ['PINGRESP with a body', 'd0 01 00', 0x81],
  ['DISCONNECT with flags', 'e1 00', 0x81],
  ['DISCONNECT with a code of clients', 'e0 01 04', 0x82],
  ['DISCONNECT with a Session Expiry Interval', 'e0 07 00 05 11 00000001', 0x82],
];

const MQTT_3_1_1: readonly (readonly [what: string, bytes: string])[] = [
  ['a packet of type 0', '00 00'],
  ['a second CONNACK', '20 02 00 00'],
  ['DISCONNECT', 'e0 00'],
  ['AUTH', 'f0 00'],
  ['a Remaining Length that is not minimal', '30 84 00'],
  ['more than we accept, and no message', '90 ff ff ff 7f'],
  ['PUBLISH with QoS 3', '36 05 0001 74 0001'],
  ['PUBLISH with packet id 0', '32 05 0001 74 0000'],
  ['an empty topic', '30 02 0000'],
  ['a topic with a wildcard', '30 03 0001 2b'],
  ['a topic that is not UTF-8', '30 04 0002 c328'],
  ['PUBACK with a reason code', '40 03 0001 00'],
  ['SUBACK with an undefined code', '90 03 0001 03'],
  ['UNSUBACK with a code', 'b0 03 0001 00'],
];

const BEFORE_CONNACK: readonly (readonly [what: string, bytes: string])[] = [
  ['PUBLISH', '30 04 0001 74 00'],
  ['SUBACK', '90 04 0001 00 00'],
  ['PINGRESP', 'd0 00'],
  ['DISCONNECT', 'e0 00'],
  ['AUTH', 'f0 00'],
  ['a CONNACK with undefined flags', '20 03 02 00 00'],
  ['a CONNACK with an undefined code', '20 03 00 01 00'],
  ['a CONNACK with bytes behind its end', '20 04 00 00 00 00'],
  ['a CONNACK that refuses a session that is present', '20 03 01 87 00'],
  ['a CONNACK with Receive Maximum 0', '20 06 00 00 03 21 0000'],
  ['a CONNACK with Maximum Packet Size 0', '20 08 00 00 05 27 00000000'],
  ['a CONNACK with Maximum QoS 2', '20 05 00 00 02 24 02'],
  ['a CONNACK with Authentication Data alone', '20 06 00 00 03 16 0000'],
  ['HTTP', Buffer.from(`HTTP/1.1 400 Bad Request\r\n\r\n${'x'.repeat(100)}`).toString('hex')],
];

describe('a broker that breaks the protocol', () => {
  const bench = useBench();

  for (const [what, bytes, code] of MQTT_5) {
    it(`MQTT 5: ${what} gets DISCONNECT 0x${code.toString(16)}, and a new connection is made`, async () => {
      const { broker, client, peer } = await bench.connected({ backoff: FAST_BACKOFF });
      peer.sendBytes(bytes);
      assert.equal((await peer.expect('disconnect')).reasonCode, code);
      await peer.expectClosed();
      await (await broker.accept()).handshake();
      await phase(client, 'connected');
    });
  }

  for (const [what, bytes] of MQTT_3_1_1) {
    it(`MQTT 3.1.1: ${what} ends the connection without DISCONNECT, and a new one is made`, async () => {
      const { broker, client, peer } = await bench.connected({ protocolVersion: 4, backoff: FAST_BACKOFF });
      peer.sendBytes(bytes);
      await peer.expectClosed();
      assert.deepEqual(
        peer.received.map(({ cmd }) => cmd),
        ['connect'],
      );
      await (await broker.accept()).handshake();
      await phase(client, 'connected');
    });
  }

  for (const [what, bytes] of BEFORE_CONNACK) {
    it(`instead of a CONNACK: ${what} ends the attempt without DISCONNECT, and another is made`, async () => {
      const broker = await bench.broker();
      const client = bench.client(broker.url);
      client.connect();
      const peer = await broker.accept();
      await peer.expect('connect');
      peer.sendBytes(bytes);
      const { cause } = await phase(client, 'waiting');
      assert.ok(['malformed-packet', 'not-mqtt', 'protocol-error'].includes(cause.code), cause.code);
      await peer.expectClosed();
      assert.equal(peer.received.length, 1);
      await (await broker.accept()).handshake();
      await phase(client, 'connected');
    });
  }

  it('a packet above the own maximum is refused at its announcement, before its body', async () => {
    const { client, peer, connect } = await bench.connected({
      maximumPacketSize: 1000,
      backoff: { initial: 60_000, maximum: 60_000 },
    });
    assert.equal(connect.properties?.maximumPacketSize, 1000);
    // A fixed header of three bytes that announces 998 bytes is 1,001 bytes.
    peer.sendBytes('30 e6 07');
    assert.equal((await peer.expect('disconnect')).reasonCode, 0x95);
    const { cause } = await phase(client, 'waiting');
    assert.match(cause.message, /announced a packet of 1001 bytes, at most 1000 are accepted/);
  });

  it('endless rubbish costs no more than what one read brings', async () => {
    const { broker, client, peer } = await bench.connected();
    const rubbish = Buffer.alloc(1_000_000, 0xff);
    peer.sendBytes(rubbish);
    await peer.expectClosed();
    await (await broker.accept()).handshake();
    await phase(client, 'connected');
  });
});
