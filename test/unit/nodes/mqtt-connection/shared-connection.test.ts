import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import { MemoryStore, MqttError } from '../../../../src/index.ts';
import { deferred } from '../../../../src/util/deferred.ts';
import { record } from '../../store/contract.ts';
import { ConnectionSettings } from '../../../../nodes/mqtt-connection/connection-settings.ts';
import type { EarlyMessage } from '../../../../nodes/mqtt-connection/early-messages.ts';
import type { Reporter } from '../../../../nodes/mqtt-connection/reports.ts';
import { SharedConnection } from '../../../../nodes/mqtt-connection/shared-connection.ts';

/** Settings whose client dials nobody: each dial is counted, and lasts until it is given up. */
class Undialled extends ConnectionSettings {
  dials = 0;
  /** Whether nobody is there: each attempt fails at once. */
  refuses = false;

  override options(): ReturnType<ConnectionSettings['options']> {
    return { ...super.options(), dial: (_server, _options, signal) => this.#dial(signal) };
  }

  #dial(signal: AbortSignal): Promise<never> {
    this.dials += 1;
    if (this.refuses) return Promise.reject(new MqttError('unreachable', 'nobody is there', { retryable: true }));
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));
  }
}

function undialled(more: object = {}, store: () => MemoryStore = () => new MemoryStore()): Undialled {
  const sources = {
    login: {},
    tls: () => undefined,
    generatedClientId: 'generated',
    reconnectTime: undefined,
    store,
  };
  return new Undialled({ broker: 'broker.invalid', clientid: 'posthorn', ...more }, sources);
}

const SILENT = { log: () => undefined, warn: () => undefined, error: () => undefined };

function shared(
  settings: ConnectionSettings,
  opening?: Promise<unknown>,
  reporter: Reporter = SILENT,
): SharedConnection {
  return new SharedConnection(settings, reporter, opening);
}

/** A flow node that uses a connection. */
const USER = { node: {} as Node, subscribesLate: false, publishes: false, show: () => undefined };

const CLOSED = (error: unknown): boolean => error instanceof MqttError && error.code === 'closed';

describe('a connection that was closed', () => {
  it('is not made anew by a connect with other settings whose turn comes later', async () => {
    const settings = undialled();
    const connection = shared(settings);
    connection.configure({ clientid: 'other' });
    const closing = connection.close();
    await assert.rejects(connection.connect(), CLOSED);
    await closing;
    assert.equal(connection.state.phase, 'closed');
    assert.equal(settings.dials, 0);
  });

  it('is not made anew by a connect whose turn had begun', async () => {
    const settings = undialled();
    const connection = shared(settings);
    connection.configure({ clientid: 'other' });
    const connecting = assert.rejects(connection.connect(), CLOSED);
    await connection.close();
    await connecting;
    assert.equal(connection.state.phase, 'closed');
  });

  it('answers a connect with the settings of before, instead of leaving it without an answer', async () => {
    const connection = shared(undialled());
    await connection.close();
    await assert.rejects(connection.connect(), CLOSED);
  });

  it('ends the attempt that somebody waits for with an error', async () => {
    const settings = undialled();
    const connection = shared(settings);
    const connecting = assert.rejects(connection.connect(), CLOSED);
    while (settings.dials === 0) await Promise.resolve();
    await connection.close();
    await connecting;
  });

  it('is disconnected already: a disconnect has nothing to do', async () => {
    const connection = shared(undialled());
    await connection.close();
    await connection.disconnect();
    await connection.destroy();
    assert.equal(connection.state.phase, 'closed');
  });

  it('takes no message', async () => {
    const connection = shared(undialled());
    await connection.close();
    const error = await new Promise((settle) => connection.publish({ topic: 'a', payload: 'x' }, settle));
    assert.ok(CLOSED(error));
  });
});

/** What a flow gives a connection before its session is open. */
function early(connection: SharedConnection, told: unknown[], qos: 0 | 1 = 1, bytes = 1): EarlyMessage {
  const done = (error?: Error): void => void told.push(error?.message);
  return { topic: 'a', bytes, publish: () => connection.publish({ topic: 'a', payload: 'x', qos }, done), done };
}

describe('a connection whose session is being opened', () => {
  it('keeps what flows give it within the limits of the outbox, and tells who gave the rest', async () => {
    const opening = deferred<void>();
    const connection = shared(undialled({ maxMessages: 3, maxBytes: 1 }), opening.promise);
    const told: unknown[] = [];
    connection.whenOpen(early(connection, told, 1, 1024 * 1024));
    connection.whenOpen(early(connection, told, 1, 1));
    connection.whenOpen(early(connection, told, 1, 0));
    connection.whenOpen(early(connection, told, 1, 0));
    connection.whenOpen(early(connection, told, 1, 0));
    await connection.told();
    const why = 'not accepted for a: the session is not open yet, and the outbox is full';
    assert.deepEqual(told, [`${why} (1048576 bytes are waiting)`, `${why} (3 messages are waiting)`]);
    opening.resolve();
    await connection.close();
  });

  it('and that no node uses when it is, connects for what waits, and says so', async () => {
    const store = new MemoryStore();
    store.put(record(1, { step: 'queued' }, 1));
    const settings = undialled({}, () => store);
    const opening = deferred<void>();
    const warnings: string[] = [];
    const connection = shared(settings, opening.promise, { ...SILENT, warn: (text) => warnings.push(text) });
    connection.flowsStarted();
    opening.resolve();
    while (settings.dials === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.match(warnings.join(), /^1 message waits, and no node uses this connection any more/);
    await connection.close();
  });

  it('that hangs, and is closed, ends all the same, though not before the connection of before may have: what was given before is told', async () => {
    let clients = 0;
    const settings = undialled({}, () => {
      clients += 1;
      return new MemoryStore();
    });
    const opening = deferred<void>();
    const waits: number[] = [];
    const connection = new SharedConnection(settings, SILENT, opening.promise, (milliseconds, fire) => {
      waits.push(milliseconds);
      setImmediate(fire);
      return () => undefined;
    });
    const told: unknown[] = [];
    connection.whenOpen(early(connection, told));
    await connection.close();
    await connection.told();
    assert.deepEqual([told, waits], [['the connection was closed'], [6000]]);
    const error = await new Promise((settle) => connection.publish({ topic: 'a', payload: 'x' }, settle));
    assert.ok(CLOSED(error));
    opening.resolve();
    await assert.rejects(connection.connect(), CLOSED);
    assert.equal(clients, 0, 'the session is the next connection’s');
  });

  it('tries to connect before it takes what flows gave it: QoS 0 waits for the attempt, as with a session in memory', async () => {
    const opening = deferred<void>();
    const settings = undialled();
    const connection = shared(settings, opening.promise);
    connection.register(USER);
    connection.flowsStarted();
    const told: unknown[] = [];
    connection.whenOpen(early(connection, told, 0));
    opening.resolve();
    while (settings.dials === 0) await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(told, []);
    await connection.close();
  });
});

describe('a connection that a deploy hands on', () => {
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('and that waits for its next attempt tries at once, unless a flow disconnected', async () => {
    for (const isParted of [false, true]) {
      const settings = undialled();
      settings.refuses = true;
      const connection = shared(settings);
      connection.register(USER);
      connection.flowsStarted();
      while (connection.state.phase !== 'waiting') await nextTurn();
      if (isParted) await connection.disconnect();
      connection.flowsStopping();
      connection.handedOver();
      connection.flowsStarted();
      for (let turns = 0; turns < 20; turns++) await nextTurn();
      assert.equal(settings.dials, isParted ? 1 : 2);
      await connection.close();
    }
  });

  it('tells the new flows why its settings make no sense', async () => {
    const errors: unknown[] = [];
    const settings = undialled({ url: 'mqtt://' });
    const connection = shared(settings, undefined, { ...SILENT, error: (error) => void errors.push(error) });
    assert.equal(errors.length, 0);
    connection.flowsStarted();
    assert.equal(errors.length, 1);
    connection.handedOver();
    connection.flowsStarted();
    assert.equal(errors.length, 2);
    await connection.close();
  });

  it('without any node disconnects', async () => {
    const settings = undialled();
    const connection = shared(settings);
    connection.register(USER);
    connection.flowsStarted();
    while (settings.dials === 0) await nextTurn();
    connection.flowsStopping();
    await connection.deregister(USER, false);
    connection.handedOver();
    connection.flowsStarted();
    for (let turns = 0; turns < 20 && connection.state.phase !== 'idle'; turns++) await nextTurn();
    assert.equal(connection.state.phase, 'idle');
    await connection.close();
  });
});

describe('a connection whose session moves', () => {
  /** A connection over a store that may be another one for each client. */
  function moving(): { settings: Undialled; connection: SharedConnection; move: () => void; stores: MemoryStore[] } {
    const stores = [new MemoryStore(), new MemoryStore()];
    let store = stores[0] ?? assert.fail();
    const settings = undialled({}, () => store);
    const move = (): void => {
      const [first, second] = stores;
      assert.ok(first !== undefined && second !== undefined);
      for (const message of first.load().outgoing) second.put(message);
      store = second;
    };
    return { settings, connection: shared(settings), move, stores };
  }

  it('goes on with another client, which has what waits, and tries to connect as the last one did', async () => {
    const { settings, connection, move, stores } = moving();
    connection.register(USER);
    connection.flowsStarted();
    connection.publish({ topic: 'a', payload: 'x', qos: 1 }, () => assert.fail('it has no outcome yet'));
    while (settings.dials < 1) await new Promise((resolve) => setImmediate(resolve));
    await connection.moveSession(move);
    while (settings.dials < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(stores[1]?.load().outgoing.length, 1);
    assert.equal(connection.state.phase, 'connecting');
    connection.publish({ topic: 'b', payload: 'x', qos: 1 }, () => assert.fail('it has no outcome yet'));
    assert.equal(stores[1]?.load().outgoing.length, 2);
    await connection.close();
  });

  it('stays where it is in a deploy: messages wait in its client for nodes that come back', async () => {
    const { connection, move, stores } = moving();
    connection.publish({ topic: 'a', payload: 'x', qos: 1 }, () => assert.fail('it has no outcome yet'));
    connection.flowsStopping();
    await connection.moveSession(move);
    assert.equal(stores[1]?.load().outgoing.length, 0);
    connection.flowsStarted();
    await connection.moveSession(move);
    assert.equal(stores[1]?.load().outgoing.length, 1);
    await connection.close();
  });

  it('does not connect where a flow disconnected', async () => {
    const { settings, connection, move } = moving();
    await connection.moveSession(move);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(settings.dials, 0);
    await connection.close();
  });

  it('makes no client where it was closed', async () => {
    const { settings, connection, move, stores } = moving();
    connection.publish({ topic: 'a', payload: 'x', qos: 1 }, () => assert.fail('it has no outcome yet'));
    const closing = connection.close();
    await connection.moveSession(move);
    await closing;
    assert.equal(connection.state.phase, 'closed');
    assert.equal(settings.dials, 0);
    assert.equal(stores[1]?.load().outgoing.length, 1);
  });
});

describe('other subscribers of a connection', () => {
  const OPTIONS = { qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;
  const ignore = (): void => undefined;

  it('are those who subscribe now: not oneself, who only publishes, or who ended it', async () => {
    const connection = shared(undialled());
    const [one, two] = ['one', 'two'].map((ref) => ({ ref, receive: ignore }));
    assert.ok(one !== undefined && two !== undefined);
    connection.register({ ...USER, publishes: true });
    connection.subscribe('a', one, OPTIONS, ignore);
    connection.subscribe('b', one, OPTIONS, ignore);
    assert.deepEqual([connection.hasOtherSubscribers(one), connection.hasOtherSubscribers(two)], [false, true]);
    connection.subscribe('c', two, OPTIONS, ignore);
    assert.equal(connection.hasOtherSubscribers(one), true);
    connection.unsubscribe('c', 'two');
    assert.equal(connection.hasOtherSubscribers(one), false);
    connection.subscribe('d', two, { ...OPTIONS, qos: 0 }, ignore);
    assert.equal(connection.hasOtherSubscribers(one), false, 'at QoS 0 nobody waits for an acknowledgement');
    await connection.close();
  });
});
