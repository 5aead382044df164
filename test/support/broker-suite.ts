import assert from 'node:assert/strict';
import type { Client, ClientOptions, QoS } from '../../src/index.ts';
import { delivered, Mailbox, numbered, phase, publish, subscribe, useBench } from './client-bench.ts';
import { until } from './events.ts';
import { FaultProxy } from './fault-proxy.ts';

const MESSAGES = 100;

/** A broker under test, and what it can do. */
export interface BrokerSuite {
  readonly port: () => number;
  /** The quality of service at which a message published at the index arrives. */
  readonly arrivesAt: readonly QoS[];
}

/** What holds with every broker, whatever else it does in its own way. MQTT 3.1.1. */
export function itCarriesMessages({ port, arrivesAt }: BrokerSuite): void {
  const bench = useBench();

  async function connected(clientId: string, options: Partial<ClientOptions> = {}): Promise<Client> {
    const client = bench.client(`mqtt://127.0.0.1:${port()}`, { clientId, protocolVersion: 4, ...options });
    client.connect();
    await phase(client, 'connected');
    return client;
  }

  arrivesAt.forEach((granted, qos) => {
    it(`${MESSAGES} messages at QoS ${qos} arrive once each, in order, at QoS ${granted}`, async () => {
      const mailbox = new Mailbox();
      subscribe(await connected('receiver'), `round/${qos}`, mailbox, { qos: qos as QoS });
      assert.ok((await mailbox.outcomes.take('no SUBACK')).granted);
      const sender = await connected('sender');
      const outcomes = numbered(MESSAGES).map((payload) =>
        publish(sender, { topic: `round/${qos}`, payload, qos: qos as QoS }),
      );
      await Promise.all(outcomes.map((outcome) => delivered(outcome)));
      await until(() => mailbox.messages.length >= MESSAGES, 'all came');
      assert.deepEqual(mailbox.texts, numbered(MESSAGES));
      assert.ok(mailbox.messages.every((packet) => packet.qos === granted));
      assert.ok(outcomes.every(({ times }) => times === 1));
    });
  });

  it('a kept session gives what was published while the connection was cut, and loses nothing of ours', async () => {
    const proxy = await FaultProxy.listen(port());
    try {
      await acrossACut(proxy);
    } finally {
      await proxy.close();
    }
  });

  async function acrossACut(proxy: FaultProxy): Promise<void> {
    const mailbox = new Mailbox();
    const server = `mqtt://127.0.0.1:${proxy.port}`;
    const client = bench.client(server, { clientId: 'kept', protocolVersion: 4, cleanStart: false });
    subscribe(client, 'cut/in', mailbox, { qos: 1 });
    client.connect();
    await mailbox.outcomes.take('no SUBACK');
    const other = await connected('other');
    const others = new Mailbox();
    subscribe(other, 'cut/out', others, { qos: 1 });
    await others.outcomes.take('no SUBACK');

    proxy.refuse(true);
    proxy.cut();
    await phase(client, 'waiting');
    const ours = numbered(MESSAGES).map((payload) => publish(client, { topic: 'cut/out', payload, qos: 1 }));
    const theirs = numbered(MESSAGES).map((payload) => publish(other, { topic: 'cut/in', payload, qos: 1 }));
    await Promise.all(theirs.map((outcome) => delivered(outcome)));
    proxy.refuse(false);

    await Promise.all(ours.map((outcome) => delivered(outcome)));
    await until(() => mailbox.messages.length >= MESSAGES && others.messages.length >= MESSAGES, 'all came');
    assert.deepEqual([mailbox.texts, others.texts], [numbered(MESSAGES), numbered(MESSAGES)]);
    await client.close();
    await forget('kept');
  }

  /** Ends a kept session, so that the broker queues nothing for it during the tests that follow. */
  async function forget(clientId: string): Promise<void> {
    await (await connected(clientId)).close();
  }
}
