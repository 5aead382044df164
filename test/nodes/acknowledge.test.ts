import assert from 'node:assert/strict';
import { settle, until } from '../support/events.ts';
import type { FakeBroker, FakePeer } from '../support/fake-broker.ts';
import {
  collect,
  deploy,
  deployUnstarted,
  errors,
  type FlowNode,
  node,
  startFlow,
  statuses,
  stopFlow,
} from '../support/flow.ts';
import { agreeing, connected, connection, connection5, dynamicIn, HELPERS, lines, mqttIn, mqttOut } from './flows.ts';

type Msg = Record<string, unknown> & { readonly payload?: unknown };

/** An mqtt-in that acknowledges when its flow is done, and the node that says so. */
const FLOW_IN = { acknowledge: 'flow', atOnce: '2', qos: '1' };
const ACK: FlowNode = { id: 'ack', type: 'mqtt-ack', wires: [['behind']] };
const NODES: readonly FlowNode[] = [...HELPERS, ACK, { id: 'behind', type: 'helper' }];

/** The flow as a deploy makes one of its nodes anew. */
function replaced(flow: readonly FlowNode[], id: string): FlowNode[] {
  return flow.map((one) => (one.id === id ? { ...one, name: 'other' } : one));
}

describe('an mqtt-in that acknowledges when the flow is done', () => {
  let broker: FakeBroker;
  let peer: FakePeer;
  let next = 0;

  beforeEach(async () => {
    broker = await agreeing();
    next = 0;
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  async function started(more: object = {}, config = connection(broker.port)): Promise<FlowNode[]> {
    const flow = [config, mqttIn({ ...FLOW_IN, ...more }), ...NODES];
    await startFlow(flow);
    peer = await connected(broker);
    await peer.skipTo('subscribe');
    return flow;
  }

  function come(topic: string, qos: 0 | 1 | 2 = 1, more: object = {}): void {
    const messageId = qos === 0 ? {} : { messageId: ++next };
    peer.send({ cmd: 'publish', topic, payload: topic, qos, dup: false, retain: false, ...messageId, ...more });
  }

  /** Acknowledgements that came so far. */
  function acks(): string[] {
    return peer.received
      .filter(({ cmd }) => cmd === 'puback' || cmd === 'pubrec')
      .map((packet) => {
        const code = (packet as { reasonCode?: number }).reasonCode ?? 0;
        return `${packet.cmd} ${packet.messageId}${code === 0 ? '' : ` ${code}`}`;
      });
  }

  const reached = (messages: readonly Msg[], count: number): Promise<void> =>
    until(() => messages.length >= count, `${count} messages`);

  const acked = (count: number): Promise<void> => until(() => acks().length >= count, `${count} acknowledgements`);

  it('tells the broker nothing until an mqtt-ack gets the message, and lets that pass', async () => {
    await started();
    const got = collect('h');
    const behind = collect('behind');
    come('a/1');
    await reached(got, 1);
    await settle();
    assert.deepEqual(acks(), []);
    assert.deepEqual(Object.keys(got[0]?.['delivery'] ?? {}), ['id', 'node', 'attempt']);
    node('ack').receive(got[0]);
    await acked(1);
    await reached(behind, 1);
    assert.deepEqual([acks(), behind[0]?.['payload'], errors('ack')], [['puback 1'], 'a/1', []]);
  });

  it('has as many messages in its flow as it says; the next comes when one is done, and acknowledgements are in order', async () => {
    await started();
    const got = collect('h');
    for (const topic of ['a/1', 'a/2', 'a/3', 'a/4']) come(topic);
    await reached(got, 2);
    await settle();
    assert.equal(got.length, 2);
    node('ack').receive(got[1]);
    await reached(got, 3);
    assert.deepEqual(acks(), []);
    node('ack').receive(got[0]);
    await reached(got, 4);
    for (const index of [3, 2]) node('ack').receive(got[index]);
    await acked(4);
    assert.deepEqual(acks(), ['puback 1', 'puback 2', 'puback 3', 'puback 4']);
  });

  it('that is full does not stop another node of its connection', async () => {
    const other = mqttIn({ id: 'other', topic: 'b', wires: [['behind']] });
    await startFlow([connection(broker.port), mqttIn(FLOW_IN), other, ...NODES]);
    peer = await connected(broker);
    await until(() => peer.received.filter(({ cmd }) => cmd === 'subscribe').length > 0, 'SUBSCRIBE');
    const behind = collect('behind');
    for (const topic of ['a/1', 'a/2', 'a/3', 'b', 'b']) come(topic);
    await reached(behind, 2);
    assert.deepEqual(acks(), []);
  });

  it('acknowledges several at once where msg.delivery is a list', async () => {
    await started();
    const got = collect('h');
    come('a/1');
    come('a/2', 2);
    await reached(got, 2);
    node('ack').receive({ payload: '', delivery: got.map(({ delivery }) => delivery) });
    await acked(2);
    assert.deepEqual(acks(), ['puback 1', 'pubrec 2']);
  });

  it('acknowledges the others of a list in which one is no message', async () => {
    await started();
    const got = collect('h');
    const caught = collect('caught');
    come('a/1');
    await reached(got, 1);
    node('ack').receive({ payload: '', delivery: [{ id: 'none' }, got[0]?.['delivery']] });
    await acked(1);
    await reached(caught, 1);
    assert.deepEqual(acks(), ['puback 1']);
    assert.match(errors('ack')[0] ?? '', /^not acknowledged: msg\.delivery is not what an mqtt-in has sent/);
  });

  it('does not start a message twice that the broker sends again, and acknowledges it on the new connection', async () => {
    await broker.close();
    broker = await agreeing({
      connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0, reasonCode: 0 }),
    });
    await started({}, connection(broker.port, { cleansession: false }));
    const got = collect('h');
    come('a/1');
    await reached(got, 1);
    peer.reset();
    peer = await broker.accept();
    await peer.expect('connect');
    next = 0;
    come('a/1', 1, { dup: true });
    await settle();
    assert.deepEqual([got.length, acks()], [1, []]);
    node('ack').receive(got[0]);
    await acked(1);
    assert.deepEqual([got.length, acks()], [1, ['puback 1']]);
  });

  it('whose session is gone says at the mqtt-ack that nobody could be told', async () => {
    await started();
    const got = collect('h');
    come('a/1');
    await reached(got, 1);
    peer.reset();
    await connected(broker);
    node('ack').receive(got[0]);
    await until(() => lines('ack', 'warn').length > 0, 'a warning');
    assert.deepEqual(lines('ack', 'warn'), [
      'the message to a/1 was not acknowledged: its session with the broker is gone',
    ]);
    assert.deepEqual(errors('ack'), []);
  });

  it('says so of many in two lines', async () => {
    await started({ atOnce: '50' });
    const got = collect('h');
    for (let number = 1; number <= 50; number++) come(`a/${number}`);
    await reached(got, 50);
    peer.reset();
    await connected(broker);
    for (const msg of got) node('ack').receive(msg);
    await until(() => lines('ack', 'warn').length === 2, 'two lines');
    assert.match(
      lines('ack', 'warn')[1] ?? '',
      /^49 more like this, the last: the message to a\/50 was not acknowledged/,
    );
  });

  it('gives a message that its flow lost to a Catch node, and to the flow again', async () => {
    await started({ ackTimeout: '1' });
    const got = collect('h');
    const caught = collect('caught');
    come('a/1');
    await reached(got, 2);
    const attempts = got.map(({ delivery }) => (delivery as { attempt: number }).attempt);
    assert.deepEqual(attempts.slice(0, 2), [1, 2]);
    assert.deepEqual(acks(), []);
    assert.match(
      errors('in')[0] ?? '',
      /^the flow did not acknowledge the message to a\/1 within 1 s: it is given to the flow again$/,
    );
    assert.deepEqual(caught[0]?.['delivery'], got[0]?.['delivery']);
    node('ack').receive(got[1]);
    await acked(1);
  });

  it('tells Catch nodes of each message that is late', async () => {
    await started({ ackTimeout: '1', atOnce: '20', whenLate: 'acknowledge' });
    const caught = collect('caught');
    for (let number = 1; number <= 20; number++) come(`a/${number}`);
    await reached(caught, 20);
    const topics = new Set(caught.map(({ topic }) => topic));
    assert.deepEqual([topics.size, caught.length], [20, 20]);
  });

  for (const [what, more, first] of [
    [
      'late messages',
      { ackTimeout: '1', whenLate: 'acknowledge' },
      /^the flow did not acknowledge the message to a\/1 /,
    ],
    ['messages that it cannot send', { datatype: 'json', ackTimeout: '' }, /a\/1/],
  ] as const) {
    it(`says of many ${what} in two lines where no Catch node hears`, async () => {
      const uncaught = NODES.filter(({ type }) => type !== 'catch');
      await startFlow([connection(broker.port), mqttIn({ ...FLOW_IN, atOnce: '20', ...more }), ...uncaught]);
      peer = await connected(broker);
      await peer.skipTo('subscribe');
      for (let number = 1; number <= 20; number++) come(`a/${number}`);
      await acked(20);
      await until(() => errors('in').length >= 2, 'two lines');
      const [one, other, ...rest] = errors('in');
      assert.match(one ?? '', first);
      assert.match(other ?? '', /^19 more like this, the last: .*a\/20/);
      assert.deepEqual(rest, []);
    });
  }

  it('refuses with the reason that the mqtt-ack has, or that the message says, from MQTT 5 on', async () => {
    const refuse = { ...ACK, id: 'refuse', reasonCode: '151' };
    const byMsg = { ...ACK, id: 'by', reasonCode: 'msg' };
    await startFlow([connection5(broker.port), mqttIn(FLOW_IN), ...NODES, refuse, byMsg]);
    peer = await connected(broker);
    await peer.skipTo('subscribe');
    const got = collect('h');
    for (const topic of ['a/1', 'a/2', 'a/3', 'a/4']) come(topic, topic === 'a/2' ? 2 : 1);
    await reached(got, 2);
    node('refuse').receive(got[0]);
    node('by').receive({ ...got[1], reasonCode: 153 });
    await reached(got, 4);
    for (const reasonCode of [145, 1, 'x', -1, 256]) node('by').receive({ ...got[2], reasonCode });
    await until(() => errors('by').length === 5, 'five errors');
    assert.match(errors('by')[0] ?? '', /^not acknowledged: the reason code is "145", it must be 0, 128, 131/);
    node('by').receive(got[2]);
    node('by').receive({ ...got[3], reasonCode: 0 });
    await acked(4);
    assert.deepEqual(acks(), ['puback 1 151', 'pubrec 2 153', 'puback 3', 'puback 4']);
  });

  it('on 3.1.1 cannot refuse: an error, and the message can still be acknowledged', async () => {
    const refuse = { ...ACK, id: 'refuse', reasonCode: '128' };
    const flow = [connection(broker.port), mqttIn(FLOW_IN), ...NODES, refuse];
    await startFlow(flow);
    peer = await connected(broker);
    await peer.skipTo('subscribe');
    const got = collect('h');
    come('a/1');
    await reached(got, 1);
    node('refuse').receive(got[0]);
    await until(() => errors('refuse').length > 0, 'an error');
    assert.match(errors('refuse')[0] ?? '', /^the message to a\/1 was not refused: that needs MQTT 5/);
    node('ack').receive(got[0]);
    await acked(1);
  });

  it('tells the broker of MQTT 5 how many may wait here, which leaves room for the other nodes of the connection', async () => {
    const other = mqttIn({ id: 'other', topic: 'b', qos: '1' });
    await startFlow([connection5(broker.port), mqttIn(FLOW_IN), other, ...NODES]);
    const first = await broker.accept();
    assert.equal((await first.expect('connect')).properties?.receiveMaximum, 1000);
  });

  it('keeps what its flow has where a deploy starts nothing, and goes on when the next one does', async () => {
    const flow = await started();
    const got = collect('h');
    for (const topic of ['a/1', 'a/2', 'a/3']) come(topic);
    await reached(got, 2);
    await deployUnstarted([...flow, { id: 'unknown', type: 'no-such-type' }], 'full');
    await settle();
    assert.deepEqual(acks(), []);
    await deploy(flow, 'full');
    const again = collect('h');
    await reached(again, 2);
    for (const msg of again) node('ack').receive(msg);
    await reached(again, 3);
    // Its connection ended with the flows, and its session was a clean one.
    assert.deepEqual(
      again.map(({ payload }) => payload),
      ['a/1', 'a/2', 'a/3'],
    );
  });

  it('gives a message again that a node behind had which a deploy replaced, the next one or a later one', async () => {
    const through = { id: 'through', type: 'link out', mode: 'link', links: ['link'] };
    const link = { id: 'link', type: 'link in', links: ['through'], wires: [['last']] };
    const last = { id: 'last', type: 'helper' };
    const behind = [mqttIn({ ...FLOW_IN, ackTimeout: '', wires: [['h', 'through']] }), through, link];
    const flow = [connection(broker.port), ...behind, last, ...NODES];
    await startFlow(flow);
    peer = await connected(broker);
    await peer.skipTo('subscribe');
    const got = collect('last');
    come('a/1');
    await reached(got, 1);
    await deploy(replaced(flow, 'last'), 'nodes');
    const again = collect('last');
    await reached(again, 1);
    assert.deepEqual(again[0]?.['delivery'], { ...(got[0]?.['delivery'] as object), attempt: 2 });
    node('ack').receive(again[0]);
    await acked(1);
  });

  /** A node `far` that is wired to nothing of the flow, and what hears the helper `h`, or nodes about it. */
  const far = { id: 'far', type: 'helper' };
  const hearing = (type: string, scope: unknown, more: object = {}): readonly FlowNode[] => [
    { id: 'hearing', type, scope, wires: [['far']], ...more },
    far,
  ];
  const inSubflow: readonly FlowNode[] = [
    { id: 'sub', type: 'subflow', name: '', in: [{ wires: [{ id: 'inner' }] }], out: [] },
    { id: 'inner', type: 'helper', z: 'sub', x: 0, y: 0, wires: [] },
    { id: 'instance', type: 'subflow:sub' },
  ];
  const group = (id: string, ...nodes: string[]): FlowNode => ({ id, type: 'group', nodes });

  /** A message is in the flow when a deploy replaces `far`. @returns what `h` has then. */
  async function farReplaced(more: readonly FlowNode[], wires: readonly string[] = ['h']): Promise<Msg[]> {
    const own = new Set(more.map(({ id }) => id));
    // The test helper takes one node of a core type at most.
    const others = NODES.filter(({ id, type }) => type !== 'catch' && type !== 'complete' && !own.has(id));
    const flow = [connection(broker.port), mqttIn({ ...FLOW_IN, ackTimeout: '', wires: [wires] }), ...others, ...more];
    await startFlow(flow);
    peer = await connected(broker);
    await peer.skipTo('subscribe');
    const got = collect('h');
    come('a/1');
    await reached(got, 1);
    await deploy(replaced(flow, 'far'), 'nodes');
    await settle();
    return got;
  }

  const SEEN: readonly [string, readonly FlowNode[], string[]?][] = [
    ['a Catch node of the whole tab', hearing('catch', null)],
    ['a Catch node for what no other one hears', hearing('catch', null, { uncaught: true })],
    ['a Catch node of some nodes', hearing('catch', ['h'])],
    [
      'a Catch node of its group',
      [...hearing('catch', 'group', { g: 'g' }), group('g', 'h', 'hearing'), { id: 'h', type: 'helper', g: 'g' }],
    ],
    ['a Complete node', hearing('complete', ['h'])],
    ['a Status node of the whole tab', hearing('status', null)],
    ['a Status node of some nodes', hearing('status', ['h'])],
    [
      'a Catch node that a node behind a Complete node leads to',
      [{ id: 'first', type: 'complete', scope: ['h'], wires: [['behind']] }, ...hearing('catch', ['behind'])],
    ],
    [
      'a Link Call node',
      [
        { id: 'call', type: 'link call', linkType: 'static', links: ['called'], wires: [[]] },
        { id: 'called', type: 'link in', links: [], wires: [['far']] },
        far,
      ],
      ['h', 'call'],
    ],
    [
      'a Catch node of a subflow that it is wired to',
      [...inSubflow, ...hearing('catch', ['instance'])],
      ['h', 'instance'],
    ],
  ];
  for (const [name, more, wires] of SEEN) {
    it(`gives a message again that may be in a node behind ${name}, which a deploy replaced`, async () => {
      const got = await farReplaced(more, wires);
      const attempts = got.map(({ delivery }) => (delivery as { attempt: number }).attempt);
      assert.deepEqual(attempts, [1, 2]);
      node('ack').receive(got[1]);
      await acked(1);
    });
  }

  const UNSEEN: readonly [string, readonly FlowNode[], string[]?][] = [
    [
      'a Link Call node whose messages say where it leads',
      [
        { id: 'call', type: 'link call', linkType: 'dynamic', links: ['called'], wires: [[]] },
        { id: 'called', type: 'link in', links: [], wires: [['far']] },
        far,
      ],
      ['h', 'call'],
    ],
    ['a Catch node of other nodes', hearing('catch', ['ack'])],
    ['a Catch node of the mqtt-in alone', hearing('catch', ['in'])],
    ['a Catch node of another group', [...hearing('catch', 'group', { g: 'g' }), group('g', 'hearing')]],
    ['a Catch node of another tab', hearing('catch', null, { z: 'another' })],
    ['a Complete node of other nodes', hearing('complete', ['ack'])],
    ['a Status node of other nodes', hearing('status', ['ack'])],
  ];
  for (const [name, more, wires] of UNSEEN) {
    it(`lets its flow go on where a deploy replaces a node behind ${name}`, async () => {
      assert.equal((await farReplaced(more, wires)).length, 1);
    });
  }

  it('can refuse what came while a deploy was under way', async () => {
    const refuse = { ...ACK, id: 'refuse', reasonCode: '151' };
    const flow = [connection5(broker.port), mqttIn(FLOW_IN), ...NODES, refuse];
    await startFlow(flow);
    peer = await connected(broker);
    await peer.skipTo('subscribe');
    await deploy(
      flow.map((one) => (one.id === 'in' ? { ...one, atOnce: '3' } : one)),
      'nodes',
      () => come('a/1'),
    );
    const got = collect('h');
    await reached(got, 1);
    node('refuse').receive(got[0]);
    await acked(1);
    assert.deepEqual(acks(), ['puback 1 151']);
  });

  it('that a full deploy makes anew gives its flow again what that had, on the same connection', async () => {
    const flow = await started();
    const got = collect('h');
    for (const topic of ['a/1', 'a/2', 'a/3']) come(topic);
    await reached(got, 2);
    await deploy(flow, 'full');
    const again = collect('h');
    await reached(again, 2);
    assert.deepEqual(
      again.map(({ payload, delivery }) => [payload, (delivery as { attempt: number }).attempt]),
      [
        ['a/1', 2],
        ['a/2', 2],
      ],
    );
    assert.deepEqual([broker.peers.length, acks()], [1, []]);
    for (const msg of again) node('ack').receive(msg);
    await reached(again, 3);
    node('ack').receive(again[2]);
    await acked(3);
    assert.deepEqual(acks(), ['puback 1', 'puback 2', 'puback 3']);
  });

  it('that a deploy makes anew in the turn of a message, with the node behind, gives it to the flow as one and not as two', async () => {
    const flow = await started();
    const changed = new Set(['in', 'h']);
    const closing = node('in');
    const send = closing.send.bind(closing);
    const first: unknown[] = [];
    const deployed = new Promise<void>((resolve, reject) => {
      closing.send = (msg) => {
        first.push((msg as Msg)['delivery']);
        send(msg);
        // It begins behind the receive callback, and in front of the turn in which Node-RED hands the message on.
        deploy(
          flow.map((one) => (changed.has(one.id) ? { ...one, name: 'other' } : one)),
          'nodes',
          () => node('h').on('input', (msg) => again.push(msg)),
        ).then(resolve, reject);
      };
    });
    const again: Msg[] = [];
    come('a/1');
    await deployed;
    await reached(again, 1);
    await settle();
    assert.deepEqual(
      again.map(({ delivery }) => delivery),
      [{ ...(first[0] as object), attempt: 2 }],
    );
    node('ack').receive(again[0]);
    await acked(1);
  });

  it('that a deploy changes alone lets its flow go on: nothing comes twice', async () => {
    const flow = await started();
    const got = collect('h');
    for (const topic of ['a/1', 'a/2', 'a/3']) come(topic);
    await reached(got, 2);
    await deploy(
      flow.map((one) => (one.id === 'in' ? { ...one, atOnce: '3' } : one)),
      'nodes',
    );
    await reached(got, 3);
    assert.deepEqual(
      got.map(({ payload }) => payload),
      ['a/1', 'a/2', 'a/3'],
    );
    for (const msg of got) node('ack').receive(msg);
    await acked(3);
  });

  it('that a deploy takes away acknowledges what is left, and says how many', async () => {
    const flow = await started();
    const got = collect('h');
    come('a/1');
    await reached(got, 1);
    const away = flow.filter(({ id }) => id !== 'in');
    const warnings: string[] = [];
    node('in').warn = (text: unknown) => void warnings.push(String(text));
    await deploy([...away, mqttOut()], 'nodes');
    await acked(1);
    assert.deepEqual(warnings, ['1 message was acknowledged that a flow was not done with: its mqtt-in is gone']);
    node('ack').receive(got[0]);
    await until(() => lines('ack', 'warn').length > 0, 'a warning');
    assert.match(lines('ack', 'warn')[0] ?? '', /was acknowledged when its mqtt-in was removed or changed/);
  });

  it('that acknowledges by itself from a deploy on sends and acknowledges what waited', async () => {
    const flow = await started();
    const got = collect('h');
    for (const topic of ['a/1', 'a/2', 'a/3']) come(topic);
    await reached(got, 2);
    await deploy(
      flow.map((one) => (one.id === 'in' ? { ...one, acknowledge: 'received' } : one)),
      'nodes',
    );
    await acked(3);
    await until(() => got.some(({ payload }) => payload === 'a/3'), 'what waited');
  });

  it('shows and tells what its flow has', async () => {
    await startFlow([
      connection(broker.port),
      mqttIn(FLOW_IN),
      dynamicIn({ id: 'dyn', wires: [['behind']] }),
      ...NODES,
    ]);
    peer = await connected(broker);
    await peer.skipTo('subscribe');
    for (const topic of ['a/1', 'a/2', 'a/3']) come(topic);
    await until(() => /^yellow dot 2 in the flow \(\d s\), 1 waiting$/.test(statuses('in').at(-1) ?? ''), 'its status');
    const got = collect('behind');
    node('dyn').receive({ action: 'getStatus' });
    await reached(got, 1);
    const report = got[0]?.['payload'] as { flow: object } | undefined;
    assert.deepEqual(
      { ...report?.flow, oldest: 0 },
      { inFlow: 2, oldest: 0, waiting: 1, late: 0, again: 0, dropped: 0 },
    );
  });

  it('says which of its numbers cannot be used, and uses what a new node has', async () => {
    await started({ atOnce: '0', ackTimeout: '-1' });
    assert.deepEqual(lines('in', 'warn'), [
      'at most in the flow at once is "0", not 1 to 1000: 20 is used',
      'the time for the flow is "-1", not 1 to 86400 s: 60 s is used',
    ]);
  });

  it('sends no more at QoS 0 than its flow takes, and goes on when that is done', async () => {
    await started();
    const got = collect('h');
    for (let count = 1; count <= 4; count++) come(`a/${count}`, 0);
    await reached(got, 2);
    await settle();
    assert.equal(got.length, 2);
    node('ack').receive(got[0]);
    await reached(got, 3);
    assert.deepEqual([acks(), lines('ack', 'warn')], [[], []]);
  });
});

describe('an mqtt-ack', () => {
  afterEach(stopFlow);

  const NO_HANDLES: readonly unknown[] = [undefined, null, 'x', 7, true, {}, { id: 7 }, [], [undefined], [[]]];
  it('that gets what came from no such mqtt-in is an error to Catch each time, and nothing passes', async () => {
    await startFlow([...NODES]);
    const caught = collect('caught');
    const behind = collect('behind');
    for (const delivery of NO_HANDLES) node('ack').receive({ payload: 'x', delivery });
    await until(() => caught.length >= NO_HANDLES.length, 'an error each');
    await settle();
    for (const error of errors('ack')) {
      assert.match(error, /^not acknowledged: msg\.delivery is not what an mqtt-in has sent/);
    }
    assert.deepEqual(behind, []);
  });

  it('that gets what only looks like a handle of an earlier process warns, and lets it pass', async () => {
    await startFlow([...NODES]);
    const behind = collect('behind');
    node('ack').receive({ payload: 'x', delivery: { id: 'ab-1' } });
    await until(() => behind.length > 0, 'the message');
    assert.match(lines('ack', 'warn')[0] ?? '', /^not acknowledged: the message is of before Node-RED was started/);
  });
});
