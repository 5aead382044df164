import assert from 'node:assert/strict';
import { MqttError } from '../../../src/protocol/errors.ts';
import { ClientNumbers } from '../../../src/client/numbers.ts';
import { Taker, VirtualClient } from '../../support/virtual-client.ts';

describe('What a client counts', () => {
  it('is each PUBLISH in either direction and its payload, by QoS', async () => {
    const scene = await new VirtualClient().connected();
    scene.subscribe('in', new Taker());
    for (const qos of [0, 1, 1, 2] as const) scene.publish('out', qos, { payload: 'ä€' });
    await scene.settle();
    const message = { cmd: 'publish', topic: 'in', dup: false, retain: false } as const;
    scene.server.connection.send({ ...message, qos: 0, payload: '1' }, { ...message, qos: 0, payload: '123' });
    scene.server.connection.send({ ...message, qos: 2, payload: '', messageId: 9 });
    await scene.settle();
    const { sent, received } = scene.client.numbers;
    assert.deepEqual(
      [sent.packets, sent.bytes],
      [
        [1, 2, 1],
        [5, 10, 5],
      ],
    );
    assert.deepEqual(
      [received.packets, received.bytes],
      [
        [2, 0, 1],
        [4, 0, 0],
      ],
    );
  });

  it('is sent again as often as it is', async () => {
    const scene = await new VirtualClient({ cleanStart: false, backoff: { initial: 1000 } }).connected();
    scene.server.connection.answers = { publish: () => undefined };
    scene.publish('out', 1, { payload: '1' });
    await scene.settle();
    assert.equal(scene.client.inFlight, 1);
    scene.server.answers = { connect: () => ({ cmd: 'connack', returnCode: 0, sessionPresent: true }) };
    scene.server.connection.close();
    await scene.pass(1000);
    assert.deepEqual([scene.client.numbers.sent.packets[1], scene.client.inFlight], [2, 0]);
  });

  it('is how long each message at QoS 1 and 2 took until the broker acknowledged it, an outage included', async () => {
    const scene = await new VirtualClient({ cleanStart: false, backoff: { initial: 1000 } }).connected();
    const { latency } = scene.client.numbers;
    for (const qos of [0, 1, 2] as const) scene.publish('out', qos);
    await scene.settle();
    assert.deepEqual([latency[1].counts[0], latency[2].counts[0]], [1, 1]);
    scene.server.connection.answers = { publish: () => undefined };
    scene.publish('out', 1);
    await scene.settle();
    scene.server.connection.close();
    await scene.pass(40_000);
    assert.deepEqual([total(latency[1].counts), latency[1].counts.at(-1)], [2, 0]);
    // Half a second at least: nothing is tried again sooner.
    assert.ok(latency[1].sum >= 500 && latency[1].sum < 60_000, String(latency[1].sum));
    assert.equal(total(latency[2].counts), 1);
  });

  it('tells since when it is connected, and how often it had to connect again', async () => {
    const scene = new VirtualClient();
    assert.deepEqual([scene.client.numbers.connectedSince, scene.client.numbers.reconnects], [undefined, 0]);
    await scene.connected();
    assert.deepEqual([scene.client.numbers.connectedSince, scene.client.numbers.reconnects], [scene.clock.wall(), 0]);
    scene.server.connection.close();
    await scene.settle();
    assert.equal(scene.client.numbers.connectedSince, undefined);
    await scene.pass(2000);
    assert.equal(scene.client.state.phase, 'connected');
    assert.equal(scene.client.numbers.reconnects, 1);
  });

  it('has the round-trip time of this connection, and none of an earlier one', async () => {
    const scene = await new VirtualClient().connected();
    scene.client.measure();
    await scene.settle();
    assert.equal(scene.client.numbers.roundTrip, 0);
    scene.server.connection.close();
    await scene.settle();
    assert.equal(scene.client.numbers.roundTrip, undefined);
  });

  it('remembers the last failure and its moment, also behind it', async () => {
    const scene = new VirtualClient();
    scene.server.dialled = (attempt) =>
      attempt.refuse(new MqttError('unreachable', 'nobody is there', { retryable: true }));
    scene.client.connect();
    await scene.settle();
    const failedAt = scene.clock.wall();
    scene.server.dialled = (attempt) => void attempt.accept();
    await scene.pass(5000);
    assert.equal(scene.client.state.phase, 'connected');
    const { lastFailure } = scene.client.numbers;
    assert.deepEqual([lastFailure?.error.code, lastFailure?.at], ['unreachable', failedAt]);
  });

  it('goes on with the next client that is given it', async () => {
    const numbers = new ClientNumbers();
    const first = await new VirtualClient({ numbers }).connected();
    first.publish('out', 0);
    await first.settle();
    const closing = first.client.close();
    await first.pass(3000);
    await closing;
    const second = await new VirtualClient({ numbers }).connected();
    second.publish('out', 0);
    await second.settle();
    assert.deepEqual([numbers.sent.packets[0], numbers.reconnects], [2, 1]);
  });

  it('knows what the Server allows, as long as there is a connection', async () => {
    const scene = new VirtualClient();
    const seen = [scene.client.limits?.maximumQoS];
    await scene.connected();
    seen.push(scene.client.limits?.maximumQoS);
    assert.deepEqual(seen, [undefined, 2]);
  });
});

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
