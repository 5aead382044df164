import assert from 'node:assert/strict';
import type { Client, ClientOptions } from '../../../src/index.ts';
import { delivered, Mailbox, numbered, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

describe('mosquitto: sessions', () => {
  const bench = useBench();
  const broker = useMosquitto({ persistence: true });

  for (const protocolVersion of [4, 5] as const) {
    describe(`with version ${protocolVersion}`, () => {
      const kept = (clientId: string): Partial<ClientOptions> => ({
        protocolVersion,
        clientId: `${clientId}-${protocolVersion}`,
        cleanStart: false,
        sessionExpiryInterval: 3600,
      });

      async function connected(options: Partial<ClientOptions>, mailbox?: Mailbox): Promise<Client> {
        const client = bench.client(broker().url, options);
        if (mailbox !== undefined) subscribe(client, `kept/${protocolVersion}`, mailbox);
        client.connect();
        await phase(client, 'connected');
        return client;
      }

      const message = (payload: string) => ({ topic: `kept/${protocolVersion}`, payload });

      it('what came while a client was away waits for its successor', async () => {
        const first = new Mailbox();
        const away = await connected(kept('away'), first);
        await first.outcomes.take('no SUBACK');
        await away.close();
        const sender = await connected({ protocolVersion, clientId: 'sender' });
        const texts = numbered(200);
        const outcomes = texts.map((text, index) =>
          publish(sender, { ...message(text), qos: index % 2 === 0 ? 1 : 2 }),
        );
        await Promise.all(outcomes.map((outcome) => delivered(outcome)));
        const mailbox = new Mailbox();
        const back = await connected(kept('away'), mailbox);
        assert.ok(back.state.phase === 'connected' && back.state.sessionPresent);
        await until(() => mailbox.messages.length >= 200, 'all came');
        // Between different QoS there is no order: at QoS 2 a message counts from its PUBREL on.
        assert.deepEqual([...mailbox.texts].sort(byNumber), texts);
      });

      it('a broker that is killed and comes back with an older session is asked for what it does not have any more', async () => {
        const [old, young] = [new Mailbox(), new Mailbox()];
        const receiver = await connected(kept('older'), old);
        await old.outcomes.take('no SUBACK');
        // Now it writes its sessions.
        await broker().restart();
        await phase(receiver, 'connected');
        subscribe(receiver, `young/${protocolVersion}`, young);
        await young.outcomes.take('no SUBACK');
        await broker().crash();
        const state = await phase(receiver, 'connected');
        assert.equal(state.sessionPresent, true);
        await young.outcomes.take('no SUBACK');
        const sender = await connected({ protocolVersion, clientId: 'sender' });
        await delivered(publish(sender, { topic: `young/${protocolVersion}`, payload: 'here', qos: 2 }));
        await delivered(publish(sender, { ...message('here'), qos: 2 }));
        await until(() => young.texts.includes('here') && old.texts.includes('here'), 'both came');
      });

      it('a restart of the broker loses nothing, in either direction', async () => {
        const mailbox = new Mailbox();
        const receiver = await connected(kept('receiver'), mailbox);
        await mailbox.outcomes.take('no SUBACK');
        const sender = await connected(kept('sender'));
        const texts = numbered(300);
        const outcomes = texts.slice(0, 150).map((text) => publish(sender, { ...message(text), qos: 2 }));
        const restarted = broker().restart();
        await phase(sender, 'waiting');
        outcomes.push(...texts.slice(150).map((text) => publish(sender, { ...message(text), qos: 2 })));
        await restarted;
        await Promise.all(outcomes.map((outcome) => delivered(outcome)));
        await until(() => mailbox.messages.length >= 300, 'all came');
        assert.deepEqual([...mailbox.texts].sort(byNumber), texts);
        assert.ok(receiver.state.phase === 'connected' && receiver.state.sessionPresent);
      });
    });
  }
});

function byNumber(a: string, b: string): number {
  return Number(a) - Number(b);
}
