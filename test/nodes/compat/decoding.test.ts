import assert from 'node:assert/strict';
import { until } from '../../support/events.ts';
import { collect, startFlow, stopFlow } from '../../support/flow.ts';
import type { FakeBroker, FakePeer } from '../../support/fake-broker.ts';
import { assertHas } from '../../support/partial.ts';
import { agreeing, connected, connection5, HELPERS, mqttIn } from '../flows.ts';

const JSON_TEXT = '{"a":1}';
const BYTES = Buffer.from([0xc0, 0xff, 0x00]);

const TEXT_TYPES = ['text/css', 'text/html', 'text/plain', 'application/xml'];
const BYTE_TYPES = [
  ...['octet-stream', 'pdf', 'x-gtar', 'x-gzip', 'x-tar', 'zip'].map((type) => `application/${type}`),
  ...['aac', 'ac3', 'basic', 'mp4', 'ogg'].map((type) => `audio/${type}`),
  ...['bmp', 'gif', 'jpeg', 'tiff', 'png'].map((type) => `image/${type}`),
];

interface Row {
  readonly datatype: string | undefined;
  readonly sent: string | Buffer;
  readonly properties?: object;
  readonly payload: unknown;
}

const ROWS: readonly Row[] = [
  { datatype: 'buffer', sent: 'text', payload: Buffer.from('text') },
  { datatype: 'base64', sent: 'text', payload: 'dGV4dA==' },
  { datatype: 'utf8', sent: JSON_TEXT, payload: JSON_TEXT },
  { datatype: 'utf8', sent: BYTES, payload: BYTES.toString('utf8') },
  { datatype: 'json', sent: JSON_TEXT, payload: { a: 1 } },
  { datatype: 'json', sent: '5', payload: 5 },
  { datatype: 'auto', sent: JSON_TEXT, payload: JSON_TEXT },
  { datatype: 'auto', sent: BYTES, payload: BYTES },
  { datatype: 'auto', sent: JSON_TEXT, properties: { contentType: 'application/json' }, payload: JSON_TEXT },
  { datatype: 'auto-detect', sent: JSON_TEXT, payload: { a: 1 } },
  { datatype: 'auto-detect', sent: '{a:1}', payload: '{a:1}' },
  { datatype: 'auto-detect', sent: '42', payload: 42 },
  { datatype: 'auto-detect', sent: 'true', payload: true },
  { datatype: 'auto-detect', sent: 'text', payload: 'text' },
  { datatype: 'auto-detect', sent: '', payload: '' },
  { datatype: 'auto-detect', sent: BYTES, payload: BYTES },
  { datatype: 'auto-detect', sent: JSON_TEXT, properties: { contentType: 'APPLICATION/JSON' }, payload: { a: 1 } },
  { datatype: 'auto-detect', sent: JSON_TEXT, properties: { contentType: 'model/x' }, payload: { a: 1 } },
  { datatype: 'auto-detect', sent: BYTES, properties: { contentType: 'model/x' }, payload: BYTES },
  { datatype: 'auto-detect', sent: JSON_TEXT, properties: { payloadFormatIndicator: true }, payload: { a: 1 } },
  { datatype: 'auto', sent: 'text', properties: { payloadFormatIndicator: true }, payload: 'text' },
  ...TEXT_TYPES.map((contentType) => ({
    datatype: 'auto-detect',
    sent: JSON_TEXT,
    properties: { contentType },
    payload: JSON_TEXT,
  })),
  ...BYTE_TYPES.map((contentType) => ({
    datatype: 'auto-detect',
    sent: JSON_TEXT,
    properties: { contentType },
    payload: Buffer.from(JSON_TEXT),
  })),
  { datatype: undefined, sent: JSON_TEXT, payload: JSON_TEXT },
  { datatype: '', sent: JSON_TEXT, payload: JSON_TEXT },
];

interface BadRow extends Omit<Row, 'payload'> {
  readonly caught: unknown;
}

const BAD: readonly BadRow[] = [
  { datatype: 'json', sent: '{a:1}', caught: Buffer.from('{a:1}') },
  { datatype: 'json', sent: BYTES, caught: BYTES },
  { datatype: 'auto-detect', sent: '{a:1}', properties: { contentType: 'application/json' }, caught: '{a:1}' },
  { datatype: 'auto', sent: '{a:1}', properties: { contentType: 'application/json' }, caught: '{a:1}' },
];

/** A filter of its own for each row: one flow serves all. */
const topicOf = (kind: string, index: number): string => `${kind}/${index}`;

describe('2 decode rules', () => {
  let broker: FakeBroker;
  let peer: FakePeer;

  before(async () => {
    broker = await agreeing();
    const nodes = [
      ...ROWS.map(({ datatype }, index) => mqttIn({ id: `in${index}`, topic: topicOf('row', index), datatype })),
      ...BAD.map(({ datatype }, index) => mqttIn({ id: `bad${index}`, topic: topicOf('bad', index), datatype })),
    ];
    await startFlow([connection5(broker.port), ...nodes, ...HELPERS]);
    peer = await connected(broker, 'in0');
    const filters = (): number =>
      peer.received.reduce((sum, packet) => sum + (packet.cmd === 'subscribe' ? packet.subscriptions.length : 0), 0);
    await until(() => filters() === ROWS.length + BAD.length, 'every row is subscribed');
  });
  after(async () => {
    await stopFlow();
    await broker.close();
  });

  function send(topic: string, payload: string | Buffer, properties: object = {}): void {
    peer.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false, properties });
  }

  for (const [index, { datatype, sent, properties, payload }] of ROWS.entries()) {
    const what = `${JSON.stringify(String(sent))} with ${JSON.stringify(properties ?? {})}`;
    it(`${datatype ?? 'no datatype'}: ${what} is ${JSON.stringify(payload)}`, async () => {
      const messages = collect('h');
      send(topicOf('row', index), sent, properties);
      await until(() => messages.length === 1, 'the message');
      assert.deepEqual(messages[0]?.payload, payload);
    });
  }

  for (const [index, { datatype, sent, properties, caught }] of BAD.entries()) {
    it(`${datatype}: ${JSON.stringify(String(sent))} is an error to Catch, and no output`, async () => {
      const [messages, errors] = [collect('h'), collect('caught')];
      send(topicOf('bad', index), sent, properties);
      await until(() => errors.length === 1, 'the error');
      assertHas(errors[0], { topic: topicOf('bad', index), payload: caught, qos: 0, retain: false });
      assertHas(errors[0]?.['error'], { code: 'invalid-message', source: { id: `bad${index}` } });
      assert.equal(messages.length, 0);
    });
  }
});
