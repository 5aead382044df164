import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../support/events.ts';
import { collect, deploy, errors, node, startFlow, statuses, stopFlow } from '../support/flow.ts';
import { freePort } from '../support/ports.ts';
import { connection, HELPERS, mqttOut } from './flows.ts';

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
});
