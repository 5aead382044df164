import assert from 'node:assert/strict';
import { type Client, MqttError } from '../../../src/index.ts';
import { Mailbox, numbered, publish, subscribe, useBench } from '../../support/client-bench.ts';
import type { Outcome } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';
import { ReleasedAgain } from '../../support/released-again.ts';
import { randomFrom } from '../../support/random.ts';

const CUTS = 20;

describe('mosquitto: QoS 2 while the network is cut 20 times', () => {
  const bench = useBench();
  const broker = useMosquitto();
  const seed = Number(process.env['POSTHORN_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

  for (const protocolVersion of [4, 5] as const) {
    it(`none is missing and none comes twice, with version ${protocolVersion}`, async function () {
      this.timeout(60_000);
      // Of the two clients one is published to.
      const again = new ReleasedAgain();
      const proxy = await FaultProxy.listen(broker().port, () => again.tap(protocolVersion));
      try {
        await crossing(proxy, again, protocolVersion);
      } catch (error) {
        throw new Error(`with POSTHORN_SEED=${seed}, after ${proxy.cuts} cuts: ${String(error)}`, { cause: error });
      } finally {
        await proxy.close();
      }
    });
  }

  async function crossing(proxy: FaultProxy, again: ReleasedAgain, protocolVersion: 4 | 5): Promise<void> {
    const client = (clientId: string): Client => {
      const backoff = { initial: 20, maximum: 100 };
      const options = { clientId: `${clientId}-${protocolVersion}`, cleanStart: false, sessionExpiryInterval: 3600 };
      return bench.client(`mqtt://127.0.0.1:${proxy.port}`, { ...options, protocolVersion, backoff });
    };
    const mailbox = new Mailbox();
    const receiver = client('receiver');
    subscribe(receiver, 't', mailbox, { qos: 2 });
    receiver.connect();
    await mailbox.outcomes.take('no SUBACK');
    const sender = client('sender');
    sender.connect();

    proxy.cutAtRandom({ random: randomFrom(seed), cuts: CUTS, leastBytes: 1, mostBytes: 10_000 });
    const outcomes: Outcome[] = [];
    // Some at a time, until all cuts are made and a good part has crossed without one.
    while (proxy.cutsLeft > 0 || outcomes.length < 1000) {
      const count = outcomes.length;
      outcomes.push(...numbered(100).map((text) => publish(sender, { payload: String(count + Number(text)), qos: 2 })));
      const want = outcomes.length;
      await until(() => settled(outcomes) >= want - 50 && different(mailbox) >= want - 50, `${want} cross`, 20_000);
    }
    const all = numbered(outcomes.length);
    await until(() => settled(outcomes) === all.length && different(mailbox) >= all.length, 'all cross', 20_000);
    assert.equal(proxy.cuts, CUTS);
    assert.deepEqual(
      all.filter((text) => !mailbox.texts.includes(text)),
      [],
      'missing',
    );
    assert.deepEqual(repeated(mailbox.texts), again.payloads.sort(), 'came twice');
    assert.ok(outcomes.every(({ times, error }) => times === 1 && (error === undefined || isUnknown(error))));
    // Before MQTT 5 a PUBCOMP does not tell whether the broker knew the id, which a lost CONNACK puts in doubt.
    if (protocolVersion === 5) assert.ok(outcomes.every(({ error }) => error === undefined));
    await Promise.all([sender.close(), receiver.close()]);
  }

  function settled(outcomes: readonly Outcome[]): number {
    return outcomes.reduce((sum, { times }) => sum + Math.min(times, 1), 0);
  }
});

function different({ texts }: Mailbox): number {
  return new Set(texts).size;
}

function repeated(texts: readonly string[]): string[] {
  const seen = new Set<string>();
  return texts.filter((text) => seen.has(text) || !seen.add(text)).sort();
}

function isUnknown(error: Error): boolean {
  return error instanceof MqttError && error.code === 'outcome-unknown';
}
