import assert from 'node:assert/strict';
import type { ClientOptions } from '../../../src/index.ts';
import { delivered, Mailbox, numbered, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { settle, until } from '../../support/events.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

const MESSAGES = 5000;
const PATIENCE_MS = 20_000;

describe('mosquitto: a session with a backlog, and nodes that subscribe late', () => {
  const bench = useBench();
  // Nothing but the client itself says how much may be on its way.
  const broker = useMosquitto({ maxInflightMessages: 0 });

  for (const protocolVersion of [4, 5] as const) {
    it(`all ${MESSAGES} messages arrive, with version ${protocolVersion}`, async () => {
      const options: Partial<ClientOptions> = {
        protocolVersion,
        clientId: `late-${protocolVersion}`,
        cleanStart: false,
        sessionExpiryInterval: 3600,
      };
      const topic = `backlog/${protocolVersion}`;
      await leaveSession(options, topic);
      await fill(topic);
      const client = bench.client(broker().url, options);
      client.connect();
      await phase(client, 'connected');
      await settle(); // what the broker sends at once is here
      const mailbox = new Mailbox();
      subscribe(client, topic, mailbox, { qos: 1 });
      await until(() => mailbox.messages.length >= MESSAGES, 'all came', PATIENCE_MS);
      assert.deepEqual(mailbox.texts, numbered(MESSAGES));
    }).timeout(60_000);
  }

  async function leaveSession(options: Partial<ClientOptions>, topic: string): Promise<void> {
    const client = bench.client(broker().url, options);
    const mailbox = new Mailbox();
    subscribe(client, topic, mailbox, { qos: 1 });
    client.connect();
    await mailbox.outcomes.take('no SUBACK');
    await client.close();
  }

  async function fill(topic: string): Promise<void> {
    const sender = bench.client(broker().url, { clientId: 'sender' });
    sender.connect();
    await Promise.all(numbered(MESSAGES).map((payload) => delivered(publish(sender, { topic, payload, qos: 1 }))));
    await sender.close();
  }
});
