import assert from 'node:assert/strict';
import type { LookAnswer, LookRequest } from '../../nodes/common/sidebar-answers.ts';
import { TopicWatch } from '../../nodes/sidebar/topic-watch.ts';
import { ClientBench, Mailbox } from '../support/client-bench.ts';
import { until } from '../support/events.ts';
import { useMosquitto } from '../support/mosquitto-bench.ts';

const LOOK: LookRequest = { first: 0, count: 50, open: [0], close: [], search: '', selected: 0, paused: false };
const ASKED = { qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;

describe('A watch of topics on a real broker (skipped without mosquitto)', () => {
  const broker = useMosquitto();
  const bench = new ClientBench();
  const watches: TopicWatch[] = [];

  afterEach(async () => {
    for (const watch of watches.splice(0)) watch.end();
    await bench.close();
  });

  function watching(protocolVersion: 4 | 5): TopicWatch {
    const options = { server: broker().url, protocolVersion, clientId: `watch_${protocolVersion}` };
    const watch = new TopicWatch({ options, request: { filter: 'kept', qos: 0 }, ended: () => undefined });
    watches.push(watch);
    return watch;
  }

  async function seen(watch: TopicWatch, isRight: (answer: LookAnswer) => boolean): Promise<LookAnswer> {
    await until(() => isRight(watch.look(LOOK)), 'the watch sees it');
    return watch.look(LOOK);
  }

  function publish(watch: TopicWatch, payload: string, retain: boolean): Promise<unknown> {
    return watch.publish({ topic: 'kept', payload, qos: 1, retain });
  }

  it('knows with MQTT 5 what is retained, when it becomes so and when it is cleared', async () => {
    const watch = watching(5);
    await seen(watch, ({ state }) => state.granted !== undefined);
    await publish(watch, 'live', false);
    assert.equal((await seen(watch, ({ messages }) => messages === 1)).selected?.retained, false);
    await publish(watch, 'kept', true);
    assert.equal((await seen(watch, ({ messages }) => messages === 2)).selected?.retained, true);
    await publish(watch, '', true);
    assert.equal((await seen(watch, ({ messages }) => messages === 3)).selected?.retained, false);
  });

  it('knows before MQTT 5 only what was retained when it began', async () => {
    const first = watching(5);
    await seen(first, ({ state }) => state.granted !== undefined);
    await publish(first, 'kept', true);
    const watch = watching(4);
    assert.equal((await seen(watch, ({ messages }) => messages === 1)).selected?.retained, true);
    await publish(first, '', true);
    assert.equal((await seen(watch, ({ messages }) => messages === 2)).selected?.retained, undefined);
  });

  it('leaves the session of others as it is: what a kept one has waiting comes all the same, once', async () => {
    const kept = { clientId: 'flows', cleanStart: false, sessionExpiryInterval: 600 } as const;
    const away = await bench.connect(broker().url, kept);
    const before = new Mailbox();
    away.subscribe('kept', before, ASKED, (outcome) => before.outcomes.put(outcome));
    await before.outcomes.take(() => 'it is subscribed');
    await away.close();
    const watch = watching(5);
    await seen(watch, ({ state }) => state.granted !== undefined);
    await publish(watch, 'while away', false);
    await seen(watch, ({ messages }) => messages === 1);
    watch.end();
    const back = bench.client(broker().url, kept);
    const after = new Mailbox();
    back.subscribe('kept', after, ASKED, () => undefined);
    back.connect();
    assert.equal(String((await after.next()).payload), 'while away');
    assert.deepEqual([back.numbers.received.packets, after.texts], [[0, 1, 0], ['while away']]);
  });
});
