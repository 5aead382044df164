import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { Node, NodeMessage } from 'node-red';
import type { PublishPacket, TopicFilter } from '../../../../src/index.ts';
import { Work } from '../../../../src/router/work.ts';
import { type Handle, handles } from '../../../../nodes/mqtt-connection/handles.ts';
import type { SharedConnection } from '../../../../nodes/mqtt-connection/shared-connection.ts';
import { flowWorks } from '../../../../nodes/mqtt-in/flow-works.ts';
import { Intake } from '../../../../nodes/mqtt-in/intake.ts';

const FILTER = '#' as TopicFilter;
const OPTIONS = { atOnce: 1, timeout: undefined, whenLate: 'again', qos0WhenFull: 'drop-oldest' } as const;
const GREEN = { fill: 'green', shape: 'dot', text: 'connected' } as const;

/** The part of a connection that an mqtt-in looks at. */
class FakeConnection {
  state: { readonly phase: string; readonly sessionPresent?: boolean } = { phase: 'connected', sessionPresent: true };
  readonly mqtt5 = true;
  readonly local = false;
  readonly server = 'mqtt://broker';
  clientId = 'me';
  others = false;
  hasOtherSubscribers(): boolean {
    return this.others;
  }
  register(): void {}
  deregister(): Promise<void> {
    return Promise.resolve();
  }
}

/** A node that keeps what it sends, shows and warns. */
class FakeNode {
  readonly id = 'in';
  readonly sent: unknown[] = [];
  readonly handles: (Handle | undefined)[] = [];
  readonly shown: unknown[] = [];
  readonly warnings: string[] = [];
  send({ topic, delivery }: NodeMessage & { delivery?: Handle }): void {
    this.sent.push(topic);
    this.handles.push(delivery);
  }
  status({ text }: { text: string }): void {
    this.shown.push(text);
  }
  warn(text: string): void {
    this.warnings.push(text);
  }
}

interface Scene {
  readonly node: FakeNode;
  readonly connection: FakeConnection;
  readonly intake: Intake;
  /** Topics of what was acknowledged. */
  readonly acknowledged: string[];
  readonly come: (topic: string) => Work;
}

/** An mqtt-in whose flow has one message at once. */
function scene(): Scene {
  const node = new FakeNode();
  const connection = new FakeConnection();
  const shared = connection as unknown as SharedConnection;
  const intake = new Intake(node as unknown as Node, shared, 'utf8', false, OPTIONS);
  intake.open();
  intake.begin();
  intake.show(GREEN);
  const acknowledged: string[] = [];
  const come = (topic: string): Work => {
    const packet = packetTo(topic);
    const work = new Work({ packet, workEnded: () => void acknowledged.push(topic) });
    intake.receive(packet, FILTER, { begin: () => work });
    return work;
  };
  return { node, connection, intake, acknowledged, come };
}

function packetTo(topic: string): PublishPacket {
  const payload = Buffer.from(topic);
  return {
    cmd: 'publish',
    topic,
    payload,
    qos: 1,
    retain: false,
    dup: false,
    packetId: undefined,
    properties: undefined,
  };
}

const no = (): boolean => false;

describe('What waits for the flow of an mqtt-in whose connection was made anew', () => {
  afterEach(() => void flowWorks.remove('in'));

  /** `a` is in the flow, `b` waits; the next client goes on, and has no connection yet. */
  function leftBehind(): Scene {
    const all = scene();
    all.come('a');
    all.come('b').void('left');
    all.connection.state = { phase: 'connecting' };
    handles.acknowledge(all.node.handles[0], 0);
    assert.deepEqual(all.node.sent, ['a']);
    return all;
  }

  it('goes into the flow as soon as the broker has no such session, without anything that comes', () => {
    const { node, connection, intake } = leftBehind();
    connection.state = { phase: 'connected', sessionPresent: false };
    intake.show(GREEN);
    assert.deepEqual(node.sent, ['a', 'b']);
  });

  it('does not where the broker goes on with its session: it comes again', () => {
    const { node, connection, intake } = leftBehind();
    connection.state = { phase: 'connected', sessionPresent: true };
    intake.show(GREEN);
    assert.deepEqual(node.sent, ['a']);
  });

  for (const [what, change] of [
    ['client id', { clientId: 'other' }],
    ['broker', { server: 'mqtt://other' }],
  ] as const) {
    it(`goes into the flow where the one that goes on is the session of another ${what}`, () => {
      const { node, connection, intake } = leftBehind();
      Object.assign(connection, change);
      connection.state = { phase: 'connected', sessionPresent: true };
      intake.show(GREEN);
      assert.deepEqual(node.sent, ['a', 'b']);
    });
  }
});

describe('An mqtt-in whose flow is slower than QoS 0 comes', () => {
  it('says once what is dropped, and then how many', async () => {
    const { node, intake } = scene();
    for (let count = 0; count < 1005; count++) intake.receive({ ...packetTo(`t/${count}`), qos: 0 }, FILTER);
    await intake.close(
      true,
      () => true,
      () => true,
    );
    const [first, rest] = node.warnings;
    assert.match(first ?? '', /^a message at QoS 0 to t\/1 was dropped: too many wait for the flow$/);
    assert.equal(node.warnings.length, 2, 'nothing was to be acknowledged');
    assert.match(rest ?? '', /^3 more like this, the last: a message at QoS 0 to t\/4 was dropped/);
  });
});

describe('An mqtt-in that is closed while its flow works', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
  afterEach(() => {
    mock.timers.reset();
    flowWorks.remove('in');
  });

  it('shows nothing more: its place may be another node’s by then', async () => {
    const { node, intake, come } = scene();
    come('a');
    come('b');
    await intake.close(false, no, no);
    mock.timers.tick(10_000);
    assert.deepEqual(node.shown, ['connected']);
  });

  it('shows until then what its flow has', () => {
    const { node, come } = scene();
    come('a');
    come('b');
    mock.timers.tick(1000);
    assert.deepEqual(node.shown, ['connected', '1 in the flow (0 s), 1 waiting']);
  });

  it('shows that others may wait for it, where there are others and it has not been done for five seconds', () => {
    mock.timers.reset();
    mock.timers.enable({ apis: ['setInterval'] });
    const time = mock.method(performance, 'now');
    let now = 1000;
    time.mock.mockImplementation(() => now);
    const { node, connection, come } = scene();
    for (const topic of ['a', 'b']) come(topic);
    for (const [second, others] of [
      [4, true],
      [5, true],
      [6, false],
    ] as const) {
      now = 1000 + second * 1000;
      connection.others = others;
      mock.timers.tick(1000);
    }
    time.mock.restore();
    assert.deepEqual(node.shown, [
      'connected',
      '1 in the flow (4 s), 1 waiting',
      '1 in the flow (5 s), 1 waiting, others at QoS 1 and 2 may wait',
      '1 in the flow (6 s), 1 waiting',
    ]);
  });

  it('does not show it for messages at QoS 0, which hold nobody up', () => {
    mock.timers.reset();
    mock.timers.enable({ apis: ['setInterval'] });
    const time = mock.method(performance, 'now');
    time.mock.mockImplementation(() => 1000);
    const { node, connection, intake } = scene();
    connection.others = true;
    for (const topic of ['a', 'b']) intake.receive({ ...packetTo(topic), qos: 0 }, FILTER, undefined);
    time.mock.mockImplementation(() => 10_000);
    mock.timers.tick(1000);
    time.mock.restore();
    assert.deepEqual(node.shown, ['connected', '1 in the flow (9 s), 1 waiting']);
  });

  it('keeps what that has if it may come back, and then says how many were acknowledged because it did not', async () => {
    const { node, intake, acknowledged, come } = scene();
    come('a');
    come('b');
    await intake.close(false, no, no);
    assert.deepEqual([acknowledged, node.warnings], [[], []]);
    flowWorks.started();
    assert.deepEqual(acknowledged, ['a', 'b']);
    assert.deepEqual(node.warnings, [
      '2 messages were acknowledged that a flow was not done with: its mqtt-in is gone',
    ]);
  });

  it('acknowledges it at once if it was removed, whether or not a deploy starts anything', async () => {
    const { node, intake, acknowledged, come } = scene();
    come('a');
    await intake.close(true, no, no);
    assert.deepEqual(acknowledged, ['a']);
    assert.deepEqual(node.warnings, ['1 message was acknowledged that a flow was not done with: its mqtt-in is gone']);
  });
});
