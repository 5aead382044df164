import assert from 'node:assert/strict';
import type { NodeAPI } from 'node-red';
import { exportedMessage } from '../../../../nodes/common/exported-message.ts';
import { serveOutbox } from '../../../../nodes/mqtt-connection/outbox-endpoints.ts';
import { ConnectionSettings } from '../../../../nodes/mqtt-connection/connection-settings.ts';
import { SharedConnection } from '../../../../nodes/mqtt-connection/shared-connection.ts';
import { MemoryStore, type Message, type TopicName } from '../../../../src/index.ts';

/** Routes, and the permission that each asks for. */
function routes(): string[] {
  const found: string[] = [];
  const note = (method: string) => (path: string, permission: string) =>
    void found.push(`${method} ${path} needs ${permission}`);
  const RED = { httpAdmin: { get: note('GET'), delete: note('DELETE') }, auth: { needsPermission: (p: string) => p } };
  serveOutbox(RED as unknown as NodeAPI, () => Promise.resolve(false));
  return found;
}

describe('What the editor may ask about an outbox', () => {
  it('is to look by who may look, and to discard by who may change', () => {
    assert.deepEqual(routes(), [
      'GET /posthorn/outbox/:id needs mqtt-connection.read',
      'GET /posthorn/outbox/:id/messages needs mqtt-connection.read',
      'DELETE /posthorn/outbox/:id/messages needs mqtt-connection.write',
    ]);
  });
});

type Handler = (request: { params: object }, response: object) => void;

/** What is answered to the question how much waits at `c`. */
function answered(node: unknown, hasSession: boolean): Promise<unknown> {
  let ask: Handler | undefined;
  const get = (path: string, _permission: string, handler: Handler): void => {
    if (path.endsWith(':id')) ask = handler;
  };
  const RED = {
    httpAdmin: { get, delete: () => undefined },
    auth: { needsPermission: (permission: string) => permission },
    nodes: { getNode: () => node },
  };
  serveOutbox(RED as unknown as NodeAPI, () => Promise.resolve(hasSession));
  return new Promise((resolve) => ask?.({ params: { id: 'c' } }, { json: resolve, sendStatus: resolve }));
}

/** A connection whose session is all there, or perhaps not. */
function connectionNode(isWhole: boolean): object {
  const sources = {
    login: {},
    tls: () => undefined,
    generatedClientId: 'generated',
    reconnectTime: undefined,
    store: () => new MemoryStore(),
    isWhole: () => isWhole,
  };
  const reporter = { log: () => undefined, warn: () => undefined, error: () => undefined };
  return { connection: new SharedConnection(new ConnectionSettings({ broker: 'broker.invalid' }, sources), reporter) };
}

describe('How much waits', () => {
  it('is not known where the session is not there as it was', async () => {
    const nothing = { messages: 0, bytes: 0, oldest: 0 };
    assert.deepEqual(await answered(connectionNode(true), false), { isKnown: true, ...nothing });
    assert.deepEqual(await answered(connectionNode(false), false), { isKnown: false, ...nothing });
  });

  it('is not known of a node that does not run and has a session: its flows were stopped, or did not start', async () => {
    assert.deepEqual(await answered(null, true), { isKnown: false, messages: 0, bytes: 0, oldest: 0 });
    assert.equal(await answered(null, false), 204);
  });

  it('is no question to a node of another kind', async () => {
    assert.equal(await answered({ connection: { outbox: undefined } }, false), 204);
  });
});

describe('A message in an export', () => {
  const text = Buffer.from('hällo');
  const message: Message = { topic: 'a' as TopicName, qos: 2, retain: true, payload: text, properties: undefined };

  it('is named as mqtt-out reads it, with when it was accepted', () => {
    assert.deepEqual(exportedMessage({ message, age: 1000, mayHaveLeft: true }, Date.UTC(2026, 0, 2, 3, 4, 6)), {
      topic: 'a',
      qos: 2,
      retain: true,
      payload: 'hällo',
      acceptedAt: '2026-01-02T03:04:05.000Z',
      sent: true,
    });
  });

  it('has its properties; what is no text is in Base64', () => {
    const properties = {
      responseTopic: 'r',
      correlationData: Buffer.from([1, 2]),
      contentType: 'x/y',
      messageExpiryInterval: 9,
      userProperties: [
        ['k', 'one'],
        ['k', 'two'],
      ] as const,
    };
    const exported = exportedMessage(
      { message: { ...message, payload: Buffer.from([0xff]), properties }, age: 0, mayHaveLeft: false },
      0,
    );
    assert.deepEqual(exported, {
      topic: 'a',
      qos: 2,
      retain: true,
      payloadBase64: '/w==',
      responseTopic: 'r',
      correlationData: 'AQI=',
      contentType: 'x/y',
      messageExpiryInterval: 9,
      userProperties: { k: ['one', 'two'] },
      acceptedAt: '1970-01-01T00:00:00.000Z',
      sent: false,
    });
  });
});
