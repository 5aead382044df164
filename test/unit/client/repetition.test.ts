import assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import { aPublish } from '../../support/packets.ts';
import { Taker, VirtualClient } from '../../support/virtual-client.ts';

function connack(): Packet {
  return { cmd: 'connack', sessionPresent: true, returnCode: 0, reasonCode: 0 };
}

/** A client whose Server keeps the session, and one receiver of `t`. */
async function kept(): Promise<{ scene: VirtualClient; taker: Taker }> {
  const scene = new VirtualClient({ cleanStart: false });
  scene.server.answers = { connect: connack };
  await scene.connected();
  const taker = new Taker('flow');
  scene.subscribe('t', taker);
  await scene.settle();
  return { scene, taker };
}

function message(payload: string, messageId: number, dup = false): Packet {
  return aPublish({ topic: 't', payload, qos: 1, messageId, dup });
}

describe('A broker that numbers its messages anew on each connection', () => {
  it('loses none at QoS 1: another message under a known id is not taken for a repetition', async () => {
    const { scene, taker } = await kept();
    scene.client.beginDeploy();
    const leaving = scene.subscribe('u', new Taker('leaving'));
    scene.client.prune();
    await scene.settle();
    leaving.release();
    // Held for who may come back, and so unacknowledged, it holds up what is behind it.
    scene.server.connection.send(aPublish({ topic: 'u', payload: 'held', qos: 1, messageId: 7 }));
    for (const [index, payload] of ['20.08', '20.09', '20.10'].entries()) {
      scene.server.connection.send(message(payload, 8 + index));
    }
    await scene.settle();
    scene.server.connection.close();
    await scene.pass(1000);
    scene.server.connection.send(aPublish({ topic: 'u', payload: 'held', qos: 1, messageId: 1, dup: true }));
    for (const [index, payload] of [
      '20.08',
      '20.09',
      '20.10',
      '20.11',
      '20.12',
      '20.13',
      '20.14',
      '20.15',
      '20.16',
    ].entries()) {
      scene.server.connection.send(message(payload, 2 + index, true));
    }
    await scene.settle();
    const got = new Set(taker.messages.map(({ payload }) => payload.toString()));
    for (const payload of ['20.11', '20.12', '20.13', '20.14', '20.15', '20.16']) assert.ok(got.has(payload), payload);
  });
});

describe('A message at QoS 2 with the content and the id of one of before, when the session may be an older one', () => {
  const ON = { topic: 'button', payload: 'ON', qos: 2, messageId: 7 } as const;

  /** A node that a deploy took away, and the message that waits for it. */
  async function held(): Promise<{ scene: VirtualClient; back: Taker }> {
    const { scene } = await kept();
    const subscription = scene.subscribe('button', new Taker('button'));
    await scene.settle();
    scene.client.beginDeploy();
    subscription.release();
    scene.server.connection.send(aPublish(ON));
    await scene.settle();
    return { scene, back: new Taker('button') };
  }

  /** The broker ends, and comes back with a session; then the deploy is over. */
  async function killed({ scene, back }: { scene: VirtualClient; back: Taker }): Promise<void> {
    scene.server.connection.close();
    await scene.pass(1000);
    scene.subscribe('button', back);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(back.topics, ['button']);
  }

  /** Nothing else makes the client ask: the broker has to answer, and does not before it is asked. */
  const asked = ({ scene }: { scene: VirtualClient }): number => scene.server.connection.all('pingreq').length;

  it('is a new one half a minute later, though the first was never acknowledged', async () => {
    const all = await held();
    await killed(all);
    const before = asked(all);
    await all.scene.pass(31_000);
    assert.equal(asked(all), before + 1, 'the broker is asked whether it has sent again what it has');
    all.scene.server.connection.send(aPublish(ON));
    await all.scene.settle();
    assert.deepEqual(all.back.topics, ['button', 'button']);
  });

  it('is the same before: the broker sends it again', async () => {
    const all = await held();
    await killed(all);
    all.scene.server.connection.send(aPublish({ ...ON, dup: true }));
    await all.scene.settle();
    assert.deepEqual(all.back.topics, ['button']);
    assert.equal(all.scene.server.connection.all('pubrec').length, 1);
  });

  it('is the same half a minute later where the broker has not answered since', async () => {
    const all = await held();
    all.scene.server.answers = { connect: connack, pingreq: () => undefined };
    await killed(all);
    await all.scene.pass(31_000);
    all.scene.server.connection.send(aPublish(ON));
    await all.scene.settle();
    assert.deepEqual(all.back.topics, ['button']);
  });

  it('whose exchange was on record is a new one too, once the broker has answered', async () => {
    const { scene } = await kept();
    const taker = new Taker('button');
    scene.subscribe('button', taker);
    scene.server.answers = { connect: connack };
    await scene.settle();
    scene.server.connection.answers = { pubrec: () => undefined };
    scene.server.connection.send(aPublish(ON));
    await scene.settle();
    scene.server.connection.close();
    await scene.pass(32_000);
    scene.server.connection.send(aPublish(ON));
    await scene.settle();
    assert.deepEqual(taker.topics, ['button', 'button']);
  });

  it('makes no timer where nothing is in doubt', async () => {
    const { scene } = await kept();
    const before = scene.server.connection.all('pingreq').length;
    await scene.pass(31_000);
    assert.equal(scene.server.connection.all('pingreq').length, before);
  });
});

describe('A connection that is destroyed while it hands a message out', () => {
  it('leaves no acknowledgement for the next one', async () => {
    const { scene, taker } = await kept();
    taker.act = () => scene.client.destroy();
    scene.server.connection.send(message('x', 7));
    await scene.settle();
    taker.act = () => undefined;
    scene.client.connect();
    await scene.pass(60_000);
    assert.equal(scene.client.state.phase, 'connected');
    assert.deepEqual(
      scene.server.connection.lines.filter((line) => line.startsWith('puback')),
      [],
    );
  });
});

describe('Messages that expire while the broker is away', () => {
  it('are told when they keep a fresh one out, and make room for it', () => {
    const scene = new VirtualClient({ protocolVersion: 5, outbox: { maxMessages: 2 } });
    const stale = ['a', 'b'].map((topic) => scene.publish(topic, 1, { properties: { messageExpiryInterval: 1 } }));
    assert.match(String(scene.publish('c', 1)[0]), /outbox is full/);
    scene.clock.advance(1000);
    assert.deepEqual(scene.publish('d', 1), []);
    for (const outcomes of stale) assert.match(String(outcomes), /expired after 1 s/);
    assert.equal(scene.client.waiting, 1);
  });
});
