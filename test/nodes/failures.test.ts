import assert from 'node:assert/strict';
import { settle, until } from '../support/events.ts';
import { FakeBroker } from '../support/fake-broker.ts';
import { collect, errors, node, startFlow, statuses, stopFlow } from '../support/flow.ts';
import { freePort } from '../support/ports.ts';
import { assertHas } from '../support/partial.ts';
import { agreeing, CONNECTED, connected, connection, connection5, HELPERS, lines, mqttIn, mqttOut } from './flows.ts';

const IN = mqttIn();
const OUT = mqttOut({ topic: 'a', qos: '1' });

describe('what failed, and why, is said', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await FakeBroker.listen();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  it('bad credentials: a red status, one line in the log and one message to Catch, however often it is tried', async () => {
    await startFlow([connection(broker.port), IN, { ...IN, id: 'in2' }, OUT, ...HELPERS]);
    const caught = collect('caught');
    for (let attempt = 1; attempt <= 3; attempt++) {
      const peer = await broker.accept();
      await peer.handshake({ returnCode: 4 });
      await peer.closed;
    }
    await until(() => statuses('in').at(-1) === 'red ring bad credentials (0x86)', 'the reason in the status');
    assert.equal(statuses('out').at(-1), 'red ring bad credentials (0x86)');
    const where = `mqtt://127.0.0.1:${broker.port}`;
    const sentence = `broker refused the connection (0x86 Bad User Name or Password) at ${where}`;
    const advice = 'Enter both again in the connection, under “Security”.';
    assert.deepEqual(lines('c', 'log', 'error'), [`${sentence}. ${advice}`]);
    assert.equal(caught.length, 1);
    assertHas(caught[0]?.['error'], { code: 'connection-refused' });
  });

  it('an unreachable broker: a red status with the system’s reason', async () => {
    const port = await freePort();
    await startFlow([connection(port), IN]);
    await until(() => statuses('in').at(-1) === 'red ring connection refused', 'the reason in the status');
    const sentence = `cannot reach mqtt://127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`;
    assert.deepEqual(errors('c'), [`${sentence}. Start the broker, or correct the port.`]);
  });

  it('a failure is an error in the log, which the debug sidebar shows, where a flow has no Catch node that takes it', async () => {
    const port = await freePort();
    await startFlow([connection(port), IN, ...HELPERS, mqttIn({ id: 'in2', z: 'other' })]);
    const caught = collect('caught');
    await until(() => errors('c').length === 1, 'the error');
    assert.equal(caught.length, 1);
  });

  it('a failure that each flow’s Catch nodes have is no error in the log: a debug node there shows it already', async () => {
    await startFlow([connection(await freePort()), IN, ...HELPERS]);
    const caught = collect('caught');
    await until(() => lines('c', 'log').length === 1, 'the line');
    assert.match(lines('c', 'log').join(), /ECONNREFUSED/);
    assert.equal(caught.length, 1);
    assert.deepEqual(errors('c'), []);
  });

  it('a broker that does not answer is given up after the connect timeout of its connection', async () => {
    await startFlow([connection(broker.port, { connectTimeout: '1' }), IN]);
    await broker.accept();
    await until(() => statuses('in').at(-1) === 'red ring no answer', 'the reason in the status');
    assert.match(errors('c').join(), /within 1 s/);
  });

  it('a refused subscription: a red status at this node only, and an error that names filter and code', async () => {
    await startFlow([connection(broker.port), IN, OUT, ...HELPERS]);
    const caught = collect('caught');
    const peer = await broker.accept();
    await peer.handshake();
    const { messageId = 0 } = await peer.expect('subscribe');
    peer.send({ cmd: 'suback', messageId, granted: [0x80] });
    await until(() => caught.length === 1, 'the error at Catch');
    assert.equal(statuses('in').at(-1), 'red ring subscribe: refused (0x80)');
    assert.equal(statuses('out').at(-1), CONNECTED);
    assertHas(caught[0], { topic: 'a/#', error: { code: 'subscription-refused' } });
  });

  it('a refused message: a red status at its mqtt-out only, until the next one that the broker takes', async () => {
    const codes: Record<string, number> = { secret: 0x87 };
    const strict = await agreeing({
      publish: ({ messageId = 0, topic }) => ({ cmd: 'puback', messageId, reasonCode: codes[topic] ?? 0 }),
    });
    try {
      const out = mqttOut({ qos: '1' });
      await startFlow([connection5(strict.port), IN, out, { ...out, id: 'out2' }, ...HELPERS]);
      await connected(strict);
      const caught = collect('caught');
      node('out').receive({ topic: 'secret', payload: 'x' });
      await until(() => statuses('out').at(-1) === 'red ring publish: not authorized (0x87)', 'the reason');
      await until(() => caught.length === 1, 'the error at Catch');
      for (const id of ['in', 'out2']) assert.equal(statuses(id).at(-1), CONNECTED);
      node('out').receive({ topic: 'open', payload: 'x' });
      await until(() => statuses('out').at(-1) === CONNECTED, 'it went well');
      node('out').receive({ topic: '', payload: 'x' });
      await until(() => statuses('out').at(-1) === 'red ring invalid topic', 'another mistake');
    } finally {
      await stopFlow();
      await strict.close();
    }
  });

  it('done comes with the PUBACK, not before, and exactly once', async () => {
    await startFlow([connection(broker.port), OUT, ...HELPERS]);
    const completed = collect('completed');
    const peer = await broker.accept();
    await peer.handshake();
    node('out').receive({ payload: 'x' });
    const { messageId = 0 } = await peer.expect('publish');
    assert.equal(completed.length, 0);
    peer.send({ cmd: 'puback', messageId });
    await until(() => completed.length === 1, 'done');
    peer.send({ cmd: 'puback', messageId });
    peer.send({ cmd: 'pingresp' });
    await settle();
    assert.equal(completed.length, 1);
  });

  it('a malformed packet ends the connection, Node-RED and the waiting message stay', async () => {
    await startFlow([connection(broker.port), OUT, ...HELPERS]);
    const completed = collect('completed');
    const first = await broker.accept();
    await first.handshake();
    node('out').receive({ payload: 'x' });
    await first.expect('publish');
    first.sendBytes(Buffer.from('3600', 'hex'));
    await first.closed;
    const second = await broker.accept();
    await second.handshake();
    const { messageId = 0 } = await second.expect('publish');
    second.send({ cmd: 'puback', messageId });
    await until(() => completed.length === 1, 'done');
    assert.match(lines('c', 'log').join(), /both QoS bits.*0x81 Malformed Packet/);
  });

  it('settings that make no sense are told, and nothing else happens', async () => {
    await startFlow([connection(broker.port, { broker: 'http://x' }), IN, OUT, ...HELPERS]);
    const caught = collect('caught');
    const sentence = '"http://x" is not a broker address such as mqtt://host:1883';
    const [line = '', ...more] = lines('c', 'log', 'error');
    assert.ok(line.startsWith(`${sentence}. Enter a host name`), line);
    assert.deepEqual(more, []);
    assert.equal(statuses('in').at(-1), 'red ring invalid server address');
    node('out').receive({ payload: 'x' });
    await until(() => caught.length === 2, 'both errors at Catch');
    for (const { error } of caught) assertHas(error, { code: 'invalid-options' });
  });

  it('QoS 0 while offline is an error of the message', async () => {
    await startFlow([connection(await freePort()), { ...OUT, qos: '0' }, ...HELPERS]);
    await until(() => statuses('out').at(-1) === 'red ring connection refused', 'offline');
    const caught = collect('caught');
    node('out').receive({ payload: 'x' });
    await until(() => caught.length === 1, 'the error at Catch');
    assertHas(caught[0]?.['error'], { code: 'offline' });
  });
});
