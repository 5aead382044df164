import assert from 'node:assert/strict';
import type { MqttError } from '../../../src/index.ts';
import { useBroker } from '../../support/broker-bench.ts';
import { itCarriesMessages } from '../../support/broker-suite.ts';
import { delivered, Mailbox, numbered, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { RABBITMQ_START_MS, RabbitMqBroker } from '../../support/real-broker-rabbitmq.ts';

describe('RabbitMQ 3.x', () => {
  const bench = useBench();
  const broker = useBroker('rabbitmq', (program) => RabbitMqBroker.start(program), RABBITMQ_START_MS);

  // It delivers QoS 2 at QoS 1.
  itCarriesMessages({ port: () => broker().port, arrivesAt: [0, 1, 1] });

  it('a filter whose QoS changes between 0 and 1, for another node, brings each message once', async () => {
    const client = bench.client(broker().url, { clientId: 'changes', protocolVersion: 4 });
    client.connect();
    const first = new Mailbox();
    subscribe(client, 'change', first, { qos: 0 });
    await first.outcomes.take('no SUBACK');
    const second = new Mailbox();
    const other = subscribe(client, 'change', second, { qos: 1 });
    await second.outcomes.take('no SUBACK');
    await delivered(publish(client, { topic: 'change', payload: 'both', qos: 1 }));
    await until(() => first.messages.length > 0 && second.messages.length > 0, 'both came');
    other.unsubscribe();
    const behind = new Mailbox();
    subscribe(client, 'behind', behind);
    await behind.outcomes.take('no SUBACK');
    await delivered(publish(client, { topic: 'change', payload: 'first', qos: 1 }));
    await until(() => first.texts.includes('first'), 'the first came');
    await delivered(publish(client, { topic: 'change', payload: 'last', qos: 1 }));
    await until(() => first.texts.includes('last'), 'the last came');
    assert.deepEqual([first.texts, second.texts], [['both', 'first', 'last'], ['both']]);
  });

  it('what it retains reaches nodes beside a wildcard too, each once, and those that come later', async () => {
    const publisher = bench.client(broker().url, { clientId: 'publisher', protocolVersion: 4 });
    publisher.connect();
    for (const topic of ['kept/1', 'kept/2', 'kept/3']) {
      await delivered(publish(publisher, { topic, payload: `state of ${topic}`, qos: 1, retain: true }));
    }
    const client = bench.client(broker().url, { clientId: 'beside', protocolVersion: 4, cleanStart: false });
    const [wild, first, second, later] = [new Mailbox(), new Mailbox(), new Mailbox(), new Mailbox()];
    subscribe(client, 'kept/#', wild, { qos: 1 });
    subscribe(client, 'kept/1', first, { qos: 1 });
    subscribe(client, 'kept/2', second, { qos: 0 });
    client.connect();
    await until(() => first.messages.length > 0 && second.messages.length > 0, 'what is retained');
    subscribe(client, 'kept/3', later, { qos: 1 });
    await until(() => later.messages.length > 0, 'what is retained, later');
    // The session has all of them by the wildcard alone.
    client.destroy();
    await phase(client, 'connected');
    for (const topic of ['kept/1', 'kept/2', 'kept/3']) {
      await delivered(publish(publisher, { topic, payload: `live at ${topic}`, qos: 1 }));
    }
    await until(() => later.texts.includes('live at kept/3'), 'what is live');
    assert.deepEqual(first.texts, ['state of kept/1', 'live at kept/1']);
    assert.deepEqual(second.texts, ['state of kept/2', 'live at kept/2']);
    assert.deepEqual(later.texts, ['state of kept/3', 'live at kept/3']);
  });

  it('answers QoS 2 with PUBACK: every message arrives and is done once, on one connection, told once', async () => {
    const mailbox = new Mailbox();
    const receiver = bench.client(broker().url, {
      clientId: 'receiver',
      protocolVersion: 4,
    });
    subscribe(receiver, 'downgrade', mailbox, { qos: 2 });
    receiver.connect();
    await mailbox.outcomes.take('no SUBACK');
    const proxy = await FaultProxy.listen(broker().port);
    const notices: MqttError[] = [];
    const report = (notice: MqttError): void => void notices.push(notice);
    const sender = bench.client(`mqtt://127.0.0.1:${proxy.port}`, {
      clientId: 'sender',
      protocolVersion: 4,
      report,
    });
    try {
      sender.connect();
      await phase(sender, 'connected');
      const outcomes = numbered(100).map((payload) => publish(sender, { topic: 'downgrade', payload, qos: 2 }));
      await Promise.all(outcomes.map((outcome) => delivered(outcome)));
      await until(() => mailbox.messages.length >= 100, 'all came');
      assert.deepEqual(mailbox.texts, numbered(100));
      assert.ok(outcomes.every(({ times }) => times === 1));
      assert.equal(proxy.connections, 1);
      assert.equal(notices.length, 1, notices.map(({ message }) => message).join('; '));
      assert.match(notices[0]?.message ?? '', /QoS 2 .*QoS 1/);
    } finally {
      await sender.close();
      await proxy.close();
    }
  });
});
