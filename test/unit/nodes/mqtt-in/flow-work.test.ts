import assert from 'node:assert/strict';
import type { PublishPacket, WorkState } from '../../../../src/index.ts';
import { Work } from '../../../../src/router/work.ts';
import type { FlowWorkOptions } from '../../../../nodes/common/acknowledge.ts';
import { type Handle, handles } from '../../../../nodes/mqtt-connection/handles.ts';
import { type Flow, FlowWork, type Sendable } from '../../../../nodes/mqtt-in/flow-work.ts';
import { MOST_QOS0 } from '../../../../nodes/mqtt-in/waiting-tasks.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const ORIGIN = { mqtt5: true, session: 'mine' };
const OPTIONS: FlowWorkOptions = { atOnce: 2, timeout: 60_000, whenLate: 'again', qos0WhenFull: 'drop-oldest' };

/** A flow that keeps what it gets. */
class KeptFlow implements Flow {
  /** Whether the broker goes on with the session of before. */
  isResumed: boolean | undefined = true;
  readonly handles: Handle[] = [];
  readonly got: string[] = [];
  readonly told: string[] = [];
  /** Topics that cannot be sent. */
  readonly unsendable = new Set<string>();

  send({ packet: { topic } }: Sendable, handle: Handle | undefined): boolean {
    this.got.push(`${topic} ${handle?.attempt}`);
    if (handle !== undefined) this.handles.push(handle);
    return !this.unsendable.has(topic);
  }

  resumes(): boolean | undefined {
    return this.isResumed;
  }

  late(error: Error): void {
    this.told.push(error.message);
  }

  dropped(topic: string): void {
    this.told.push(`${topic} dropped`);
  }

  /** Acknowledges the message that was sent as the n-th. */
  done(index: number): string {
    const objection = handles.acknowledge(this.handles[index], 0);
    return objection === undefined ? 'done' : 'warning' in objection ? objection.warning.text : objection.error.message;
  }
}

interface Scene {
  readonly clock: FakeClock;
  readonly work: FlowWork;
  readonly flow: KeptFlow;
  /** Topics of what was acknowledged, in order. */
  readonly acknowledged: string[];
  readonly come: (topic: string, qos?: 0 | 1) => Work | undefined;
}

function scene(options: Partial<FlowWorkOptions> = {}): Scene {
  const clock = new FakeClock();
  const work = new FlowWork(
    'in',
    { ...OPTIONS, ...options },
    {
      now: () => clock.now(),
      after: (delay, fire) => {
        const timer = clock.timer(delay, fire);
        return () => timer.cancel();
      },
    },
  );
  const flow = new KeptFlow();
  work.begin(flow);
  const acknowledged: string[] = [];
  const come = (topic: string, qos: 0 | 1 = 1): Work | undefined => {
    const packet = packetTo(topic, qos);
    if (qos === 0) {
      work.receive({ packet, datatype: undefined }, undefined, ORIGIN);
      return undefined;
    }
    const own = new Work({ packet, workEnded: () => void acknowledged.push(topic) });
    work.receive({ packet, datatype: undefined }, { begin: () => own }, ORIGIN);
    return own;
  };
  return { clock, work, flow, acknowledged, come };
}

function packetTo(topic: string, qos: 0 | 1): PublishPacket {
  const payload = Buffer.from(topic);
  return { cmd: 'publish', topic, payload, qos, retain: false, dup: false, packetId: undefined, properties: undefined };
}

describe('The flow of an mqtt-in that acknowledges when it is done', () => {
  it('has so many messages at once, and the next when one is done', () => {
    const { work, flow, acknowledged, come } = scene();
    for (const topic of ['a', 'b', 'c', 'd']) come(topic);
    assert.deepEqual(flow.got, ['a 1', 'b 1']);
    assert.deepEqual([work.report.inFlow, work.report.waiting], [2, 2]);
    assert.equal(flow.done(1), 'done');
    assert.deepEqual(flow.got, ['a 1', 'b 1', 'c 1']);
    assert.deepEqual(acknowledged, ['b']);
    for (const index of [0, 2, 3]) assert.equal(flow.done(index), 'done');
    assert.deepEqual(acknowledged, ['b', 'a', 'c', 'd']);
    assert.deepEqual([work.report.inFlow, work.report.waiting], [0, 0]);
  });

  it('gets a message again whose time is over, as the next attempt, and says so', () => {
    const { clock, work, flow, acknowledged, come } = scene();
    come('a');
    clock.advance(30_000);
    come('b');
    clock.advance(30_000);
    assert.deepEqual(flow.got, ['a 1', 'b 1', 'a 2']);
    assert.deepEqual(flow.told, [
      'the flow did not acknowledge the message to a within 60 s: it is given to the flow again',
    ]);
    clock.advance(30_000);
    assert.deepEqual(flow.got, ['a 1', 'b 1', 'a 2', 'b 2']);
    clock.advance(30_000);
    assert.match(flow.told[2] ?? '', /to a within 60 s \(attempt 2\)/);
    assert.deepEqual(acknowledged, []);
    assert.deepEqual([work.report.late, work.report.again], [3, 3]);
    // Whichever attempt says it: the work is done.
    assert.equal(flow.done(0), 'done');
    assert.deepEqual(acknowledged, ['a']);
    assert.equal(flow.done(2), 'the message to a was acknowledged before');
  });

  it('loses a message whose time is over where a person chose that: it is acknowledged', () => {
    const { clock, work, flow, acknowledged, come } = scene({ whenLate: 'acknowledge' });
    come('a');
    clock.advance(60_000);
    assert.deepEqual(acknowledged, ['a']);
    assert.deepEqual(flow.told, ['the flow did not acknowledge the message to a within 60 s: it is acknowledged']);
    assert.equal(flow.done(0), 'the message to a was acknowledged when the time for it was over');
    assert.deepEqual([work.report.late, work.report.again, work.report.inFlow], [1, 0, 0]);
    assert.equal(clock.armed, 0);
  });

  it('has no end of time where a person chose that', () => {
    const { clock, flow, come } = scene({ timeout: undefined });
    come('a');
    assert.equal(clock.armed, 0);
    assert.deepEqual(flow.told, []);
  });

  it('tells for how long the first message has been there', () => {
    const { clock, work, flow, come } = scene();
    come('a');
    clock.advance(7900);
    come('b');
    assert.equal(work.report.oldest, 7);
    flow.done(0);
    assert.equal(work.report.oldest, 0);
  });

  it('tells for how long the acknowledgements behind it have waited: not for QoS 0, nor for what is done or lost', () => {
    const { clock, work, flow, come } = scene({ atOnce: 5, timeout: undefined });
    come('qos0', 0);
    clock.advance(9000);
    assert.deepEqual([work.report.oldest, work.holdsUpFor], [9, 0]);
    const lost = come('lost');
    const left = come('left');
    clock.advance(7000);
    come('open');
    clock.advance(5000);
    assert.equal(work.holdsUpFor, 12);
    lost?.void('lost');
    assert.equal(work.holdsUpFor, 12);
    left?.void('left');
    assert.equal(work.holdsUpFor, 5);
    flow.done(3);
    assert.deepEqual([work.report.oldest, work.holdsUpFor], [21, 0]);
  });

  it('tells the same of what waits for the flow behind others', () => {
    const { clock, work, come } = scene({ atOnce: 1, timeout: undefined });
    come('qos0', 0);
    clock.advance(3000);
    come('waits');
    clock.advance(6000);
    assert.deepEqual([work.report.oldest, work.holdsUpFor], [9, 6]);
  });

  it('is not held up by a message that cannot be sent: that is acknowledged', () => {
    const { flow, acknowledged, come } = scene({ atOnce: 1 });
    flow.unsendable.add('bad');
    come('bad');
    come('good');
    assert.deepEqual(flow.got, ['bad 1', 'good 1']);
    assert.deepEqual(acknowledged, ['bad']);
  });

  it('does not get what waited and comes again from the broker', () => {
    const { flow, come } = scene({ atOnce: 1 });
    come('a');
    come('b')?.void('left');
    come('c')?.void('lost');
    flow.done(0);
    assert.deepEqual(flow.got, ['a 1', 'c 1']);
  });

  it('gets what waited where the broker does not go on with its session, as soon as that is known', () => {
    const { work, flow, come } = scene({ atOnce: 1 });
    come('a');
    come('b')?.void('left');
    flow.isResumed = undefined;
    flow.done(0);
    assert.deepEqual(flow.got, ['a 1']);
    flow.isResumed = false;
    work.connected();
    assert.deepEqual(flow.got, ['a 1', 'b 1']);
  });

  it('has so long for it as for any other', () => {
    const { clock, work, flow, come } = scene({ atOnce: 1, whenLate: 'acknowledge' });
    come('a');
    come('b')?.void('left');
    flow.isResumed = undefined;
    work.pause(() => true);
    flow.done(0);
    work.begin(flow);
    flow.isResumed = false;
    work.connected();
    clock.advance(60_000);
    assert.deepEqual(flow.told, ['the flow did not acknowledge the message to b within 60 s: its place is free']);
  });

  it('is told of a message that is late what becomes of it where its connection was made anew', () => {
    const { clock, work, flow, come } = scene();
    come('a')?.void('left');
    come('b')?.void('lost');
    flow.isResumed = true;
    clock.advance(60_000);
    const text = (topic: string, then: string): string =>
      `the flow did not acknowledge the message to ${topic} within 60 s: ${then}`;
    assert.deepEqual(flow.told, [text('a', 'the broker sends it again'), text('b', 'it is given to the flow again')]);
    assert.match(flow.done(0), /was not acknowledged: its connection was made anew, and the broker sends it again/);
    assert.equal(work.report.again, 1, 'the flow got one of them again');
  });

  for (const [state, why] of [
    ['left', 'was not acknowledged: its connection was made anew, and the broker sends it again'],
    ['lost', 'was not acknowledged: its session with the broker is gone'],
  ] as const) {
    it(`says at the mqtt-ack what became of a message whose time was over behind the end of its connection: ${state}`, () => {
      const { clock, flow, come } = scene({ whenLate: 'acknowledge' });
      come('a')?.void(state);
      clock.advance(60_000);
      assert.equal(flow.done(0), `the message to a ${why}`);
    });
  }

  for (const [isResumed, then] of [
    [false, 'the broker does not know it any more'],
    [true, 'the broker sends it again'],
  ] as const) {
    it(`says at the mqtt-ack whether the broker sends a message again whose time was over: ${String(isResumed)}`, () => {
      const { clock, flow, come } = scene({ whenLate: 'acknowledge' });
      come('a')?.void('left');
      flow.isResumed = isResumed;
      clock.advance(60_000);
      assert.equal(flow.done(0), `the message to a was not acknowledged: its connection was made anew, and ${then}`);
    });
  }

  it('waits for the next connection with what is late and may be sent again by the broker', () => {
    const { clock, work, flow, come } = scene();
    come('a')?.void('left');
    flow.isResumed = undefined;
    clock.advance(200_000);
    assert.deepEqual([flow.told, flow.got, work.report.inFlow], [[], ['a 1'], 1]);
    flow.isResumed = true;
    work.connected();
    clock.advance(60_000);
    assert.deepEqual(flow.got, ['a 1']);
    assert.match(flow.told.join(), /within 60 s: the broker sends it again$/);
  });

  it('counts as given again what the flow got again, and nothing else', () => {
    const { work, flow, come } = scene();
    come('a')?.void('left');
    come('b');
    work.restart();
    assert.deepEqual([flow.got, work.report.again], [['a 1', 'b 1', 'b 2'], 1]);
  });

  it('says at the mqtt-ack that a message at QoS 0 had its time', () => {
    const { clock, flow, come } = scene();
    come('a', 0);
    clock.advance(60_000);
    assert.equal(flow.done(0), 'the message to a gave its place away when the time for it was over');
  });

  it('gets what it had again when nodes of it were replaced', () => {
    const { work, flow, acknowledged, come } = scene();
    for (const topic of ['a', 'b', 'c']) come(topic);
    work.restart();
    assert.deepEqual(flow.got, ['a 1', 'b 1', 'a 2', 'b 2']);
    for (const index of [2, 3, 4]) assert.equal(flow.done(index), 'done');
    assert.deepEqual(acknowledged, ['a', 'b', 'c']);
  });
});

describe('A flow that a deploy closes', () => {
  it('goes on with what it has where the nodes behind the mqtt-in stay', () => {
    const { work, flow, acknowledged, come } = scene();
    for (const topic of ['a', 'b', 'c']) come(topic);
    work.pause(() => true);
    assert.equal(flow.done(0), 'done');
    assert.deepEqual(acknowledged, ['a']);
    const next = new KeptFlow();
    assert.deepEqual(flow.got, ['a 1', 'b 1']);
    work.begin(next);
    assert.deepEqual(next.got, ['c 1']);
    assert.equal(flow.done(1), 'done');
  });

  it('gives what it had to the flow that comes in its place, in order', () => {
    const { work, flow, come } = scene();
    for (const topic of ['a', 'b', 'c']) come(topic);
    work.pause(() => false);
    come('d');
    const next = new KeptFlow();
    work.begin(next);
    assert.deepEqual(next.got, ['a 2', 'b 2']);
    next.done(0);
    assert.deepEqual(next.got, ['a 2', 'b 2', 'c 1']);
    assert.deepEqual(flow.got, ['a 1', 'b 1']);
  });

  it('twice before it began gives what the first of them had', () => {
    const { work, come } = scene();
    come('a');
    work.pause(() => false);
    work.pause(() => true);
    const next = new KeptFlow();
    work.begin(next);
    assert.deepEqual(next.got, ['a 2']);
  });

  it('is late for nothing while it is closed; what is due is given again when the next is there', () => {
    const { clock, work, flow, come } = scene();
    come('a');
    work.pause(() => true);
    assert.equal(clock.armed, 0);
    clock.advance(100_000);
    const next = new KeptFlow();
    work.begin(next);
    clock.advance(1);
    assert.deepEqual([flow.told, next.got], [[], ['a 2']]);
  });

  for (const [stay, unsent] of [
    [true, ['c']],
    [false, ['a', 'b', 'c']],
  ] as const) {
    it(`and that nobody goes on with acknowledges all, and tells what nobody has, where the nodes behind ${stay ? 'stay' : 'go'}`, () => {
      const { work, acknowledged, come } = scene();
      for (const topic of ['a', 'b', 'c']) come(topic);
      come('d')?.void('left');
      work.pause(() => stay);
      const rest = work.end();
      assert.deepEqual(acknowledged, ['a', 'b', 'c']);
      assert.deepEqual([rest.acknowledged, rest.unsent.map(({ packet }) => packet.topic)], [3, unsent]);
      assert.deepEqual([work.report.inFlow, work.report.waiting], [0, 0]);
    });
  }
});

describe('Messages at QoS 0 that wait for a flow', () => {
  function flooded(qos0WhenFull: FlowWorkOptions['qos0WhenFull']): Scene {
    const all = scene({ atOnce: 1, qos0WhenFull });
    all.come('first', 0);
    for (let count = 0; count < MOST_QOS0; count++) all.come(`t/${count}`, 0);
    return all;
  }

  /** The next ones that the flow gets. */
  function next({ flow }: Scene, count: number): string[] {
    const from = flow.got.length;
    for (let done = 0; done < count; done++) assert.equal(flow.done(from - 1 + done), 'done');
    return flow.got.slice(from);
  }

  it('take no more memory than a thousand: the oldest is dropped, and counted', () => {
    const all = flooded('drop-oldest');
    all.come('t/new', 0);
    assert.deepEqual([all.work.report.waiting, all.work.report.dropped], [MOST_QOS0, 1]);
    assert.deepEqual(next(all, 1), ['t/1 1']);
  });

  it('or the newest, where a person chose that', () => {
    const all = flooded('drop-newest');
    all.come('t/new', 0);
    assert.deepEqual([all.work.report.waiting, all.work.report.dropped], [MOST_QOS0, 1]);
    assert.deepEqual(next(all, 1), ['t/0 1']);
    assert.ok(!next(all, MOST_QOS0 - 1).includes('t/new 1'));
  });

  it('or an earlier one of the same topic, so that the latest of each is kept', () => {
    const all = flooded('keep-latest');
    all.come('t/1', 0);
    assert.deepEqual([all.work.report.waiting, all.work.report.dropped], [MOST_QOS0, 1]);
    assert.deepEqual(next(all, 2), ['t/0 1', 't/2 1']);
    all.come('t/x', 0);
    all.come('t/y', 0);
    all.come('t/z', 0);
    assert.deepEqual(next(all, 1), ['t/4 1'], 'where there is none, the oldest gives way');
  });

  it('keep the only one of a topic, as long as another topic has several', () => {
    const all = flooded('keep-latest');
    for (let count = 0; count < 3; count++) all.come('t/7', 0);
    const rest = next(all, MOST_QOS0);
    assert.deepEqual([rest.length, all.work.report.dropped], [MOST_QOS0, 3]);
    assert.ok(rest.includes('t/0 1') && rest.includes('t/999 1'));
    assert.equal(rest.filter((one) => one === 't/7 1').length, 1);
  });

  it('keep the only one of a topic also where one comes to a topic of which none waits, and know the latest behind that', () => {
    const { flow, come } = scene({ atOnce: 1, qos0WhenFull: 'keep-latest' });
    for (const topic of ['first', 'door', 'lamp', 'lamp']) come(topic, 0);
    for (let count = 3; count < MOST_QOS0; count++) come(`t/${count}`, 0);
    come('new', 0);
    assert.deepEqual(flow.told, ['lamp dropped']);
    come('lamp', 0);
    assert.deepEqual(flow.told, ['lamp dropped', 'lamp dropped']);
    assert.equal(flow.done(0), 'done');
    assert.deepEqual(flow.got, ['first 1', 'door 1']);
  });

  it('keep the latest of a topic behind a deploy that gives its flow an earlier one again', () => {
    const { work, flow, come } = scene({ atOnce: 1, qos0WhenFull: 'keep-latest' });
    // One is in the flow, its next waits.
    for (const topic of ['lamp', 'lamp']) come(topic, 0);
    for (let count = 1; count < MOST_QOS0; count++) come('door', 0);
    work.pause(() => false);
    work.begin(flow);
    for (let count = 0; count < 1500; count++) come('door', 0);
    assert.ok(!flow.told.includes('lamp dropped'));
    for (let index = 1; index < flow.got.length; index++) flow.done(index);
    assert.deepEqual(
      flow.got.filter((one) => one.startsWith('lamp')),
      ['lamp 1', 'lamp 2', 'lamp 1'],
    );
  });

  it('never take the place of one at QoS 1', () => {
    for (const qos0WhenFull of ['drop-oldest', 'keep-latest'] as const) {
      const { flow, acknowledged, come } = scene({ atOnce: 1, qos0WhenFull });
      for (const topic of ['a', 'b']) come(topic);
      for (let count = 0; count <= MOST_QOS0 + 1; count++) come(`t/${count}`, 0);
      assert.deepEqual([acknowledged, flow.told.length], [[], 2]);
      assert.equal(flow.done(0), 'done');
      assert.deepEqual(flow.got, ['a 1', 'b 1']);
    }
  });

  it('have the data type of their subscription each time, though that is gone', () => {
    const { clock, work, flow } = scene({ atOnce: 1 });
    const types: unknown[] = [];
    flow.send = ({ datatype }) => types.push(datatype) > 0;
    const packet = packetTo('a', 1);
    work.receive(
      { packet, datatype: 'utf8' },
      { begin: () => new Work({ packet, workEnded: () => undefined }) },
      ORIGIN,
    );
    clock.advance(60_000);
    work.pause(() => false);
    work.begin(flow);
    assert.deepEqual(types, ['utf8', 'utf8', 'utf8']);
    assert.equal(work.report.oldest, 60, 'since the flow got it first');
    assert.equal(work.report.again, 2);
  });

  it('that are dropped are told', () => {
    const all = flooded('drop-oldest');
    all.come('t/new', 0);
    assert.deepEqual(all.flow.told, ['t/0 dropped']);
  });

  it('count by their properties too, which may be many', () => {
    const { work } = scene({ atOnce: 1 });
    const userProperties = Array.from({ length: 30_000 }, () => ['k', 'v'] as const);
    const packet = { ...packetTo('a', 0), properties: { userProperties } };
    for (let count = 0; count < 5; count++) work.receive({ packet, datatype: undefined }, undefined, ORIGIN);
    assert.deepEqual([work.report.inFlow, work.report.waiting, work.report.dropped], [1, 2, 2]);
  });

  it('are not dropped for what comes at QoS 1', () => {
    const all = flooded('drop-oldest');
    all.come('kept');
    assert.deepEqual([all.work.report.waiting, all.work.report.dropped], [MOST_QOS0 + 1, 0]);
  });

  it('count by their bytes too: none that is too large is kept', () => {
    const { work } = scene({ atOnce: 1 });
    const large = { ...packetTo('large', 0), payload: Buffer.alloc(9 * 1024 * 1024) };
    for (let count = 0; count < 3; count++) work.receive({ packet: large, datatype: undefined }, undefined, ORIGIN);
    assert.deepEqual([work.report.inFlow, work.report.waiting, work.report.dropped], [1, 1, 1]);
    work.receive(
      { packet: { ...large, payload: Buffer.alloc(17 * 1024 * 1024) }, datatype: undefined },
      undefined,
      ORIGIN,
    );
    assert.deepEqual([work.report.waiting, work.report.dropped], [1, 2]);
  });

  it('are as large as they like where the flow is free: they need not wait', () => {
    const { work, flow } = scene({ atOnce: 1 });
    const large = { ...packetTo('large', 0), payload: Buffer.alloc(17 * 1024 * 1024) };
    work.receive({ packet: large, datatype: undefined }, undefined, ORIGIN);
    assert.deepEqual([flow.got, work.report.dropped], [['large 1'], 0]);
  });

  it('leave their place when their time is over: nobody has them to give again', () => {
    const { clock, flow, come } = scene({ atOnce: 1 });
    come('a', 0);
    come('b', 0);
    clock.advance(60_000);
    assert.deepEqual(flow.got, ['a 1', 'b 1']);
    assert.deepEqual(flow.told, ['the flow did not acknowledge the message to a within 60 s: its place is free']);
  });

  it('keep no chunk alive: their payload is copied', () => {
    const { work, flow } = scene({ atOnce: 1 });
    const sent: string[] = [];
    flow.send = ({ packet: { payload } }) => sent.push(payload.toString()) > 0;
    const chunk = Buffer.from('payload and more');
    const packet = { ...packetTo('a', 0), payload: chunk.subarray(0, 7) };
    work.receive({ packet, datatype: undefined }, undefined, ORIGIN);
    work.pause(() => false);
    chunk.fill(0);
    work.begin(flow);
    assert.deepEqual(sent, ['payload', 'payload']);
  });
});

describe('The state of a work', () => {
  it('is told by its end as it was before', () => {
    const work = new Work({ packet: undefined, workEnded: () => undefined });
    const states: WorkState[] = [work.end(), work.end()];
    work.void('lost');
    assert.deepEqual([...states, work.state], ['open', 'ended', 'ended']);
  });
});
