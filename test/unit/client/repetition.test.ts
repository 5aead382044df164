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
