import assert from 'node:assert/strict';
import type { NodeAPI } from 'node-red';
import { exportedMessage } from '../../../../nodes/common/exported-message.ts';
import { serveOutbox } from '../../../../nodes/mqtt-connection/outbox-endpoints.ts';
import type { Message, TopicName } from '../../../../src/index.ts';

/** Routes, and the permission that each asks for. */
function routes(): string[] {
  const found: string[] = [];
  const note = (method: string) => (path: string, permission: string) =>
    void found.push(`${method} ${path} needs ${permission}`);
  const RED = { httpAdmin: { get: note('GET'), delete: note('DELETE') }, auth: { needsPermission: (p: string) => p } };
  serveOutbox(RED as unknown as NodeAPI);
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
