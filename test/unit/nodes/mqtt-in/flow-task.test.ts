import assert from 'node:assert/strict';
import type { PublishPacket } from '../../../../src/index.ts';
import { Work } from '../../../../src/router/work.ts';
import { FlowTask } from '../../../../nodes/mqtt-in/flow-task.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const ORIGIN = { mqtt5: true, session: 'mine' };

function packetValidFor(messageExpiryInterval: number | undefined, qos: 0 | 1): PublishPacket {
  const properties = messageExpiryInterval === undefined ? undefined : { messageExpiryInterval, contentType: 'x' };
  const payload = Buffer.from('a');
  return { cmd: 'publish', topic: 'a', payload, qos, retain: false, dup: false, packetId: undefined, properties };
}

/** @returns the clock, and what a message is valid for. */
function scene(messageExpiryInterval: number | undefined, qos: 0 | 1): [FakeClock, () => unknown] {
  const clock = new FakeClock();
  const packet = packetValidFor(messageExpiryInterval, qos);
  const work = qos === 0 ? undefined : new Work({ packet, workEnded: () => undefined });
  const task = new FlowTask(
    packet,
    undefined,
    work,
    ORIGIN,
    () => 'open',
    () => clock.now(),
  );
  return [clock, () => task.packet?.properties];
}

describe('A message that a flow has', () => {
  for (const mqtt5 of [false, true]) {
    for (const qos of [0, 1] as const) {
      const may = mqtt5 || qos === 0;
      it(`${may ? 'may' : 'may not'} be refused at QoS ${qos} ${mqtt5 ? 'from MQTT 5 on' : 'before MQTT 5'}`, () => {
        const packet = packetValidFor(undefined, qos);
        const work = qos === 0 ? undefined : new Work({ packet, workEnded: () => undefined });
        const task = new FlowTask(packet, undefined, work, { mqtt5, session: 'mine' }, () => 'open');
        assert.equal(task.mayBeRefused, may);
      });
    }
  }
});

describe('A message that waits for its flow', () => {
  for (const qos of [0, 1] as const) {
    it(`is valid for what is left, and then for 1 second, at QoS ${qos}`, () => {
      const [clock, properties] = scene(3, qos);
      const left: unknown[] = [];
      for (const pause of [0, 999, 1, 1000, 1000, 60_000]) {
        clock.advance(pause);
        left.push((properties() as { messageExpiryInterval: number }).messageExpiryInterval);
      }
      assert.deepEqual(left, [3, 3, 2, 1, 1, 1]);
      assert.deepEqual(properties(), { messageExpiryInterval: 1, contentType: 'x' });
    });

    it(`and does not expire has no time that could be over, at QoS ${qos}`, () => {
      const [clock, properties] = scene(undefined, qos);
      clock.advance(60_000);
      assert.equal(properties(), undefined);
    });
  }
});
