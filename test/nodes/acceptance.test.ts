import assert from 'node:assert/strict';
import { until } from '../support/events.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { node, startFlow, stopFlow, stopRecording } from '../support/flow.ts';
import { optionalTool } from '../support/optional.ts';
import { RealBroker } from '../support/real-broker.ts';
import { connection, mqttIn, mqttOut, showConnected } from './flows.ts';

/** Gives the out node its messages, never more than `window` of them without `done`. */
async function publishAll(count: number, window: number): Promise<void> {
  const progress = { given: 0, done: 0 };
  node('done').on('input', () => (progress.done += 1));
  while (progress.done < count) {
    while (progress.given < Math.min(count, progress.done + window)) {
      node('out').receive({ payload: String(progress.given++) });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('through mosquitto', function () {
  this.timeout(120_000);
  const program = optionalTool('mosquitto');
  let broker: RealBroker;

  before(async function () {
    if (program === undefined) return this.skip();
    broker = await RealBroker.start(program, { maxQueuedMessages: 0 });
  });
  after(() => broker?.stop());
  afterEach(() => stopFlow());

  it('100,000 QoS 1 messages arrive in order, none missing, none twice', async () => {
    const count = 100_000;
    await startFlow([
      connection(broker.port, { protocolVersion: '5' }),
      mqttIn({ topic: 'load', qos: '1' }),
      mqttOut({ topic: 'load', qos: '1' }),
      { id: 'complete', type: 'complete', scope: ['out'], wires: [['done']] },
      { id: 'h', type: 'helper' },
      { id: 'done', type: 'helper' },
    ]);
    await showConnected('in');
    stopRecording();
    let next = 0;
    let wrong: string | undefined;
    node('h').on('input', ({ payload }) => {
      if (payload !== String(next)) wrong ??= `${String(payload)} in place of ${next}`;
      next += 1;
    });
    await publishAll(count, 1000);
    await until(() => next >= count, 'all messages', 60_000);
    assert.equal(wrong, undefined);
    assert.equal(next, count);
  });

  it('100,000 QoS 2 messages while the connection is cut 20 times: none missing, none twice', async () => {
    const count = 100_000;
    const proxy = await FaultProxy.listen(broker.port);
    try {
      await startFlow([
        connection(proxy.port, { clientid: 'exactly-once', cleansession: false, protocolVersion: '4' }),
        mqttIn({ topic: 'once', qos: '2' }),
        mqttOut({ topic: 'once', qos: '2' }),
        { id: 'complete', type: 'complete', scope: ['out'], wires: [['done']] },
        { id: 'h', type: 'helper' },
        { id: 'done', type: 'helper' },
      ]);
      await showConnected('in');
      stopRecording();
      const seen = new Set<string>();
      let twice = 0;
      node('h').on('input', ({ payload }) => {
        if (seen.has(String(payload))) twice += 1;
        seen.add(String(payload));
        // At unequal distances, so that every step of the exchange is cut sooner or later.
        if (proxy.cuts < 20 && seen.size % (4500 + 13 * proxy.cuts) === 0) proxy.cut();
      });
      await publishAll(count, 1000);
      await until(() => seen.size >= count, 'all messages', 60_000);
      assert.equal(twice, 0);
      assert.equal(seen.size, count);
      assert.ok(proxy.cuts >= 20, `cut ${proxy.cuts} times`);
    } finally {
      await proxy.close();
    }
  });

  it('a thousand mqtt-in nodes, each on a topic of its own, receive exactly their own messages', async () => {
    const nodes = Array.from({ length: 1000 }, (_, index) => index);
    await startFlow([
      connection(broker.port, { protocolVersion: '5' }),
      ...nodes.flatMap((index) => [
        mqttIn({ id: `in${index}`, topic: `many/${index}/state`, qos: '1', wires: [[`h${index}`]] }),
        { id: `h${index}`, type: 'helper' },
      ]),
      mqttOut({ topic: '', qos: '1' }),
    ]);
    await showConnected('out');
    const received = nodes.map((): string[] => []);
    for (const index of nodes) node(`h${index}`).on('input', ({ payload }) => received[index]?.push(String(payload)));
    for (const index of nodes) node('out').receive({ topic: `many/${index}/state`, payload: `for ${index}` });
    await until(() => received.every((messages) => messages.length > 0), 'a message for each node', 20_000);
    assert.deepEqual(
      received,
      nodes.map((index) => [`for ${index}`]),
    );
  });
});
