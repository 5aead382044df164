import assert from 'node:assert/strict';
import { settle } from '../../support/events.ts';
import type { FakeBroker, FakePeer } from '../../support/fake-broker.ts';
import { nextMessage, node, startFlow, stopFlow } from '../../support/flow.ts';
import { assertHas } from '../../support/partial.ts';
import { agreeing, connected, connection, dynamicIn, HELPERS, mqttIn } from '../flows.ts';

describe('2 dynamic input, msg.action', () => {
  let broker: FakeBroker;
  let peer: FakePeer;

  beforeEach(async () => {
    broker = await agreeing();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  async function start(fields: object = {}, version: object = { protocolVersion: '5' }): Promise<void> {
    await startFlow([connection(broker.port, version), dynamicIn(fields), ...HELPERS]);
    peer = await connected(broker);
  }

  /** Sends a message to the node; resolves with it when it is complete. */
  async function complete(msg: object) {
    const completed = nextMessage('completed');
    node('in').receive(msg as never);
    return completed;
  }

  /** Sends a message to the node; resolves with the text of the error that it ends in. */
  async function errorOf(msg: object): Promise<string> {
    const caught = nextMessage('caught');
    node('in').receive(msg as never);
    return ((await caught)['error'] as { message: string }).message;
  }

  it('inputs 1: nothing is subscribed until a message does', async () => {
    await start();
    await peer.expectNothing();
  });

  for (const [topic, asked] of [
    ['a/b', [{ topic: 'a/b', qos: 2, nl: false, rap: true, rh: 0 }]],
    [{ topic: 'a/b', qos: 1 }, [{ topic: 'a/b', qos: 1, nl: false, rap: true, rh: 0 }]],
    [{ topic: 'a/+', qos: '0', nl: true, rap: false, rh: 2 }, [{ topic: 'a/+', qos: 0, nl: true, rap: false, rh: 2 }]],
    [{ topic: 'a/+', nl: 'true', rap: 'false', rh: '1' }, [{ topic: 'a/+', qos: 2, nl: true, rap: false, rh: 1 }]],
    [
      ['a', { topic: 'b', qos: 1 }],
      [
        { topic: 'a', qos: 2, nl: false, rap: true, rh: 0 },
        { topic: 'b', qos: 1, nl: false, rap: true, rh: 0 },
      ],
    ],
  ] as const) {
    it(`subscribe ${JSON.stringify(topic)}`, async () => {
      await start();
      const { subscriptions } = await complete({ action: 'subscribe', topic });
      assert.deepEqual((await peer.expect('subscribe')).subscriptions, asked);
      assert.deepEqual(
        (subscriptions as { topic: string }[]).map((each) => each.topic),
        asked.map((each) => each.topic),
      );
    });
  }

  it('subscribe: msg.subscriptions lists options as they are, with MQTT 5', async () => {
    await start();
    const { subscriptions } = await complete({ action: 'subscribe', topic: { topic: 'a', datatype: 'buffer' } });
    assert.deepEqual(subscriptions, [{ topic: 'a', datatype: 'buffer', qos: 2, rh: 0, rap: true }]);
  });

  it('subscribe: msg.subscriptions lists the QoS alone, before MQTT 5', async () => {
    await start({}, {});
    const { subscriptions } = await complete({ action: 'subscribe', topic: 'a' });
    assert.deepEqual(subscriptions, [{ topic: 'a', qos: 2 }]);
  });

  it('subscribe: datatype of the subscription, else of the node', async () => {
    await start({ datatype: 'base64' });
    await complete({ action: 'subscribe', topic: [{ topic: 'a', datatype: 'json' }, 'b'] });
    await peer.expect('subscribe');
    for (const [topic, payload] of [
      ['a', { x: 1 }],
      ['b', 'eyJ4IjoxfQ=='],
    ] as const) {
      const arriving = nextMessage('h');
      peer.send({ cmd: 'publish', topic, payload: '{"x":1}', qos: 0, dup: false, retain: false });
      assert.deepEqual((await arriving).payload, payload);
    }
  });

  it('subscribe: the same topic again takes the place of the first', async () => {
    await start();
    await complete({ action: 'subscribe', topic: { topic: 'a', qos: 0 } });
    await peer.expect('subscribe');
    const { subscriptions } = await complete({ action: 'subscribe', topic: { topic: 'a', qos: 1 } });
    const again = await peer.skipTo('subscribe');
    assertHas(again.subscriptions[0], { topic: 'a', qos: 1 });
    assert.deepEqual(subscriptions, [{ topic: 'a', qos: 1, rh: 0, rap: true }]);
  });

  for (const [topic, gone, left] of [
    ['a', ['a'], ['b', 'c']],
    [{ topic: 'b' }, ['b'], ['a', 'c']],
    [['a', { topic: 'c' }], ['a', 'c'], ['b']],
    [true, ['a', 'b', 'c'], []],
  ] as const) {
    it(`unsubscribe ${JSON.stringify(topic)}`, async () => {
      await start();
      await complete({ action: 'subscribe', topic: ['a', 'b', 'c'] });
      await peer.expect('subscribe');
      const { subscriptions } = await complete({ action: 'unsubscribe', topic });
      assert.deepEqual((await peer.expect('unsubscribe')).unsubscriptions, gone);
      assert.deepEqual(
        (subscriptions as { topic: string }[]).map((each) => each.topic),
        left,
      );
    });
  }

  it('unsubscribe: what another node still wants stays', async () => {
    await startFlow([connection(broker.port), dynamicIn(), mqttIn({ id: 'other', topic: 'a' }), ...HELPERS]);
    peer = await connected(broker);
    await peer.expect('subscribe');
    await complete({ action: 'subscribe', topic: 'a' });
    await complete({ action: 'unsubscribe', topic: 'a' });
    await settle();
    assert.equal(
      peer.received.some(({ cmd }) => cmd === 'unsubscribe'),
      false,
    );
  });

  it('unsubscribe: a topic that is not subscribed is no error', async () => {
    await start();
    assert.deepEqual((await complete({ action: 'unsubscribe', topic: 'never' }))['subscriptions'], []);
    await peer.expectNothing();
  });

  it('getSubscriptions: sends the message, with the topic "subscriptions" and the list as payload', async () => {
    await start();
    await complete({ action: 'subscribe', topic: ['a', { topic: 'b', qos: 0 }] });
    const sent = nextMessage('h');
    node('in').receive({ action: 'getSubscriptions', mine: 1 });
    const { topic, payload, mine } = await sent;
    assert.deepEqual(
      { topic, payload, mine },
      {
        topic: 'subscriptions',
        payload: [
          { topic: 'a', qos: 2, rh: 0, rap: true },
          { topic: 'b', qos: 0, rh: 0, rap: true },
        ],
        mine: 1,
      },
    );
  });

  for (const action of ['publish', '', undefined, 5, null]) {
    it(`action ${JSON.stringify(action)} is an error`, async () => {
      await start();
      assert.match(await errorOf({ action }), /Invalid action specified$/);
    });
  }

  for (const action of ['subscribe', 'unsubscribe']) {
    for (const topic of [undefined, null, 5, false, action === 'subscribe']) {
      if (action === 'unsubscribe' && topic === true) continue;
      it(`${action} ${JSON.stringify(topic)} is an error`, async () => {
        await start();
        assert.match(await errorOf({ action, topic }), /msg\.topic is missing or invalid$/);
      });
    }

    for (const topic of ['', 'a/#/b', {}, { topic: 5 }, ['a', 7], ['a', { topic: 'b#' }]]) {
      it(`${action} ${JSON.stringify(topic)} is an error, and nothing is done`, async () => {
        await start();
        assert.match(await errorOf({ action, topic }), /Invalid topic specified/);
        await peer.expectNothing();
      });
    }
  }

  it('subscriptions of messages come back after a reconnect', async () => {
    await start();
    await complete({ action: 'subscribe', topic: ['a', 'b'] });
    await peer.expect('subscribe');
    peer.drop();
    const next = await connected(broker);
    const { subscriptions } = await next.expect('subscribe');
    assert.deepEqual(
      subscriptions.map(({ topic }) => topic),
      ['a', 'b'],
    );
  });
});
