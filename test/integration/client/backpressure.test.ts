import assert from 'node:assert/strict';
import { MqttError } from '../../../src/index.ts';
import { delivered, failure, phase, publish, publishedTo, useBench } from '../../support/client-bench.ts';
import type { Outcome } from '../../support/client-bench.ts';
import { settle, within } from '../../support/events.ts';

describe('a peer that does not read', () => {
  const bench = useBench();
  const PAYLOAD = Buffer.alloc(16_384);
  const LIMIT = 2_000_000;

  for (const protocolVersion of [4, 5] as const) {
    for (const qos of [0, 1, 2] as const) {
      it(`QoS ${qos}, version ${protocolVersion}: what waits is bounded, and everything accepted arrives when it reads again`, async () => {
        const { client, peer } = await bench.connected({ protocolVersion, outbox: { maxBytes: LIMIT } });
        peer.pause();
        const accepted: Outcome[] = [];
        let refused: Outcome | undefined;
        // What the sockets of both sides hold is outside of the outbox at QoS 0, and has a bound of its own.
        for (let round = 0; round < 100 && refused === undefined; round += 1) {
          for (let count = 0; count < 20; count += 1) {
            const outcome = publish(client, { payload: PAYLOAD, qos });
            if (outcome.times > 0) refused ??= outcome;
            else accepted.push(outcome);
          }
          await settle(2);
        }
        assert.ok(refused, 'nothing was refused');
        const error = await failure(refused);
        assert.ok(error instanceof MqttError && error.code === 'outbox-full' && error.retryable);
        assert.match(error.message, /outbox is full \(\d+ bytes are waiting\)/);
        assert.ok(client.waiting * PAYLOAD.length <= LIMIT);
        peer.autoRespond().resume();
        const arrived = Promise.all(accepted.map((outcome) => delivered(outcome)));
        await within(arrived, 'not everything arrived');
        await delivered(publish(client, { payload: 'end', qos: 1 }));
        assert.equal(publishedTo(peer).length, accepted.length + 1);
      });
    }
  }

  it('the outbox is bounded in messages too, and open for more when one left', async () => {
    const { client, peer } = await bench.connected({ outbox: { maxMessages: 2 } });
    const first = publish(client, { qos: 1 });
    publish(client, { qos: 1 });
    const error = await failure(publish(client, { qos: 1 }));
    assert.match(error.message, /outbox is full \(2 messages are waiting\)/);
    const { messageId = 0 } = await peer.expect('publish');
    peer.send({ cmd: 'puback', messageId, reasonCode: 0 });
    await delivered(first);
    assert.equal(publish(client, { qos: 1 }).times, 0);
  });

  it('the outbox is bounded while offline', async () => {
    const client = bench.client('mqtt://127.0.0.1:1', { outbox: { maxMessages: 3 } });
    const outcomes = [1, 2, 3, 4, 5].map(() => publish(client, { qos: 1 }));
    assert.deepEqual(
      outcomes.map(({ times }) => times),
      [0, 0, 0, 1, 1],
    );
    assert.equal((await phase(client, 'idle')).phase, 'idle');
  });
});
