import assert from 'node:assert/strict';
import { delivered, Mailbox, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

for (const allowDuplicateMessages of [undefined, true, false]) {
  describe(`mosquitto: overlapping filters, allow_duplicate_messages ${String(allowDuplicateMessages)}`, () => {
    const bench = useBench();
    const broker = useMosquitto(allowDuplicateMessages === undefined ? {} : { allowDuplicateMessages });

    for (const protocolVersion of [4, 5] as const) {
      it(`an alarm at QoS 1 reaches a node that was offline, beside a wider filter at QoS 0 (version ${protocolVersion})`, async () => {
        const proxy = await FaultProxy.listen(broker().port);
        try {
          assert.deepEqual(await received(proxy, protocolVersion), ['fire']);
        } finally {
          await proxy.close();
        }
      });
    }

    async function received(proxy: FaultProxy, protocolVersion: 4 | 5): Promise<readonly string[]> {
      const client = bench.client(`mqtt://127.0.0.1:${proxy.port}`, {
        protocolVersion,
        clientId: `node-${protocolVersion}`,
        cleanStart: false,
        sessionExpiryInterval: 3600,
      });
      const mailbox = new Mailbox();
      subscribe(client, 'a/#', mailbox, { qos: 0 });
      subscribe(client, 'a/alarm', mailbox, { qos: 1 });
      client.connect();
      for (const filter of ['a/#', 'a/alarm']) await mailbox.outcomes.take(`no outcome for ${filter}`);
      proxy.refuse(true);
      proxy.cut();
      await phase(client, 'waiting');
      const sender = bench.client(broker().url, { clientId: 'sender' });
      sender.connect();
      await delivered(publish(sender, { topic: 'a/alarm', payload: 'fire', qos: 1 }));
      proxy.refuse(false);
      await until(() => mailbox.messages.length > 0, 'the alarm came');
      return mailbox.texts;
    }
  });
}
