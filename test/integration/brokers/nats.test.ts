import assert from 'node:assert/strict';
import { useBroker } from '../../support/broker-bench.ts';
import { itCarriesMessages } from '../../support/broker-suite.ts';
import { delivered, failure, Mailbox, numbered, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { deferred } from '../../../src/util/deferred.ts';
import type { PublishPacket, TopicFilter } from '../../../src/index.ts';
import type { Work, Workable } from '../../../src/router/router.ts';
import { NatsBroker } from '../../support/real-broker-nats.ts';

/** The window shrinks from 20 to 1 first, then the message is tried three times alone. */
const FEW_CONNECTIONS = 10;

describe('NATS 2.9', () => {
  const bench = useBench();
  const broker = useBroker('nats-server', (program) => NatsBroker.start(program));

  itCarriesMessages({ port: () => broker().port, arrivesAt: [0, 1] });

  it('sends a message again that is worked on for long: the flow gets it once, and what comes then is acknowledged too', async () => {
    const topics: string[] = [];
    const works: Work[] = [];
    const receive = ({ payload }: PublishPacket, _filter: TopicFilter, workable?: Workable): void => {
      topics.push(String(payload));
      if (workable !== undefined) works.push(workable.begin());
    };
    const proxy = await FaultProxy.listen(broker().port);
    const receiver = bench.client(`mqtt://127.0.0.1:${proxy.port}`, { clientId: 'worker', protocolVersion: 4 });
    const all = { qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;
    const outcome = deferred<void>();
    receiver.subscribe('work', { receive }, all, () => outcome.resolve());
    receiver.connect();
    await outcome.promise;
    const sender = await bench.connect(broker().url, { clientId: 'giver', protocolVersion: 4 });
    try {
      await Promise.all(['1', '2'].map((payload) => delivered(publish(sender, { topic: 'work', payload, qos: 1 }))));
      await until(() => works.length === 2, 'both came');
      const before = proxy.bytes; // no Keep Alive: nothing else passes
      await until(() => proxy.bytes > before, 'NATS sends them again');
      for (const work of works) work.end();
      await delivered(publish(sender, { topic: 'work', payload: '3', qos: 1 }));
      await until(() => works.length === 3, 'the next one came');
      works[2]?.end();
      assert.deepEqual(topics, ['1', '2', '3']);
    } finally {
      await receiver.close();
      await proxy.close();
    }
  });

  it('hangs up on QoS 2: that message is set aside and told, and what stands behind it arrives', async () => {
    const mailbox = new Mailbox();
    const receiver = bench.client(broker().url, {
      clientId: 'receiver',
      protocolVersion: 4,
    });
    subscribe(receiver, 'good', mailbox, { qos: 1 });
    receiver.connect();
    await mailbox.outcomes.take('no SUBACK');
    const proxy = await FaultProxy.listen(broker().port);
    const sender = bench.client(`mqtt://127.0.0.1:${proxy.port}`, {
      clientId: 'sender',
      protocolVersion: 4,
    });
    try {
      const bad = publish(sender, { topic: 'bad', payload: 'QoS 2', qos: 2 });
      const good = numbered(100).map((payload) => publish(sender, { topic: 'good', payload, qos: 1 }));
      sender.connect();
      assert.match(String(await failure(bad)), /this broker may not take QoS 2: try QoS 1$/);
      await Promise.all(good.map((outcome) => delivered(outcome)));
      await until(() => new Set(mailbox.texts).size === 100, 'all came');
      assert.ok([bad, ...good].every(({ times }) => times === 1));
      assert.ok(proxy.connections <= FEW_CONNECTIONS, `${proxy.connections} connections`);
    } finally {
      await sender.close();
      await proxy.close();
    }
  });
});
