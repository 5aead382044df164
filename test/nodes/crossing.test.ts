import assert from 'node:assert/strict';
import { startAedesBroker, type AedesBroker } from '../support/aedes-broker.ts';
import { until } from '../support/events.ts';
import { collect, errors, type FlowNode, nextMessage, node, startFlow, statuses, stopFlow } from '../support/flow.ts';
import { assertHas } from '../support/partial.ts';
import { connection, CONNECTING, mqttIn, mqttOut, showConnected } from './flows.ts';

const IN = mqttIn({ datatype: 'auto-detect' });
const OUT = mqttOut();
const HELPER: FlowNode = { id: 'h', type: 'helper' };

describe('a message crosses from mqtt-out to mqtt-in', () => {
  let broker: AedesBroker;

  before(async () => {
    broker = await startAedesBroker();
  });
  after(() => broker.close());
  afterEach(() => stopFlow());

  for (const qos of [0, 1, 2]) {
    it(`at QoS ${qos}`, async () => {
      await startFlow([connection(broker.port), IN, OUT, HELPER]);
      await showConnected('in');
      const arriving = nextMessage('h');
      node('out').receive({ topic: 'a/b', payload: { warm: true }, qos });
      const { topic, payload, qos: arrived, retain } = await arriving;
      assert.deepEqual(
        { topic, payload, arrived, retain },
        { topic: 'a/b', payload: { warm: true }, arrived: qos, retain: false },
      );
    });
  }

  it('as it was given, also when the flow uses its Buffer again at once', async () => {
    await startFlow([connection(broker.port), IN, OUT, HELPER]);
    await showConnected('in');
    const arriving = collect('h');
    const payload = Buffer.from([0]);
    for (let value = 0; value < 5; value++) {
      payload[0] = value;
      node('out').receive({ topic: 'a/b', payload, qos: 1 });
    }
    await until(() => arriving.length === 5, 'five messages');
    assert.deepEqual(
      arriving.map((msg) => String(msg.payload)),
      ['\0', '\x01', '\x02', '\x03', '\x04'],
    );
  });

  it('shows connecting, then connected, on every node', async () => {
    await startFlow([connection(broker.port), IN, OUT, HELPER]);
    for (const id of ['in', 'out']) {
      await showConnected(id);
      assert.ok(statuses(id).includes(CONNECTING));
    }
  });

  it('at QoS 1 while offline: the message waits and arrives after the broker is back', async () => {
    await startFlow([connection(broker.port), IN, OUT, HELPER]);
    await showConnected('in');
    broker.cut();
    const arriving = collect('h');
    for (const payload of [1, 2, 3]) node('out').receive({ topic: 'a/b', payload, qos: 1 });
    await until(() => arriving.length === 3, 'three messages');
    assert.deepEqual(
      arriving.map(({ payload }) => payload),
      [1, 2, 3],
    );
    assert.deepEqual(errors('out'), []);
  });

  it('an invalid filter is a red status and one error, and the connection stays', async () => {
    await startFlow([connection(broker.port), { ...IN, topic: 'a/#/b' }, OUT, HELPER]);
    await until(() => statuses('out').at(-1) === 'green dot node-red:common.status.connected', 'connected');
    assert.equal(statuses('in').at(-1), 'red ring invalid topic filter');
    assert.deepEqual(errors('in'), ['topic filter "a/#/b" has a # that is not alone in the last level']);
  });

  it('a missing topic is an error of the message', async () => {
    await startFlow([connection(broker.port), OUT, { id: 'catch', type: 'catch', wires: [['h']] }, HELPER]);
    const caught = nextMessage('h');
    node('out').receive({ payload: 'x' });
    const { error } = await caught;
    assertHas(error, { message: 'MqttError: topic "" is empty', code: 'invalid-topic' });
  });
});
