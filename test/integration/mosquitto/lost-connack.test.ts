import assert from 'node:assert/strict';
import { Mailbox, numbered, phase, publish, delivered, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

const CONNACK = 0x20;
const MESSAGES = 10;

describe('mosquitto: the answer to CONNECT is lost on the way back to a kept session', () => {
  const bench = useBench();
  const broker = useMosquitto();

  // Its subscriptions are asked for anew, because nothing proves that the broker has them; what it queued for those of
  // before still carries their identifiers.
  it('what waited comes to each of two nodes on overlapping filters once (version 5)', async () => {
    let losing = false;
    const proxy = await FaultProxy.listen(broker().port, () => ({ fromClient: () => {}, toClient: loseConnack }));
    function loseConnack(bytes: Buffer): void {
      if (!losing || bytes[0] !== CONNACK) return;
      losing = false;
      proxy.cut();
    }
    try {
      const client = bench.client(`mqtt://127.0.0.1:${proxy.port}`, {
        clientId: 'kept',
        cleanStart: false,
        sessionExpiryInterval: 3600,
      });
      const [node, wider] = [new Mailbox(), new Mailbox()];
      subscribe(client, 'a/b', node);
      subscribe(client, 'a/#', wider);
      client.connect();
      await Promise.all([node, wider].map((mailbox) => mailbox.outcomes.take('no SUBACK')));
      proxy.refuse(true);
      proxy.cut();
      await phase(client, 'waiting');
      const sender = bench.client(broker().url, { clientId: 'sender' });
      sender.connect();
      await Promise.all(
        numbered(MESSAGES).map((payload) => delivered(publish(sender, { topic: 'a/b', payload, qos: 2 }))),
      );
      losing = true;
      proxy.refuse(false);
      await until(() => !losing, 'a CONNACK was lost');
      await delivered(publish(sender, { topic: 'a/b', payload: 'last', qos: 2 }));
      await until(() => [node, wider].every(({ texts }) => texts.includes('last')), 'all came');
      const all = [...numbered(MESSAGES), 'last'];
      assert.deepEqual([node.texts, wider.texts], [all, all]);
    } finally {
      await proxy.close();
    }
  });
});
