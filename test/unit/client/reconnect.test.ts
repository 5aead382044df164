import assert from 'node:assert/strict';
import { dial } from '../../../src/transport/dial.ts';
import { parseServer } from '../../../src/transport/server.ts';
import { MqttError } from '../../../src/protocol/errors.ts';
import { Taker, VirtualClient } from '../../support/virtual-client.ts';

/** Milliseconds of the waits so far, as a person was told them. */
function waits({ states, clock }: VirtualClient): number[] {
  const told = states.filter((state) => state.phase === 'waiting');
  return told.map(({ until }) => until - clock.epoch);
}

/** The moments of the dials, from the first on. */
async function dialTimes(scene: VirtualClient, count: number): Promise<number[]> {
  const moments: number[] = [];
  const { dialled } = scene.server;
  scene.server.dialled = (attempt) => {
    moments.push(scene.clock.now());
    dialled(attempt);
  };
  scene.client.connect();
  while (moments.length < count) await scene.pass(100);
  return moments.slice(1).map((moment, index) => moment - (moments[index] ?? 0));
}

const ALWAYS_LATEST = { random: () => 0.999 };

describe('A broker that never answers a SUBSCRIBE', () => {
  it('gets messages all the same, at the latest half a minute and a PINGREQ after two connections without fruit', async () => {
    const scene = new VirtualClient({ keepAlive: 20 });
    scene.server.answers = { subscribe: () => undefined, publish: () => undefined };
    scene.subscribe('a', new Taker());
    const outcomes = scene.publish('b', 1);
    await scene.connected();
    for (let lost = 0; lost < 2; lost++) {
      assert.equal(scene.server.connection.all('publish').length, 1);
      scene.server.connection.close();
      await scene.pass(1000);
    }
    assert.equal(scene.server.connection.all('publish').length, 0, 'waits for the proof');
    scene.server.connection.answers = { subscribe: () => undefined };
    await scene.pass(60_000);
    assert.equal(scene.server.connection.all('publish').length, 1);
    assert.deepEqual(outcomes, [0]);
  });
});

describe('The subscriptions of a kept session', () => {
  const failure = (code: string): Error => Object.assign(new Error(code), { code });

  it('are not asked for again behind every later end, for one end at which the broker may have died', async () => {
    const scene = new VirtualClient({ cleanStart: false, sessionExpiryInterval: 3600 });
    scene.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0, reasonCode: 0 }) };
    scene.subscribe('a', new Taker());
    await scene.connected();
    for (const cause of [undefined, failure('ETIMEDOUT')]) {
      scene.server.connection.close(cause);
      await scene.pass(10_000);
    }
    assert.deepEqual(
      scene.server.connections.map((connection) => connection.all('subscribe').length),
      [1, 1, 0],
    );
  });

  /** How many SUBSCRIBEs the second connection got, after the first one ended and before it some attempts failed. */
  async function askedAgain(end: (scene: VirtualClient) => void, ...refusals: readonly Error[]): Promise<number> {
    const scene = new VirtualClient({ cleanStart: false, sessionExpiryInterval: 3600, keepAlive: 10 });
    scene.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0, reasonCode: 0 }) };
    scene.subscribe('a', new Taker());
    await scene.connected();
    const accept = scene.server.dialled;
    const left = [...refusals];
    scene.server.dialled = (attempt) => {
      const cause = left.shift();
      if (cause === undefined) accept(attempt);
      else attempt.refuse(new MqttError('unreachable', cause.message, { cause, retryable: true }));
    };
    end(scene);
    await scene.pass(60_000);
    assert.equal(scene.server.connections.length, 2);
    assert.equal(scene.client.state.phase, 'connected');
    return scene.server.connection.all('subscribe').length;
  }

  const close = (code?: string) => (scene: VirtualClient) =>
    scene.server.connection.close(code === undefined ? undefined : failure(code));
  const silence = ({ server }: VirtualClient): void => {
    server.connection.answers = { pingreq: () => undefined };
  };

  it('are asked for once more where the broker may have been killed, and have come back with an older one', async () => {
    assert.equal(await askedAgain(close()), 1, 'end of the stream');
    assert.equal(await askedAgain(close('ECONNRESET')), 1, 'reset');
    assert.equal(await askedAgain(close('EPIPE')), 1, 'found out by a write');
    assert.equal(await askedAgain(silence, failure('EHOSTUNREACH'), failure('ECONNREFUSED')), 1, 'refused meanwhile');
  });

  it('are not where only the network broke', async () => {
    assert.equal(await askedAgain(close('ETIMEDOUT')), 0);
    assert.equal(await askedAgain(silence, failure('EHOSTUNREACH')), 0);
  });
});

describe('A client that cannot reach its broker', () => {
  it('waits longer after each failure, up to the maximum', async () => {
    const scene = new VirtualClient(ALWAYS_LATEST);
    scene.server.dialled = (attempt) => attempt.refuse(new MqttError('unreachable', 'refused', { retryable: true }));
    const gaps = await dialTimes(scene, 8);
    assert.deepEqual(
      gaps.map((gap) => Math.round(gap / 1000)),
      [1, 2, 4, 8, 16, 30, 30],
    );
  });

  it('waits longer too when each attempt takes its whole time: a dial that hangs has not held', async () => {
    const scene = new VirtualClient({ ...ALWAYS_LATEST, connectTimeout: 30_000 });
    scene.server.dialled = () => undefined;
    const gaps = await dialTimes(scene, 8);
    assert.deepEqual(
      gaps.map((gap) => Math.round((gap - 30_000) / 1000)),
      [1, 2, 4, 8, 16, 30, 30],
    );
  });

  it('waits longer too when the broker accepts connections and does not answer CONNECT', async () => {
    const scene = new VirtualClient({ ...ALWAYS_LATEST, connectTimeout: 30_000 });
    scene.server.answers = { connect: () => undefined };
    const gaps = await dialTimes(scene, 8);
    assert.deepEqual(
      gaps.map((gap) => Math.round((gap - 30_000) / 1000)),
      [1, 2, 4, 8, 16, 30, 30],
    );
  });

  it('says how often it tried, why it waits, and until when', async () => {
    const scene = new VirtualClient(ALWAYS_LATEST);
    scene.server.dialled = (attempt) => attempt.refuse(new Error('no route'));
    scene.client.connect();
    await scene.pass(1500);
    const [first, waiting, second] = scene.states;
    assert.deepEqual(first, { phase: 'connecting', server: 'mqtt://broker:1883', attempt: 1, cause: undefined });
    assert.ok(waiting?.phase === 'waiting' && waiting.attempt === 1);
    assert.equal(waiting.cause.message, 'no route');
    assert.deepEqual(
      waits(scene).map((until) => until - 1000),
      [999, 999 + 1998],
    );
    assert.deepEqual(second, {
      phase: 'connecting',
      server: 'mqtt://broker:1883',
      attempt: 2,
      cause: waiting.cause,
    });
  });

  it('gives up an attempt after its time, and what the dial then answers is not used', async () => {
    const scene = new VirtualClient({ connectTimeout: 5000 });
    scene.server.dialled = () => undefined;
    scene.client.connect();
    await scene.pass(5000);
    const [attempt] = scene.server.attempts;
    assert.equal(attempt?.signal.aborted, true);
    const waiting = scene.states[1];
    assert.ok(waiting?.phase === 'waiting');
    assert.equal(waiting.cause.message, 'mqtt://broker:1883 did not answer within 5 s');
    await scene.client.close();
  });
});

describe('A client that lost its connection', () => {
  it('begins the delays anew only after the connection held', async () => {
    const scene = new VirtualClient({ ...ALWAYS_LATEST, backoff: { stableAfter: 10_000 } });
    await scene.connected();
    for (const held of [9999, 9999, 10_000, 9999]) {
      await scene.pass(held);
      scene.server.connection.close();
      await scene.settle();
      while (scene.client.state.phase !== 'connected') await scene.pass(0.5);
    }
    const attempts = scene.states.filter((state) => state.phase === 'connecting').map(({ attempt }) => attempt);
    assert.deepEqual(attempts, [1, 2, 3, 1, 2]);
  });

  it('does not count the time before the CONNACK: a slow broker gets its clients back no faster', async () => {
    const scene = new VirtualClient({ ...ALWAYS_LATEST, backoff: { stableAfter: 10_000 }, connectTimeout: 60_000 });
    scene.server.answers = { connect: () => undefined };
    scene.client.connect();
    for (let round = 0; round < 3; round++) {
      await scene.pass(20_000);
      const { connection } = scene.server;
      connection.send({ cmd: 'connack', sessionPresent: false, returnCode: 0 });
      await scene.settle();
      connection.close();
      await scene.pass(5000);
    }
    const attempts = scene.states.filter((state) => state.phase === 'connecting').map(({ attempt }) => attempt);
    assert.deepEqual(attempts, [1, 2, 3, 4]);
  });

  it('sends again what was not acknowledged, and settles it once', async () => {
    const scene = new VirtualClient({ cleanStart: false });
    scene.server.answers = { publish: () => undefined };
    await scene.connected();
    const outcomes = scene.publish('a', 1);
    await scene.settle();
    scene.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0 }) };
    scene.server.connection.close();
    await scene.pass(1000);
    const [first, second] = scene.server.connections.map((connection) => connection.all('publish')[0]?.messageId);
    assert.equal(first, second);
    assert.deepEqual(scene.server.connection.lines, ['connect', `publish a ${first} dup`]);
    assert.deepEqual(outcomes, [0]);
  });

  it('settles QoS 0 that the connection did not take with the reason, once', async () => {
    const scene = await new VirtualClient().connected();
    scene.server.connection.peer.accepts = false;
    const taken = scene.publish('a', 0);
    await scene.settle();
    const waiting = scene.publish('b', 0);
    await scene.settle();
    scene.server.connection.close();
    await scene.settle();
    assert.deepEqual(taken, [0]);
    assert.equal(waiting.length, 1);
    assert.match(String(waiting[0]), /not sent: connection to mqtt:\/\/broker:1883 was lost/);
  });
});

describe('An attempt that is ended', () => {
  it('is not told as a broker that cannot be reached', async () => {
    const stop = new AbortController();
    const aborted = new Error('the operation was aborted');
    const webSocketAgent = (_url: string, signal: AbortSignal): Promise<undefined> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(aborted), { once: true });
      });
    const options = { tls: {}, subprotocol: 'mqtt', maximumMessageSize: 100, webSocketAgent };
    const dialled = dial(parseServer('ws://broker'), options, stop.signal);
    stop.abort();
    await assert.rejects(dialled, (error) => error === aborted);
  });
});

describe('A broker that refuses an attempt', () => {
  it('has answered it: what was on its way in the session is told as it was before', async () => {
    const scene = new VirtualClient({ cleanStart: false });
    const { server } = scene;
    server.answers = {
      connect: () => {
        const refused = server.connections.length === 2;
        return { cmd: 'connack', sessionPresent: server.connections.length > 2, returnCode: refused ? 3 : 0 };
      },
      pubrel: ({ messageId = 0 }) => (server.connections.length === 1 ? undefined : { cmd: 'pubcomp', messageId }),
    };
    await scene.connected();
    const outcomes = scene.publish('a', 2);
    await scene.settle();
    server.connection.close();
    await scene.pass(60_000);
    assert.equal(scene.client.state.phase, 'connected');
    assert.deepEqual(outcomes, [0]);
  });
});
