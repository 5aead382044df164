import assert from 'node:assert/strict';
import {
  ANNOUNCEMENTS,
  brokerUrl,
  CONNECTION_FIELDS,
  connectionOptions,
  isSecure,
  type StoredConnection,
} from '../../../../nodes/common/config.ts';
import { Client, type ClientOptions } from '../../../../src/index.ts';

const EXTRAS = { generatedClientId: 'generated' };

function options(stored: StoredConnection): ClientOptions {
  return connectionOptions(stored, EXTRAS);
}

describe('brokerUrl', () => {
  const rows: readonly (readonly [StoredConnection, string])[] = [
    [{}, 'mqtt://localhost:1883'],
    [{ broker: '' }, 'mqtt://localhost:1883'],
    [{ broker: '', port: 1884 }, 'mqtt://localhost:1883'],
    [{ usetls: true }, 'mqtts://localhost:1883'],
    [{ broker: ' ', usetls: 'true' }, 'mqtts://localhost:1883'],
    [{ broker: 'host' }, 'mqtt://host:1883'],
    [{ broker: ' host ' }, 'mqtt://host:1883'],
    [{ broker: 'host', port: 1884 }, 'mqtt://host:1884'],
    [{ broker: 'host', port: '1884' }, 'mqtt://host:1884'],
    [{ broker: 'host', port: '' }, 'mqtt://host:1883'],
    [{ broker: 'host', port: 'x' }, 'mqtt://host:1883'],
    [{ broker: 'host', port: 0 }, 'mqtt://host:1883'],
    [{ broker: 'host', port: 70_000 }, 'mqtt://host:1883'],
    [{ broker: 'host', usetls: true }, 'mqtts://host:1883'],
    [{ broker: 'host', usetls: 'true', port: '8883' }, 'mqtts://host:8883'],
    [{ broker: '::1' }, 'mqtt://[::1]:1883'],
    [{ broker: '[::1]' }, 'mqtt://[::1]:1883'],
    [{ broker: 'fe80::1', port: 1, usetls: true }, 'mqtts://[fe80::1]:1'],
    [{ broker: 'wss://host/path', port: 1, usetls: true }, 'wss://host/path'],
    [{ broker: 'mqtt://host:5' }, 'mqtt://host:5'],
    [{ broker: 'host', url: 'ws://other' }, 'ws://other'],
    [{ broker: 5, port: {}, usetls: null, url: 7 }, 'mqtt://localhost:1883'],
  ];
  for (const [stored, url] of rows) {
    it(`of ${JSON.stringify(stored)} is ${url}`, () => assert.equal(brokerUrl(stored), url));
  }
});

describe('isSecure', () => {
  it('by the tick or by the URL', () => {
    const secure: readonly StoredConnection[] = [
      { usetls: true },
      ...['mqtts://h', 'wss://h', 'ssl://h', 'tls://h', 'MQTTS://h'].map((broker) => ({ broker })),
    ];
    const plain: readonly StoredConnection[] = [{}, ...['mqtt://h', 'ws://h', 'tcp://h'].map((broker) => ({ broker }))];
    assert.deepEqual(
      secure.map(isSecure),
      secure.map(() => true),
    );
    assert.deepEqual(
      plain.map(isSecure),
      plain.map(() => false),
    );
  });
});

describe('connectionOptions', () => {
  it('of an empty flow are those of Node-RED’s own node', () => {
    assert.deepEqual(options({}), {
      server: 'mqtt://localhost:1883',
      protocolVersion: 4,
      clientId: 'generated',
      cleanStart: true,
      keepAlive: 60,
      tls: { rejectUnauthorized: true },
      outbox: {},
    });
  });

  it('of a flow with every field set have them all', () => {
    const msg = { contentType: 'text', userProps: '{"a":"b"}', respTopic: 'r', correl: 'c', expiry: '5' };
    const properties = {
      messageExpiryInterval: 5,
      responseTopic: 'r',
      correlationData: Buffer.from('c'),
      userProperties: [['a', 'b']],
      contentType: 'text',
    };
    const all = connectionOptions(
      {
        broker: 'host',
        port: '1884',
        clientid: 'me',
        protocolVersion: '5',
        keepalive: '30',
        connectTimeout: '5',
        cleansession: false,
        sessionExpiry: '3600',
        userProps: '{"p":"q"}',
        maximumPacketSize: '1000',
        receiveMaximum: '20',
        topicAliasMaximum: '0',
        maxMessages: '50',
        maxBytes: '0.5',
        maximumInflight: '5',
        whenFull: 'drop-oldest',
        longestWait: '3600',
        qos0Waits: 'true',
        birthTopic: 'birth',
        birthQos: '1',
        birthRetain: 'true',
        birthPayload: 'up',
        birthMsg: msg,
        closeTopic: 'close',
        closeQos: '2',
        closeRetain: 'false',
        closePayload: 'down',
        closeMsg: msg,
        willTopic: 'will',
        willQos: '0',
        willRetain: true,
        willPayload: { gone: true },
        willMsg: { ...msg, delay: '9' },
      },
      { ...EXTRAS, username: 'u', password: 'p', tls: { servername: 's' }, reconnectTime: 15_000 },
    );
    assert.deepEqual(all, {
      server: 'mqtt://host:1884',
      protocolVersion: 5,
      clientId: 'me',
      cleanStart: false,
      keepAlive: 30,
      sessionExpiryInterval: 3600,
      username: 'u',
      password: 'p',
      userProperties: [['p', 'q']],
      birth: { topic: 'birth', payload: 'up', qos: 1, retain: true, properties },
      closing: { topic: 'close', payload: 'down', qos: 2, retain: false, properties },
      will: { topic: 'will', payload: '{"gone":true}', qos: 0, retain: true, properties, willDelayInterval: 9 },
      receiveMaximum: 20,
      maximumPacketSize: 1000,
      topicAliasMaximum: 0,
      connectTimeout: 5000,
      maximumInflight: 5,
      tls: { servername: 's', rejectUnauthorized: true },
      outbox: {
        maxMessages: 50,
        maxBytes: 524_288,
        whenFull: 'drop-oldest',
        longestWait: 3600,
        qos0Waits: true,
      },
      backoff: { initial: 1000, maximum: 15_000 },
    });
  });

  const versions: readonly (readonly [StoredConnection, unknown])[] = [
    [{}, 4],
    [{ protocolVersion: '' }, 4],
    [{ protocolVersion: '3' }, 3],
    [{ protocolVersion: 4 }, 4],
    [{ protocolVersion: '5' }, 5],
    [{ protocolVersion: 5 }, 5],
    [{ protocolVersion: 'auto' }, 'auto'],
    [{ protocolVersion: 6 }, 4],
    [{ protocolVersion: 'x' }, 4],
    [{ compatmode: true }, 3],
    [{ compatmode: 'true', protocolVersion: '5' }, 3],
    [{ compatmode: false, protocolVersion: '5' }, 5],
  ];
  for (const [stored, version] of versions) {
    it(`protocol version of ${JSON.stringify(stored)} is ${String(version)}`, () => {
      assert.equal(options(stored).protocolVersion, version);
    });
  }

  it('a session without a client id starts clean, because it could not be found again', () => {
    const { clientId, cleanStart } = options({ cleansession: false });
    assert.deepEqual({ clientId, cleanStart }, { clientId: 'generated', cleanStart: true });
    assert.equal(options({ cleansession: false, clientid: 'me' }).cleanStart, false);
    assert.equal(options({ cleansession: 'false', clientid: 'me' }).cleanStart, false);
  });

  it('a keep alive of 0 is off; one that makes no sense is the default', () => {
    const values = [0, '0', 15, '', undefined, -1, 70_000, 'x', null];
    assert.deepEqual(
      values.map((keepalive) => options({ keepalive }).keepAlive),
      [0, 0, 15, 60, 60, 60, 60, 60, 60],
    );
  });

  it('a connect timeout is seconds; one that makes no sense is the engine’s', () => {
    const values = ['5', 1, 3600, 0, 3601, '', undefined, 'x'];
    assert.deepEqual(
      values.map((connectTimeout) => options({ connectTimeout }).connectTimeout),
      [5000, 1000, 3_600_000, undefined, undefined, undefined, undefined, undefined],
    );
  });

  it('a session expiry of never is kept', () => {
    assert.equal(options({ sessionExpiry: '4294967295' }).sessionExpiryInterval, 0xffffffff);
    assert.equal('sessionExpiryInterval' in options({ sessionExpiry: '4294967296' }), false);
  });

  it('an outbox without a limit, or of 0, has the default one', () => {
    for (const value of ['', 0, '0', -1, 'x', null, undefined, Number.NaN]) {
      assert.deepEqual(options({ maxMessages: value, maxBytes: value, longestWait: value }).outbox, {});
    }
  });

  it('an outbox refuses the newest when it is full, unless the field holds another choice', () => {
    assert.deepEqual(options({ whenFull: 'keep-latest' }).outbox, { whenFull: 'keep-latest' });
    for (const whenFull of ['refuse', '', 'other', 5, null, undefined, ['keep-latest']]) {
      assert.deepEqual(options({ whenFull }).outbox, {});
    }
  });

  describe('verification of the certificate', () => {
    it('is off only where a person turned it off, here or in the TLS node', () => {
      const verified = (stored: StoredConnection, rejectUnauthorized?: boolean): boolean | undefined =>
        connectionOptions(stored, {
          ...EXTRAS,
          ...(rejectUnauthorized !== undefined && { tls: { rejectUnauthorized } }),
        }).tls?.rejectUnauthorized;
      assert.equal(verified({}), true);
      assert.equal(verified({ verifyCertificate: '' }), true);
      assert.equal(verified({ verifyCertificate: null }), true);
      assert.equal(verified({ verifyCertificate: false }), false);
      assert.equal(verified({ verifyCertificate: 'false' }), false);
      assert.equal(verified({ verifyCertificate: false }, true), true);
      assert.equal(verified({}, false), false);
    });

    it('is not turned off by what core stored without asking', () => {
      const stored = { usetls: true, verifyservercert: false };
      assert.equal(options(stored).tls?.rejectUnauthorized, true);
    });
  });

  describe('birth, close and will', () => {
    it('are there only with a topic', () => {
      for (const topic of ['', undefined, null, 5]) {
        const { birth, closing, will } = options({
          birthTopic: topic,
          closeTopic: topic,
          willTopic: topic,
          birthPayload: 'x',
        });
        assert.deepEqual([birth, closing, will], [undefined, undefined, undefined]);
      }
    });

    it('read the fields of older flows: numbers and ticks instead of texts, and no properties', () => {
      const { will } = options({ willTopic: 'w', willQos: 2, willRetain: false, willPayload: 5, willMsg: null });
      assert.deepEqual(will, { topic: 'w', payload: '5', qos: 2, retain: false });
      assert.deepEqual(options({ willTopic: 'w' }).will, { topic: 'w', payload: '', qos: 0, retain: false });
    });

    it('read both the stored names of the properties and those of a message', () => {
      const long = {
        userProperties: { a: 'b' },
        responseTopic: 'r',
        correlationData: 'c',
        messageExpiryInterval: 5,
        willDelayInterval: 7,
      };
      const short = { userProps: '{"a":"b"}', respTopic: 'r', correl: 'c', expiry: '5', delay: '7' };
      assert.deepEqual(
        options({ willTopic: 'w', willMsg: long }).will,
        options({ willTopic: 'w', willMsg: short }).will,
      );
    });
  });

  it('never throws, whatever the fields hold, and gives options that the client takes', () => {
    const fields = [
      ...CONNECTION_FIELDS,
      ...ANNOUNCEMENTS.flatMap((kind) => ['Qos', 'Retain', 'Payload', 'Msg'].map((name) => `${kind}${name}`)),
    ];
    const topics = { birthTopic: 'b', closeTopic: 'c', willTopic: 'w' };
    for (const value of [null, '', ' ', 0, -1, 1.5, 1e20, true, false, [], {}, [1], { a: 1 }, Number.NaN]) {
      const one = Object.fromEntries(fields.map((field) => [field, value]));
      // A text of blanks is no host; the client says so when it is made.
      if (value !== ' ') assert.doesNotThrow(() => new Client(options({ ...one, ...topics })), JSON.stringify(value));
      for (const field of fields) assert.doesNotThrow(() => options({ ...topics, [field]: value }), field);
    }
  });
});
