import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../support/events.ts';
import { collect, nextMessage, node, startFlow, statuses, stopFlow } from '../../support/flow.ts';
import { optionalTool } from '../../support/optional.ts';
import { assertHas } from '../../support/partial.ts';
import { RealBroker } from '../../support/real-broker.ts';
import { CONNECTED, connection, dynamicIn, HELPERS, mqttIn, mqttOut, shown } from '../flows.ts';

const README = readFileSync(join(__dirname, '../../../README.md'), 'utf8');

for (const [name, protocolVersion] of [
  ['3.1', '3'],
  ['3.1.1', '4'],
  ['5', '5'],
] as const) {
  describe(`with mosquitto, MQTT ${name}`, () => {
    const mqtt5 = protocolVersion === '5';
    let broker: RealBroker;

    before(async function () {
      const program = optionalTool('mosquitto');
      if (program === undefined) return this.skip();
      broker = await RealBroker.start(program, { users: { ann: 'secret', bob: 'other' } });
    });
    after(() => broker?.stop());
    afterEach(() => stopFlow());

    // Anew each time: the runtime takes the object for its own, and empties it.
    const credentials = (): object => ({
      c: { user: 'ann', password: 'secret' },
      d: { user: 'bob', password: 'other' },
    });

    function toBroker(more: object = {}) {
      return connection(broker.port, { protocolVersion, clientid: `posthorn-${name}`, ...more });
    }

    async function start(nodes: readonly ReturnType<typeof mqttIn>[], more: object = {}): Promise<void> {
      await startFlow([toBroker(more), ...nodes, ...HELPERS], credentials());
      for (const { id } of nodes) await until(() => statuses(id).at(-1) === CONNECTED, `${id} is connected`);
    }

    async function complete(msg: object, id: string): Promise<void> {
      const completed = nextMessage('completed');
      node(id).receive(msg as never);
      await completed;
    }

    it('a wrong password shows as the README says', async () => {
      await startFlow([toBroker(), mqttIn()], { c: { user: 'ann', password: 'wrong' } });
      await until(() => statuses('in').at(-1)?.startsWith('red ring') === true, 'the reason');
      const [, shown] = /^red ring (.*)$/.exec(statuses('in').at(-1) ?? '') ?? [];
      assert.ok(README.includes(`\`${shown}\` in the status`), shown);
    });

    for (const qos of [0, 1, 2]) {
      it(`a message crosses at QoS ${qos}, with topic, payload, qos, retain`, async () => {
        await start([mqttIn({ datatype: 'auto-detect' }), mqttOut()]);
        const arriving = nextMessage('h');
        node('out').receive({ topic: 'a/b', payload: { x: 1 }, qos });
        const { topic, payload, retain, qos: arrived } = await arriving;
        assert.deepEqual(
          { topic, payload, retain, arrived },
          { topic: 'a/b', payload: { x: 1 }, retain: false, arrived: qos },
        );
      });
    }

    it('a retained message is kept, told as retained, and cleared by an empty one', async () => {
      await start([mqttOut({ id: 'out' }), dynamicIn()]);
      await complete({ topic: 'kept', payload: 'x', qos: 1, retain: 'true' }, 'out');
      const first = nextMessage('h');
      await complete({ action: 'subscribe', topic: 'kept' }, 'in');
      assertHas(await first, { payload: 'x', retain: true });
      await complete({ action: 'unsubscribe', topic: true }, 'in');
      await complete({ topic: 'kept', payload: '', qos: 1, retain: true }, 'out');
      const messages = collect('h');
      await complete({ action: 'subscribe', topic: ['kept', 'end'] }, 'in');
      await complete({ topic: 'end', payload: 'end', qos: 1 }, 'out');
      await until(() => messages.length > 0, 'the last message');
      assert.deepEqual(
        messages.map(({ topic }) => topic),
        ['end'],
      );
    });

    it('dynamic: subscribe, unsubscribe and getSubscriptions', async () => {
      await start([dynamicIn(), mqttOut()]);
      await complete({ action: 'subscribe', topic: ['x/+', { topic: 'y', qos: 1, datatype: 'json' }] }, 'in');
      const messages = collect('h');
      for (const topic of ['x/1', 'z', 'y']) node('out').receive({ topic, payload: '5', qos: 1 });
      await until(() => messages.length === 2, 'two messages');
      await complete({ action: 'unsubscribe', topic: 'x/+' }, 'in');
      for (const topic of ['x/1', 'y']) node('out').receive({ topic, payload: '6', qos: 1 });
      await until(() => messages.length === 3, 'the third');
      assert.deepEqual(
        messages.map(({ topic, payload }) => [topic, payload]),
        [
          ['x/1', '5'],
          ['y', 5],
          ['y', 6],
        ],
      );
    });

    it('birth, close and will are published, the will only where the connection breaks', async () => {
      const watched = ['birth', 'close', 'will'].map((kind) => ({
        [`${kind}Topic`]: `a/${kind}`,
        [`${kind}Payload`]: kind,
      }));
      const other = connection(broker.port, {
        id: 'd',
        protocolVersion,
        clientid: `other-${name}`,
        ...Object.assign({}, ...watched),
      });
      const nodes = [mqttIn(), other, mqttOut({ broker: 'd' })];
      await startFlow([toBroker(), ...nodes, ...HELPERS], credentials());
      const messages = collect('h');
      const got = (): unknown[] => messages.map(({ payload }) => payload);
      await until(() => statuses('in').at(-1) === CONNECTED && statuses('out').at(-1) === CONNECTED, 'both connected');
      await complete({ action: 'disconnect' }, 'out');
      await until(() => got().includes('close'), 'the close message');
      assert.equal(got().includes('will'), false);
      await complete({ action: 'connect' }, 'out');
      await until(() => got().includes('birth'), 'the birth message');
      (shown('d')['client'] as { end(force: boolean): void }).end(true);
      await until(() => got().includes('will'), 'the will');
    });

    it('connect with a wrong password is an error, with the right one it connects', async () => {
      await startFlow([toBroker({ autoConnect: false }), mqttIn(), ...HELPERS], credentials());
      const caught = nextMessage('caught');
      node('in').receive({ action: 'connect', broker: { password: 'wrong' } });
      assertHas((await caught)['error'], { code: 'connection-refused' });
      await complete({ action: 'connect', broker: { password: 'secret', force: true } }, 'in');
    });

    it('a persistent session keeps what comes while its connection is away', async () => {
      const session = { cleansession: false, ...(mqtt5 && { sessionExpiry: '60' }) };
      const other = connection(broker.port, { id: 'd', protocolVersion, clientid: `other-${name}` });
      const nodes = [mqttIn({ qos: '1', topic: 'away' }), other, mqttOut({ broker: 'd' })];
      await startFlow([toBroker(session), ...nodes, ...HELPERS], credentials());
      await until(() => statuses('in').at(-1) === CONNECTED && statuses('out').at(-1) === CONNECTED, 'both connected');
      const messages = collect('h');
      // Of two connections the broker may hear the one that publishes before the one that subscribes.
      while (messages.length === 0) await complete({ topic: 'away', payload: '1', qos: 1 }, 'out');
      await complete({ action: 'disconnect' }, 'in');
      await complete({ topic: 'away', payload: '2', qos: 1 }, 'out');
      await complete({ action: 'connect' }, 'in');
      await until(() => messages.at(-1)?.['payload'] === '2', 'what was kept');
    });

    if (mqtt5) {
      it('properties cross as they were sent', async () => {
        await start([mqttIn({ datatype: 'utf8' }), mqttOut()]);
        const sent = {
          responseTopic: 'answers',
          correlationData: Buffer.from([1, 2]),
          contentType: 'text/plain',
          payloadFormatIndicator: true,
          userProperties: { a: 'b', n: 5 },
        };
        const arriving = nextMessage('h');
        node('out').receive({ topic: 'a/b', payload: 'x', messageExpiryInterval: 60, ...sent });
        const msg = await arriving;
        assertHas(msg, { ...sent, userProperties: { a: 'b', n: '5' } });
        assert.ok(Number(msg['messageExpiryInterval']) > 0);
      });

      it('nl: a node does not get what its own connection publishes', async () => {
        await start([
          mqttIn({ nl: true, topic: 'a/own' }),
          mqttIn({ id: 'all', topic: 'end', wires: [['h']] }),
          mqttOut(),
        ]);
        const messages = collect('h');
        for (const topic of ['a/own', 'end']) node('out').receive({ topic, payload: 'x', qos: 1 });
        await until(() => messages.length > 0, 'the last message');
        assert.deepEqual(
          messages.map(({ topic }) => topic),
          ['end'],
        );
      });
    }
  });
}
