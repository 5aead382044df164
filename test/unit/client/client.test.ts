import assert from 'node:assert/strict';
import type { SubscriptionOutcome } from '../../../src/client/outcome.ts';
import { MqttError } from '../../../src/protocol/errors.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import type { SessionStore } from '../../../src/store/session-store.ts';
import { aPublish } from '../../support/packets.ts';
import { type Outcomes, Taker, VirtualClient } from '../../support/virtual-client.ts';

const DAY = 86_400;

/** A store that can be told to fail, as a full disk does. */
class FailingStore extends MemoryStore {
  fails = false;

  override put(...args: Parameters<SessionStore['put']>): void {
    this.#check();
    super.put(...args);
  }

  override advance(...args: Parameters<SessionStore['advance']>): void {
    this.#check();
    super.advance(...args);
  }

  override remove(...args: Parameters<SessionStore['remove']>): void {
    this.#check();
    super.remove(...args);
  }

  override saveReceived(...args: Parameters<SessionStore['saveReceived']>): void {
    this.#check();
    super.saveReceived(...args);
  }

  override removeReceived(...args: Parameters<SessionStore['removeReceived']>): void {
    this.#check();
    super.removeReceived(...args);
  }

  #check(): void {
    if (this.fails) throw new Error('no space left on device');
  }
}

/** Why the client has no connection, as a person was told. */
function causes({ states }: VirtualClient): string[] {
  return states.flatMap((state) => (state.phase === 'waiting' ? [state.cause.message] : []));
}

async function withFailingStore(): Promise<{ scene: VirtualClient; store: FailingStore }> {
  const store = new FailingStore();
  const scene = new VirtualClient({ store, cleanStart: false });
  scene.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0 }) };
  return { scene: await scene.connected(), store };
}

function isSettledOnce(outcomes: Outcomes, outcome: 0 | RegExp): void {
  assert.equal(outcomes.length, 1, `settled ${outcomes.length} times`);
  if (outcome === 0) assert.equal(outcomes[0], 0);
  else assert.match(String(outcomes[0]), outcome);
}

describe('A store that fails while a lost session is taken up anew', () => {
  it('does not leave the nodes without their subscriptions: the next connection asks for them', async () => {
    const { scene, store } = await withFailingStore();
    scene.server.answers = {
      connect: () => ({ cmd: 'connack', sessionPresent: scene.server.connections.length !== 2, returnCode: 0 }),
      publish: () => undefined,
    };
    scene.subscribe('a', new Taker());
    scene.publish('b', 1);
    await scene.settle();
    store.fails = true;
    scene.server.connection.close();
    while (scene.server.connections.length < 2) await scene.pass(100);
    store.fails = false;
    await scene.pass(30_000);
    assert.equal(scene.client.state.phase, 'connected');
    assert.ok(scene.server.connection.lines.some((line) => line.startsWith('subscribe')));
  });
});

describe('A message that cannot be stored', () => {
  it('is refused with what the store said, and the connection goes on', async () => {
    const { scene, store } = await withFailingStore();
    store.fails = true;
    isSettledOnce(scene.publish('a', 1), /no space left/);
    store.fails = false;
    const next = scene.publish('b', 1);
    await scene.settle();
    isSettledOnce(next, 0);
    assert.equal(scene.client.state.phase, 'connected');
    assert.equal(scene.client.waiting, 0);
  });

  it('is accepted where only the store cannot say when it is safe: it is told by the answer of the broker', async () => {
    const store = new FailingStore();
    store.commit = () => {
      throw new Error('no such disk');
    };
    const scene = new VirtualClient({ store, cleanStart: false });
    const outcomes: Outcomes = [];
    const settle = (error: Error | undefined, code: number): void => void outcomes.push(error ?? code);
    scene.client.publish({ topic: 'a', payload: '', qos: 1 }, settle, 'store');
    assert.deepEqual(
      [outcomes, scene.notices.map(String)],
      [[], [/no such disk/.exec(String(scene.notices[0]))?.input]],
    );
    await scene.connected();
    assert.deepEqual(outcomes, [0]);
  });

  for (const qos of [1, 2] as const) {
    it(`on its way out at QoS ${qos} ends the connection with the cause, and arrives on a later one, settled once`, async () => {
      const { scene, store } = await withFailingStore();
      const first = scene.publish('first', 0);
      const outcomes = scene.publish('a', qos);
      store.fails = true;
      await scene.pass(1000);
      assert.match(causes(scene)[0] ?? '', /no space left/);
      store.fails = false;
      await scene.pass(60_000);
      isSettledOnce(outcomes, 0);
      isSettledOnce(first, 0);
      assert.equal(scene.client.waiting, 0);
      assert.equal(scene.server.connections[0]?.lines.includes('publish first'), true);
    });
  }

  it('at its PUBREC is not forgotten: it completes on a later connection, and is settled once [MQTT-4.8.0-2 of 3.1.1]', async () => {
    const { scene, store } = await withFailingStore();
    scene.server.connection.answers = {
      publish: ({ messageId = 0 }) => {
        store.fails = true;
        return { cmd: 'pubrec', messageId };
      },
    };
    const outcomes = scene.publish('a', 2);
    await scene.settle();
    assert.notEqual(scene.client.state.phase, 'connected');
    store.fails = false;
    await scene.pass(60_000);
    isSettledOnce(outcomes, 0);
  });

  it('at its PUBACK is told as delivered, which it is', async () => {
    const { scene, store } = await withFailingStore();
    scene.server.connection.answers = {
      publish: ({ messageId = 0 }) => {
        store.fails = true;
        return { cmd: 'puback', messageId };
      },
    };
    const outcomes = scene.publish('a', 1);
    await scene.settle();
    isSettledOnce(outcomes, 0);
    assert.match(causes(scene)[0] ?? '', /no space left/);
  });

  it('when the connection ends, or the session is lost, is kept in memory, and nothing escapes', async () => {
    const { scene, store } = await withFailingStore();
    scene.server.connection.answers = { publish: () => undefined };
    const outcomes = ['a', 'b', 'c'].map((topic) => scene.publish(topic, 1));
    await scene.settle();
    scene.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: false, returnCode: 0 }) };
    scene.publish('waits', 1);
    store.fails = true;
    scene.server.connection.close();
    await scene.pass(30_000);
    store.fails = false;
    await scene.pass(60_000);
    for (const told of outcomes) isSettledOnce(told, 0);
    assert.equal(scene.client.waiting, 0);
  });

  it('as a close message without its end leaves the process alive', async () => {
    const store = new FailingStore();
    const scene = new VirtualClient({ store, closing: { topic: 'bye', payload: '', qos: 2 } });
    scene.server.answers = { publish: () => undefined };
    await scene.connected();
    const stopped = scene.client.disconnect();
    await scene.settle();
    store.fails = true;
    await scene.pass(2000);
    await stopped;
    assert.equal(scene.client.state.phase, 'idle');
    assert.match(scene.notices[0]?.message ?? '', /session could not be stored: no space left/);
  });

  it('as received at QoS 2 is not acknowledged, and not delivered twice when it comes again', async () => {
    const { scene, store } = await withFailingStore();
    const taker = new Taker();
    scene.subscribe('a', taker);
    await scene.settle();
    store.fails = true;
    scene.server.connection.send(aPublish({ topic: 'a', qos: 2, messageId: 1 }));
    await scene.settle();
    assert.deepEqual(scene.server.connection.all('pubrec'), []);
    assert.match(causes(scene)[0] ?? '', /no space left/);
    store.fails = false;
    await scene.pass(1000);
    scene.server.connection.send(aPublish({ topic: 'a', qos: 2, messageId: 1, dup: true }));
    await scene.settle();
    assert.deepEqual(taker.topics, ['a']);
    assert.equal(scene.server.connection.all('pubrec').length, 1);
    assert.equal(scene.server.connection.all('pubcomp').length, 1);
  });
});

describe('Whoever is told what became of a message', () => {
  it('may throw: it is told once, the connection goes on, and a person is told', async () => {
    const scene = await new VirtualClient().connected();
    let told = 0;
    scene.client.publish({ topic: 'a', payload: '', qos: 1 }, () => {
      told += 1;
      throw new Error('no patience');
    });
    const other = scene.publish('b', 1);
    await scene.settle();
    assert.equal(told, 1);
    isSettledOnce(other, 0);
    assert.equal(scene.client.state.phase, 'connected');
    assert.match(scene.notices[0]?.message ?? '', /outcome of the message to a failed: no patience/);
  });

  it('may throw when the message is refused: it is told once all the same', () => {
    const scene = new VirtualClient();
    for (const topic of ['a', 'a/#']) {
      let told = 0;
      assert.throws(() =>
        scene.client.publish({ topic, payload: '', qos: 0 }, () => {
          told += 1;
          throw new Error('no patience');
        }),
      );
      assert.equal(told, 1);
    }
  });

  it('may publish: what it publishes follows', async () => {
    const scene = await new VirtualClient().connected();
    const outcomes: unknown[] = [];
    scene.client.publish({ topic: 'a', payload: '', qos: 1 }, () => {
      scene.client.publish({ topic: 'b', payload: '', qos: 1 }, (error) => void outcomes.push(error));
    });
    await scene.settle();
    assert.deepEqual(outcomes, [undefined]);
  });
});

describe('A message that cannot be encoded', () => {
  it('fails alone: what is before and behind it arrives, and the connection stays', async () => {
    const scene = await new VirtualClient({ protocolVersion: 5 }).connected();
    const before = scene.publish('before', 1);
    // Only the types keep it out; a flow has none.
    const responseTopic = 'r';
    const broken = scene.publish('broken', 1, {
      properties: { responseTopic, correlationData: { length: 3 } as unknown as Buffer },
    });
    const behind = scene.publish('behind', 1);
    await scene.settle();
    isSettledOnce(before, 0);
    isSettledOnce(broken, /the message to broken cannot be sent/);
    isSettledOnce(behind, 0);
    assert.equal(scene.client.state.phase, 'connected');
    assert.equal(scene.server.connections.length, 1);
  });

  it('because the broker takes no packet of its size fails alone', async () => {
    const scene = new VirtualClient({ protocolVersion: 5 });
    const properties = { maximumPacketSize: 100 };
    scene.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: false, reasonCode: 0, properties }) };
    await scene.connected();
    const large = scene.publish('large', 2, { payload: Buffer.alloc(200) });
    const small = scene.publish('small', 2);
    await scene.settle();
    isSettledOnce(large, /at most 100/);
    isSettledOnce(small, 0);
  });
});

describe('The expiry of a message', () => {
  const expiring = { properties: { messageExpiryInterval: DAY } };

  for (const jump of [-3_600_000, 10 * DAY * 1000]) {
    it(`does not follow the wall clock when it jumps by ${jump / 1000} s`, async () => {
      const scene = new VirtualClient({ protocolVersion: 5 });
      scene.clock.epoch += jump;
      const outcomes = scene.publish('a', 1, expiring);
      scene.clock.epoch += jump;
      await scene.connected();
      isSettledOnce(outcomes, 0);
      const [publish] = scene.server.connection.all('publish');
      assert.equal(publish?.properties?.messageExpiryInterval, DAY);
    });
  }

  it('counts the time that it waited, and ends it unsent [MQTT-3.3.2.3.3]', async () => {
    const scene = new VirtualClient({ protocolVersion: 5 });
    const longer = scene.publish('longer', 1, { properties: { messageExpiryInterval: 100 } });
    const shorter = scene.publish('shorter', 1, { properties: { messageExpiryInterval: 60 } });
    await scene.pass(60_000);
    await scene.connected();
    isSettledOnce(shorter, /expired after 60 s/);
    isSettledOnce(longer, 0);
    assert.equal(scene.server.connection.all('publish')[0]?.properties?.messageExpiryInterval, 40);
  });
});

describe('The limits of the outbox', () => {
  it('count topics and properties, not only payloads', () => {
    const scene = new VirtualClient({ outbox: { maxBytes: 1024 * 1024 } });
    const correlationData = Buffer.alloc(60_000);
    const outcomes = Array.from({ length: 50 }, () => scene.publish('a', 1, { properties: { correlationData } }));
    const refused = outcomes.filter(([outcome]) => outcome instanceof MqttError && outcome.code === 'outbox-full');
    assert.equal(outcomes.length - refused.length, Math.floor((1024 * 1024) / 60_201));
  });

  it('count what an empty message costs', () => {
    const scene = new VirtualClient({ outbox: { maxBytes: 10_000 } });
    const outcomes = Array.from({ length: 100 }, () => scene.publish('a', 1));
    assert.ok(outcomes.filter((told) => told.length === 0).length < 60);
  });
});

describe('A birth message that the broker hangs up on', () => {
  for (const qos of [1, 2] as const) {
    it(`at QoS ${qos} does not keep everything else away for ever: it is set aside, and a person is told once`, async () => {
      const scene = new VirtualClient({ birth: { topic: 'birth', payload: '', qos } });
      const { server } = scene;
      server.dialled = (attempt) => {
        const connection = attempt.accept();
        connection.answers = {
          publish: ({ topic, messageId = 0, qos: as }) => {
            if (topic === 'birth') connection.close();
            return { cmd: as === 2 ? 'pubrec' : 'puback', messageId };
          },
        };
      };
      const outcomes = Array.from({ length: 30 }, (_, index) => scene.publish(`m${index}`, 1));
      scene.client.connect();
      await scene.pass(300_000);
      assert.equal(scene.client.state.phase, 'connected');
      assert.ok(server.connections.length <= 10, `${server.connections.length} connections`);
      for (const told of outcomes) isSettledOnce(told, 0);
      assert.deepEqual(
        scene.notices.map(({ code }) => code),
        ['message-set-aside'],
      );
      assert.match(
        scene.notices[0]?.message ?? '',
        /message to birth \(QoS \d, 0 bytes\) was set aside: the connection ended 3 times/,
      );
    });
  }
});

describe('A connection that ends while subscriptions are asked for', () => {
  it('because of what one of them was told has the others asked for on the next', async () => {
    const scene = new VirtualClient({ protocolVersion: 5, cleanStart: false });
    const properties = { sharedSubscriptionAvailable: false };
    scene.server.answers = {
      connect: () => ({ cmd: 'connack', sessionPresent: true, reasonCode: 0, properties }),
    };
    await scene.connected();
    const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const told: SubscriptionOutcome[] = [];
    scene.client.subscribe('$share/g/a', new Taker(), options, () => {
      if (scene.server.connections.length === 1) scene.client.destroy();
    });
    scene.client.subscribe('b', new Taker(), options, (outcome) => void told.push(outcome));
    await scene.pass(60_000);
    assert.deepEqual(
      scene.server.connections.map((connection) =>
        connection.all('subscribe').flatMap(({ subscriptions }) => subscriptions.map(({ topic }) => topic)),
      ),
      [[], ['b']],
    );
    assert.deepEqual(
      told.map(({ granted }) => granted),
      [true],
    );
  });
});

describe('A connection that is being closed', () => {
  /** The Server breaks a rule, and does not end its side yet. */
  async function beginsToClose(scene: VirtualClient): Promise<void> {
    const { connection } = scene.server;
    connection.closes = false;
    connection.send({ cmd: 'connack', sessionPresent: false, returnCode: 0 });
    await scene.settle();
    assert.deepEqual([connection.over, scene.client.state.phase], [true, 'connected']);
  }

  async function ends(scene: VirtualClient): Promise<void> {
    scene.server.connection.close();
    await scene.settle();
  }

  it('asks for nothing: what is not wanted any more on the next was never asked for', async () => {
    const store = new MemoryStore();
    const scene = await new VirtualClient({ cleanStart: false, store }).connected();
    await beginsToClose(scene);
    const subscription = scene.subscribe('a', new Taker());
    await scene.settle();
    await ends(scene);
    assert.deepEqual(store.load().subscriptions, []);
    subscription.unsubscribe();
    await scene.pass(60_000);
    const { connections } = scene.server;
    assert.deepEqual([connections.length, connections[1]?.all('unsubscribe')], [2, []]);
  });

  it('leaves nothing: the Server has what it granted until the next', async () => {
    const store = new MemoryStore();
    const scene = await new VirtualClient({ cleanStart: false, store }).connected();
    const subscription = scene.subscribe('a', new Taker());
    await scene.settle();
    await beginsToClose(scene);
    subscription.unsubscribe();
    await scene.settle();
    await ends(scene);
    assert.deepEqual(
      store.load().subscriptions.map(({ filter, unanswered }) => [filter, unanswered]),
      [['a', undefined]],
    );
    scene.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0 }) };
    await scene.pass(60_000);
    const [before, after] = scene.server.connections.map((connection) => connection.all('unsubscribe').length);
    assert.deepEqual([before, after], [0, 1]);
  });
});

describe('A message behind which the Server ended the connection', () => {
  for (const [what, isAnswered] of [
    ['is not blamed for it while a SUBSCRIBE is unanswered: it may have been about that', false],
    ['is blamed for it though there was a SUBSCRIBE: that was answered', true],
  ] as const) {
    it(what, async () => {
      const scene = new VirtualClient({ cleanStart: false });
      const { server } = scene;
      server.answers = { publish: () => undefined };
      await scene.connected();
      const outcomes = scene.publish('a', 1);
      for (let times = 0; times < 10; times++) {
        while (scene.client.state.phase !== 'connected') await scene.pass(100);
        await scene.settle();
        const { connection } = server;
        if (!isAnswered) connection.answers = { ...connection.answers, subscribe: () => undefined };
        scene.subscribe(`filter${times}`, new Taker());
        await scene.settle();
        connection.close();
        await scene.settle();
      }
      if (isAnswered) isSettledOnce(outcomes, /set aside: the connection ended 3 times right behind it/);
      else assert.deepEqual(outcomes, []);
    });
  }
});

describe('A message behind which we ended the connection ourselves', () => {
  it('is not blamed for it, however often', async () => {
    const scene = new VirtualClient({ cleanStart: false });
    scene.server.answers = {
      connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0 }),
      publish: () => undefined,
    };
    await scene.connected();
    const outcomes = scene.publish('a', 1);
    await scene.settle();
    for (let round = 0; round < 5; round++) {
      scene.client.destroy();
      await scene.settle();
      while (scene.client.state.phase !== 'connected') await scene.pass(100);
      assert.match(scene.server.connection.lines.at(-1) ?? '', /^publish a \d+ dup$/);
    }
    assert.deepEqual(outcomes, []);
  });
});

describe('What is said of a connection', () => {
  const options = {
    cleanStart: false,
    birth: { topic: 'online', payload: '', qos: 1, retain: true },
  } as const;

  for (const sessionPresent of [true, false]) {
    it(`is said once on each, and never for another, Session Present ${Number(sessionPresent)}`, async () => {
      const scene = new VirtualClient(options);
      scene.server.answers = {
        connect: () => ({ cmd: 'connack', sessionPresent, returnCode: 0 }),
        publish: () => undefined,
      };
      await scene.connected();
      for (let round = 0; round < 3; round++) {
        // Longer than the end of a connection is taken for the broker's answer to the message.
        await scene.pass(61_000);
        scene.server.connection.close();
        await scene.pass(5000);
        assert.deepEqual(
          scene.server.connection.lines.map((line) => line.replace(/ \d+/, '')),
          ['connect', 'publish online'],
        );
      }
      assert.equal(scene.client.waiting, 1);
    });
  }
});

describe('A SUBSCRIBE that is not answered', () => {
  const LATE = /^the broker has not answered the SUBSCRIBE for a for 30 s$/;

  async function unanswered(): Promise<{ scene: VirtualClient; outcomes: SubscriptionOutcome[] }> {
    const scene = new VirtualClient();
    await scene.connected();
    scene.server.connection.answers = { subscribe: () => undefined };
    const outcomes: SubscriptionOutcome[] = [];
    const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    scene.client.subscribe('a', new Taker(), options, (outcome) => void outcomes.push(outcome));
    return { scene, outcomes };
  }

  it('is told after 30 seconds to who wanted it, once, while the connection goes on', async () => {
    const { scene, outcomes } = await unanswered();
    await scene.pass(29_000);
    assert.equal(outcomes.length, 0);
    await scene.pass(600_000);
    assert.equal(outcomes.length, 1);
    const [outcome] = outcomes;
    assert.match(outcome?.granted === false ? outcome.error.message : '', LATE);
    assert.equal(scene.server.connections.length, 1);
  });

  it('is good news when it is answered after all', async () => {
    const { scene, outcomes } = await unanswered();
    await scene.pass(40_000);
    const [subscribe] = scene.server.connection.all('subscribe');
    scene.server.connection.send({ cmd: 'suback', messageId: subscribe?.messageId ?? 0, granted: [1] });
    await scene.settle();
    assert.deepEqual(outcomes.slice(1), [{ granted: true, qos: 1 }]);
  });

  it('does not make a stop wait any more once it is late', async () => {
    const { scene } = await unanswered();
    await scene.pass(40_000);
    const stopped = scene.client.disconnect();
    await scene.settle();
    assert.equal(scene.server.connection.all('disconnect').length, 1);
    scene.server.connection.close();
    await scene.settle();
    await stopped;
  });
});

describe('A received message that is published again as it came', () => {
  it('has neither the DUP flag nor the Topic Alias nor the Subscription Identifiers that it came with [MQTT-3.3.1-3] [MQTT-3.2.2-18] [MQTT-3.3.4-6]', async () => {
    const scene = await new VirtualClient({ protocolVersion: 5 }).connected();
    const taker = new Taker();
    taker.act = ({ topic, ...packet }) => scene.client.publish({ topic: `copy/${topic}`, ...packet }, () => undefined);
    scene.subscribe('t', taker);
    await scene.settle();
    const { connection } = scene.server;
    const properties = { topicAlias: 1, subscriptionIdentifier: 1, contentType: 'text' };
    connection.send(aPublish({ topic: 't', qos: 1, messageId: 7, dup: true, properties }));
    await scene.settle();
    const [copy] = connection.all('publish');
    assert.ok(copy !== undefined);
    assert.deepEqual([copy.topic, copy.qos, copy.dup], ['copy/t', 1, false]);
    assert.deepEqual({ ...copy.properties }, { contentType: 'text' });
  });
});

describe('A connection of a client that does all it can', () => {
  it('begins with its CONNECT, and has no other [MQTT-3.1.0-1] [MQTT-3.1.0-2]', async () => {
    for (const protocolVersion of [4, 5] as const) {
      const scene = await new VirtualClient({ protocolVersion, keepAlive: 10 }).connected();
      for (let round = 0; round < 3; round++) {
        const subscription = scene.subscribe(`a/${round}`, new Taker());
        for (const qos of [0, 1, 2] as const) scene.publish(`a/${round}`, qos);
        scene.client.connect();
        await scene.pass(60_000);
        subscription.unsubscribe();
        await scene.settle();
        scene.server.connection.close();
        await scene.pass(60_000);
      }
      const stopped = scene.client.disconnect();
      await scene.pass(3000);
      await stopped;
      const { connections } = scene.server;
      assert.equal(connections.length, 4);
      for (const { received } of connections) {
        const connects = received.flatMap(({ cmd }, index) => (cmd === 'connect' ? [index] : []));
        assert.deepEqual(connects, [0]);
      }
      assert.ok((connections[0]?.all('pingreq').length ?? 0) > 0);
    }
  });
});
