import assert from 'node:assert/strict';
import type { IConnectPacket } from 'mqtt-packet';
import { until } from '../../support/events.ts';
import type { FakeBroker } from '../../support/fake-broker.ts';
import { errors, node, startFlow, statuses, stopFlow } from '../../support/flow.ts';
import { assertHas } from '../../support/partial.ts';
import { agreeing, connected, connection, connection5, HELPERS, lines, mqttIn, mqttOut, shown } from '../flows.ts';

describe('1 mqtt-broker properties', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await agreeing();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  /** The CONNECT that comes from a connection with these fields. */
  async function connectOf(fields: object, credentials: object = {}): Promise<IConnectPacket> {
    await startFlow([connection(broker.port, fields), mqttIn(), ...HELPERS], credentials);
    return (await broker.accept()).expect('connect');
  }

  describe('broker', () => {
    for (const [host, port] of [
      ['127.0.0.1', undefined],
      ['localhost', undefined],
      ['mqtt://127.0.0.1:PORT', 1],
      ['tcp://127.0.0.1:PORT', ''],
    ] as const) {
      it(`${host}${port === undefined ? '' : `, which disables the port ${JSON.stringify(port)}`}`, async () => {
        const fields = { broker: host.replace('PORT', String(broker.port)), ...(port !== undefined && { port }) };
        assertHas(await connectOf(fields), { clientId: 'posthorn' });
      });
    }

    it('ws:// with a path', async () => {
      await broker.close();
      broker = await agreeing({}, { webSocket: true });
      await startFlow([connection(1, { broker: `${broker.url}/mqtt` }), mqttIn(), ...HELPERS]);
      const peer = await connected(broker);
      assert.equal(peer.upgradeRequest?.url, '/mqtt');
    });

    for (const [fields, url] of [
      [{ broker: '' }, 'mqtt://localhost:1883'],
      [{ broker: undefined, port: '' }, 'mqtt://localhost:1883'],
      [{ broker: '::1', port: 1884 }, 'mqtt://[::1]:1884'],
      [{ broker: 'fe80::1', port: '' }, 'mqtt://[fe80::1]:1883'],
      [{ broker: 'host', port: '', usetls: true }, 'mqtts://host:1883'],
      [{ broker: 'wss://host/x', port: 5, usetls: true }, 'wss://host/x'],
    ] as const) {
      it(`${JSON.stringify(fields)} is ${url}`, async () => {
        await startFlow([connection(1, { ...fields, autoConnect: false }), mqttIn(), ...HELPERS]);
        assert.equal(shown('c')['brokerurl'], url);
      });
    }

    it('a user name and a password in the URL are used, and told nowhere', async () => {
      const url = `mqtt://ann:s%40cret@127.0.0.1:${broker.port}`;
      const packet = await connectOf({ broker: url }, { c: { user: 'bob', password: 'x' } });
      assertHas(packet, { username: 'ann', password: Buffer.from('s@cret') });
      await until(() => lines('c', 'log').length > 0, 'the log');
      assert.deepEqual(lines('c', 'log'), [`Connected to broker: posthorn@mqtt://127.0.0.1:${broker.port}`]);
    });
  });

  it('port: as text; blank is 1883', async () => {
    assertHas(await connectOf({ port: String(broker.port) }), { clientId: 'posthorn' });
    await stopFlow();
    await startFlow([connection(1, { port: '', autoConnect: false }), mqttIn(), ...HELPERS]);
    assert.equal(shown('c')['brokerurl'], 'mqtt://127.0.0.1:1883');
  });

  describe('clientid', () => {
    it('blank is "nodered" and 16 hexadecimal digits', async () => {
      assert.match((await connectOf({ clientid: '' })).clientId, /^nodered[0-9a-f]{16}$/);
    });

    it('blank without a clean session: the session starts clean, and a warning', async () => {
      const packet = await connectOf({ clientid: '', cleansession: false });
      assert.equal(packet.clean, true);
      assert.match(lines('c', 'warn').join(), /Client ID is missing/);
    });
  });

  for (const [autoConnect, connects] of [
    [true, true],
    ['true', true],
    [undefined, true],
    [false, false],
    ['false', false],
  ] as const) {
    it(`autoConnect ${JSON.stringify(autoConnect)}: ${connects ? 'connects' : 'waits'}`, async () => {
      await startFlow([connection(broker.port, { autoConnect }), mqttIn(), ...HELPERS]);
      if (connects) await connected(broker);
      else await broker.expectNoConnection();
    });
  }

  for (const [fields, protocolVersion, protocolId] of [
    [{ protocolVersion: '3' }, 3, 'MQIsdp'],
    [{ protocolVersion: 3 }, 3, 'MQIsdp'],
    [{ compatmode: true }, 3, 'MQIsdp'],
    [{ compatmode: 'true', protocolVersion: 4 }, 3, 'MQIsdp'],
    [{ protocolVersion: '4' }, 4, 'MQTT'],
    [{}, 4, 'MQTT'],
    [{ protocolVersion: '' }, 4, 'MQTT'],
    [{ protocolVersion: 5 }, 5, 'MQTT'],
    [{ protocolVersion: '5' }, 5, 'MQTT'],
  ] as const) {
    it(`protocolVersion and compatmode: ${JSON.stringify(fields)} is ${protocolVersion}`, async () => {
      assertHas(await connectOf(fields), { protocolVersion, protocolId });
    });
  }

  for (const [keepalive, seconds] of [
    [undefined, 60],
    [15, 15],
    ['0', 0],
    ['20', 20],
    ['', 60],
    ['soon', 60],
  ] as const) {
    it(`keepalive ${JSON.stringify(keepalive)} is ${seconds} s`, async () => {
      assert.equal((await connectOf({ keepalive })).keepalive, seconds);
    });
  }

  for (const [cleansession, clean] of [
    [undefined, true],
    [true, true],
    ['true', true],
    [false, false],
    ['false', false],
  ] as const) {
    it(`cleansession ${JSON.stringify(cleansession)} is ${clean}`, async () => {
      assert.equal((await connectOf({ cleansession })).clean, clean);
    });
  }

  for (const [sessionExpiry, seconds] of [
    [undefined, undefined],
    ['0', undefined],
    ['', undefined],
    ['3600', 3600],
    [60, 60],
  ] as const) {
    it(`sessionExpiry ${JSON.stringify(sessionExpiry)} is ${seconds}`, async () => {
      const { properties } = await connectOf({ protocolVersion: '5', sessionExpiry });
      assert.equal(properties?.sessionExpiryInterval, seconds);
    });
  }

  for (const userProps of ['{"site":"north","floor":2}', { site: 'north', floor: 2 }]) {
    it(`userProps as ${typeof userProps}`, async () => {
      const { properties } = await connectOf({ protocolVersion: '5', userProps });
      assertHas(properties?.userProperties, { site: 'north', floor: '2' });
    });
  }

  it('userProps that are no JSON are left out', async () => {
    const { properties } = await connectOf({ protocolVersion: '5', userProps: '{"site":' });
    assert.equal(properties?.userProperties, undefined);
  });

  for (const [qos, retain, payload, sent] of [
    ['0', 'false', '', { qos: 0, retain: false, payload: '' }],
    ['1', 'true', 'here', { qos: 1, retain: true, payload: 'here' }],
    [2, true, { up: true }, { qos: 2, retain: true, payload: '{"up":true}' }],
    [undefined, undefined, undefined, { qos: 0, retain: false, payload: '' }],
    ['7', 'perhaps', 5, { qos: 0, retain: false, payload: '5' }],
  ] as const) {
    const fields = (kind: string): object => ({
      [`${kind}Topic`]: `${kind}/here`,
      [`${kind}Qos`]: qos,
      [`${kind}Retain`]: retain,
      [`${kind}Payload`]: payload,
    });
    const told = JSON.stringify([qos, retain, payload]);

    it(`birthTopic, birthQos, birthRetain, birthPayload: ${told}`, async () => {
      await startFlow([connection(broker.port, fields('birth')), mqttOut(), ...HELPERS]);
      const peer = await connected(broker, 'out');
      const packet = await peer.expect('publish');
      assertHas({ ...packet, payload: String(packet.payload) }, { topic: 'birth/here', ...sent });
    });

    it(`closeTopic, closeQos, closeRetain, closePayload: ${told}`, async () => {
      await startFlow([connection(broker.port, fields('close')), mqttOut(), ...HELPERS]);
      const peer = await connected(broker, 'out');
      await stopFlow();
      const packet = await peer.expect('publish');
      assertHas({ ...packet, payload: String(packet.payload) }, { topic: 'close/here', ...sent });
      await peer.skipTo('disconnect');
    });

    it(`willTopic, willQos, willRetain, willPayload: ${told}`, async () => {
      const { will } = await connectOf(fields('will'));
      assertHas({ ...will, payload: String(will?.payload) }, { topic: 'will/here', ...sent });
    });
  }

  describe('birthMsg, closeMsg, willMsg', () => {
    const stored = {
      contentType: 'text/plain',
      userProps: '{"a":"b"}',
      respTopic: 'answers',
      correl: 'id-1',
      expiry: '30',
    };
    const sent = {
      contentType: 'text/plain',
      userProperties: { a: 'b' },
      responseTopic: 'answers',
      correlationData: Buffer.from('id-1'),
      messageExpiryInterval: 30,
    };

    it('birthMsg', async () => {
      await startFlow([connection5(broker.port, { birthTopic: 'b', birthMsg: stored }), mqttOut(), ...HELPERS]);
      const peer = await connected(broker, 'out');
      assertHas((await peer.expect('publish')).properties, sent);
    });

    it('closeMsg', async () => {
      await startFlow([connection5(broker.port, { closeTopic: 'b', closeMsg: stored }), mqttOut(), ...HELPERS]);
      const peer = await connected(broker, 'out');
      await stopFlow();
      assertHas((await peer.expect('publish')).properties, sent);
    });

    it('willMsg, with its delay', async () => {
      const willMsg = { ...stored, delay: '5' };
      const { will } = await connectOf({ protocolVersion: '5', willTopic: 'w', willMsg });
      assertHas(will?.properties, { ...sent, willDelayInterval: 5 });
    });

    it('respTopic without userProps is sent too, which core forgets to store', async () => {
      const willMsg = { respTopic: 'answers' };
      const { will } = await connectOf({ protocolVersion: '5', willTopic: 'w', willMsg });
      assertHas(will?.properties, { responseTopic: 'answers' });
    });

    it('before MQTT 5 they mean nothing', async () => {
      const { will } = await connectOf({ willTopic: 'w', willMsg: { ...stored, delay: '5' } });
      assert.equal(will?.properties, undefined);
    });
  });

  for (const kind of ['birth', 'close']) {
    it(`${kind}Topic with a wildcard: no ${kind} message and a warning, and the connection all the same`, async () => {
      await startFlow([connection(broker.port, { [`${kind}Topic`]: 'a/#', [`${kind}Payload`]: 'x' }), mqttOut()]);
      const peer = await connected(broker, 'out');
      await peer.expectNothing();
      assert.match(lines('c', 'warn').join(), new RegExp(`the ${kind} message is not sent: .*wildcard`));
    });
  }

  it('willTopic with a wildcard: a broker would refuse it, so it is told and nothing is connected', async () => {
    await startFlow([connection(broker.port, { willTopic: 'a/#' }), mqttOut()]);
    assert.match(errors('c').join(), /"a\/#" contains a wildcard/);
    await broker.expectNoConnection();
  });

  it('credentials user and password', async () => {
    const packet = await connectOf({}, { c: { user: 'ann', password: 'secret' } });
    assertHas(packet, { username: 'ann', password: Buffer.from('secret') });
  });

  it('credentials: a user without a password, and with MQTT 5 a password without a user', async () => {
    assertHas(await connectOf({}, { c: { user: 'ann' } }), { username: 'ann', password: undefined });
    await stopFlow();
    const packet = await connectOf({ protocolVersion: '5' }, { c: { password: 'token' } });
    assertHas(packet, { username: undefined, password: Buffer.from('token') });
  });

  it('credentials: a password without a user before MQTT 5 is told, and nothing is connected', async () => {
    await startFlow([connection(broker.port), mqttIn(), ...HELPERS], { c: { password: 'token' } });
    assert.match(lines('c', 'log').join(), /password needs a user name/);
    assert.equal(statuses('in').at(-1), 'red ring invalid setting');
    await broker.expectNoConnection();
  });

  describe('${ENV} values', () => {
    before(() => {
      process.env['POSTHORN_TEST_ID'] = 'from-environment';
      process.env['POSTHORN_TEST_SECRET'] = 'hidden';
    });
    after(() => {
      delete process.env['POSTHORN_TEST_ID'];
      delete process.env['POSTHORN_TEST_SECRET'];
    });

    it('a whole field, and a whole credential', async () => {
      const credentials = { c: { user: 'ann', password: '${POSTHORN_TEST_SECRET}' } };
      const packet = await connectOf({ clientid: '${POSTHORN_TEST_ID}' }, credentials);
      assertHas(packet, { clientId: 'from-environment', password: Buffer.from('hidden') });
    });

    it('a topic of mqtt-in', async () => {
      await startFlow([connection(broker.port), mqttIn({ topic: '${POSTHORN_TEST_ID}' }), ...HELPERS]);
      const peer = await connected(broker);
      const { subscriptions } = await peer.expect('subscribe');
      assert.equal(subscriptions[0]?.topic, 'from-environment');
    });
  });

  it('topicAliasMaximum, maximumPacketSize, receiveMaximum, which core stores without use', async () => {
    const { properties } = await connectOf({
      protocolVersion: '5',
      topicAliasMaximum: 7,
      maximumPacketSize: 2000,
      receiveMaximum: 9,
    });
    assertHas(properties, { topicAliasMaximum: 7, maximumPacketSize: 2000, receiveMaximum: 9 });
  });

  it('name: only for people', async () => {
    assertHas(await connectOf({ name: 'my broker' }), { clientId: 'posthorn' });
    assert.equal(node('c').name, 'my broker');
  });
});
