import assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import { type VirtualConnection } from '../../support/virtual-server.ts';
import { VirtualClient } from '../../support/virtual-client.ts';

/** What a Server does with a CONNECT of a version: accepts it, hangs up, or refuses it by its code. */
type Conduct = 'accepts' | 'hangs up' | number;

const UNKNOWN_VERSION = 0x01;

/** Lets the Server treat MQTT 5 and 3.1.1 so from now on. */
function treats(scene: VirtualClient, five: Conduct, four: Conduct): void {
  scene.server.dialled = (attempt) => {
    const connection = attempt.accept();
    connection.answers = { connect: ({ protocolVersion }) => answer(connection, protocolVersion === 5 ? five : four) };
  };
}

function answer(connection: VirtualConnection, conduct: Conduct): Packet | undefined {
  if (conduct === 'hangs up') {
    connection.close();
    return undefined;
  }
  const code = conduct === 'accepts' ? 0 : conduct;
  if (code === UNKNOWN_VERSION) {
    // A broker that knows nothing of MQTT 5 answers as 3.1.1 does.
    connection.peer.send(Buffer.from([0x20, 2, 0, UNKNOWN_VERSION]));
    return undefined;
  }
  return { cmd: 'connack', sessionPresent: false, returnCode: code, reasonCode: code };
}

/** The versions that were asked for so far. */
function asked({ server }: VirtualClient): (number | undefined)[] {
  return server.connections.map((connection) => connection.all('connect')[0]?.protocolVersion);
}

/** The connection is lost, and the client tries until it has another. */
async function lost(scene: VirtualClient): Promise<void> {
  scene.server.connection.close();
  await scene.settle();
  for (let step = 0; step < 100 && scene.client.state.phase !== 'connected'; step++) await scene.pass(1000);
  assert.equal(scene.client.state.phase, 'connected');
}

describe('A client that finds the protocol version by itself', () => {
  const auto = { protocolVersion: 'auto' } as const;

  it('speaks MQTT 5 with a broker that does, from then on', async () => {
    const scene = new VirtualClient(auto);
    await scene.connected();
    treats(scene, 'hangs up', 'accepts');
    scene.server.connection.close();
    await scene.pass(5000);
    assert.equal(scene.client.protocolVersion, 5);
    assert.ok(asked(scene).every((version) => version === 5));
  });

  for (const code of [0x84, UNKNOWN_VERSION]) {
    it(`speaks 3.1.1 at once, and from then on, with a broker that refuses 5 by 0x${code.toString(16)} [MQTT-3.1.2-2]`, async () => {
      const scene = new VirtualClient(auto);
      treats(scene, code, 'accepts');
      await scene.connected();
      await lost(scene);
      await lost(scene);
      assert.deepEqual(asked(scene), [5, 4, 4, 4]);
    });
  }

  it('speaks 3.1.1 with a broker that hangs up on 5, and tries 5 once more at the next connection', async () => {
    const scene = new VirtualClient(auto);
    treats(scene, 'hangs up', 'accepts');
    await scene.connected();
    for (let n = 0; n < 3; n++) await lost(scene);
    assert.deepEqual(asked(scene), [5, 4, 5, 4, 4, 4]);
  });

  it('is not downgraded for life by one hang-up, as of a proxy whose broker was starting', async () => {
    const scene = new VirtualClient(auto);
    treats(scene, 'hangs up', 'accepts');
    await scene.connected();
    treats(scene, 'accepts', 'accepts');
    await lost(scene);
    await lost(scene);
    assert.deepEqual(asked(scene), [5, 4, 5, 5]);
  });

  it('is not downgraded for life by a proxy that hung up on everything for a while', async () => {
    const scene = new VirtualClient(auto);
    treats(scene, 'hangs up', 'hangs up');
    scene.client.connect();
    await scene.pass(5000);
    treats(scene, 'hangs up', 'accepts');
    for (let step = 0; step < 100 && scene.client.state.phase !== 'connected'; step++) await scene.pass(1000);
    assert.equal(scene.client.protocolVersion, 4);
    treats(scene, 'accepts', 'accepts');
    await lost(scene);
    assert.equal(scene.client.protocolVersion, 5);
  });

  it('does not take another refusal for one of the version', async () => {
    const scene = new VirtualClient(auto);
    treats(scene, 0x87, 'accepts');
    scene.client.connect();
    await scene.pass(60_000);
    assert.ok(asked(scene).length > 1);
    assert.ok(asked(scene).every((version) => version === 5));
  });

  it('tries no other version when one was chosen', async () => {
    const scene = new VirtualClient({ protocolVersion: 5 });
    treats(scene, 0x84, 'accepts');
    scene.client.connect();
    await scene.pass(60_000);
    assert.ok(asked(scene).every((version) => version === 5));
  });
});
