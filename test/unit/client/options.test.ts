import assert from 'node:assert/strict';
import { type ClientOptions, parseOptions } from '../../../src/client/options.ts';
import type { OutboxOptions } from '../../../src/client/outbox.ts';
import { MqttError } from '../../../src/protocol/errors.ts';

const SERVER = 'mqtt://broker.example';

function refuses(options: object, problem: RegExp, code = 'invalid-options'): void {
  assert.throws(
    () => parseOptions({ server: SERVER, ...options }),
    (error) => error instanceof MqttError && error.code === code && problem.test(error.message),
  );
}

const OUTBOX: OutboxOptions = {
  maxMessages: 100_000,
  maxBytes: 100 * 1024 * 1024,
  whenFull: 'refuse',
  longestWait: undefined,
  qos0Waits: false,
};

describe('parseOptions', () => {
  it('fills in every default that the documentation names', () => {
    const { store, ownStore, clock, random, dial, report, ...others } = parseOptions({ server: SERVER });
    const { restored, failing, emptied, lateReceivers, receiversWork, numbers, ...settings } = others;
    assert.ok(store);
    assert.equal(ownStore, store);
    assert.ok(clock);
    assert.deepEqual(numbers.sent.packets, [0, 0, 0]);
    assert.equal(lateReceivers(), 10_000);
    assert.equal(receiversWork(), false);
    for (const each of [dial, random, report, restored, failing, emptied]) assert.equal(typeof each, 'function');
    assert.deepEqual(settings, {
      server: { scheme: 'mqtt', host: 'broker.example', port: 1883, path: '' },
      protocolVersion: 'auto',
      clientId: '',
      cleanStart: true,
      keepAlive: 60,
      sessionExpiryInterval: 0,
      username: undefined,
      password: undefined,
      will: undefined,
      birth: undefined,
      closing: undefined,
      userProperties: undefined,
      subscribeUserProperties: undefined,
      disconnectProperties: undefined,
      receiveMaximum: 65_535,
      maximumPacketSize: 64 * 1024 * 1024,
      topicAliasMaximum: 32,
      tls: {},
      webSocketAgent: undefined,
      connectTimeout: 30_000,
      backoff: { initial: 1000, maximum: 30_000, stableAfter: 10_000 },
      outbox: OUTBOX,
      maximumInflight: undefined,
      enforcedReceiveMaximum: 65_535,
      filtersPerSubscribe: 8,
    });
  });

  it('fills in what is missing in a group', () => {
    const { backoff, outbox } = parseOptions({ server: SERVER, backoff: { maximum: 5 }, outbox: { maxMessages: 3 } });
    assert.deepEqual(backoff, { initial: 1000, maximum: 5, stableAfter: 10_000 });
    assert.deepEqual(outbox, { ...OUTBOX, maxMessages: 3 });
  });

  it('refuses limits of the outbox that are none, and a choice that it does not know', () => {
    for (const outbox of [
      { maxMessages: 0 },
      { maxMessages: 1.5 },
      { maxBytes: 0 },
      { maxBytes: Infinity },
      { longestWait: 0 },
      { longestWait: -1 },
      { whenFull: 'drop' as never },
    ]) {
      const refused = { code: 'invalid-options', message: new RegExp(String(Object.values(outbox)[0])) };
      assert.throws(() => parseOptions({ server: SERVER, outbox }), refused);
    }
  });

  const ranges: readonly (readonly [keyof ClientOptions, number, number, RegExp])[] = [
    ['keepAlive', 0, 65_535, /keep alive is/],
    ['sessionExpiryInterval', 0, 0xffffffff, /session expiry is/],
    ['receiveMaximum', 1, 65_535, /receive maximum is/],
    ['maximumPacketSize', 16, 268_435_460, /maximum packet size is/],
    ['topicAliasMaximum', 0, 65_535, /topic alias maximum is/],
    ['connectTimeout', 1, 0x7fffffff, /connect timeout is/],
    ['filtersPerSubscribe', 1, 65_535, /filters per subscribe is/],
  ];
  for (const [name, lowest, highest, problem] of ranges) {
    it(`takes ${name} from ${lowest} to ${highest}, whole numbers only`, () => {
      for (const value of [lowest, highest]) assert.equal(parseOptions({ server: SERVER, [name]: value })[name], value);
      for (const value of [lowest - 1, highest + 1, lowest + 0.5, Number.NaN, '1']) refuses({ [name]: value }, problem);
    });
  }

  it('needs a client id where a session is to be kept [MQTT-3.1.3-7 of 3.1.1]', () => {
    refuses({ cleanStart: false }, /needs a client id/);
    assert.equal(parseOptions({ server: SERVER, cleanStart: false, clientId: 'me' }).clientId, 'me');
  });

  it('needs a client id for MQTT 3.1 [MQTT-3.1 of 3.1]', () => {
    refuses({ protocolVersion: 3 }, /MQTT 3.1 needs a client id/);
  });

  for (const [what, bad] of [
    ['a lone surrogate [MQTT-1.5.4-1]', '\uDC00'],
    ['U+0000 [MQTT-1.5.4-2]', '\0'],
    ['65,536 bytes', 'x'.repeat(65_536)],
  ] as const) {
    it(`refuses ${what} in client id, user name and user properties [MQTT-3.1.3-4] [MQTT-3.1.3-12]`, () => {
      refuses({ clientId: bad }, /the client id/);
      refuses({ username: bad }, /the user name/);
      refuses({ userProperties: [['a', bad]] }, /user property/);
      refuses({ userProperties: [[bad, 'a']] }, /user property/);
    });
  }

  describe('password', () => {
    it('without a user name is for MQTT 5 only [MQTT-3.1.2-22 of 3.1.1]', () => {
      for (const protocolVersion of [3, 4] as const) {
        refuses({ protocolVersion, clientId: 'me', password: 'secret' }, /password needs a user name/);
      }
      assert.equal(parseOptions({ server: SERVER, protocolVersion: 5, password: 'secret' }).password, 'secret');
      assert.equal(parseOptions({ server: SERVER, password: 'secret' }).password, 'secret');
    });

    it('has at most 65,535 bytes, and any characters', () => {
      refuses({ username: 'u', password: 'x'.repeat(65_536) }, /password is longer than 65535 bytes/);
      refuses({ username: 'u', password: 'ü'.repeat(32_768) }, /password is longer than 65535 bytes/);
      for (const password of ['x'.repeat(65_535), 'a\0b', '']) {
        assert.equal(parseOptions({ server: SERVER, username: 'u', password }).password, password);
      }
    });

    it('is in no message, whatever is wrong', () => {
      const secret = 'pa55-w0rd';
      const bad: readonly Partial<ClientOptions>[] = [
        { server: `mqtt://user:${secret}@` },
        { server: `foo://user:${secret}@host` },
        { server: `mqtt://user:${secret}/with-slash@host` },
        { server: `user:${secret}@host:1883` },
        { server: `http://host/path?token=${secret}` },
        { clientId: '\0' },
        { username: '\0' },
        { keepAlive: -1 },
        { protocolVersion: 4 },
        { password: secret.repeat(10_000) },
      ];
      for (const options of bad) {
        const thrown = caught(() => parseOptions({ server: SERVER, password: secret, ...options }));
        assert.equal(thrown.message.includes(secret), false, thrown.message);
      }
    });
  });

  describe('birth, close and will messages', () => {
    for (const name of ['birth', 'closing', 'will'] as const) {
      it(`${name} is checked when the client is made, not when it is sent`, () => {
        refuses({ [name]: { topic: 'a/#', payload: '' } }, /wildcard/, 'invalid-topic');
        refuses({ [name]: { topic: 'a', payload: '', qos: 3 } }, /QoS is 3/, 'invalid-message');
      });
    }

    it('a will’s topic is a UTF-8 string [MQTT-3.1.3-11]', () => {
      refuses({ will: { topic: 'a\uD800', payload: '' } }, /lone surrogate/, 'invalid-topic');
      refuses({ will: { topic: 'a\0b', payload: '' } }, /U\+0000/, 'invalid-topic');
    });

    it('a will at QoS 3 is refused [MQTT-3.1.2-12]', () => {
      refuses({ will: { topic: 'a', payload: '', qos: 3 } }, /QoS is 3/, 'invalid-message');
    });

    it('a will has at most 65,535 bytes', () => {
      refuses({ will: { topic: 'a', payload: Buffer.alloc(65_536) } }, /length of the will payload is 65536/);
    });

    it('a will’s delay is a whole number of seconds', () => {
      for (const willDelayInterval of [-1, 0.5, 0x1_0000_0000]) {
        refuses({ will: { topic: 'a', payload: '', willDelayInterval } }, /will delay is/);
      }
      const will = { topic: 'a', payload: 'x', willDelayInterval: 0xffffffff };
      assert.equal(parseOptions({ server: SERVER, will }).will?.willDelayInterval, 0xffffffff);
    });
  });
});

function caught(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  return assert.fail('nothing was refused');
}
