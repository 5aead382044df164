import assert from 'node:assert/strict';
import { settle, until } from '../support/events.ts';
import { FakeBroker } from '../support/fake-broker.ts';
import { collect, deploy, errors, type FlowNode, node, startFlow, statuses, stopFlow } from '../support/flow.ts';
import { freePort } from '../support/ports.ts';
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

describe('what happened is told', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await agreeing();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  it('a failure that goes on sets each status once, however often it is tried', async () => {
    const refusing = await FakeBroker.listen();
    try {
      await startFlow([connection(refusing.port), mqttIn(), mqttOut(), ...HELPERS]);
      for (let attempt = 1; attempt <= 4; attempt++) {
        const peer = await refusing.accept();
        await peer.handshake({ returnCode: 5 });
        await peer.closed;
      }
      for (const id of ['in', 'out']) {
        const shown = statuses(id);
        assert.deepEqual(
          shown.filter((status, index) => status === shown[index - 1]),
          [],
        );
        assert.ok(shown.includes('red ring not authorized (0x87)'));
      }
    } finally {
      await stopFlow();
      await refusing.close();
    }
  });

  it('to a Status node a status is the key of its text, and English words where it has numbers', async () => {
    const port = await freePort();
    const nodes = [
      connection(port, { protocolVersion: '4' }),
      mqttOut({ topic: 'a', qos: '1' }),
      { id: 'status', type: 'status', scope: ['out'], wires: [['told']] },
      { id: 'told', type: 'helper' },
    ];
    await startFlow(nodes);
    const told = collect('told') as readonly { status?: { text: string } }[];
    const texts = (): string[] => told.map(({ status }) => status?.text ?? '');
    const refused = '@posthorn/node-red-mqtt/mqtt-connection:failure.network.ECONNREFUSED.short';
    node('out').receive({ payload: 'x' });
    await until(() => texts().some((text) => /^connection refused, 1 waiting \(\d s\)$/.test(text)), 'what waits');
    assert.deepEqual(texts().slice(0, 2), ['node-red:common.status.connecting', refused]);
  });

  it('many messages that fail at once are told each once, over many turns of the event loop', async () => {
    const count = 3000;
    await startFlow([connection(await freePort()), mqttOut({ topic: 'a', qos: '0' }), { id: 'h', type: 'helper' }]);
    await until(() => statuses('out').at(-1) === 'red ring connection refused', 'offline');
    const done: (Error | undefined)[] = [];
    const { turns, end } = countTurns();
    const { connection: shared } = node('c') as unknown as {
      connection: { publish(request: object, settle: (error?: Error) => void): void };
    };
    for (let index = 0; index < count; index++) {
      shared.publish({ topic: 'a', payload: String(index) }, (error) => done.push(error));
    }
    assert.equal(done.length, 0);
    await until(() => done.length >= count, 'all are told');
    end();
    await settle();
    assert.equal(done.length, count);
    assert.ok(done.every((error) => error !== undefined));
    assert.ok(turns() > 10, `${turns()} turns of the event loop`);
  });

  it('many messages of a flow that fail at once are a line and their number, and done with an error each', async () => {
    const count = 600;
    await startFlow([connection(await freePort()), mqttOut({ topic: 'a', qos: '0' })]);
    await until(() => statuses('out').at(-1) === 'red ring connection refused', 'offline');
    for (let index = 0; index < count; index++) node('out').receive({ payload: String(index) });
    await until(() => errors('out').length >= 2, 'both lines', 10_000);
    await settle();
    const [first = '', second = '', ...more] = errors('out');
    assert.match(first, /^not sent/);
    assert.match(second, new RegExp(`^${count - 1} more like this, the last: not sent`));
    assert.deepEqual(more, []);
  });

  it('to Catch nodes, many messages of a flow that fail at once are an error each', async () => {
    const count = 600;
    await startFlow([connection(await freePort()), mqttOut({ topic: 'a', qos: '0' }), ...HELPERS]);
    await until(() => statuses('out').at(-1) === 'red ring connection refused', 'offline');
    const caught = collect('caught');
    for (let index = 0; index < count; index++) node('out').receive({ payload: String(index) });
    await until(() => caught.length === count, 'each at Catch', 10_000);
    await settle();
    assert.deepEqual(
      caught.map(({ payload }) => payload),
      [...Array(count).keys()].map(String),
    );
  });

  it('fifteen connections are no leak', async () => {
    const warnings: Error[] = [];
    const hear = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', hear);
    try {
      const nodes = Array.from({ length: 15 }, (_, index): FlowNode[] => [
        connection(broker.port, { id: `c${index}`, clientid: `client-${index}` }),
        mqttOut({ id: `out${index}`, broker: `c${index}` }),
      ]);
      await startFlow(nodes.flat());
      await showConnected(...nodes.map((_, index) => `out${index}`));
      await deploy(nodes.flat().reverse(), 'full');
      await settle();
      assert.deepEqual(warnings.map(String), []);
    } finally {
      process.off('warning', hear);
    }
  });

  it('No Local that another node takes away: in yellow at its node, and once in the log', async () => {
    const own = mqttIn({ id: 'own', topic: 'loop', nl: true });
    await startFlow([connection5(broker.port), own, mqttIn({ id: 'other', topic: 'loop' }), ...HELPERS]);
    await until(() => statuses('own').at(-1) === 'yellow ring No Local not met', 'the status');
    assert.deepEqual(lines('own', 'warn'), [
      'No Local is not met for loop, own messages come back: another node subscribes the same without it',
    ]);
    assert.equal(statuses('other').at(-1), 'green dot node-red:common.status.connected');
    await deploy([connection5(broker.port), own, ...HELPERS], 'nodes');
    await showConnected('own');
  });

  it('a broker that delivers less than was asked for: once in the log, and the message is done', async () => {
    const downgrading = await agreeing({
      publish: ({ messageId }) => ({ cmd: 'puback', ...(messageId !== undefined && { messageId }) }),
    });
    try {
      await startFlow([connection(downgrading.port), mqttOut({ topic: 'a', qos: '2' }), ...HELPERS]);
      const completed = collect('completed');
      for (let reconnect = 1; reconnect <= 2; reconnect++) {
        const peer = await downgrading.accept();
        await showConnected('out');
        node('out').receive({ payload: 'x' });
        await until(() => completed.length === reconnect, 'the message is done');
        peer.drop();
      }
      assert.equal(lines('c', 'warn').filter((line) => line.includes('QoS 2')).length, 1);
    } finally {
      await stopFlow();
      await downgrading.close();
    }
  });

  it('a failure that was counted stands in front of the line that the connection is up again', async () => {
    await startFlow([connection(broker.port, { autoConnect: false }), mqttIn(), ...HELPERS]);
    for (let time = 1; time <= 2; time++) node('c').error('lost');
    node('in').receive({ action: 'connect' });
    await connected(broker);
    assert.deepEqual(lines('c', 'log', 'error').slice(0, 2), ['lost', '1 more like this: lost']);
    assert.match(lines('c', 'log', 'error')[2] ?? '', /^Connected to broker/);
  });

  it('a broker’s words cannot forge a line of the log', async () => {
    await startFlow([connection5(broker.port), mqttIn(), ...HELPERS]);
    const peer = await connected(broker);
    const reasonString = 'gone\n24 Nov 23:00:00 - [info] all is well\u001b[8m';
    peer.send({ cmd: 'disconnect', reasonCode: 0x8b, properties: { reasonString } } as never);
    const told = (): string => lines('c', 'log').at(-1) ?? '';
    await until(() => told().startsWith('broker closed'), 'the reason');
    assert.match(told(), /gone\\n24 Nov 23:00:00 - \[info\] all is well\\u001b\[8m/);
  });
});

/** Counts the turns of the event loop until it is ended. */
function countTurns(): { turns: () => number; end: () => void } {
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns += 1;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  return { turns: () => turns, end: () => void (counting = false) };
}
