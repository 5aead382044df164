import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverPair } from '../support/certificates/certificates.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { optionalTool } from '../support/optional.ts';
import { RealBroker } from '../support/real-broker.ts';
import { CHECKOUT } from './support/checkout.ts';
import { Example } from './support/example.ts';
import { type InstalledNodeRed, startInstalledNodeRed } from './support/installed-node-red.ts';
import type { FlowNode } from './support/node-red.ts';
import { Observer, type Watch } from './support/observer.ts';
import { startTlsFront } from './support/tls-front.ts';

const CA = join(CHECKOUT, 'test/support/certificates/ca.cert.pem');

/** What a probe says of a message. */
type Seen = Readonly<Record<string, unknown>>;

// Each topic holds a retained message beforehand: when it arrives, the node is subscribed, and buttons may be pressed.
describe('the examples do what they say', function () {
  this.timeout(90_000);
  let installed: InstalledNodeRed;
  let observer: Observer;
  let port: number;

  before(async () => {
    installed = await startInstalledNodeRed();
    ({ port } = installed.broker);
    observer = new Observer(installed.broker.url);
  });

  afterEach(async () => installed.nodeRed.deploy([]));

  after(async () => {
    await observer.close();
    await installed.stop();
  });

  it('dynamic-subscriptions.json receives from when its flow subscribes until it unsubscribes', async () => {
    const example = Example.read('dynamic-subscriptions.json').atBroker(port);
    const received = observer.watch('seen/dynamic');
    const passing = observer.watch('posthorn/rooms/kitchen');
    await observer.retain('posthorn/rooms/hall', 'the lamp glows');
    await installed.nodeRed.deploy(example.probe(example.idOf('chosen topics'), 'seen/dynamic', port).nodes);
    const press = async (name: string): Promise<void> => installed.nodeRed.inject(example.idOf(name));

    await press('subscribe');
    assert.equal((await next(received))['topic'], 'posthorn/rooms/hall');
    await press('publish');
    const { topic, payload } = await next(received);
    assert.deepEqual([topic, payload], ['posthorn/rooms/kitchen', 'the kettle boils']);
    await passing.next();

    await press('list');
    assert.deepEqual(topicsOf(await next(received)), ['posthorn/rooms/+']);
    await press('unsubscribe');
    await press('publish');
    await passing.next();
    await press('list');
    assert.deepEqual(topicsOf(await next(received)), []);
  });

  it('birth-and-will.json says online, offline, and lost when the connection breaks', async () => {
    const proxy = await FaultProxy.listen(port);
    try {
      const example = Example.read('birth-and-will.json').atBroker(port);
      const isDevice = (node: FlowNode): boolean => node.type === 'mqtt-connection' && node['name'] === 'the device';
      const behindProxy = example.with((node) => (isDevice(node) ? { port: String(proxy.port) } : undefined));
      const status = observer.watch('posthorn/device/status');
      await installed.nodeRed.deploy(behindProxy.nodes);
      assert.equal(await status.next(), 'online');
      await installed.nodeRed.inject(example.idOf('disconnect'));
      assert.equal(await status.next(), 'offline');
      await installed.nodeRed.inject(example.idOf('connect'));
      assert.equal(await status.next(), 'online');
      proxy.cut();
      assert.equal(await status.next(), 'lost');
      assert.equal(await status.next(), 'online');
      await installed.nodeRed.deploy([]);
      assert.equal(await status.next(), 'offline');
    } finally {
      await proxy.close();
    }
  });

  it('json-and-buffers.json reads the same bytes in four ways', async () => {
    const read = Example.read('json-and-buffers.json').atBroker(port);
    const readers = ['auto-detect', 'JSON', 'buffer', 'Base64', 'not readable'];
    const topicOf = (reader: string): string => `seen/${reader.replace(' ', '-')}`;
    const probed = readers.reduce((flow, name) => flow.probe(flow.idOf(name), topicOf(name), port), read);
    const watches = new Map(readers.map((name) => [name, observer.watch(topicOf(name))]));
    const seenBy = async (reader: string): Promise<Seen> => next(watches.get(reader) ?? assert.fail(reader));
    const payloads = async (...names: string[]): Promise<unknown[]> =>
      Promise.all(names.map(async (name) => (await seenBy(name))['payload']));
    const bytes = (...data: number[]): object => ({ type: 'Buffer', data });

    await observer.retain('posthorn/payload', '1');
    await installed.nodeRed.deploy(probed.nodes);
    assert.deepEqual(await payloads('auto-detect', 'JSON', 'buffer', 'Base64'), [1, 1, bytes(0x31), 'MQ==']);

    await installed.nodeRed.inject(read.idOf('an object'));
    const object = { temperature: 21.5 };
    const text = Buffer.from('{"temperature":21.5}');
    const base64 = text.toString('base64');
    assert.deepEqual(await payloads('auto-detect', 'JSON', 'buffer', 'Base64'), [
      object,
      object,
      bytes(...text),
      base64,
    ]);

    await installed.nodeRed.inject(read.idOf('a text'));
    const warm = Buffer.from('lukewarm');
    assert.deepEqual(await payloads('auto-detect', 'buffer'), ['lukewarm', bytes(...warm)]);
    assert.match(String((await seenBy('not readable'))['error']), /JSON/);

    await installed.nodeRed.inject(read.idOf('bytes'));
    assert.deepEqual(await payloads('auto-detect', 'buffer'), [bytes(0, 127, 255), bytes(0, 127, 255)]);
  });

  it('tls.json crosses a connection that is verified against the file of the authority', async () => {
    const front = await startTlsFront(port, serverPair);
    try {
      const example = Example.read('tls.json').atBroker(front.port);
      const verified = example.with(({ type }) => (type === 'tls-config' ? { ca: CA } : undefined));
      const received = observer.watch('seen/tls');
      await observer.retain('posthorn/secret', 'ready');
      await installed.nodeRed.deploy(verified.probe(example.idOf('mqtt-in'), 'seen/tls', port).nodes);
      assert.equal((await next(received))['payload'], 'ready');
      await installed.nodeRed.inject(example.idOf('hello'));
      assert.equal((await next(received))['payload'], 'hello over TLS');
    } finally {
      await installed.nodeRed.deploy([]);
      await front.close();
    }
  });

  it('acknowledge-after-work.json has a reading in the file when it acknowledges it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'posthorn-readings-'));
    try {
      const filename = join(folder, 'readings.txt');
      const read = Example.read('acknowledge-after-work.json').atBroker(port);
      const example = read.with(({ type }) => (type === 'file' ? { filename } : undefined));
      const acknowledged = observer.watch('seen/acknowledged');
      await observer.retain('posthorn/readings', 'the first');
      await installed.nodeRed.deploy(example.probe(example.idOf('mqtt-ack'), 'seen/acknowledged', port).nodes);
      assert.equal((await next(acknowledged))['payload'], 'the first');
      await installed.nodeRed.inject(example.idOf('a reading'));
      assert.equal((await next(acknowledged))['payload'], '{"temperature":21.5}');
      assert.deepEqual(readFileSync(filename, 'utf8').split('\n'), ['the first', '{"temperature":21.5}', '']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('acknowledge-when-complete.json acknowledges a number when the broker has its square', async () => {
    const example = Example.read('acknowledge-when-complete.json').atBroker(port);
    const acknowledged = observer.watch('seen/complete');
    const squares = observer.watch('posthorn/squares');
    await observer.retain('posthorn/numbers', '3');
    await installed.nodeRed.deploy(example.probe(example.idOf('mqtt-ack'), 'seen/complete', port).nodes);
    assert.equal(await squares.next(), '9');
    assert.equal((await next(acknowledged))['payload'], 9);
    await installed.nodeRed.inject(example.idOf('a number'));
    assert.equal(await squares.next(), '49');
    assert.equal((await next(acknowledged))['payload'], 49);
  });

  it('five-at-once.json acknowledges each order that the slow service answered', async () => {
    const url = `${new URL('posthorn/slow', installed.nodeRed.url).href}?order={{payload}}`;
    const read = Example.read('five-at-once.json').atBroker(port);
    const example = read.with(({ type }) => (type === 'http request' ? { url } : undefined));
    const acknowledged = observer.watch('seen/orders');
    await observer.retain('posthorn/orders', '0');
    await installed.nodeRed.deploy(example.probe(example.idOf('mqtt-ack'), 'seen/orders', port).nodes);
    const order = async (): Promise<number> => {
      const answer = JSON.parse(String((await next(acknowledged))['payload'])) as { order: string };
      return Number(answer.order);
    };
    assert.equal(await order(), 0);
    await installed.nodeRed.inject(example.idOf('twenty orders'));
    const orders: number[] = [];
    while (orders.length < 20) orders.push(await order());
    assert.deepEqual(
      orders.sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  it('dead-letter.json publishes what failed three times to a topic of its own, and acknowledges it then', async () => {
    const read = Example.read('dead-letter.json').atBroker(port);
    const example = read.with(({ type }) => (type === 'mqtt-in' ? { ackTimeout: '1' } : undefined));
    const probed = example
      .probe(example.idOf('done'), 'seen/done', port)
      .probe(example.idOf('acknowledge'), 'seen/given-up', port);
    const done = observer.watch('seen/done');
    const givenUp = observer.watch('seen/given-up');
    const dead = observer.watch('posthorn/dead-letters');
    await observer.retain('posthorn/temperatures', '{"temperature":3}');
    await installed.nodeRed.deploy(probed.nodes);
    assert.deepEqual((await next(done))['payload'], { temperature: 3 });
    await installed.nodeRed.inject(example.idOf('bad'));
    assert.equal(await dead.next(), 'lukewarm');
    const { topic, delivery } = await next(givenUp);
    assert.deepEqual([topic, (delivery as { attempt: number }).attempt], ['posthorn/temperatures', 3]);
    await installed.nodeRed.inject(example.idOf('good'));
    assert.deepEqual((await next(done))['payload'], { temperature: 21.5 });
  });

  it('mqtt-5-properties.json asks, and gets the answer where the question said (skipped without mosquitto)', async function () {
    const mosquitto = optionalTool('mosquitto');
    if (mosquitto === undefined) return this.skip();
    const broker = await RealBroker.start(mosquitto);
    try {
      const example = Example.read('mqtt-5-properties.json').atBroker(broker.port);
      const inputs = example.nodes.filter(({ type }) => type === 'mqtt-in');
      const idOn = (topic: string): string => inputs.find((node) => node['topic'] === topic)?.id ?? assert.fail(topic);
      const probed = example
        .probe(idOn('posthorn/question'), 'seen/question', port)
        .probe(idOn('posthorn/answer'), 'seen/answer', port);
      const asked = observer.watch('seen/question');
      const answered = observer.watch('seen/answer');
      await installed.nodeRed.deploy(probed.nodes);
      await installed.nodeRed.inject(example.idOf('ask'));

      const question = await next(asked);
      const mark = { type: 'Buffer', data: [...Buffer.from('question 1')] };
      assert.equal(question['payload'], 'Is anybody there?');
      assert.equal(question['contentType'], 'text/plain');
      assert.equal(question['responseTopic'], 'posthorn/answer');
      assert.deepEqual(question['userProperties'], { 'asked-by': 'Node-RED' });
      assert.deepEqual(question['correlationData'], mark);
      assert.ok(Number(question['messageExpiryInterval']) <= 60);
      const answer = await next(answered);
      assert.equal(answer['payload'], 'Yes, I am.');
      assert.deepEqual(answer['correlationData'], mark);
      assert.equal(answer['responseTopic'], undefined);
    } finally {
      await installed.nodeRed.deploy([]);
      await broker.stop();
    }
  });
});

async function next(watch: Watch): Promise<Seen> {
  return JSON.parse(await watch.next()) as Seen;
}

/** The topics in the answer to getSubscriptions. */
function topicsOf({ topic, payload }: Seen): string[] {
  assert.equal(topic, 'subscriptions');
  return (payload as { topic: string }[]).map((subscription) => subscription.topic);
}
