import assert from 'node:assert/strict';
import { settle, until } from '../support/events.ts';
import type { FakeBroker } from '../support/fake-broker.ts';
import { collect, node, startFlow, stopFlow } from '../support/flow.ts';
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
});
