import assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import { MqttError } from '../../../src/protocol/errors.ts';
import { aPublish } from '../../support/packets.ts';
import type { Dial } from '../../../src/transport/dial.ts';
import { Taker, VirtualClient } from '../../support/virtual-client.ts';
import { VirtualServer } from '../../support/virtual-server.ts';

/** Starts `stop` and lets time pass until it is done; answers the milliseconds that it took. */
async function lasting(scene: VirtualClient, stop: () => Promise<void>): Promise<number> {
  const begun = scene.clock.now();
  const end: { at?: number } = {};
  const stopped = stop().then(() => (end.at = scene.clock.now()));
  await scene.settle();
  for (let step = 0; end.at === undefined && step < 300; step++) await scene.pass(10);
  assert.notEqual(end.at, undefined, 'the stop never ends');
  await stopped;
  return (end.at ?? 0) - begun;
}

const REFUSED = new Error('refused');

/** How to get a client into each state that it can be stopped in. */
const STATES: Record<string, (scene: VirtualClient) => Promise<void>> = {
  idle: () => Promise.resolve(),
  dialling: async (scene) => {
    scene.server.dialled = () => undefined;
    scene.client.connect();
    await scene.settle();
  },
  'waiting for the CONNACK': async (scene) => {
    scene.server.answers = { connect: () => undefined };
    scene.client.connect();
    await scene.settle();
  },
  connected: async (scene) => void (await scene.connected()),
  'waiting for the next attempt': async (scene) => {
    scene.server.dialled = (attempt) => attempt.refuse(REFUSED);
    scene.client.connect();
    await scene.settle();
    assert.equal(scene.client.state.phase, 'waiting');
  },
  'closing already': async (scene) => {
    await scene.connected();
    // `lasting` waits for its end.
    void scene.client.disconnect();
  },
  closed: async (scene) => void (await lasting(scene, () => scene.client.close())),
};

describe('A client that is stopped', () => {
  for (const [name, reach] of Object.entries(STATES)) {
    for (const stop of ['close', 'disconnect'] as const) {
      it(`by ${stop} while ${name} ends within two seconds, with nothing left behind`, async () => {
        const scene = new VirtualClient();
        await reach(scene);
        const took = await lasting(scene, () => scene.client[stop]());
        assert.ok(took <= 2000, `it took ${took} ms`);
        assert.equal(scene.client.state.phase, stop === 'close' || name === 'closed' ? 'closed' : 'idle');
        assert.equal(scene.clock.armed, 0, 'a timer is armed');
        assert.ok(scene.server.connections.every(({ over }) => over));
        const dials = scene.server.attempts.length;
        await scene.pass(60_000);
        assert.equal(scene.server.attempts.length, dials);
      });
    }
  }

  it('in the turn in which its dial succeeds leaves no connection open', async () => {
    const scene = new VirtualClient();
    scene.server.dialled = () => undefined;
    scene.client.connect();
    await scene.settle();
    scene.server.attempts[0]?.accept();
    const took = await lasting(scene, () => scene.client.close());
    assert.ok(took <= 2000);
    assert.ok(scene.server.connection.over);
  });

  it('while a dial does not hear of it ends all the same, and what that opens later is ended', async () => {
    const server = new VirtualServer();
    server.dialled = () => undefined;
    // Whatever a proxy's agent does, it may not listen to the signal.
    const dial: Dial = (address, options) => server.dial(address, options, new AbortController().signal);
    const scene = new VirtualClient({ dial });
    scene.client.connect();
    await scene.settle();
    const took = await lasting(scene, () => scene.client.close());
    assert.ok(took <= 2000);
    server.attempts[0]?.accept();
    await scene.settle();
    assert.ok(server.connection.over);
  });

  it('and started at once connects again, when the first connection has ended', async () => {
    const scene = await new VirtualClient().connected();
    const stopped = scene.client.disconnect();
    scene.client.connect();
    await scene.pass(2000);
    await stopped;
    assert.equal(scene.client.state.phase, 'connected');
    assert.deepEqual(
      scene.server.connections.map(({ over }) => over),
      [true, false],
    );
  });

  it('and started by who is told that a message was not sent makes one connection, not two', async () => {
    const scene = new VirtualClient();
    scene.server.answers = { connect: () => undefined };
    scene.client.connect();
    await scene.settle();
    let told = 0;
    scene.client.publish({ topic: 'a', payload: '', qos: 0 }, () => {
      told += 1;
      scene.client.connect();
    });
    scene.server.answers = {};
    const stopped = scene.client.disconnect();
    await scene.pass(2000);
    await stopped;
    assert.equal(told, 1);
    assert.deepEqual(
      scene.server.connections.map(({ over }) => over),
      [true, false],
    );
  });

  it('while idle, and started by who is told so, is connected', async () => {
    const scene = await new VirtualClient().connected();
    const remove = scene.client.onState(({ phase }) => {
      if (phase === 'idle') scene.client.connect();
    });
    const stopped = scene.client.disconnect();
    await scene.pass(2000);
    await stopped;
    remove();
    assert.equal(scene.client.state.phase, 'connected');
  });

  it('and started by a listener tells every listener every state, in order', async () => {
    const scene = new VirtualClient();
    const { client } = scene;
    client.onState(({ phase }) => {
      if (phase === 'idle') client.connect();
    });
    const heard: string[] = [];
    client.onState(({ phase }) => void heard.push(phase));
    await scene.connected();
    const stopped = client.disconnect();
    await scene.pass(2000);
    await stopped;
    assert.deepEqual(heard, ['connecting', 'connected', 'closing', 'idle', 'connecting', 'connected']);
    assert.deepEqual(scene.phases, heard);
  });

  it('stays closed: neither connect nor disconnect revives it', async () => {
    const scene = await new VirtualClient().connected();
    await lasting(scene, () => scene.client.close());
    scene.client.connect();
    await lasting(scene, () => scene.client.disconnect());
    assert.equal(scene.client.state.phase, 'closed');
  });

  it('goes from closing to its end, whoever ends the connection meanwhile', async () => {
    const scene = new VirtualClient();
    scene.server.answers = { publish: () => undefined };
    await scene.connected();
    scene.publish('a', 1);
    const stopped = scene.client.disconnect();
    await scene.settle();
    scene.server.connection.close();
    await scene.pass(100);
    await stopped;
    assert.deepEqual(scene.phases, ['connecting', 'connected', 'closing', 'idle']);
    assert.equal(scene.server.attempts.length, 1);
  });

  it('keeps its word when a listener to its state throws, and a person is told', async () => {
    const scene = new VirtualClient();
    scene.client.onState(() => {
      throw new Error('deaf');
    });
    await scene.connected();
    await lasting(scene, () => scene.client.close());
    assert.deepEqual(scene.phases, ['connecting', 'connected', 'closing', 'closed']);
    assert.equal(scene.notices.length, 4);
    assert.match(scene.notices[0]?.message ?? '', /listener to the state failed: deaf/);
  });

  it('is not kept from its end by who reports, if that throws', async () => {
    const scene = new VirtualClient({
      report: () => {
        throw new Error('dumb');
      },
    });
    scene.client.onState(() => {
      throw new Error('deaf');
    });
    await scene.connected();
    await lasting(scene, () => scene.client.close());
    assert.deepEqual(scene.phases, ['connecting', 'connected', 'closing', 'closed']);
  });
});

/** A broker that is slow: what it answers comes when the test says. */
function slowly(scene: VirtualClient): { answer: () => Promise<void> } {
  const held: Packet[] = [];
  const puback = ({ messageId }: Packet): undefined => void held.push({ cmd: 'puback', messageId: messageId ?? 0 });
  scene.server.answers = { publish: puback };
  return {
    answer: async () => {
      scene.server.connection.send(...held.splice(0));
      await scene.settle();
    },
  };
}

describe('An orderly stop', () => {
  it('with nothing to say takes no time, and DISCONNECT is the last packet', async () => {
    const scene = await new VirtualClient().connected();
    const took = await lasting(scene, () => scene.client.close());
    assert.equal(took, 0);
    assert.deepEqual(scene.server.connection.lines, ['connect', 'disconnect']);
  });

  it('sends what was given just before, and waits for its acknowledgement', async () => {
    const scene = new VirtualClient();
    const broker = slowly(scene);
    await scene.connected();
    const outcomes = [1, 1, 2].map((_, index) => scene.publish(`m${index}`, 1));
    const stopped = scene.client.close();
    await scene.pass(300);
    assert.deepEqual(scene.server.connection.all('disconnect'), []);
    await broker.answer();
    await stopped;
    assert.deepEqual(outcomes, [[0], [0], [0]]);
    assert.deepEqual(scene.server.connection.lines.at(-1), 'disconnect');
  });

  it('drains more than one window', async () => {
    const scene = await new VirtualClient().connected();
    const outcomes = Array.from({ length: 100 }, (_, index) => scene.publish(`m${index}`, 2));
    const took = await lasting(scene, () => scene.client.close());
    assert.equal(took, 0);
    assert.ok(outcomes.every((told) => told.length === 1 && told[0] === 0));
  });

  it('acknowledges what it received, so that it does not come again', async () => {
    const scene = await new VirtualClient().connected();
    scene.subscribe('a', new Taker());
    await scene.settle();
    scene.server.connection.send(aPublish({ topic: 'a', qos: 1, messageId: 7 }));
    await lasting(scene, () => scene.client.close());
    assert.deepEqual(scene.server.connection.lines.slice(-2), ['puback 7', 'disconnect']);
  });

  it('publishes the close message behind everything else, before DISCONNECT', async () => {
    const scene = await new VirtualClient({ closing: { topic: 'bye', payload: '', qos: 1 } }).connected();
    scene.publish('a', 1);
    const took = await lasting(scene, () => scene.client.close());
    assert.equal(took, 0);
    assert.deepEqual(
      scene.server.connection.lines.map((line) => line.replace(/ \d+/, '')),
      ['connect', 'publish a', 'publish bye', 'disconnect'],
    );
  });

  for (const closing of [undefined, { topic: 'bye', payload: '', qos: 1 } as const]) {
    it(`takes no more than two seconds with a broker that answers nothing, ${closing ? 'with' : 'without'} a close message`, async () => {
      const scene = new VirtualClient(closing === undefined ? {} : { closing });
      scene.server.answers = { publish: () => undefined };
      await scene.connected();
      scene.publish('a', 1);
      await scene.settle();
      scene.server.connection.closes = false;
      const took = await lasting(scene, () => scene.client.close());
      assert.ok(took <= 2000, `it took ${took} ms`);
      assert.equal(scene.server.connection.lines.at(-1), 'disconnect');
      assert.equal(
        scene.server.connection.lines.some((line) => line.startsWith('publish bye')),
        closing !== undefined,
      );
    });
  }

  it('says goodbye at QoS 0 when as much is under way as the broker takes, and nothing of it is answered', async () => {
    const scene = new VirtualClient({ closing: { topic: 'bye', payload: 'offline', qos: 1, retain: true } });
    scene.server.answers = { publish: () => undefined };
    await scene.connected();
    for (let n = 0; n < 30; n++) scene.publish('a', 1);
    await scene.settle();
    const took = await lasting(scene, () => scene.client.close());
    assert.ok(took <= 2000, `it took ${took} ms`);
    assert.deepEqual(scene.server.connection.lines.slice(-2), ['publish bye', 'disconnect']);
    const bye = scene.server.connection.all('publish').at(-1);
    assert.deepEqual([bye?.qos, bye?.retain, String(bye?.payload)], [0, true, 'offline']);
    assert.equal(scene.server.connection.all('publish').length, 21);
  });

  it('takes no more than two seconds with a broker that takes nothing', async () => {
    const scene = await new VirtualClient({ closing: { topic: 'bye', payload: '', qos: 0 } }).connected();
    scene.server.connection.peer.accepts = false;
    scene.server.connection.closes = false;
    scene.publish('a', 1);
    const took = await lasting(scene, () => scene.client.close());
    assert.ok(took <= 2000, `it took ${took} ms`);
  });

  it('publishes the close message once, though who is told an outcome closes again', async () => {
    const scene = await new VirtualClient({ closing: { topic: 'bye', payload: '', qos: 0 } }).connected();
    const closes: Promise<void>[] = [];
    scene.client.publish({ topic: 'a', payload: '', qos: 0 }, () => void closes.push(scene.client.close()));
    await lasting(scene, () => scene.client.close());
    assert.equal(closes.length, 1);
    await Promise.all(closes);
    assert.equal(scene.server.connection.lines.filter((line) => line === 'publish bye').length, 1);
  });

  it('with a reason that fits in no packet is refused when the client is made, not when it ends', () => {
    for (const [disconnectProperties, named] of [
      [{ reasonString: 'x'.repeat(70_000) }, /reason string of the disconnect/],
      [{ userProperties: [['k', 'x'.repeat(70_000)]] }, /user property "k"/],
      [{ sessionExpiryInterval: 60 }, /cannot be kept by the disconnect/],
      [{ sessionExpiryInterval: -1 }, /session expiry of the disconnect is -1/],
      [{ serverReference: 'other' }, /server reference/],
    ] as const) {
      assert.throws(
        () => new VirtualClient({ disconnectProperties }),
        (error) => error instanceof MqttError && error.code === 'invalid-options' && named.test(error.message),
      );
    }
  });

  it('says goodbye on its own connection only: the next begins with the birth message', async () => {
    const scene = new VirtualClient({
      cleanStart: false,
      birth: { topic: 'online', payload: '', qos: 1, retain: true },
      closing: { topic: 'offline', payload: '', qos: 1, retain: true },
    });
    scene.server.answers = { publish: () => undefined };
    await scene.connected();
    await lasting(scene, () => scene.client.disconnect());
    scene.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0 }) };
    await scene.connected();
    assert.deepEqual(
      scene.server.connection.lines.map((line) => line.replace(/ \d+/, '')),
      ['connect', 'publish online'],
    );
  });
});

describe('What waits when a client is closed', () => {
  it('is settled once with "closed" when the client has no store of its own to leave it to', async () => {
    const scene = new VirtualClient();
    const outcomes = scene.publish('a', 1);
    await lasting(scene, () => scene.client.close());
    assert.equal(outcomes.length, 1);
    assert.match(String(outcomes[0]), /the connection was closed/);
  });

  it('is told to everybody, though one of them throws', async () => {
    const scene = new VirtualClient();
    scene.client.publish({ topic: 'a', payload: '', qos: 1 }, () => {
      throw new Error('no patience');
    });
    const outcomes = scene.publish('b', 1);
    await lasting(scene, () => scene.client.close());
    assert.equal(outcomes.length, 1);
    assert.match(scene.notices[0]?.message ?? '', /no patience/);
  });
});
