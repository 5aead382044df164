import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { settle, until } from '../support/events.ts';
import { collect, deploy, errors, node, startFlow, statuses, stopFlow } from '../support/flow.ts';
import { FakeBroker } from '../support/fake-broker.ts';
import { freePort } from '../support/ports.ts';
import { connection, HELPERS, lines, mqttIn, mqttOut } from './flows.ts';

const OFFLINE = 'red ring connection refused';

describe('messages that wait where there is no broker', () => {
  afterEach(() => stopFlow());

  it('are counted in the log when Node-RED ends', async () => {
    const child = join(__dirname, 'fixtures/ends-with-waiting-messages.ts');
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', child], { timeout: 15_000 });
    assert.match(stdout, /^MQTT: 3 messages were lost: the broker did not have them when Node-RED ended$/m);
  });

  it('fail, each, when their connection is removed', async () => {
    const other = connection(await freePort(), { id: 'other', autoConnect: false });
    await startFlow([connection(await freePort()), other, mqttOut({ topic: 'a', qos: '1' }), ...HELPERS]);
    await until(() => statuses('out').at(-1) === OFFLINE, 'offline');
    const caught = collect('caught');
    for (let index = 0; index < 3; index++) node('out').receive({ payload: 'x' });
    assert.deepEqual(errors('out'), []);
    await deploy([other, mqttOut({ topic: 'a', qos: '1', broker: 'other' }), ...HELPERS], 'nodes');
    await until(() => caught.length === 3, 'three errors');
    for (const error of caught.map((msg) => msg['error'] as { message: string })) {
      assert.match(error.message, /the connection was removed before the broker had the message$/);
    }
  });

  it('arrive when the broker is there, also where no node uses the connection any more, which ends then', async () => {
    const port = await freePort();
    await startFlow([connection(port), mqttOut({ topic: 'a', qos: '1' }), ...HELPERS]);
    await until(() => statuses('out').at(-1) === OFFLINE, 'offline');
    for (const payload of ['1', '2']) node('out').receive({ payload });
    await deploy([connection(port), ...HELPERS], 'nodes');
    assert.deepEqual(lines('c', 'warn'), [
      '2 messages wait, and no node uses this connection any more: it stays until the broker has them',
    ]);
    const broker = await FakeBroker.listen({ port, autoRespond: {} });
    try {
      const peer = await broker.accept();
      for (const payload of ['1', '2']) assert.equal(String((await peer.skipTo('publish')).payload), payload);
      await peer.skipTo('disconnect');
      await peer.closed;
    } finally {
      await broker.close();
    }
  });

  it('arrive where a full deploy leaves no node to their connection, which is told', async () => {
    const port = await freePort();
    const connections = [connection(port, { cleansession: false })];
    await startFlow([...connections, mqttOut({ topic: 'a', qos: '1' }), ...HELPERS]);
    await until(() => statuses('out').at(-1) === OFFLINE, 'offline');
    for (const payload of ['1', '2']) node('out').receive({ payload });
    await deploy([...connections, ...HELPERS], 'full');
    assert.match(lines('c', 'warn').join(), /^2 messages wait, and no node uses this connection any more/);
    const broker = await FakeBroker.listen({ port, autoRespond: {} });
    try {
      const peer = await broker.accept();
      for (const payload of ['1', '2']) assert.equal(String((await peer.skipTo('publish')).payload), payload);
      await peer.closed;
    } finally {
      await broker.close();
    }
  });

  it('wait without a word where a deploy removes one of the nodes of their connection', async () => {
    for (const type of ['full', 'nodes'] as const) {
      const flow = [connection(await freePort()), mqttOut({ topic: 'a', qos: '1' }), ...HELPERS];
      await startFlow([...flow, mqttOut({ id: 'gone', topic: 'a', qos: '1' })]);
      await until(() => statuses('gone').at(-1) === OFFLINE, 'offline');
      node('gone').receive({ payload: 'x' });
      const before = node('c');
      const warnings: unknown[] = [];
      before.warn = (text) => warnings.push(text);
      await deploy(
        flow.map((each) => (each.id === 'out' ? { ...each, name: 'changed' } : each)),
        type,
      );
      assert.deepEqual(warnings, [], type);
      await stopFlow();
    }
  });

  it('leave a connection alone that another node uses by the time that they have arrived', async () => {
    const port = await freePort();
    const flow = [connection(port), ...HELPERS];
    await startFlow([...flow, mqttOut({ topic: 'a', qos: '1' })]);
    await until(() => statuses('out').at(-1) === OFFLINE, 'offline');
    node('out').receive({ payload: 'x' });
    await deploy(flow, 'nodes');
    await deploy([...flow, mqttIn()], 'nodes');
    const broker = await FakeBroker.listen({ port, autoRespond: {} });
    try {
      const peer = await broker.accept();
      await peer.skipTo('publish');
      await settle();
      assert.ok(peer.received.every(({ cmd }) => cmd !== 'disconnect'));
    } finally {
      await stopFlow();
      await broker.close();
    }
  });
});
