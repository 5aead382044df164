import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { settle, until } from '../../support/events.ts';
import { FakeBroker } from '../../support/fake-broker.ts';
import { collect, nextMessage, node, startFlow, statuses, stopFlow } from '../../support/flow.ts';
import { assertHas } from '../../support/partial.ts';
import { freePort } from '../../support/ports.ts';
import {
  agreeing,
  connected,
  connection,
  DISCONNECTED,
  dynamicIn,
  HELPERS,
  lines,
  mqttIn,
  mqttOut,
  shown,
} from '../flows.ts';

const WAITS = { autoConnect: false };

/** A method that a node shows. */
function call(id: string, method: string, ...args: readonly unknown[]): unknown {
  return (shown(id)[method] as (...given: readonly unknown[]) => unknown)(...args);
}

/** Resolves with what the last argument of the method, a callback, is called with. */
function called(id: string, method: string, ...args: readonly unknown[]): Promise<unknown> {
  return new Promise((resolve) => call(id, method, ...args, resolve));
}

describe('runtime properties of the node objects', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await agreeing({
      connect: () => ({
        cmd: 'connack',
        sessionPresent: false,
        returnCode: 0,
        reasonCode: 0,
        properties: { topicAliasMaximum: 5, maximumQoS: 1, serverKeepAlive: 30 },
      }),
    });
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  function options(): Record<string, unknown> {
    return shown('c')['options'] as Record<string, unknown>;
  }

  it('config node, MQTT 3.1.1: broker, port, brokerurl, options, autoConnect, autoUnsubscribe, queue', async () => {
    await startFlow([
      connection(1883, { broker: 'localhost', clientid: '', ...WAITS }),
      mqttIn(),
      mqttOut(),
      ...HELPERS,
    ]);
    const c = shown('c');
    assertHas(c, { broker: 'localhost', port: 1883, brokerurl: 'mqtt://localhost:1883' });
    assertHas(c, { autoConnect: false, autoUnsubscribe: true, connected: false, connecting: false, closing: false });
    assert.deepEqual(c['queue'], []);
    assertHas(options(), { clean: true, keepalive: 60, protocolVersion: 4, reconnectPeriod: 100 });
    assert.match(String(options()['clientId']), /^nodered/);
    assert.equal(options()['clientId'], options()['clientId']);
    assert.equal('properties' in options(), false);
    assert.equal('will' in options(), false);
    assert.equal(call('c', 'v5'), false);
  });

  it('config node, MQTT 5: options.properties, options.will', async () => {
    const fields = {
      protocolVersion: '5',
      clientid: 'mine',
      cleansession: false,
      keepalive: 35,
      sessionExpiry: '6000',
      userProps: { prop: 'val' },
      willTopic: 'w',
      willPayload: 'gone',
      willQos: 1,
      willRetain: 'true',
      willMsg: { contentType: 'text/plain', delay: 3, userProps: '{"a":"b"}' },
      birthTopic: 'b',
      closeTopic: 'e',
    };
    await startFlow([connection(1883, { ...fields, ...WAITS }), mqttIn(), ...HELPERS]);
    assertHas(options(), { clientId: 'mine', clean: false, keepalive: 35, protocolVersion: 5 });
    assert.deepEqual(options()['properties'], {
      requestResponseInformation: true,
      requestProblemInformation: true,
      sessionExpiryInterval: 6000,
      userProperties: { prop: 'val' },
    });
    assert.deepEqual(options()['will'], {
      topic: 'w',
      payload: 'gone',
      qos: 1,
      retain: true,
      properties: { contentType: 'text/plain', willDelayInterval: 3, userProperties: { a: 'b' } },
    });
    assertHas(shown('c')['birthMessage'], { topic: 'b' });
    assertHas(shown('c')['closeMessage'], { topic: 'e' });
    assert.equal(call('c', 'v5'), true);
  });

  it('options.protocolVersion and protocolId of MQTT 3.1', async () => {
    await startFlow([connection(1883, { compatmode: true, ...WAITS }), mqttIn(), ...HELPERS]);
    assertHas(options(), { protocolVersion: 3, protocolId: 'MQIsdp' });
  });

  it('options.username and options.password are there, and are printed by nothing', async () => {
    const credentials = { c: { user: 'ann', password: 's3cret' } };
    await startFlow([connection(1883, WAITS), mqttIn(), ...HELPERS], credentials);
    assertHas(
      { username: options()['username'], password: options()['password'] },
      { username: 'ann', password: 's3cret' },
    );
    assertHas({ password: shown('c')['password'] }, { password: 's3cret' });
    assert.doesNotMatch(JSON.stringify(options()) + inspect(options()), /s3cret/);
    assert.doesNotMatch(Object.keys(shown('c')).join(), /password/);
  });

  it('connected, connecting, closing, canConnect follow the connection', async () => {
    const silent = await FakeBroker.listen();
    try {
      await startFlow([connection(silent.port, WAITS), mqttIn(), ...HELPERS]);
      assert.equal(call('c', 'canConnect'), true);
      const done = called('c', 'connect');
      const peer = await silent.accept();
      await peer.expect('connect');
      assertHas(view(), { connected: false, connecting: true, closing: false, canConnect: false });
      peer.connack({});
      await done;
      assertHas(view(), { connected: true, connecting: false, closing: false, canConnect: false });
      // A broker that does not read does not see the end, and so does not answer it.
      peer.pause();
      const ended = called('c', 'disconnect');
      await until(() => shown('c')['closing'] === true, 'closing');
      await ended;
      assertHas(view(), { connected: false, connecting: false, closing: false, canConnect: true });
    } finally {
      await stopFlow();
      await silent.close();
    }
  });

  it('connecting is true from the start where the connection is automatic', async () => {
    const port = await freePort();
    await startFlow([connection(port), mqttIn(), ...HELPERS]);
    assert.equal(shown('c')['connecting'], true);
  });

  it('users: the nodes by their ids', async () => {
    await startFlow([connection(1883, WAITS), mqttIn(), mqttOut(), ...HELPERS]);
    assert.deepEqual(shown('c')['users'], { in: node('in'), out: node('out') });
  });

  it('subscriptions: by topic, then by node', async () => {
    await startFlow([connection(1883, WAITS), mqttIn({ qos: 1 }), mqttIn({ id: 'in2' }), ...HELPERS]);
    const subscriptions = shown('c')['subscriptions'] as Record<string, Record<string, object>>;
    assert.deepEqual(Object.keys(subscriptions), ['a/#']);
    assert.deepEqual(Object.keys(subscriptions['a/#'] ?? {}), ['in', 'in2']);
    assertHas(subscriptions['a/#']?.['in'], { topic: 'a/#', ref: 'in', qos: 1 });
  });

  it('serverProperties: what the broker offers, with the defaults of what it does not say', async () => {
    await startFlow([connection(broker.port, { protocolVersion: 5 }), mqttIn(), ...HELPERS]);
    assert.deepEqual(shown('c')['serverProperties'], {});
    await connected(broker);
    assertHas(shown('c')['serverProperties'], {
      topicAliasMaximum: 5,
      maximumQoS: 1,
      serverKeepAlive: 30,
      retainAvailable: true,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
    });
  });

  it('publish(msg, done): as mqtt-out would, done when the broker has it', async () => {
    await startFlow([connection(broker.port), mqttIn(), ...HELPERS]);
    const peer = await connected(broker);
    const done = called('c', 'publish', { topic: 't', payload: { a: 1 }, qos: 1, retain: 'true' });
    const packet = await peer.skipTo('publish');
    assertHas({ ...packet, payload: String(packet.payload) }, { topic: 't', payload: '{"a":1}', qos: 1, retain: true });
    assert.equal(await done, undefined);
    assertHas(await called('c', 'publish', { topic: '#', payload: '' }), { code: 'invalid-topic' });
  });

  it('subscribe(topic, options, callback, ref) and unsubscribe(topic, ref, remove)', async () => {
    await startFlow([connection(broker.port), dynamicIn(), ...HELPERS]);
    const peer = await connected(broker);
    const arriving = new Promise<unknown[]>((resolve) => {
      call('c', 'subscribe', 'x/+', { qos: 1 }, (...args: unknown[]) => resolve(args), 'mine');
    });
    const { subscriptions } = await peer.expect('subscribe');
    assertHas(subscriptions[0], { topic: 'x/+', qos: 1 });
    peer.send({ cmd: 'publish', topic: 'x/y', payload: 'hello', qos: 0, dup: false, retain: false });
    const [topic, payload, packet] = await arriving;
    assert.deepEqual([topic, payload], ['x/y', Buffer.from('hello')]);
    assertHas(packet, { qos: 0, retain: false });
    call('c', 'unsubscribe', 'x/+', 'mine', true);
    assert.deepEqual((await peer.expect('unsubscribe')).unsubscriptions, ['x/+']);
  });

  it('register(node) and deregister(node, done): another node shares the connection', async () => {
    await startFlow([connection(broker.port), { id: 'guest', type: 'helper' }, ...HELPERS]);
    await broker.expectNoConnection();
    call('c', 'register', node('guest'));
    await connected(broker, 'guest');
    await called('c', 'deregister', node('guest'));
    assert.equal(statuses('guest').at(-1), DISCONNECTED);
    assert.deepEqual(shown('c')['users'], {});
  });

  it('setOptions(options): holds from the next connect', async () => {
    await startFlow([connection(broker.port, WAITS), mqttIn(), ...HELPERS]);
    call('c', 'setOptions', { clientid: 'other' });
    call('c', 'setOptions', undefined);
    assertHas(options(), { clientId: 'other' });
    await called('c', 'connect');
    assertHas(await (await broker.accept()).expect('connect'), { clientId: 'other' });
  });

  it('client.end(true): the connection is gone without a goodbye, and stays so', async () => {
    await startFlow([connection(broker.port), mqttIn(), ...HELPERS]);
    const peer = await connected(broker);
    (shown('c')['client'] as { end(force: boolean): void }).end(true);
    await peer.closed;
    await broker.expectNoConnection();
    assert.equal(
      peer.received.some(({ cmd }) => cmd === 'disconnect'),
      false,
    );
  });

  it('client.end(): in order', async () => {
    await startFlow([connection(broker.port), mqttIn(), ...HELPERS]);
    const peer = await connected(broker);
    await new Promise<void>((resolve) => {
      (shown('c')['client'] as { end(done: () => void): void }).end(resolve);
    });
    await peer.skipTo('disconnect');
    await settle();
  });

  it('mqtt-in: topic, qos, datatype, isDynamic, inputs, broker, brokerConn', async () => {
    await startFlow([connection(1883, WAITS), mqttIn({ qos: '9', datatype: undefined, inputs: 0 }), ...HELPERS]);
    assertHas(shown('in'), { topic: 'a/#', qos: 2, datatype: 'utf8', isDynamic: false, inputs: 0, broker: 'c' });
    assert.equal(shown('in')['brokerConn'], node('c'));
  });

  it('mqtt-in, dynamic: isDynamic, dynamicSubs', async () => {
    await startFlow([connection(1883, WAITS), dynamicIn({ inputs: '1' }), ...HELPERS]);
    const completed = nextMessage('completed');
    node('in').receive({ action: 'subscribe', topic: 'x' });
    await completed;
    assertHas(shown('in'), { isDynamic: true, inputs: '1' });
    assert.deepEqual(shown('in')['dynamicSubs'], { x: { topic: 'x', qos: 2 } });
  });

  it('subscriptions: a filter called __proto__ is one like any other, and leaves all other objects alone', async () => {
    await startFlow([connection(1883, WAITS), mqttIn({ topic: '__proto__' }), ...HELPERS]);
    const { subscriptions } = shown('c') as { subscriptions?: object };
    const seenEverywhere = Object.keys(Object.prototype);
    // Else a failure would not end the test, but everything.
    for (const key of seenEverywhere) Reflect.deleteProperty(Object.prototype, key);
    assert.deepEqual(seenEverywhere, []);
    assert.deepEqual(Object.keys(subscriptions ?? {}), ['__proto__']);
  });

  it('mqtt-out: topic, qos, retain, broker, brokerConn, and what core calls its properties', async () => {
    const fields = { topic: 't', qos: '1', retain: 'true', respTopic: 'r', contentType: 'c', correl: 'x', expiry: '5' };
    await startFlow([connection(1883, WAITS), mqttOut({ ...fields, userProps: '{"a":1}' }), ...HELPERS]);
    assertHas(shown('out'), {
      topic: 't',
      qos: '1',
      retain: 'true',
      broker: 'c',
      responseTopic: 'r',
      contentType: 'c',
    });
    assertHas(shown('out'), { correlationData: 'x', messageExpiryInterval: '5' });
    assert.deepEqual(shown('out')['userProperties'], { a: '1' });
    assert.equal(shown('out')['brokerConn'], node('c'));
  });

  it('a callback that throws is an error of the connection, and nothing stops', async () => {
    await startFlow([connection(broker.port), mqttIn({ topic: 'x' }), ...HELPERS]);
    const peer = await connected(broker);
    const messages = collect('h');
    const fail = (): void => {
      throw new Error('broken');
    };
    call('c', 'subscribe', 'x', 0, fail, 'mine');
    peer.send({ cmd: 'publish', topic: 'x', payload: 'hello', qos: 0, dup: false, retain: false });
    await until(() => messages.length === 1, 'the message');
    assert.deepEqual(lines('c', 'error'), ['a subscriber to x failed: broken']);
  });

  function view(): object {
    const { connected, connecting, closing } = shown('c');
    return { connected, connecting, closing, canConnect: call('c', 'canConnect') };
  }
});
