import assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import type { ClientOptions } from '../../../src/client/options.ts';
import { aPublish } from '../../support/packets.ts';
import { Taker, VirtualClient } from '../../support/virtual-client.ts';

/** A PUBLISH of the Server. */
function message(topic: string, qos: 1 | 2, messageId: number, dup = false): Packet {
  return aPublish({ topic, qos, messageId, dup });
}

const ACKS = new Set(['puback', 'pubrec', 'pubcomp']);

/** Acknowledgements of this connection so far, in order: `puback 1`. */
function acks({ server }: VirtualClient): string[] {
  return server.connection.lines.filter((line) => ACKS.has(line.split(' ')[0] ?? ''));
}

function connack(sessionPresent: boolean): Packet {
  return { cmd: 'connack', sessionPresent, returnCode: 0, reasonCode: 0 };
}

/** A client whose Server says that it has kept the session, or not. */
async function kept(sessionPresent = true, options: Partial<ClientOptions> = {}): Promise<VirtualClient> {
  const scene = new VirtualClient({ cleanStart: false, ...options });
  scene.server.answers = { connect: () => connack(sessionPresent) };
  return scene.connected();
}

/** The Server is lost, and comes back with the session or without. */
async function reconnected(scene: VirtualClient, sessionPresent: boolean): Promise<void> {
  scene.server.answers = { connect: () => connack(sessionPresent) };
  scene.server.connection.close();
  await scene.pass(1000);
  assert.equal(scene.client.state.phase, 'connected');
}

describe('A broker that passes our Receive Maximum', () => {
  /** 1,500 messages of the broker, of which we have read all before it can have any acknowledgement. */
  async function flooded(options: Partial<ClientOptions>): Promise<VirtualClient> {
    const scene = await kept(false, { protocolVersion: 5, sessionExpiryInterval: 3600, ...options });
    scene.subscribe('a', new Taker());
    await scene.settle();
    scene.server.connection.send(...Array.from({ length: 1500 }, (_, index) => message('a', 1, index + 1)));
    await scene.settle();
    return scene;
  }

  it('by default keeps its connection: mosquitto does so when it sends what it retains', async () => {
    const scene = await flooded({});
    assert.equal(scene.server.connection.all('connect')[0]?.properties?.receiveMaximum, 1000);
    assert.equal(acks(scene).length, 1500);
  });

  it('that a person set, loses it', async () => {
    const scene = await flooded({ receiveMaximum: 100 });
    assert.notEqual(scene.client.state.phase, 'connected');
  });
});

describe('A message that nobody wants yet', () => {
  it('goes to who subscribes in the same turn, inside of the call for the next message', async () => {
    const scene = await kept();
    const [late, first] = [new Taker(), new Taker()];
    first.act = () => void scene.subscribe('a', late);
    scene.subscribe('b', first);
    await scene.settle();
    scene.server.connection.send(message('a', 1, 1), message('b', 1, 2));
    await scene.settle();
    assert.deepEqual([late.topics, first.topics], [['a'], ['b']]);
    assert.equal(acks(scene).length, 2);
  });
});

describe('What waits when a deploy begins', () => {
  it('goes first to who has just subscribed: what comes in the deploy is later', async () => {
    const scene = await kept();
    const other = scene.subscribe('b', new Taker('other'));
    await scene.settle();
    scene.server.connection.send(message('a', 1, 1));
    await scene.settle();
    const taker = new Taker('node');
    scene.subscribe('a', taker);
    other.release();
    scene.server.connection.send(message('a', 1, 2));
    await scene.settle();
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(
      taker.messages.map(({ packetId }) => packetId),
      [1, 2],
    );
  });
});

describe('A message that nobody wants', () => {
  it('when the session was kept waits for who subscribes within the grace period, and is acknowledged then', async () => {
    const scene = await kept();
    scene.server.connection.send(message('a', 1, 1), message('a', 2, 2));
    await scene.pass(9000);
    assert.deepEqual(acks(scene), []);
    const taker = new Taker();
    scene.subscribe('a', taker);
    await scene.settle();
    assert.deepEqual(taker.topics, ['a', 'a']);
    assert.deepEqual(acks(scene), ['puback 1', 'pubrec 2', 'pubcomp 2']);
  });

  it('reaches all that are subscribed in the same turn, not only the first', async () => {
    const scene = await kept();
    scene.server.connection.send(message('a', 1, 1));
    await scene.settle();
    const takers = [new Taker(), new Taker(), new Taker()];
    for (const taker of takers) scene.subscribe('a', taker);
    assert.deepEqual(
      takers.map(({ topics }) => topics),
      [[], [], []],
      'not within the turn: the nodes behind them may not exist yet',
    );
    await scene.settle();
    assert.deepEqual(
      takers.map(({ topics }) => topics),
      [['a'], ['a'], ['a']],
    );
  });

  it('is acknowledged after the grace period, and a person is told how many there were', async () => {
    const scene = await kept();
    scene.server.connection.send(message('a', 1, 1), message('b', 2, 2));
    await scene.pass(10_000);
    assert.deepEqual(acks(scene), ['puback 1', 'pubrec 2', 'pubcomp 2']);
    assert.deepEqual(
      scene.notices.map(({ message: text }) => text),
      ['2 messages, the first to a, waited for nodes that did not come, and were acknowledged'],
    );
  });

  it('after the grace period is nobody’s concern: acknowledged at once, and not told', async () => {
    const scene = await kept();
    await scene.pass(10_000);
    scene.server.connection.send(message('a', 1, 1));
    await scene.settle();
    assert.deepEqual(acks(scene), ['puback 1']);
    assert.deepEqual(scene.notices, []);
  });

  it('is let go though the timer fires a moment early, as timers of Node do', async () => {
    const scene = new VirtualClient({ cleanStart: false });
    const { clock } = scene;
    const timer = clock.timer.bind(clock);
    clock.timer = (delay, fire) => timer(delay > 1 ? delay - 0.7 : delay, fire);
    scene.server.answers = { connect: () => connack(true) };
    await scene.connected();
    scene.server.connection.send(message('a', 1, 1));
    await scene.pass(11_000);
    assert.deepEqual(acks(scene), ['puback 1']);
  });

  it('waits only at the start: later nobody comes for it', async () => {
    const scene = await kept(false);
    scene.server.connection.send(message('a', 1, 1));
    await scene.settle();
    assert.deepEqual(acks(scene), ['puback 1']);
    await reconnected(scene, true);
    scene.server.connection.send(message('b', 1, 2));
    await scene.settle();
    assert.deepEqual(acks(scene), ['puback 2']);
  });

  for (const sessionPresent of [true, false]) {
    it(`does not stop reception when the connection ends meanwhile, Session Present ${Number(sessionPresent)}`, async () => {
      const scene = await kept();
      scene.server.connection.send(message('a', 1, 1));
      await scene.settle();
      await reconnected(scene, sessionPresent);
      if (sessionPresent) scene.server.connection.send(message('a', 1, 1, true));
      for (let id = 11; id <= 30; id++) scene.server.connection.send(message('b', 1, id));
      await scene.pass(10_000);
      for (let id = 31; id <= 50; id++) scene.server.connection.send(message('b', 2, id));
      await scene.settle();
      const all = acks(scene).filter((line) => !line.startsWith('pubcomp'));
      assert.equal(all.length, sessionPresent ? 41 : 40);
    });
  }

  it('that came again after a reconnect reaches who subscribes then once', async () => {
    const scene = await kept();
    scene.server.connection.send(message('a', 2, 1), message('b', 1, 2));
    await scene.settle();
    await reconnected(scene, true);
    scene.server.connection.send(message('a', 2, 1, true), message('b', 1, 2, true));
    await scene.settle();
    const taker = new Taker();
    scene.subscribe('#', taker);
    await scene.settle();
    assert.deepEqual(taker.topics, ['a', 'b']);
    assert.deepEqual(acks(scene), ['pubrec 1', 'puback 2', 'pubcomp 1'].sort(byKind(acks(scene))));
  });
});

/** PUBACK and PUBREC each have their own order. */
function byKind(order: readonly string[]): (a: string, b: string) => number {
  return (a, b) => order.indexOf(a) - order.indexOf(b);
}

describe('A deploy', () => {
  it('that changes a node hands it what came meanwhile, once, and acknowledges only then', async () => {
    const scene = await kept(false);
    const before = new Taker('node');
    const subscription = scene.subscribe('a', before);
    await scene.settle();
    subscription.release();
    scene.server.connection.send(message('a', 1, 1));
    await scene.pass(5000);
    assert.deepEqual(acks(scene), []);
    const after = new Taker('node');
    scene.subscribe('a', after);
    await scene.pass(1000);
    assert.deepEqual(after.topics, [], 'the nodes behind it may not exist yet');
    scene.client.prune();
    await scene.settle();
    assert.deepEqual([before.topics, after.topics], [[], ['a']]);
    assert.deepEqual(acks(scene), ['puback 1']);
  });

  it('does not keep a message from those that stay, and each gets it once', async () => {
    const scene = await kept(false);
    const stays = new Taker('stays');
    scene.subscribe('a/#', stays);
    const subscription = scene.subscribe('a/b', new Taker('goes'));
    await scene.settle();
    subscription.release();
    scene.server.connection.send(message('a/b', 2, 1));
    await scene.settle();
    assert.deepEqual(stays.topics, ['a/b']);
    const back = new Taker('goes');
    scene.subscribe('a/b', back);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual([stays.topics, back.topics], [['a/b'], ['a/b']]);
    assert.deepEqual(acks(scene), ['pubrec 1', 'pubcomp 1']);
  });

  it('of two nodes hands the message to both, and acknowledges it when the second has it', async () => {
    const scene = await kept(false);
    const one = scene.subscribe('a', new Taker('one'));
    const two = scene.subscribe('a', new Taker('two'));
    await scene.settle();
    one.release();
    two.release();
    scene.server.connection.send(message('a', 1, 1));
    await scene.settle();
    const back = [new Taker('one'), new Taker('two')];
    for (const taker of back) scene.subscribe('a', taker);
    assert.deepEqual(acks(scene), []);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(
      back.map(({ topics }) => topics),
      [['a'], ['a']],
    );
    assert.deepEqual(acks(scene), ['puback 1']);
  });

  it('that brings back one of two nodes waits for the other no longer than until its end', async () => {
    const scene = await kept(false);
    const one = scene.subscribe('a', new Taker('one'));
    const two = scene.subscribe('a', new Taker('two'));
    await scene.settle();
    one.release();
    two.release();
    scene.server.connection.send(message('a', 1, 1));
    await scene.settle();
    const back = new Taker('one');
    scene.subscribe('a', back);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(back.topics, ['a']);
    assert.deepEqual(acks(scene), ['puback 1']);
  });

  it('that gives a node another filter stalls nothing: all is acknowledged at its end', async () => {
    const scene = await kept(false);
    const stays = new Taker('stays');
    scene.subscribe('b', stays);
    const subscription = scene.subscribe('a', new Taker('edited'));
    await scene.settle();
    subscription.release();
    scene.server.connection.send(message('a', 1, 1), message('b', 1, 2), message('b', 1, 3));
    await scene.settle();
    assert.deepEqual(stays.topics, ['b', 'b']);
    scene.subscribe('c', new Taker('edited'));
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(acks(scene), ['puback 1', 'puback 2', 'puback 3']);
    scene.server.connection.send(message('b', 1, 4));
    await scene.settle();
    assert.deepEqual(acks(scene).at(-1), 'puback 4');
  });

  it('that gives a node another filter hands it what came for both meanwhile, once', async () => {
    for (const [filter, expected] of [
      ['#', ['a/1']],
      ['a/+', ['a/1']],
      ['b', []],
    ] as const) {
      const scene = await kept(false);
      const subscription = scene.subscribe('a/1', new Taker('edited'));
      await scene.settle();
      subscription.release();
      scene.client.beginDeploy();
      scene.server.connection.send(message('a/1', 2, 1));
      await scene.settle();
      assert.deepEqual(acks(scene), []);
      const edited = new Taker('edited');
      scene.subscribe(filter, edited);
      scene.client.prune();
      await scene.settle();
      assert.deepEqual(edited.topics, expected, filter);
      assert.equal(acks(scene)[0], 'pubrec 1');
    }
  });

  it('that never ends holds a message for 30 s, not for ever', async () => {
    const scene = await kept(false);
    const subscription = scene.subscribe('a', new Taker('node'));
    await scene.settle();
    subscription.release();
    scene.server.connection.send(message('a', 1, 1));
    await scene.pass(29_999);
    assert.deepEqual(acks(scene), []);
    await scene.pass(1);
    assert.deepEqual(acks(scene), ['puback 1']);
    scene.server.connection.send(message('a', 1, 2));
    await scene.settle();
    assert.deepEqual(acks(scene), ['puback 1', 'puback 2']);
  });

  it('that closes a node in the turn in which it got a message hands the message to its successor', async () => {
    const scene = await kept(false);
    const before = new Taker('node');
    const subscription = scene.subscribe('a', before);
    await scene.settle();
    scene.server.connection.send(message('a', 2, 1));
    assert.deepEqual(before.topics, ['a']);
    subscription.release();
    await scene.settle();
    assert.deepEqual(acks(scene), []);
    const after = new Taker('node');
    scene.subscribe('a', after);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(after.topics, ['a']);
    assert.deepEqual(acks(scene), ['pubrec 1', 'pubcomp 1']);
  });

  it('that leaves those behind a node does not repeat what they have, though the node was closed in that turn', async () => {
    const scene = await kept(false);
    const before = new Taker('node');
    const subscription = scene.subscribe('a', before);
    await scene.settle();
    scene.server.connection.send(message('a', 2, 1));
    let known = false;
    subscription.release(() => known);
    // Asked when the turn is over: until then other nodes may be closed.
    known = true;
    await scene.settle();
    const after = new Taker('node');
    scene.subscribe('a', after);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual([before.topics, after.topics], [['a'], []]);
    assert.deepEqual(acks(scene), ['pubrec 1', 'pubcomp 1']);
  });

  it('that a node begins while it receives hands the message to its successor too', async () => {
    const scene = await kept(false);
    const before = new Taker('node');
    const subscription = scene.subscribe('a', before);
    await scene.settle();
    before.act = () => subscription.release();
    scene.server.connection.send(message('a', 1, 1));
    await scene.settle();
    assert.deepEqual(acks(scene), []);
    const after = new Taker('node');
    scene.subscribe('a', after);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(after.topics, ['a']);
    assert.deepEqual(acks(scene), ['puback 1']);
  });

  it('within one turn leaves no message behind', async () => {
    const scene = await kept(false);
    const subscription = scene.subscribe('a', new Taker('node'));
    await scene.settle();
    scene.server.connection.send(message('a', 1, 1));
    subscription.release();
    const after = new Taker('node');
    scene.subscribe('a', after);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(after.topics, ['a']);
    assert.deepEqual(acks(scene), ['puback 1']);
  });

  it('a turn later does not repeat what the old node has passed on', async () => {
    const scene = await kept(false);
    const before = new Taker('node');
    const subscription = scene.subscribe('a', before);
    await scene.settle();
    scene.server.connection.send(message('a', 2, 1));
    await scene.settle();
    subscription.release();
    const after = new Taker('node');
    scene.subscribe('a', after);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual([before.topics, after.topics], [['a'], []]);
  });

  it('during which the connection is lost does not double a QoS 2 message', async () => {
    const scene = await kept(false);
    const subscription = scene.subscribe('a', new Taker('node'));
    await scene.settle();
    subscription.release();
    scene.server.connection.send(message('a', 2, 1));
    await scene.settle();
    await reconnected(scene, true);
    scene.server.connection.answers = { pubrec: () => undefined };
    scene.server.connection.send(message('a', 2, 1, true));
    await scene.settle();
    assert.deepEqual(acks(scene), []);
    const after = new Taker('node');
    scene.subscribe('a', after);
    scene.client.prune();
    await scene.settle();
    scene.server.connection.send(message('a', 2, 1, true));
    await scene.settle();
    assert.deepEqual(after.topics, ['a']);
    assert.deepEqual(acks(scene), ['pubrec 1', 'pubrec 1']);
  });

  it('during which the session is lost still hands on what came, and takes the same id for a new message', async () => {
    const scene = await kept(false);
    const subscription = scene.subscribe('a', new Taker('node'));
    await scene.settle();
    subscription.release();
    scene.server.connection.send(message('a', 2, 1));
    await scene.settle();
    await reconnected(scene, false);
    scene.server.connection.send(message('a', 2, 1));
    await scene.settle();
    const after = new Taker('node');
    scene.subscribe('a', after);
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(after.topics, ['a', 'a']);
    assert.deepEqual(acks(scene), ['pubrec 1', 'pubcomp 1']);
  });
});

describe('Acknowledgements', () => {
  it('leave in the order of the messages behind one that is held, PUBACK and PUBREC each in its own', async () => {
    const scene = await kept(false);
    const stays = new Taker('stays');
    scene.subscribe('b', stays);
    const subscription = scene.subscribe('a', new Taker('node'));
    await scene.settle();
    scene.server.connection.send(message('b', 1, 1));
    subscription.release();
    scene.server.connection.send(message('a', 1, 2), message('b', 2, 3), message('b', 1, 4), message('b', 2, 5));
    await scene.settle();
    assert.deepEqual(stays.topics, ['b', 'b', 'b', 'b']);
    assert.deepEqual(
      acks(scene).filter((line) => !line.startsWith('pubcomp')),
      ['puback 1', 'pubrec 3', 'pubrec 5'],
    );
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(
      acks(scene).filter((line) => line.startsWith('puback')),
      ['puback 1', 'puback 2', 'puback 4'],
    );
  });

  it('leave a turn after the receivers had the message', async () => {
    const scene = await kept(false);
    scene.subscribe('a', new Taker());
    await scene.settle();
    scene.server.connection.send(message('a', 1, 1));
    scene.server.turn();
    assert.deepEqual(acks(scene), []);
    await scene.settle();
    assert.deepEqual(acks(scene), ['puback 1']);
  });

  it('end with PUBREL, also where it comes early: what comes under the id then is another message [MQTT-4.3.3-11]', async () => {
    const scene = await kept();
    scene.server.connection.send(message('a', 2, 1), { cmd: 'pubrel', messageId: 1 }, message('a', 2, 1));
    await scene.settle();
    const taker = new Taker();
    scene.subscribe('a', taker);
    await scene.settle();
    assert.deepEqual(taker.topics, ['a', 'a']);
  });

  it('answer the repetitions of a held QoS 2 message, and it is handed out once', async () => {
    const scene = await kept();
    scene.server.connection.send(message('a', 2, 1), message('a', 2, 1, true), message('a', 2, 1));
    await scene.settle();
    const taker = new Taker();
    scene.subscribe('a', taker);
    await scene.settle();
    assert.deepEqual(taker.topics, ['a']);
    assert.deepEqual(
      acks(scene).filter((line) => line.startsWith('pubrec')),
      ['pubrec 1', 'pubrec 1'],
    );
  });
});

describe('More messages than can be held', () => {
  const payload = Buffer.alloc(1024 * 1024);

  async function deploying(scene: VirtualClient): Promise<void> {
    const subscription = scene.subscribe('a', new Taker('node'));
    await scene.settle();
    subscription.release();
  }

  it('stay with the broker: reading stops beyond 1,000, a person is told, and nothing is acknowledged and forgotten', async () => {
    const scene = await kept(false);
    await deploying(scene);
    for (let id = 1; id <= 1500; id++) {
      scene.server.connection.send(message('a', 1, id));
      await scene.settle();
    }
    assert.equal(scene.server.connection.peer.paused, true);
    assert.deepEqual(acks(scene), []);
    assert.deepEqual(
      scene.notices.map(({ message: text }) => text),
      ['reading is paused: 1001 messages wait for nodes that are about to come back'],
    );
    const after = new Taker('node');
    scene.subscribe('a', after);
    scene.client.prune();
    await scene.settle();
    assert.equal(scene.server.connection.peer.paused, false);
    assert.equal(after.messages.length, 1500);
    assert.equal(acks(scene).length, 1500);
  });

  it('by bytes: reading stops at 16 MiB, and goes on at once when they have gone', async () => {
    const scene = await kept(false);
    await deploying(scene);
    for (let id = 1; id <= 20; id++) {
      scene.server.connection.send(aPublish({ topic: 'a', qos: 1, messageId: id, payload }));
      await scene.settle();
    }
    assert.equal(scene.server.connection.peer.paused, true);
    scene.client.prune();
    await scene.settle();
    assert.equal(acks(scene).length, 20);
    assert.equal(scene.server.connection.peer.paused, false);
  });

  it('by bytes of properties: they count as the payload does', async () => {
    const scene = await kept(false, { protocolVersion: 5, sessionExpiryInterval: 3600 });
    await deploying(scene);
    const value = 'x'.repeat(60_000);
    const userProperties = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`p${index}`, value]));
    for (let id = 1; id <= 20; id++) {
      scene.server.connection.send(aPublish({ topic: 'a', qos: 1, messageId: id, properties: { userProperties } }));
      await scene.settle();
    }
    assert.equal(scene.server.connection.peer.paused, true);
  });

  it('on MQTT 5 cannot come: the broker is told the limit, and what is not a message is still read', async () => {
    const scene = await kept(false, { protocolVersion: 5, sessionExpiryInterval: 3600 });
    const [connect] = scene.server.connection.all('connect');
    assert.equal(connect?.properties?.receiveMaximum, 1000);
    await deploying(scene);
    for (let id = 1; id <= 1000; id++) scene.server.connection.send(message('a', 1, id));
    await scene.settle();
    assert.equal(scene.server.connection.peer.paused, false);
    assert.deepEqual(scene.notices, []);
  });

  it('are not a reason to take the broker for dead', async () => {
    const scene = await kept(false, { keepAlive: 5 });
    await deploying(scene);
    for (let id = 1; id <= 1001; id++) scene.server.connection.send(message('a', 1, id));
    await scene.pass(29_000);
    assert.equal(scene.client.state.phase, 'connected');
    assert.ok(scene.server.connection.all('pingreq').length > 3);
  });
});

describe('A receiver that throws', () => {
  it('has the message all the same: it is acknowledged, the others get theirs, and a person is told', async () => {
    const scene = await kept(false);
    const broken = new Taker('broken');
    broken.act = () => {
      throw new Error('out of order');
    };
    scene.subscribe('a', broken);
    const good = new Taker('good');
    scene.subscribe('a', good);
    await scene.settle();
    scene.server.connection.send(message('a', 1, 1), message('a', 2, 2));
    await scene.settle();
    assert.equal(scene.client.state.phase, 'connected');
    assert.deepEqual(acks(scene), ['puback 1', 'pubrec 2', 'pubcomp 2']);
    assert.deepEqual(good.topics, ['a', 'a']);
    assert.deepEqual(
      scene.notices.map(({ code, message: text }) => [code, text]),
      Array.from({ length: 2 }, () => ['receiver-failed', 'whoever gets the messages to a failed: out of order']),
    );
  });

  it('when it comes back by a deploy does not keep the message from the others', async () => {
    const scene = await kept(false);
    const refs = ['one', 'broken', 'two', 'broken too', 'three'];
    const subscriptions = refs.map((ref) => scene.subscribe('a', new Taker(ref)));
    await scene.settle();
    for (const subscription of subscriptions) subscription.release();
    scene.server.connection.send(message('a', 1, 1));
    await scene.settle();
    const back = refs.map((ref) => new Taker(ref));
    for (const taker of back) {
      if (taker.ref?.startsWith('broken') === true) {
        taker.act = () => {
          throw new Error('out of order');
        };
      }
      scene.subscribe('a', taker);
    }
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(
      back.map(({ topics }) => topics),
      [['a'], ['a'], ['a'], ['a'], ['a']],
    );
  });
});
