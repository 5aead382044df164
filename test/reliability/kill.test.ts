import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakeBroker } from '../support/fake-broker.ts';
import { freePort } from '../support/ports.ts';
import { NodeRedUnderTest } from './node-red.ts';

const OUT = { id: 'out', type: 'mqtt-out', z: 'tab', broker: 'c', topic: 'kept', qos: '1', x: 0, y: 0, wires: [] };

function flows(port: number, more: object = {}): object[] {
  const connection = {
    id: 'c',
    type: 'mqtt-connection',
    broker: '127.0.0.1',
    port,
    clientid: 'kept',
    sessionStore: 'disk',
    ...more,
  };
  return [{ id: 'tab', type: 'tab', label: 'tab' }, connection, OUT];
}

describe('What mqtt-out accepted while the broker was away', () => {
  let nodeRed: NodeRedUnderTest;
  let broker: FakeBroker | undefined;

  afterEach(async () => {
    await nodeRed.stop();
    await broker?.close();
    broker = undefined;
  });

  /** The numbers of messages that a flow gave, and that are on disk by now. */
  async function given(port: number, more?: object): Promise<string[]> {
    nodeRed = await NodeRedUnderTest.start();
    await nodeRed.deploy(flows(port, more), 'full');
    await nodeRed.generate(['out'], 5);
    await sleep(300);
    await nodeRed.generate([], 0);
    const { accepted } = (await nodeRed.report()).given['out'] ?? { accepted: 0 };
    await sleep(100);
    assert.ok(accepted > 10, `${accepted} messages`);
    return Array.from({ length: accepted }, (_, number) => String(number));
  }

  /** What the broker gets when Node-RED is there again. */
  async function arriving(port: number, count: number): Promise<string[]> {
    broker = await FakeBroker.listen({ port, autoRespond: {} });
    nodeRed = await nodeRed.startAgain();
    const peer = await broker.accept();
    const arrived: string[] = [];
    while (arrived.length < count) arrived.push(String((await peer.skipTo('publish')).payload));
    return arrived;
  }

  it('arrives in order when Node-RED was killed meanwhile', async () => {
    const port = await freePort();
    const expected = await given(port);
    await nodeRed.kill();
    assert.deepEqual(await arriving(port, expected.length), expected);
  });

  it('arrives in order when Node-RED was stopped meanwhile, which says nothing of a loss', async () => {
    const port = await freePort();
    const expected = await given(port);
    await nodeRed.end();
    assert.doesNotMatch(nodeRed.log, /lost/);
    assert.deepEqual(await arriving(port, expected.length), expected);
  });

  it('is lost with the process where a person chose memory, which is told when Node-RED is stopped', async () => {
    const port = await freePort();
    const expected = await given(port, { sessionStore: 'memory' });
    await nodeRed.end();
    assert.match(nodeRed.log, new RegExp(`${expected.length} messages were lost: the broker did not have them`));
  });
});
