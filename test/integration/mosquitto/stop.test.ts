import assert from 'node:assert/strict';
import { MemoryStore } from '../../../src/index.ts';
import { Mailbox, numbered, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

const MESSAGES = 100;
const AWAY_MS = 15;
const STOPS = 5;
/** So many fit into every window: what is sent again was on its way. */
const A_FEW = 20;

describe(`mosquitto: an orderly stop, ${AWAY_MS} ms away from the broker`, () => {
  const bench = useBench();
  const broker = useMosquitto();
  let proxy: FaultProxy;

  beforeEach(async () => {
    proxy = await FaultProxy.listen(broker().port);
    proxy.delay(AWAY_MS);
  });
  afterEach(() => proxy.close());

  for (const protocolVersion of [4, 5] as const) {
    for (const qos of [1, 2] as const) {
      it(`right behind ${MESSAGES} QoS ${qos} messages: all arrive before it is over (version ${protocolVersion})`, async () => {
        const topic = `out/${protocolVersion}/${qos}`;
        const mailbox = await receiverOf(topic);
        const sender = bench.client(`mqtt://127.0.0.1:${proxy.port}`, { clientId: 'sender', protocolVersion });
        sender.connect();
        await phase(sender, 'connected');
        const outcomes = numbered(MESSAGES).map((payload) => publish(sender, { topic, payload, qos }));
        await sender.close();
        assert.ok(outcomes.every(({ times, error }) => times === 1 && error === undefined));
        await until(() => mailbox.messages.length >= MESSAGES, 'all came');
        assert.deepEqual(mailbox.texts, numbered(MESSAGES));
      });
    }

    it(`${STOPS} times under QoS 1 messages: each arrives once (version ${protocolVersion})`, async () => {
      const topic = `deploys/${protocolVersion}`;
      const mailbox = await receiverOf(topic);
      const store = new MemoryStore();
      for (let stop = 0; stop <= STOPS; stop += 1) {
        const options = { protocolVersion, clientId: 'stopped', cleanStart: false, store } as const;
        const client = bench.client(`mqtt://127.0.0.1:${proxy.port}`, options);
        client.connect();
        await phase(client, 'connected');
        for (const payload of numbered(A_FEW)) publish(client, { topic, payload: `${stop}/${payload}`, qos: 1 });
        await client.close();
      }
      await until(() => new Set(mailbox.texts).size === (STOPS + 1) * A_FEW, 'all came');
      assert.equal(mailbox.messages.length, (STOPS + 1) * A_FEW, 'some came twice');
    });
  }

  async function receiverOf(topic: string): Promise<Mailbox> {
    const mailbox = new Mailbox();
    const receiver = bench.client(broker().url, { clientId: 'receiver' });
    subscribe(receiver, topic, mailbox);
    receiver.connect();
    await mailbox.outcomes.take('no SUBACK');
    return mailbox;
  }
});
