import assert from 'node:assert/strict';
import type { EventEmitter } from 'node:events';
import { settle, until } from '../support/events.ts';
import type { FakeBroker } from '../support/fake-broker.ts';
import { collect, deploy, node, startFlow, stopFlow } from '../support/flow.ts';
import { agreeing, connected, connection, HELPERS, lines, mqttIn, shown } from './flows.ts';

type Callback = (...args: readonly unknown[]) => void;
type Method = (...args: readonly unknown[]) => unknown;

const WAITS = { autoConnect: false };

function method(name: string): Method {
  return shown('c')[name] as Method;
}

describe('another package that uses the connection', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await agreeing();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  const calls: readonly (readonly [string, (callback: Callback) => unknown])[] = [
    ['connect', (callback) => method('connect')(callback)],
    ['disconnect', (callback) => method('disconnect')(callback)],
    ['deregister', (callback) => method('deregister')(node('in'), callback, false)],
    ['publish', (callback) => method('publish')({ topic: 'a', payload: 'x', qos: 0 }, callback)],
    ['client.end', (callback) => (shown('c')['client'] as { end: Method }).end(true, callback)],
  ];
  for (const [name, call] of calls) {
    it(`may throw in the callback of ${name}: that is an error of the connection, and Node-RED goes on`, async () => {
      await startFlow([connection(broker.port, WAITS), mqttIn(), ...HELPERS]);
      const unhandled: unknown[] = [];
      const hear = (reason: unknown): unknown => unhandled.push(reason);
      process.on('unhandledRejection', hear);
      try {
        call(() => {
          throw new Error('broken');
        });
        const told = 'a callback of another node failed: broken';
        await until(() => lines('c', 'error').includes(told), 'the error of the callback');
        await settle();
        assert.deepEqual(unhandled, []);
      } finally {
        process.off('unhandledRejection', hear);
      }
    });
  }

  it('may subscribe under another reference in a callback: the message at hand is not for that one', async () => {
    await startFlow([connection(broker.port), mqttIn({ topic: 'x' }), ...HELPERS]);
    const peer = await connected(broker);
    const received: string[] = [];
    const subscribe = (reference: number): unknown =>
      method('subscribe')(
        'x',
        0,
        (_topic: unknown, payload: unknown) => {
          received.push(`${reference} ${String(payload)}`);
          if (received.length < 50) subscribe(reference + 1);
        },
        String(reference),
      );
    const seen = collect('h');
    subscribe(1);
    peer.send({ cmd: 'publish', topic: 'x', payload: 'one', qos: 0, dup: false, retain: false });
    await until(() => seen.length === 1, 'the message');
    assert.deepEqual(received, ['1 one']);
  });

  it('asks for a filter that is none, at a time of its own, and is told by an error of the connection', async () => {
    await startFlow([connection(broker.port), mqttIn({ topic: 'x' }), ...HELPERS]);
    for (const topic of ['bad/#/x', undefined]) method('subscribe')(topic, { qos: 1 }, () => undefined, 'mine');
    assert.match(lines('c', 'error')[0] ?? '', /^another node could not subscribe bad\/#\/x: /);
    assert.equal(lines('c', 'error').length, 2);
  });

  it('may listen to the client as to that of MQTT.js: to connect and close, and to anything else in vain', async () => {
    await startFlow([connection(broker.port, WAITS), mqttIn(), ...HELPERS]);
    const client = shown('c')['client'] as EventEmitter & { connected: boolean };
    const heard: unknown[] = [];
    for (const event of ['connect', 'close', 'message', 'error']) client.on(event, () => heard.push(event));
    client.on('connect', () => {
      throw new Error('broken');
    });
    method('connect')();
    const peer = await connected(broker);
    assert.equal(client.connected, true);
    peer.drop();
    await until(() => heard.length >= 2, 'both events');
    assert.deepEqual(heard.slice(0, 2), ['connect', 'close']);
    assert.ok(lines('c', 'error').includes('a listener of another node failed: broken'));
  });

  it('loses no message over a deploy that closes its node and brings it back', async () => {
    const guest = { id: 'guest', type: 'helper' };
    const flow = [connection(broker.port, { cleansession: false }), ...HELPERS];
    await startFlow([...flow, guest]);
    const received: string[] = [];
    const join = (): void => {
      method('register')(node('guest'));
      method('subscribe')('x', 1, (_topic: unknown, payload: unknown) => received.push(String(payload)), 'guest');
    };
    join();
    const peer = await connected(broker, 'guest');
    await peer.expect('subscribe');
    node('guest').on('close', (removed: boolean, done: () => void) => {
      method('unsubscribe')('x', 'guest', removed);
      peer.send({ cmd: 'publish', topic: 'x', payload: 'one', qos: 1, messageId: 1, dup: false, retain: false });
      method('deregister')(node('guest'), done, removed);
    });
    await deploy([...flow, { ...guest, name: 'changed' }], 'nodes', join);
    await peer.skipTo('puback');
    assert.deepEqual(received, ['one']);
    assert.ok(peer.received.every(({ cmd }) => cmd !== 'unsubscribe'));
  });
});
