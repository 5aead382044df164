import assert from 'node:assert/strict';
import { until } from '../../support/events.ts';
import { FakeBroker } from '../../support/fake-broker.ts';
import { collect, deploy, errors, nextMessage, node, startFlow, statuses, stopFlow } from '../../support/flow.ts';
import { serverPair } from '../../support/certificates/certificates.ts';
import { assertHas } from '../../support/partial.ts';
import { freePort } from '../../support/ports.ts';
import {
  agreeing,
  connected,
  CONNECTED,
  connection,
  DISCONNECTED,
  dynamicIn,
  HELPERS,
  lines,
  mqttIn,
  mqttOut,
  shown,
} from '../flows.ts';

describe('2 and 4 the actions connect and disconnect', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await agreeing();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  /** A connection that waits for the action. */
  async function start(fields: object = {}, credentials: object = {}): Promise<void> {
    const waiting = connection(broker.port, { autoConnect: false, ...fields });
    await startFlow([waiting, mqttIn(), mqttOut(), ...HELPERS], credentials);
  }

  async function complete(msg: object, id = 'in'): Promise<void> {
    const completed = nextMessage('completed');
    node(id).receive(msg as never);
    await completed;
  }

  async function errorOf(msg: object, id = 'in'): Promise<string> {
    const caught = nextMessage('caught');
    node(id).receive(msg as never);
    return ((await caught)['error'] as { message: string }).message;
  }

  /** The CONNECT that `msg.broker` leads to. */
  async function connectOf(overrides: object, fields?: object, credentials?: object) {
    await start(fields, credentials);
    await complete({ action: 'connect', broker: overrides });
    return (await broker.accept()).expect('connect');
  }

  it('connect with a version that one filter is not valid in: that node says so, and all others are subscribed', async () => {
    const shared = mqttIn({ id: 'shared', topic: '$share/g/b', nl: true });
    await startFlow([connection(broker.port), shared, mqttIn({ topic: 'd' }), mqttOut(), ...HELPERS]);
    await connected(broker);
    const caught = collect('caught');
    await complete({ action: 'connect', broker: { protocolVersion: 5, force: true } });
    const peer = await broker.accept();
    const { subscriptions } = await peer.skipTo('subscribe');
    assert.deepEqual(
      subscriptions.map(({ topic }) => topic),
      ['d'],
    );
    await until(() => statuses('shared').at(-1) === 'red ring invalid setting', 'the status');
    assert.equal(statuses('in').at(-1), CONNECTED);
    const last = caught.at(-1)?.['error'] as { message: string } | undefined;
    assert.match(last?.message ?? '', /\$share\/g\/b is a shared subscription, which cannot have No Local/);
  });

  for (const id of ['in', 'out']) {
    it(`connect at mqtt-${id}: done when connected, and everything is subscribed`, async () => {
      await start();
      await broker.expectNoConnection();
      await complete({ action: 'connect' }, id);
      assert.equal(statuses('in').at(-1), CONNECTED);
      const peer = await broker.accept();
      await peer.expect('connect');
      await peer.expect('subscribe');
    });

    it(`disconnect at mqtt-${id}: done when disconnected, for every node`, async () => {
      await start({ autoConnect: true });
      const peer = await connected(broker);
      await complete({ action: 'disconnect' }, id);
      assert.equal(statuses('in').at(-1), DISCONNECTED);
      assert.equal(statuses('out').at(-1), DISCONNECTED);
      await peer.skipTo('disconnect');
    });
  }

  it('connect when connected: nothing changes, and done', async () => {
    await start({ autoConnect: true });
    await connected(broker);
    await complete({ action: 'connect' });
    await broker.expectNoConnection();
  });

  it('connect when connected, with broker but no force: an error, and nothing changes', async () => {
    await start({ autoConnect: true });
    await connected(broker);
    const text = await errorOf({ action: 'connect', broker: { clientid: 'other' } });
    assert.match(text, /Disconnect from broker before connecting$/);
    await broker.expectNoConnection();
  });

  for (const force of [false, 'false', 0, undefined]) {
    it(`force ${JSON.stringify(force)} is none`, async () => {
      await start({ autoConnect: true });
      await connected(broker);
      assert.match(await errorOf({ action: 'connect', broker: { force } }), /Disconnect from broker/);
    });
  }

  it('connect with force: disconnects in order, applies, connects, and subscribes everything again', async () => {
    await start({ autoConnect: true, closeTopic: 'bye' });
    const peer = await connected(broker);
    await complete({ action: 'connect', broker: { clientid: 'other', force: true } });
    assert.equal((await peer.skipTo('publish')).topic, 'bye');
    await peer.expect('disconnect');
    const next = await broker.accept();
    assertHas(await next.expect('connect'), { clientId: 'other' });
    assert.equal((await next.expect('subscribe')).subscriptions[0]?.topic, 'a/#');
    const arriving = nextMessage('h');
    next.send({ cmd: 'publish', topic: 'a/b', payload: 'x', qos: 0, dup: false, retain: false });
    assert.equal((await arriving).payload, 'x');
  });

  it('what another broker is told was accepted before: messages wait in the same session', async () => {
    await start({ autoConnect: true });
    const peer = await connected(broker);
    peer.pause();
    node('out').receive({ topic: 't', payload: 'waits', qos: 1 });
    const other = await agreeing();
    const url = `mqtt://127.0.0.1:${other.port}`;
    node('in').receive({ action: 'connect', broker: { url, force: true } });
    const next = await other.accept();
    await next.expect('connect');
    assertHas(await next.skipTo('publish'), { topic: 't', payload: Buffer.from('waits') });
    await stopFlow();
    await other.close();
  });

  it('connect to a dead host: the first attempt that fails is the error', async () => {
    await start();
    const port = await freePort();
    assert.match(await errorOf({ action: 'connect', broker: { port } }), /ECONNREFUSED/);
  });

  it('connect to a broker that refuses: its reason is the error', async () => {
    await broker.close();
    broker = await agreeing({ connect: () => ({ cmd: 'connack', sessionPresent: false, returnCode: 5 }) });
    await start();
    assert.match(await errorOf({ action: 'connect' }), /0x87 Not authorized/);
  });

  it('connect while a failed attempt waits for the next one: tried at once, with the settings that came', async () => {
    await start();
    await errorOf({ action: 'connect', broker: { port: await freePort() } });
    await complete({ action: 'connect', broker: { port: broker.port } });
    assertHas(await (await broker.accept()).expect('connect'), { clientId: 'posthorn' });
  });

  it('settings that make no sense are the error, and better ones mend it', async () => {
    await start({ broker: 'http://nowhere' });
    assert.match(await errorOf({ action: 'connect' }), /is not a broker address/);
    await complete({ action: 'connect', broker: { broker: '127.0.0.1' } });
    assertHas(await (await broker.accept()).expect('connect'), { clientId: 'posthorn' });
  });

  it('a disconnect of a flow holds: another deploy does not connect again, a message does', async () => {
    const flow = [connection(broker.port), dynamicIn(), ...HELPERS];
    await startFlow(flow);
    await connected(broker);
    await complete({ action: 'disconnect' });
    await deploy([...flow, { id: 'more', type: 'helper' }], 'nodes');
    await broker.expectNoConnection();
    await complete({ action: 'connect' });
    await broker.accept();
  });

  for (const broken of [5, 'mqtt://x', null, true, [1]]) {
    it(`msg.broker ${JSON.stringify(broken)} changes nothing`, async () => {
      await start();
      await complete({ action: 'connect', broker: broken });
      assertHas(await (await broker.accept()).expect('connect'), { clientId: 'posthorn' });
    });
  }

  describe('4 msg.broker keys', () => {
    const V5 = { protocolVersion: '5' };

    it('url', async () => {
      const packet = await connectOf(
        { url: `mqtt://localhost:${broker.port}` },
        { broker: 'nowhere.invalid', port: 1 },
      );
      assertHas(packet, { clientId: 'posthorn' });
    });

    it('url, and later broker and port in its place', async () => {
      await connectOf({ url: `mqtt://localhost:${broker.port}` }, { broker: 'nowhere.invalid', port: 1 });
      await complete({ action: 'disconnect' });
      const other = await agreeing();
      await complete({ action: 'connect', broker: { broker: 'localhost', port: other.port } });
      await (await other.accept()).expect('connect');
      await stopFlow();
      await other.close();
    });

    it('broker, port', async () => {
      const packet = await connectOf(
        { broker: 'localhost', port: String(broker.port) },
        { broker: 'nowhere', port: 1 },
      );
      assertHas(packet, { clientId: 'posthorn' });
    });

    it('clientid', async () => assertHas(await connectOf({ clientid: 'other' }), { clientId: 'other' }));
    it('protocolVersion', async () => assertHas(await connectOf({ protocolVersion: 5 }), { protocolVersion: 5 }));
    it('compatmode', async () => assertHas(await connectOf({ compatmode: true }), { protocolVersion: 3 }));
    it('keepalive', async () => assertHas(await connectOf({ keepalive: '7' }), { keepalive: 7 }));
    it('cleansession', async () => assertHas(await connectOf({ cleansession: false }), { clean: false }));

    it('autoConnect, autoUnsubscribe', async () => {
      await connectOf({ autoConnect: true, autoUnsubscribe: false });
      assertHas({ ...view('autoConnect', 'autoUnsubscribe') }, { autoConnect: true, autoUnsubscribe: false });
    });

    for (const name of ['userProperties', 'userProps']) {
      for (const value of ['{"a":1}', { a: 1 }]) {
        it(`${name} as ${typeof value}`, async () => {
          const { properties } = await connectOf({ [name]: value }, V5);
          assert.deepEqual({ ...properties?.userProperties }, { a: '1' });
        });
      }
    }

    for (const name of ['sessionExpiry', 'sessionExpiryInterval']) {
      it(name, async () => {
        assertHas((await connectOf({ [name]: 90 }, V5)).properties, { sessionExpiryInterval: 90 });
      });
    }

    it('username, password: in place of the credentials, until the next message without them', async () => {
      const credentials = { c: { user: 'ann', password: 'first' } };
      const packet = await connectOf({ username: 'bob', password: 'second' }, {}, credentials);
      assertHas(packet, { username: 'bob', password: Buffer.from('second') });
      await complete({ action: 'connect', broker: { force: true } });
      const again = await (await broker.accept()).expect('connect');
      assertHas(again, { username: 'ann', password: Buffer.from('first') });
      const told = [...lines('c', 'log'), ...lines('c', 'error'), ...lines('in', 'error')].join();
      assert.doesNotMatch(told, /first|second/);
    });

    for (const [alias, name, value, sent] of [
      ['contentType', 'contentType', 'text/plain', 'text/plain'],
      ['responseTopic', 'responseTopic', 'r', 'r'],
      ['respTopic', 'responseTopic', 'r', 'r'],
      ['correlationData', 'correlationData', Buffer.from('c'), Buffer.from('c')],
      ['correl', 'correlationData', 'c', Buffer.from('c')],
      ['messageExpiryInterval', 'messageExpiryInterval', 5, 5],
      ['expiry', 'messageExpiryInterval', '5', 5],
    ] as const) {
      it(`birth, close and will: properties.${alias}`, async () => {
        const message = { topic: 't', payload: { a: 1 }, qos: 1, retain: true, properties: { [alias]: value } };
        await start(V5);
        await complete({ action: 'connect', broker: { birth: message, close: message, will: message } });
        const peer = await broker.accept();
        const { will } = await peer.expect('connect');
        const birth = await peer.skipTo('publish');
        await complete({ action: 'disconnect' });
        for (const each of [will, birth, await peer.skipTo('publish')]) {
          assertHas(
            { ...each, payload: String(each?.payload) },
            { topic: 't', payload: '{"a":1}', qos: 1, retain: true },
          );
          assert.deepEqual(each?.properties?.[name], sent);
        }
      });
    }

    for (const name of ['userProperties', 'userProps']) {
      it(`will: properties.${name}`, async () => {
        const will = { topic: 't', properties: { [name]: { a: 'b' } } };
        const packet = await connectOf({ will }, V5);
        assert.deepEqual({ ...packet.will?.properties?.userProperties }, { a: 'b' });
      });
    }

    for (const name of ['willDelayInterval', 'delay']) {
      it(`will: properties.${name}`, async () => {
        const packet = await connectOf({ will: { topic: 't', properties: { [name]: 9 } } }, V5);
        assert.equal(packet.will?.properties?.willDelayInterval, 9);
      });
    }

    it('will: anything that is no message takes it away', async () => {
      const packet = await connectOf({ will: '' }, { willTopic: 'w' });
      assert.equal(packet.will, undefined);
    });

    it('usetls: the certificate is verified', async () => {
      const secure = await FakeBroker.listen({ tls: serverPair, autoRespond: {} });
      await start();
      const text = await errorOf({ action: 'connect', broker: { usetls: true, port: secure.port } });
      assert.match(text, /TLS to mqtts:\/\/127\.0\.0\.1/);
      assert.equal(secure.peers.length, 0);
      await stopFlow();
      await secure.close();
    });

    it('verifyservercert: false, said in the message, and then the status says so', async () => {
      const secure = await FakeBroker.listen({ tls: serverPair, autoRespond: {} });
      await start();
      await complete({ action: 'connect', broker: { usetls: true, verifyservercert: false, port: secure.port } });
      assert.equal(statuses('in').at(-1), 'yellow dot connected, TLS not verified');
      await stopFlow();
      await secure.close();
    });

    it('keys that nobody knows are left alone', async () => {
      assertHas(await connectOf({ colour: 'red', constructor: 5 }), { clientId: 'posthorn' });
    });
  });

  it('no password of a URL in msg.broker is told, whatever happens', async () => {
    await start();
    const caught = collect('caught');
    const urls = [
      `mqtt://ann:s3cret@127.0.0.1:${await freePort()}`,
      'mqtt://ann:s3cret/x@host:1',
      'nope://ann:s3cret@x',
    ];
    for (const [index, url] of urls.entries()) {
      node('in').receive({ action: 'connect', broker: { url, force: true } });
      await until(() => caught.length > index, 'the error');
    }
    const told = [...errors('c'), ...errors('in'), ...lines('c', 'log'), ...statuses('in')].join('\n');
    assert.doesNotMatch(told, /s3cret/);
    for (const msg of caught) assert.doesNotMatch((msg['error'] as { message: string }).message, /s3cret/);
  });

  function view(...names: string[]): object {
    return Object.fromEntries(names.map((name) => [name, shown('c')[name]]));
  }
});
