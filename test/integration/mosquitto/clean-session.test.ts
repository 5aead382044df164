import assert from 'node:assert/strict';
import { delivered, Mailbox, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

const PUBREL = 0x62;

// mosquitto delivers on PUBREL, and forgets a clean session with its connection: what it had not delivered is gone.
describe('mosquitto: QoS 2 over a clean session that is cut between PUBREC and PUBREL', () => {
  const bench = useBench();
  const broker = useMosquitto();

  for (const protocolVersion of [4, 5] as const) {
    it(`what is told as done has arrived, with version ${protocolVersion}`, async () => {
      const mailbox = new Mailbox();
      const receiver = bench.client(broker().url, { clientId: 'receiver' });
      subscribe(receiver, 't', mailbox);
      receiver.connect();
      await mailbox.outcomes.take('no SUBACK');
      const proxy = await FaultProxy.listen(broker().port, () => ({
        fromClient: cutAtFirstPubrel,
        toClient: () => {},
      }));
      function cutAtFirstPubrel(bytes: Buffer): void {
        if (proxy.cuts === 0 && bytes[0] === PUBREL) proxy.cut();
      }
      const sender = bench.client(`mqtt://127.0.0.1:${proxy.port}`, { clientId: 'sender', protocolVersion });
      try {
        sender.connect();
        await phase(sender, 'connected');
        const outcomes = ['one', 'two'].map((payload) => publish(sender, { payload, qos: 2 }));
        await Promise.all(outcomes.map((outcome) => delivered(outcome)));
        await until(() => new Set(mailbox.texts).size === 2, 'both came');
        assert.equal(proxy.cuts, 1);
        assert.ok(outcomes.every(({ times }) => times === 1));
      } finally {
        await sender.close();
        await proxy.close();
      }
    });
  }
});
