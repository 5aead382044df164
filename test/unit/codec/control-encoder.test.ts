import assert from 'node:assert/strict';
import { encodeControl } from '../../../src/codec/control-encoder.ts';
import type { ConnectPacket, PacketId, SubscriptionOptions, UserProperties } from '../../../src/protocol/packet.ts';
import type { TopicFilter, TopicName } from '../../../src/protocol/topic.ts';
import { frame, hex, properties, property, text, uint16 } from './wire.ts';

const CONNECT: ConnectPacket = {
  cmd: 'connect',
  protocolVersion: 4,
  clientId: 'me',
  cleanStart: true,
  keepAlive: 60,
};
const WILL = { topic: 'w' as TopicName, payload: Buffer.from('gone'), qos: 0, retain: false } as const;
const id = (value: number): PacketId => value as PacketId;
const pair = (name: string, value: string): Buffer => property(0x26, Buffer.concat([text(name), text(value)]));

function connect(fields: Partial<ConnectPacket>): string {
  const packet = { ...CONNECT, ...fields };
  return encodeControl(packet, packet.protocolVersion).toString('hex');
}

/** CONNECT: name, level, flags, Keep Alive, then the rest. */
function expected(name: string, level: number, flags: number, ...rest: readonly Buffer[]): string {
  return frame(0x10, text(name), Buffer.from([level, flags]), uint16(60), ...rest).toString('hex');
}

function subscription(
  filter: string,
  options: Partial<SubscriptionOptions> = {},
): SubscriptionOptions & { filter: TopicFilter } {
  return {
    qos: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    ...options,
    filter: filter as TopicFilter,
  };
}

describe('CONNECT', () => {
  it('of MQTT 5 names MQTT and level 5 [MQTT-3.1.2-1] [MQTT-3.1.2-2] [MQTT-3.1.2-16] [MQTT-3.1.2-18] [MQTT-3.1.3-3]', () => {
    assert.equal(connect({ protocolVersion: 5 }), expected('MQTT', 5, 2, properties(), text('me')));
  });

  it('of MQTT 3.1.1 names MQTT and level 4, without properties [MQTT-7.0.0-2 of 3.1.1] [MQTT-3.1.2-1] [MQTT-3.1.2-2]', () => {
    assert.equal(connect({ properties: { receiveMaximum: 3 } }), expected('MQTT', 4, 2, text('me')));
  });

  it('of MQTT 3.1 names MQIsdp and level 3 [MQTT-3.1.2-1] [MQTT-3.1.2-2]', () => {
    assert.equal(connect({ protocolVersion: 3 }), expected('MQIsdp', 3, 2, text('me')));
  });

  it('without a clean start has no flag at all [MQTT-3.1.2-3]', () => {
    assert.equal(connect({ cleanStart: false }), expected('MQTT', 4, 0, text('me')));
  });

  it('may have an empty client id [MQTT-3.1.3-3]', () => {
    assert.equal(connect({ clientId: '' }), expected('MQTT', 4, 2, text('')));
  });

  it('without a Will has Will QoS 0 and Will Retain 0 [MQTT-3.1.2-11] [MQTT-3.1.2-13]', () => {
    assert.equal(Buffer.from(connect({}), 'hex')[9], 0x02);
  });

  for (const qos of [0, 1, 2] as const) {
    it(`has its Will at QoS ${qos} with its flags, topic and payload [MQTT-3.1.2-9]`, () => {
      const bytes = connect({ will: { ...WILL, qos, retain: true } });
      assert.equal(bytes, expected('MQTT', 4, 0x26 | (qos << 3), text('me'), text('w'), text('gone')));
    });
  }

  it('may have a Will with an empty payload', () => {
    const bytes = connect({ will: { ...WILL, payload: Buffer.alloc(0) } });
    assert.equal(bytes, expected('MQTT', 4, 0x06, text('me'), text('w'), text('')));
  });

  it('has user name and password, each with its flag, in this order [MQTT-3.1.3-1] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19]', () => {
    assert.equal(connect({ username: 'u' }), expected('MQTT', 4, 0x82, text('me'), text('u')));
    assert.equal(
      connect({ username: 'u', password: 'p', will: WILL }),
      expected('MQTT', 4, 0xc6, text('me'), text('w'), text('gone'), text('u'), text('p')),
    );
    assert.equal(connect({ username: '', password: '' }), expected('MQTT', 4, 0xc2, text('me'), text(''), text('')));
  });

  it('of MQTT 5 may have a password without a user name [MQTT-3.1.2-16] [MQTT-3.1.2-19]', () => {
    assert.equal(
      connect({ protocolVersion: 5, password: 'token' }),
      expected('MQTT', 5, 0x42, properties(), text('me'), text('token')),
    );
    assert.equal(
      connect({ protocolVersion: 5, password: 'x'.repeat(200), will: WILL, properties: { receiveMaximum: 7 } }),
      expected(
        'MQTT',
        5,
        0x46,
        properties(property(0x21, uint16(7))),
        text('me'),
        properties(),
        text('w'),
        text('gone'),
        text('x'.repeat(200)),
      ),
    );
  });

  it('has a password of any bytes', () => {
    const password = hex('00ff80');
    assert.equal(
      connect({ username: 'u', password }),
      expected('MQTT', 4, 0xc2, text('me'), text('u'), text(password)),
    );
  });

  it('of MQTT 5 has each of its properties', () => {
    const rows: readonly (readonly [NonNullable<ConnectPacket['properties']>, Buffer])[] = [
      [{ sessionExpiryInterval: 0xffffffff }, property(0x11, hex('ffffffff'))],
      [{ receiveMaximum: 10 }, property(0x21, uint16(10))],
      [{ maximumPacketSize: 65_536 }, property(0x27, hex('00010000'))],
      [{ topicAliasMaximum: 32 }, property(0x22, uint16(32))],
      [{ requestResponseInformation: true }, property(0x19, hex('01'))],
      [{ requestProblemInformation: false }, property(0x17, hex('00'))],
      [
        {
          userProperties: [
            ['a', '1'],
            ['a', '2'],
          ],
        },
        Buffer.concat([pair('a', '1'), pair('a', '2')]),
      ],
    ];
    for (const [given, bytes] of rows) {
      assert.equal(
        connect({ protocolVersion: 5, properties: given }),
        expected('MQTT', 5, 2, properties(bytes), text('me')),
        Object.keys(given)[0],
      );
    }
  });

  it('of MQTT 5 has Will Properties in front of the Will Topic, also when there are none [MQTT-2.2.2-1]', () => {
    assert.equal(
      connect({ protocolVersion: 5, will: WILL }),
      expected('MQTT', 5, 6, properties(), text('me'), properties(), text('w'), text('gone')),
    );
  });

  const willRows: readonly (readonly [string, NonNullable<ConnectPacket['will']>, Buffer])[] = [
    ['a delay', { ...WILL, willDelayInterval: 30 }, property(0x18, hex('0000001e'))],
    ['a payload format', { ...WILL, properties: { payloadFormatIndicator: true } }, property(0x01, hex('01'))],
    ['an expiry', { ...WILL, properties: { messageExpiryInterval: 60 } }, property(0x02, hex('0000003c'))],
    ['a content type', { ...WILL, properties: { contentType: 'text' } }, property(0x03, text('text'))],
    ['a response topic', { ...WILL, properties: { responseTopic: 'r' } }, property(0x08, text('r'))],
    ['correlation data', { ...WILL, properties: { correlationData: hex('0001') } }, property(0x09, text(hex('0001')))],
    ['user properties', { ...WILL, properties: { userProperties: [['n', 'v']] } }, pair('n', 'v')],
  ];
  for (const [what, will, bytes] of willRows) {
    it(`of MQTT 5 has a Will with ${what} (3.1.3.2)`, () => {
      assert.equal(
        connect({ protocolVersion: 5, will }),
        expected('MQTT', 5, 6, properties(), text('me'), properties(bytes), text('w'), text('gone')),
      );
    });
  }

  it('of MQTT 3.1.1 has none of the Will’s properties', () => {
    const will = { ...WILL, willDelayInterval: 5, properties: { contentType: 'text' } };
    assert.equal(connect({ will }), expected('MQTT', 4, 6, text('me'), text('w'), text('gone')));
  });
});

describe('SUBSCRIBE', () => {
  it('has the flags 0010 and one option byte per filter, in their order [MQTT-3.8.1-1] [MQTT-3.8.3-5] [MQTT-3.8.3-3]', () => {
    const subscriptions = [
      subscription('a', { qos: 2 }),
      subscription('b/#', { qos: 1, noLocal: true }),
      subscription('+', { retainAsPublished: true }),
      subscription('c', { retainHandling: 1 }),
      subscription('d', { qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 }),
    ];
    const bytes = encodeControl({ cmd: 'subscribe', packetId: id(9), subscriptions }, 5);
    const filters = [text('a'), hex('02'), text('b/#'), hex('05'), text('+'), hex('08'), text('c'), hex('10')];
    assert.deepEqual(bytes, frame(0x82, uint16(9), properties(), ...filters, text('d'), hex('2e')));
  });

  it('has its Subscription Identifier and user properties', () => {
    const userProperties: UserProperties = [
      ['a', '1'],
      ['a', '2'],
    ];
    const packet = {
      cmd: 'subscribe',
      packetId: id(9),
      subscriptions: [subscription('a')],
      subscriptionIdentifier: 268_435_455,
      userProperties,
    } as const;
    const list = [pair('a', '1'), pair('a', '2'), property(0x0b, hex('ffffff7f'))];
    const bytes = encodeControl(packet, 5);
    const either = [list, [list[2] ?? hex(''), ...list.slice(0, 2)]].map((order) =>
      frame(0x82, uint16(9), properties(...order), text('a'), hex('00')).toString('hex'),
    );
    assert.ok(either.includes(bytes.toString('hex')), bytes.toString('hex'));
  });

  it('before MQTT 5 has the QoS only', () => {
    const options = { qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 } as const;
    const packet = { cmd: 'subscribe', packetId: id(9), subscriptions: [subscription('a', options)] } as const;
    for (const version of [3, 4] as const) {
      assert.deepEqual(encodeControl(packet, version), frame(0x82, uint16(9), text('a'), hex('01')));
    }
  });
});

describe('UNSUBSCRIBE, DISCONNECT and PINGREQ', () => {
  it('UNSUBSCRIBE has the flags 0010 and its filters in order [MQTT-3.10.1-1]', () => {
    const filters = ['a', 'b/#'] as TopicFilter[];
    const packet = { cmd: 'unsubscribe', packetId: id(258), filters } as const;
    assert.deepEqual(encodeControl(packet, 4), frame(0xa2, uint16(258), text('a'), text('b/#')));
    assert.deepEqual(encodeControl(packet, 5), frame(0xa2, uint16(258), properties(), text('a'), text('b/#')));
  });

  it('DISCONNECT says its Reason Code in MQTT 5, and nothing before [MQTT-3.14.2-1]', () => {
    for (const reasonCode of [0x00, 0x04, 0x81, 0x82, 0x93, 0x94, 0x95]) {
      const packet = { cmd: 'disconnect', reasonCode, properties: {} } as const;
      assert.deepEqual(encodeControl(packet, 5), frame(0xe0, Buffer.from([reasonCode, 0])));
      assert.deepEqual(encodeControl(packet, 4), hex('e000'));
    }
  });

  it('PINGREQ is two bytes', () => {
    for (const version of [3, 4, 5] as const) assert.deepEqual(encodeControl({ cmd: 'pingreq' }, version), hex('c000'));
  });

  it('SUBSCRIBE and UNSUBSCRIBE without a filter are not written [MQTT-3.8.3-2] [MQTT-3.10.3-2]', () => {
    for (const version of [3, 4, 5] as const) {
      assert.throws(() => encodeControl({ cmd: 'subscribe', packetId: id(1), subscriptions: [] }, version));
      assert.throws(() => encodeControl({ cmd: 'unsubscribe', packetId: id(1), filters: [] }, version));
    }
  });

  it('throws, and writes nothing, for what cannot be encoded', () => {
    assert.throws(() => connect({ clientId: 'x'.repeat(65_536) }));
  });
});
