import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import { MemoryStore, MqttError } from '../../../../src/index.ts';
import { deferred } from '../../../../src/util/deferred.ts';
import { ConnectionSettings } from '../../../../nodes/mqtt-connection/connection-settings.ts';
import { SharedConnection } from '../../../../nodes/mqtt-connection/shared-connection.ts';

/** Settings whose client dials nobody: each dial is counted, and lasts until it is given up. */
class Undialled extends ConnectionSettings {
  dials = 0;

  override options(): ReturnType<ConnectionSettings['options']> {
    return { ...super.options(), dial: (_server, _options, signal) => this.#dial(signal) };
  }

  #dial(signal: AbortSignal): Promise<never> {
    this.dials += 1;
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));
  }
}

function undialled(): Undialled {
  const sources = {
    login: {},
    tls: () => undefined,
    generatedClientId: 'generated',
    reconnectTime: undefined,
    store: () => new MemoryStore(),
  };
  return new Undialled({ broker: 'broker.invalid', clientid: 'posthorn' }, sources);
}

const SILENT = { log: () => undefined, warn: () => undefined, error: () => undefined };

function shared(settings: ConnectionSettings, opening?: Promise<unknown>): SharedConnection {
  return new SharedConnection(settings, SILENT, opening);
}

/** A flow node that uses a connection. */
const USER = { node: {} as Node, subscribesLate: false, show: () => undefined };

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

describe('a connection whose session is being opened', () => {
  it('tries to connect before it takes what flows gave it: QoS 0 waits for the attempt, as with a session in memory', async () => {
    const opening = deferred<void>();
    const settings = undialled();
    const connection = shared(settings, opening.promise);
    connection.register(USER);
    connection.flowsStarted();
    const told: unknown[] = [];
    connection.whenOpen(() => connection.publish({ topic: 'a', payload: 'x', qos: 0 }, (error) => told.push(error)));
    opening.resolve();
    while (settings.dials === 0) await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(told, []);
    await connection.close();
  });
});
