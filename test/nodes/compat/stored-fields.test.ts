import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { ConnectionExtras, StoredConnection } from '../../../nodes/common/config.ts';
import { CONNECTION_FIELDS as KNOWN_FIELDS, connectionOptions } from '../../../nodes/common/config.ts';
import { overridden } from '../../../nodes/common/broker-override.ts';
import { toRequest } from '../../../nodes/common/message.ts';
import { subscriptionOptions } from '../../../nodes/common/subscription-options.ts';
import { type OutDef, outDefaults } from '../../../nodes/mqtt-out/out-defaults.ts';
import { Client, MqttError } from '../../../src/index.ts';
import { nextMessage, node, startFlow, stopFlow } from '../../support/flow.ts';
import { HELPERS, shown } from '../flows.ts';

const MESSAGES = ['birth', 'close', 'will'];
const CONNECTION_FIELDS = [
  ...KNOWN_FIELDS,
  'tls',
  'verifyservercert',
  ...MESSAGES.flatMap((kind) => ['Topic', 'Qos', 'Retain', 'Payload', 'Msg'].map((part) => kind + part)),
];
const IN_FIELDS = ['topic', 'qos', 'datatype', 'nl', 'rap', 'rh', 'inputs'];
const OUT_FIELDS = ['topic', 'qos', 'retain', 'respTopic', 'contentType', 'userProps', 'correl', 'expiry'];
const OVERRIDES = [
  ...CONNECTION_FIELDS,
  ...MESSAGES,
  'userProperties',
  'sessionExpiryInterval',
  'username',
  'password',
];

/** What a flow file may hold in any field: JSON of every kind, and what comes near to being right. */
const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom('', 'true', 'false', '0', '2', '-1', '1e99', 'NaN', '${HOME}', 'a/b', 'a/#', '{"a":1}', '{', ' '),
  fc.constantFrom('mqtt://', 'mqtt://a:b@c', 'ws://[::1]:99999', '::1', 'a b', '\0', '\ud800', '%'),
  fc.record({ contentType: fc.jsonValue(), userProps: fc.jsonValue(), correl: fc.jsonValue(), delay: fc.jsonValue() }),
);

function stored(fields: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(fields.map((field) => [field, anything])), { requiredKeys: [] });
}

const EXTRAS: ConnectionExtras = { generatedClientId: 'generated' };

/** A client with these fields: made, or refused with a reason. */
function assertClient(fields: StoredConnection): void {
  try {
    assert.ok(new Client(connectionOptions(fields, EXTRAS)));
  } catch (error) {
    assert.ok(error instanceof MqttError, String(error));
  }
}

async function assertAnswers(): Promise<void> {
  assert.equal(typeof shown('c')['brokerurl'], 'string');
  assert.equal(typeof shown('c')['options'], 'object');
  const answered = nextMessage('caught');
  node('in').receive({ action: 'no such action' });
  await answered;
}

describe('a flow file with fields missing, of wrong types, or from an older Node-RED', () => {
  it('connection: every field of any kind gives a client, or a reason', () => {
    fc.assert(fc.property(stored(CONNECTION_FIELDS), assertClient), { numRuns: 2000 });
  });

  for (const field of CONNECTION_FIELDS) {
    it(`connection: ${field} alone of any kind`, () => {
      const one = anything.map((value) => ({ broker: 'localhost', [field]: value }));
      fc.assert(fc.property(one, assertClient), { numRuns: 100 });
    });
  }

  it('msg.broker: every key of any kind', () => {
    const property = fc.property(stored(OVERRIDES), (keys) => assertClient(overridden({ broker: 'localhost' }, keys)));
    fc.assert(property, { numRuns: 1000 });
  });

  it('mqtt-in: options that the protocol allows, whatever is stored', () => {
    const property = fc.property(stored(IN_FIELDS), (fields) => {
      const { qos, retainHandling, noLocal, retainAsPublished } = subscriptionOptions(fields, 2);
      assert.ok([0, 1, 2].includes(qos) && [0, 1, 2].includes(retainHandling));
      assert.ok(typeof noLocal === 'boolean' && typeof retainAsPublished === 'boolean');
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('mqtt-out: a request, whatever is stored and whatever the message holds', () => {
    const msg = stored(['topic', 'payload', 'qos', 'retain', 'responseTopic', 'correlationData', 'userProperties']);
    const property = fc.property(stored(OUT_FIELDS), msg, fc.boolean(), (fields, given, mqtt5) => {
      const { topic, payload, qos, retain } = toRequest(given, outDefaults(fields as unknown as OutDef), mqtt5);
      assert.ok(typeof topic === 'string' && (typeof payload === 'string' || Buffer.isBuffer(payload)));
      assert.ok([0, 1, 2].includes(qos ?? 0) && typeof retain === 'boolean');
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('a runtime loads the three nodes with any fields, and they go on answering', async function () {
    this.timeout(20_000);
    const fields = fc.record({ c: stored(CONNECTION_FIELDS), i: stored(IN_FIELDS), o: stored(OUT_FIELDS) });
    const flow = fields
      .map((all) => JSON.stringify(all))
      // Node-RED itself does not load an object that has one of these of its own.
      .filter((json) => !/"(toString|valueOf|hasOwnProperty|__proto__)"/.test(json))
      .map((json) => JSON.parse(json) as Record<'c' | 'i' | 'o', object>);
    const property = fc.asyncProperty(flow, async ({ c, i, o }) => {
      await startFlow([
        { ...c, id: 'c', type: 'mqtt-connection', autoConnect: false },
        { ...i, id: 'in', type: 'mqtt-in', broker: 'c', wires: [['h']] },
        { ...o, id: 'out', type: 'mqtt-out', broker: 'c', wires: [] },
        ...HELPERS,
      ]);
      try {
        await assertAnswers();
      } finally {
        await stopFlow();
      }
    });
    await fc.assert(property, { numRuns: 40, endOnFailure: true });
  });

  it('the three nodes with nothing but what every node has', async () => {
    await startFlow([
      { id: 'c', type: 'mqtt-connection', autoConnect: false },
      { id: 'in', type: 'mqtt-in', broker: 'c' },
      { id: 'out', type: 'mqtt-out', broker: 'c' },
      ...HELPERS,
    ]);
    assert.equal(shown('c')['brokerurl'], 'mqtt://localhost:1883');
    await stopFlow();
  });
});
