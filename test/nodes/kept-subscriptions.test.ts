import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, DiskStore, type StoredWish } from '../../src/index.ts';
import { settle, until } from '../support/events.ts';
import { useMosquitto } from '../support/mosquitto-bench.ts';
import { endWithUs } from '../support/server-process.ts';
import { FakeBroker, type FakePeer } from '../support/fake-broker.ts';
import {
  collect,
  deploy,
  deployUnstarted,
  type FlowNode,
  nextMessage,
  node,
  restartFlow,
  startFlow,
  statuses,
  stopFlow,
  useUserDir,
} from '../support/flow.ts';
import { assertHas } from '../support/partial.ts';
import { wish } from '../unit/store/contract.ts';
import {
  connection,
  connection5,
  CONNECTED,
  dynamicIn,
  HELPERS,
  lines,
  mqttIn,
  payloads,
  showConnected,
} from './flows.ts';

const TAKEN = { topic: 'a/+', qos: 1, datatype: 'json' };

/** The filters of all SUBSCRIBEs, or UNSUBSCRIBEs, that came. */
function filters(peer: FakePeer, cmd: 'subscribe' | 'unsubscribe'): string[] {
  return peer.received.flatMap((packet) => {
    if (packet.cmd !== cmd) return [];
    return packet.cmd === 'subscribe' ? packet.subscriptions.map(({ topic }) => topic) : packet.unsubscriptions;
  });
}

function publish(peer: FakePeer, messageId: number, topic = 'a/b', payload = '{"x":1}'): void {
  peer.send({ cmd: 'publish', topic, payload, qos: 1, messageId, dup: false, retain: false });
}

/** Grants the filters of the next SUBSCRIBE, whatever comes before; the filters. */
async function granted(peer: FakePeer): Promise<string[]> {
  const { messageId = 0, subscriptions } = await peer.skipTo('subscribe');
  peer.send({ cmd: 'suback', messageId, granted: subscriptions.map(({ qos }) => qos) });
  return subscriptions.map(({ topic }) => topic);
}

/** What `getSubscriptions` answers. */
async function listed(): Promise<unknown> {
  const sent = nextMessage('h');
  node('in').receive({ action: 'getSubscriptions' });
  return (await sent).payload;
}

describe('subscriptions that messages made, in a session that is kept', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await FakeBroker.listen();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  const kept = (more: object = {}): FlowNode =>
    connection5(broker.port, { cleansession: false, sessionExpiry: '60', autoUnsubscribe: false, ...more });
  const flow = (more: object = {}): FlowNode[] => [kept(), dynamicIn({ datatype: 'utf8', ...more }), ...HELPERS];

  /** A flow that runs, and its connection, when the broker has granted what a message subscribed. */
  async function subscribed(nodes: readonly FlowNode[] = flow(), topic: unknown = TAKEN): Promise<FakePeer> {
    await startFlow(nodes);
    const peer = await broker.accept();
    await peer.handshake();
    await showConnected('in');
    node('in').receive({ action: 'subscribe', topic } as never);
    await granted(peer);
    await settle();
    return peer;
  }

  async function resumed(): Promise<FakePeer> {
    const peer = await broker.accept();
    await peer.handshake({ sessionPresent: true });
    return peer;
  }

  it('are there again behind a restart of the flows: what waited for them comes, as it was asked for', async () => {
    await subscribed();
    await restartFlow(flow());
    const got = collect('h');
    const peer = await resumed();
    publish(peer, 7);
    const { subscriptions } = await peer.expect('subscribe');
    assert.deepEqual(subscriptions, [{ topic: 'a/+', qos: 1, nl: false, rap: true, rh: 0 }]);
    assert.equal((await peer.skipTo('puback')).messageId, 7);
    assert.deepEqual(payloads(got), [{ x: 1 }]);
    assert.deepEqual(await listed(), [{ topic: 'a/+', datatype: 'json', qos: 1, rh: 0, rap: true }]);
    assert.equal(statuses('in').at(-1), CONNECTED);
    assert.deepEqual(filters(peer, 'unsubscribe'), []);
  });

  it('are there again with all their options, before MQTT 5 too', async () => {
    const options = { topic: 'a', qos: 0, nl: true, rap: false, rh: 2 };
    await subscribed(flow(), options);
    await restartFlow(flow());
    assert.deepEqual((await (await resumed()).expect('subscribe')).subscriptions, [options]);
    assert.deepEqual(await listed(), [options]);
    await stopFlow();
    const older = [connection(broker.port, { cleansession: false, autoUnsubscribe: false }), dynamicIn(), ...HELPERS];
    await subscribed(older, 'a');
    await restartFlow(older);
    assert.deepEqual((await (await resumed()).expect('subscribe')).subscriptions, [{ topic: 'a', qos: 2 }]);
    assert.deepEqual(await listed(), [{ topic: 'a', qos: 2 }]);
  });

  it('show that the broker refuses them, as behind a message', async () => {
    await subscribed();
    await restartFlow(flow());
    const caught = collect('caught');
    const peer = await broker.accept();
    await peer.handshake();
    const { messageId = 0 } = await peer.expect('subscribe');
    peer.send({ cmd: 'suback', messageId, granted: [0x87] });
    await until(() => /not authorized/.test(statuses('in').at(-1) ?? ''), 'the status');
    await until(() => caught.length === 1, 'the error at Catch');
    assertHas(caught[0]?.['error'], { code: 'subscription-refused' });
  });

  for (const type of ['nodes', 'full'] as const) {
    it(`are there again behind a deploy (${type}) that makes the node anew, and miss nothing that comes meanwhile`, async () => {
      const peer = await subscribed();
      let got: ReturnType<typeof collect> = [];
      await deploy(flow({ name: 'another' }), type, () => {
        got = collect('h');
        publish(peer, 7);
      });
      await granted(peer);
      await until(() => got.length === 1, 'the message');
      assert.deepEqual(payloads(got), [{ x: 1 }]);
      await settle();
      assert.deepEqual([broker.peers.length, filters(peer, 'unsubscribe')], [1, []]);
    });
  }

  it('are there again behind a deploy that Node-RED did not start', async () => {
    const peer = await subscribed();
    await deployUnstarted([...flow({ name: 'another' }), { id: 'unknown', type: 'no-such-type' }], 'nodes');
    assert.deepEqual((await peer.skipTo('unsubscribe')).unsubscriptions, ['a/+']);
    await deploy(flow({ name: 'a third' }), 'nodes');
    assert.deepEqual(await granted(peer), ['a/+']);
  });

  it('are over where the node was removed by a deploy that Node-RED did not start', async () => {
    await subscribed();
    const without = flow().filter(({ id }) => id !== 'in');
    await deployUnstarted([...without, { id: 'unknown', type: 'no-such-type' }], 'nodes');
    await deploy([...without, dynamicIn()], 'nodes');
    const peer = await resumed();
    await showConnected('in');
    await settle();
    assert.deepEqual([filters(peer, 'subscribe'), await listed()], [[], []]);
  });

  for (const [what, next] of [
    ['was removed', []],
    ['became a fixed one', [mqttIn({ topic: 'fixed' })]],
    ['moved to another connection', [dynamicIn({ broker: 'd' })]],
    ['was disabled', [dynamicIn({ d: true })]],
  ] as const) {
    for (const type of ['nodes', 'full'] as const) {
      it(`are over, by a deploy (${type}), where the node ${what}`, async () => {
        const both = [
          kept(),
          { ...kept({ clientid: 'posthorn2' }), id: 'd' },
          mqttIn({ id: 'other', topic: 'o' }),
          ...HELPERS,
        ];
        await startFlow([...both, dynamicIn()]);
        const peer = await broker.accept();
        await peer.handshake();
        await granted(peer);
        await showConnected('in');
        node('in').receive({ action: 'subscribe', topic: ['a/+', 'b'] } as never);
        await granted(peer);
        await settle();
        await deploy([...both, ...next], type);
        assert.deepEqual((await peer.skipTo('unsubscribe')).unsubscriptions, ['a/+', 'b']);
        const before = filters(peer, 'subscribe').length;
        await deploy([...both, dynamicIn()], type);
        await settle();
        assert.ok(!filters(peer, 'subscribe').slice(before).includes('a/+'));
        assert.deepEqual(await listed(), []);
      });
    }
  }

  it('are as the last message said', async () => {
    const peer = await subscribed();
    node('in').receive({ action: 'subscribe', topic: { topic: 'a/+', qos: 2 } } as never);
    await granted(peer);
    node('in').receive({ action: 'subscribe', topic: ['b', 'c'] } as never);
    await granted(peer);
    node('in').receive({ action: 'unsubscribe', topic: 'b' });
    await restartFlow(flow());
    const { subscriptions } = await (await resumed()).expect('subscribe');
    assert.deepEqual(
      subscriptions.map(({ topic, qos }) => [topic, qos]),
      [
        ['a/+', 2],
        ['c', 2],
      ],
    );
    assert.deepEqual(await listed(), [
      { topic: 'a/+', qos: 2, rh: 0, rap: true },
      { topic: 'c', qos: 2, rh: 0, rap: true },
    ]);
  });

  it('are replaced by a message for the same filter, and ended by one, where they were taken up', async () => {
    await subscribed(flow(), [TAKEN, 'b']);
    await restartFlow(flow());
    const peer = await resumed();
    await granted(peer);
    node('in').receive({ action: 'subscribe', topic: { topic: 'a/+', qos: 2 } } as never);
    assert.deepEqual(await granted(peer), ['a/+']);
    node('in').receive({ action: 'unsubscribe', topic: true } as never);
    assert.deepEqual((await peer.skipTo('unsubscribe')).unsubscriptions, ['a/+', 'b']);
    await restartFlow(flow());
    const next = await resumed();
    await showConnected('in');
    await settle();
    assert.deepEqual([filters(next, 'subscribe'), await listed()], [[], []]);
  });

  it('stay where what waits to be sent is discarded', async () => {
    await subscribed();
    (node('c') as unknown as { connection: { discardUnsent(): number } }).connection.discardUnsent();
    await restartFlow(flow());
    assert.deepEqual((await (await resumed()).expect('subscribe')).subscriptions[0]?.topic, 'a/+');
  });

  for (const [what, more] of [
    ['another client id', { clientid: 'another' }],
    ['another server', { broker: 'localhost' }],
    ['a clean start', { cleansession: true }],
  ] as const) {
    it(`are no part of the session of ${what}, nor of the first one behind it`, async () => {
      await subscribed();
      const other = [kept(more), dynamicIn(), ...HELPERS];
      await deploy(other, 'full');
      const peer = await broker.accept();
      await peer.handshake();
      await showConnected('in');
      await peer.expectNothing();
      assert.deepEqual(await listed(), []);
      await deploy(flow(), 'full');
      const back = await resumed();
      await showConnected('in');
      await back.expectNothing();
    });
  }

  it('are the node’s for as long as it exists, in the session of other settings that a message brings too', async () => {
    const peer = await subscribed();
    node('in').receive({ action: 'disconnect' });
    await peer.closed;
    node('in').receive({ action: 'connect', broker: { clientid: 'another' } });
    const other = await broker.accept();
    await other.handshake();
    assert.deepEqual(await granted(other), ['a/+']);
    await showConnected('in');
    await deploy(
      flow().map((each) => (each.id === 'in' ? { ...each, name: 'another' } : each)),
      'nodes',
    );
    assert.deepEqual(await granted(other), ['a/+']);
  });
});

describe('subscriptions that messages made, in a clean session', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await FakeBroker.listen();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  for (const more of [{}, { cleansession: true, sessionExpiry: '60' }, { cleansession: false, clientid: '' }]) {
    it(`end with the node, as in Node-RED’s own nodes: ${JSON.stringify(more)}`, async () => {
      const nodes = [connection5(broker.port, more), dynamicIn(), ...HELPERS];
      await startFlow(nodes);
      const peer = await broker.accept();
      await peer.handshake();
      await showConnected('in');
      node('in').receive({ action: 'subscribe', topic: 'a' });
      await granted(peer);
      await deploy(
        nodes.map((each) => (each.id === 'in' ? { ...each, name: 'another' } : each)),
        'nodes',
      );
      assert.deepEqual((await peer.skipTo('unsubscribe')).unsubscriptions, ['a']);
      assert.deepEqual(await listed(), []);
    });
  }
});

describe('subscriptions that messages made, in a session on disk', () => {
  let userDir: string;
  let broker: FakeBroker;

  beforeEach(async () => {
    userDir = await mkdtemp(join(tmpdir(), 'posthorn-nodes-'));
    broker = await FakeBroker.listen();
    useUserDir(userDir);
    await startFlow([]);
  });
  afterEach(async () => {
    await stopFlow();
    useUserDir();
    await broker.close();
    await rm(userDir, { recursive: true, force: true });
  });

  const flow = (more: object = {}): FlowNode[] => [
    connection5(broker.port, { cleansession: false, autoUnsubscribe: false, sessionStore: 'disk', ...more }),
    dynamicIn(),
    ...HELPERS,
  ];

  /** What an earlier process left there. */
  async function left(...wishes: readonly StoredWish[]): Promise<DiskStore> {
    const earlier = await DiskStore.open(join(userDir, 'posthorn/c'), { report: () => undefined });
    earlier.saveIdentity({ server: `mqtt://127.0.0.1:${broker.port}`, clientId: 'posthorn' });
    for (const each of wishes) earlier.saveWish(each);
    return earlier;
  }

  it('are those of an earlier process, before what the broker kept for them is handed out', async () => {
    await (await left(wish('in', 'a/+', { note: 'json' }), wish('gone', 'b'))).close();
    let got: ReturnType<typeof collect> = [];
    await deploy(flow(), 'full', () => (got = collect('h')));
    const peer = await broker.accept();
    await peer.handshake({ sessionPresent: true });
    publish(peer, 7);
    assert.equal((await peer.skipTo('puback')).messageId, 7);
    assert.deepEqual(payloads(got), [{ x: 1 }]);
    assert.deepEqual(filters(peer, 'subscribe'), ['a/+']);
  });

  it('are not those that a message ended before the session was open, nor as one was that it replaced', async () => {
    await (await left(...['a', 'b', 'c'].map((filter) => wish('in', filter)))).close();
    await deploy(flow(), 'full', () => {
      node('in').receive({ action: 'unsubscribe', topic: 'a' });
      node('in').receive({ action: 'subscribe', topic: { topic: 'b', qos: 2 } } as never);
    });
    const peer = await broker.accept();
    await peer.handshake();
    const { subscriptions } = await peer.expect('subscribe');
    assert.deepEqual(
      new Map(subscriptions.map(({ topic, qos }) => [topic, qos])),
      new Map([
        ['b', 2],
        ['c', 1],
      ] as const),
    );
  });

  it('are all over where a message said so before the session was open', async () => {
    await (await left(...['a', 'b'].map((filter) => wish('in', filter)))).close();
    await deploy(flow(), 'full', () => node('in').receive({ action: 'unsubscribe', topic: true } as never));
    const peer = await broker.accept();
    await peer.handshake();
    await showConnected('in');
    await peer.expectNothing();
  });

  it('are taken up when the disk can be read, but for what a message ended since', async function () {
    this.timeout(40_000);
    const earlier = await left(wish('in', 'a'), wish('in', 'b'), wish('gone', 'c'));
    await deploy(flow(), 'full');
    const first = await broker.accept();
    await first.handshake({ sessionPresent: true });
    await showConnected('in');
    // What the broker has of it waits too, longer than for nodes alone.
    publish(first, 9, 'b');
    node('in').receive({ action: 'unsubscribe', topic: 'a' });
    node('in').receive({ action: 'subscribe', topic: 'd' });
    await until(() => filters(first, 'subscribe').includes('d'), 'what a message says');
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    assert.deepEqual(
      first.received.filter(({ cmd }) => cmd === 'puback'),
      [],
    );
    await earlier.close();
    // It is tried every ten seconds.
    const second = await broker.accept(15_000);
    await second.handshake({ sessionPresent: true });
    await until(() => filters(second, 'subscribe').includes('b'), 'what the disk has');
    const got = collect('h');
    publish(second, 9, 'b');
    await until(() => got.length === 1, 'what waited');
    const all = (await listed()) as { topic: string }[];
    assert.deepEqual(new Set(all.map(({ topic }) => topic)), new Set(['b', 'd']));
  });

  it('go along when a person chooses memory, and back', async () => {
    await (await left(wish('in', 'a/+'))).close();
    await deploy(flow(), 'full');
    await (await broker.accept()).handshake();
    for (const sessionStore of ['memory', 'fsync']) {
      await deploy(flow({ sessionStore }), 'full');
      const peer = await broker.accept();
      await peer.handshake({ sessionPresent: true });
      await until(() => filters(peer, 'subscribe').includes('a/+'), sessionStore);
      await until(() => existsSync(join(userDir, 'posthorn/c')) === (sessionStore === 'fsync'), 'the folder');
    }
  });

  it('that the connection does not take are forgotten with one sentence, and the others are taken up', async () => {
    const { options } = wish('in', 'a');
    const shared = ['$share/g/1', '$share/g/2', '$share/g/3'].map((filter) => wish('in', filter, { options }));
    await (await left(...shared, wish('in', 'a', { note: 'nonsense' }))).close();
    await deploy(flow(), 'full');
    const peer = await broker.accept();
    await peer.handshake();
    assert.deepEqual(await granted(peer), ['a']);
    const [line, ...more] = lines('in', 'warn');
    assert.match(line ?? '', /^a subscription of before is not taken up again: \$share\/g\/1 .*, and 2 more$/);
    assert.deepEqual(more, []);
    await showConnected('in');
    const again = flow().map((each) => (each.id === 'in' ? { ...each, name: 'another' } : each));
    await deploy(again, 'nodes');
    assert.deepEqual(await listed(), [{ topic: 'a', datatype: 'nonsense', qos: 1, rh: 2, rap: false, nl: true }]);
    assert.equal(lines('in', 'warn').length, 1);
  });
});

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** A Node-RED of its own, with a message for its mqtt-in; and what it tells of messages that arrive. */
function run(port: number, userDir: string, msg?: object): { child: ChildProcess; told: string[] } {
  const script = join(__dirname, 'fixtures/subscribed-by-messages.ts');
  const more = msg === undefined ? [] : [JSON.stringify(msg)];
  const args = ['--import', 'tsx', script, String(port), userDir, ...more];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  endWithUs(child);
  const told: string[] = [];
  child.stdout.on('data', (text: Buffer) => told.push(...String(text).trim().split('\n')));
  return { child, told };
}

describe('subscriptions that messages made, when Node-RED is killed', () => {
  let userDir: string;
  let broker: FakeBroker;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    userDir = await mkdtemp(join(tmpdir(), 'posthorn-nodes-'));
    broker = await FakeBroker.listen();
  });
  afterEach(async () => {
    await kill(child);
    await broker.close();
    await rm(userDir, { recursive: true, force: true });
  });

  /** A Node-RED on this user directory, its connection, and what it tells. */
  async function start(sessionPresent: boolean, msg?: object): Promise<{ peer: FakePeer; told: string[] }> {
    const runs = run(broker.port, userDir, msg);
    ({ child } = runs);
    const { told } = runs;
    const peer = await broker.accept(15_000);
    await peer.handshake({ sessionPresent });
    return { peer, told };
  }

  it('are there again, with what waited for them, from the moment on at which the broker heard of them', async function () {
    this.timeout(60_000);
    const first = await start(false, { action: 'subscribe', topic: { topic: 'a/+', qos: 1, datatype: 'json' } });
    await first.peer.skipTo('subscribe');
    await kill(child);
    const second = await start(true);
    publish(second.peer, 7);
    assert.deepEqual(await granted(second.peer), ['a/+']);
    assert.equal((await second.peer.skipTo('puback')).messageId, 7);
    await until(() => second.told.length > 0, 'the message');
    assert.deepEqual(second.told, ['["a/b",{"x":1}]']);
  });

  it('are over from the moment on at which the broker heard so', async function () {
    this.timeout(60_000);
    const first = await start(false, { action: 'subscribe', topic: ['a', 'b'] });
    await first.peer.skipTo('subscribe');
    await kill(child);
    const second = await start(true, { action: 'unsubscribe', topic: 'a' });
    assert.deepEqual((await second.peer.skipTo('unsubscribe')).unsubscriptions, ['a']);
    await kill(child);
    const third = await start(true);
    assert.deepEqual(await granted(third.peer), ['b']);
    await settle();
    assert.deepEqual(filters(third.peer, 'subscribe'), ['b']);
  });
});

describe('subscriptions that messages made, when Node-RED is killed, with mosquitto', () => {
  const broker = useMosquitto();
  let userDir: string;
  let child: ChildProcess | undefined;
  let publisher: Client;

  beforeEach(async () => {
    userDir = await mkdtemp(join(tmpdir(), 'posthorn-nodes-'));
    publisher = new Client({ server: `mqtt://127.0.0.1:${broker().port}`, clientId: 'publisher' });
    publisher.connect();
  });
  afterEach(async () => {
    await publisher.close();
    await kill(child);
    await rm(userDir, { recursive: true, force: true });
  });

  const published = (payload: string): Promise<void> =>
    new Promise((resolve) => publisher.publish({ topic: 'a/b', payload, qos: 1 }, () => resolve()));

  it('lose and double nothing of what was published meanwhile', async function () {
    this.timeout(60_000);
    const first = run(broker().port, userDir, { action: 'subscribe', topic: { topic: 'a/+', qos: 1 } });
    ({ child } = first);
    while (!first.told.includes('["a/b","there"]')) {
      await published('there');
      await settle();
    }
    await kill(child);
    const sent = Array.from({ length: 50 }, (_each, index) => String(index));
    for (const payload of sent) await published(payload);
    const second = run(broker().port, userDir);
    ({ child } = second);
    const got = (): unknown[] => second.told.map((line) => (JSON.parse(line) as string[])[1]);
    await until(() => got().includes('49'), 'the last of them', 20_000);
    assert.deepEqual(
      got().filter((payload) => payload !== 'there'),
      sent,
    );
  });
});
