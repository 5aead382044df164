import assert from 'node:assert/strict';
import { settle, until } from '../support/events.ts';
import type { FakeBroker, FakePeer } from '../support/fake-broker.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import {
  collect,
  deploy,
  deployUnstarted,
  errors,
  type FlowNode,
  node,
  restartFlow,
  startFlow,
  stopFlow,
} from '../support/flow.ts';
import { useMosquitto } from '../support/mosquitto-bench.ts';
import {
  agreeing,
  connected,
  connection,
  connection5,
  HELPERS,
  lines,
  mqttIn,
  mqttOut,
  showConnected,
} from './flows.ts';

describe('a full deploy', () => {
  let broker: FakeBroker;
  let peer: FakePeer;

  beforeEach(async () => {
    broker = await agreeing();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  const ANNOUNCED = { birthTopic: 'state', birthPayload: 'on', closeTopic: 'state', closePayload: 'off' };

  /** What is in the flow besides the connection. */
  const rest = [mqttIn({ qos: '1' }), mqttOut({ topic: 'a/out', qos: '1' }), ...HELPERS];

  async function started(more: object = {}): Promise<FlowNode[]> {
    const flow = [connection5(broker.port, { ...ANNOUNCED, ...more }), ...rest];
    await startFlow(flow);
    peer = await connected(broker);
    await peer.skipTo('subscribe');
    await until(() => peer.received.some(({ cmd }) => cmd === 'publish'), 'the birth message');
    return flow;
  }

  /** The commands that came since the connection was made, but for PINGREQ. */
  const since = (count: number): string[] => peer.received.slice(count).map(({ cmd }) => cmd);

  it('that changes nothing of the connection leaves it alone: no end, no birth message', async () => {
    const flow = await started();
    const before = peer.received.length;
    await deploy(flow, 'full');
    await settle();
    // What is retained comes to nodes that are new.
    assert.deepEqual([broker.peers.length, since(before)], [1, ['subscribe']]);
    peer.send({ cmd: 'publish', topic: 'a/x', payload: 'in', qos: 1, messageId: 5, dup: false, retain: false });
    const [got] = await Promise.all([
      new Promise((resolve) => node('h').once('input', ({ payload }) => resolve(payload))),
      peer.skipTo('puback'),
    ]);
    assert.equal(got, 'in');
    node('out').receive({ payload: 'x' });
    assert.equal((await peer.skipTo('publish')).topic, 'a/out');
    assert.deepEqual(lines('c', 'log').filter((line) => line.startsWith('Connected')).length, 1);
  });

  it('that only gives it another name leaves it alone too, again and again', async () => {
    await started();
    for (const name of ['one', 'two', 'three']) {
      await deploy([connection5(broker.port, { ...ANNOUNCED, name }), ...rest], 'full');
    }
    assert.equal(broker.peers.length, 1);
    await showConnected('in', 'out');
  });

  it('shows the state at the nodes that are new, and tells what comes then in the name of the new node', async () => {
    const flow = await started();
    await deploy(flow, 'full');
    await showConnected('in', 'out');
    const caught = collect('caught');
    peer.reset();
    await until(() => lines('c', 'log').some((line) => line.startsWith('Disconnected')), 'it is told');
    const { log } = Object.getPrototypeOf(node('c')) as { log: { lastCall: { thisValue: unknown } } };
    assert.equal(log.lastCall.thisValue, node('c'));
    await until(() => caught.length > 0, 'Catch nodes of the new flow hear it');
  });

  const CHANGES: Readonly<Record<string, object>> = {
    'another keep alive': { keepalive: 30 },
    'another birth message': { birthPayload: 'ready' },
    'another place for its session': { autoUnsubscribe: true },
  };
  for (const [what, change] of Object.entries(CHANGES)) {
    it(`with ${what} ends it in order, and then makes the new one`, async () => {
      await started();
      await deploy([connection5(broker.port, { ...ANNOUNCED, ...change }), ...rest], 'full');
      const next = await broker.accept();
      await next.expect('connect');
      const last = since(0).slice(-2);
      assert.equal(last.at(-1), 'disconnect');
      assert.ok(peer.received.some((packet) => packet.cmd === 'publish' && String(packet.payload) === 'off'));
      assert.equal(broker.peers.length, 2);
    });
  }

  it('with another password ends it: what a person changes counts', async () => {
    const flow = [connection(broker.port), ...rest];
    await startFlow(flow, { c: { user: 'u', password: 'one' } });
    peer = await connected(broker);
    await deploy(
      flow.map((one) => (one.id === 'c' ? { ...one, credentials: { user: 'u', password: 'two' } } : one)),
      'full',
    );
    const next = await broker.accept();
    assert.equal(String((await next.expect('connect')).password), 'two');
  });

  /** The flow of now with another password. */
  const withPassword = (flow: readonly FlowNode[], password: string): FlowNode[] =>
    flow.map((one) => (one.id === 'c' ? { ...one, credentials: { user: 'u', password } } : one));

  interface Connected {
    readonly connection: { readonly state: { readonly phase: string } };
  }
  const shared = (): Connected['connection'] => (node('c') as unknown as Connected).connection;

  it('with another password makes the new one when the old one has ended, however long the broker takes for it', async () => {
    const flow = await started();
    const old = shared();
    // What is under way is waited for.
    peer.pause();
    node('out').receive({ payload: 'x' });
    await deploy(withPassword(flow, 'two'), 'full');
    assert.notEqual(old.state.phase, 'closed');
    const next = await broker.accept(10_000);
    assert.equal(old.state.phase, 'closed');
    assert.equal(String((await next.expect('connect')).password), 'two');
  });

  it('and another one at once keeps what the flows gave in between, while the first connection was still ending', async () => {
    const flow = await started();
    peer.pause();
    node('out').receive({ payload: '1' });
    await deploy(withPassword(flow, 'two'), 'full');
    for (const payload of ['2', '3']) node('out').receive({ payload });
    await deploy(withPassword(flow, 'three'), 'full');
    node('out').receive({ payload: '4' });
    const came = (): unknown[] =>
      (broker.peers.at(-1)?.received ?? []).flatMap((packet) =>
        packet.cmd === 'publish' && packet.topic === 'a/out' ? [String(packet.payload)] : [],
      );
    await until(() => came().length >= 4, 'all four', 15_000);
    assert.deepEqual(new Set(came()), new Set(['1', '2', '3', '4']));
    assert.deepEqual(errors('out'), []);
  });

  it('goes back to what is stored where a message had brought other settings', async () => {
    const flow = [connection5(broker.port), mqttIn({ topic: '', inputs: 1 }), ...HELPERS];
    await startFlow(flow);
    peer = await connected(broker);
    node('in').receive({ action: 'connect', broker: { force: true, clientid: 'other' } });
    const second = await broker.accept();
    assert.equal((await second.expect('connect')).clientId, 'other');
    await showConnected('in');
    await deploy(flow, 'full');
    const third = await broker.accept();
    assert.equal((await third.expect('connect')).clientId, 'posthorn');
  });

  /** What the config node shows to other packages. */
  interface Shown {
    readonly client: NodeJS.EventEmitter;
    readonly users: Readonly<Record<string, unknown>>;
    register(user: unknown): void;
    subscribe(topic: string, qos: number, callback: (topic: string) => void, ref: string): void;
  }
  const shown = (): Shown => node('c') as unknown as Shown;

  it('ends what nodes of other packages had who did not say that they go, as the end of the connection did', async () => {
    const flow = await started();
    const got: string[] = [];
    const use = (name: string): void => {
      shown().register(node('h'));
      shown().subscribe('f/x', 1, () => got.push(name), 'foreign');
    };
    use('one');
    await deploy(flow, 'full', () => use('two'));
    peer.send({ cmd: 'publish', topic: 'f/x', payload: 'x', qos: 0, dup: false, retain: false });
    await until(() => got.length > 0, 'it came');
    await settle();
    assert.deepEqual(got, ['two']);
    await deploy(flow, 'full');
    peer.send({ cmd: 'publish', topic: 'f/x', payload: 'x', qos: 0, dup: false, retain: false });
    await settle();
    assert.deepEqual([got, Object.keys(shown().users).sort()], [['two'], ['in', 'out']]);
  });

  it('shows other packages the state of the connection that goes on, and its end', async () => {
    const flow = await started();
    const events: string[] = [];
    shown().client.on('close', () => events.push('earlier'));
    await deploy(flow, 'full');
    shown().client.on('close', () => events.push('close'));
    peer.reset();
    await until(() => events.length > 0, 'it is told');
    await settle();
    assert.deepEqual(events, ['close']);
  });

  it('tells the new flows why a connection fails that goes on', async () => {
    const { port } = broker;
    await broker.close();
    const flow = [connection(port), ...rest];
    await startFlow(flow);
    const told = (): string[] => lines('c', 'log').filter((line) => line.startsWith('cannot reach'));
    await until(() => told().length === 1, 'told once');
    await deploy(flow, 'full');
    const caught = collect('caught');
    await until(() => told().length === 2, 'told again');
    await until(() => caught.length > 0, 'to Catch nodes too');
    const [first, second] = told();
    assert.equal(first, second);
  });

  it('that Node-RED does not start loses no message that waits', async () => {
    const { port } = broker;
    await broker.close();
    const flow = [connection(port), ...rest];
    await startFlow(flow);
    node('out').receive({ payload: 'precious' });
    await deployUnstarted([...flow, { id: 'unknown', type: 'no-such-type' }], 'full');
    await deploy(flow, 'full');
    const { outbox } = (node('c') as unknown as { connection: { outbox: { messages: number } } }).connection;
    assert.equal(outbox.messages, 1);
  });

  it('that takes the connection away ends it, with the close message', async () => {
    await started();
    await deploy([...HELPERS], 'full');
    await peer.skipTo('disconnect');
    assert.ok(peer.received.some((packet) => packet.cmd === 'publish' && String(packet.payload) === 'off'));
  });

  it('a stop of the flows ends it, and a start makes a new one', async () => {
    const flow = await started();
    await restartFlow(flow);
    await peer.skipTo('disconnect');
    assert.ok(peer.received.some((packet) => packet.cmd === 'publish' && String(packet.payload) === 'off'));
    await connected(broker);
  });
});

describe('full deploys under load, through mosquitto', function () {
  this.timeout(60_000);
  const broker = useMosquitto();
  afterEach(() => stopFlow());

  for (const version of ['4', '5'] as const) {
    for (const qos of ['1', '2'] as const) {
      it(`show the broker one connection, and lose and double nothing, at QoS ${qos} with version ${version}`, async () => {
        const proxy = await FaultProxy.listen(broker().port);
        try {
          const flow = [
            connection(proxy.port, { protocolVersion: version, clientid: `load-${version}-${qos}` }),
            mqttIn({ topic: 'load', qos }),
            mqttOut({ topic: 'load', qos }),
            { id: 'h', type: 'helper' },
          ];
          await startFlow(flow);
          await showConnected('in', 'out');
          const got: string[] = [];
          const listen = (): void => void node('h').on('input', ({ payload }) => got.push(String(payload)));
          listen();
          let sent = 0;
          const give = (): void => {
            for (let n = 0; n < 3; n++) node('out').receive({ payload: String(sent++) });
          };
          for (let round = 0; round < 8; round++) {
            for (let turn = 0; turn < 30; turn++) {
              give();
              await new Promise((resolve) => setTimeout(resolve, 3));
            }
            await deploy(flow, 'full', listen);
          }
          await until(() => new Set(got).size >= sent, `all ${sent} came`, 10_000);
          assert.deepEqual([got.length - new Set(got).size, proxy.connections], [0, 1]);
        } finally {
          await stopFlow();
          await proxy.close();
        }
      });
    }
  }
});
