import assert from 'node:assert/strict';
import type { QoS } from '../../src/index.ts';
import { NO_LIMIT, type Scenario, type Step } from './plan.ts';
import { play } from './world.ts';

interface Kind {
  readonly direction: 'out' | 'in';
  readonly qos: QoS;
  readonly version: 4 | 5;
  readonly deliversOn: 'publish' | 'pubrel';
  readonly powerCuts: boolean;
}

/** Two messages one way, at two moments, over a disk that takes its time. */
function scenario({ direction, qos, version, deliversOn, powerCuts }: Kind): Scenario {
  const message = { topic: 'a/1', qos, count: 1, retain: false } as const;
  const action: Step['action'] =
    direction === 'out'
      ? { ...message, kind: 'publish', label: 'm', reaction: 'nothing' }
      : { ...message, kind: 'arrival' };
  const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return {
    seed: 1,
    server: {
      copies: 'each',
      identifiers: true,
      deliversOn,
      answersPuback: false,
      hangsUpBeyond: NO_LIMIT,
      receiveMaximum: 10,
      window: 20,
      packetIds: 'next',
      queuesQos0: false,
      think: 0,
      keepsOptions: false,
      retainsByTopic: false,
    },
    client: { protocolVersion: version, cleanStart: false, sessionExpiryInterval: 1_000_000, receiveMaximum: NO_LIMIT },
    disk: 3,
    powerCuts,
    birth: undefined,
    closing: undefined,
    manner: { leastDelay: 1, mostDelay: 3, split: 0.2, merge: 0.5, block: 0 },
    nodes: [
      {
        filters: [{ filter: direction === 'in' ? 'a/1' : 'b/1', options }],
        present: true,
        reaction: 'nothing',
      },
    ],
    steps: [
      { after: 50, action },
      { after: 2, action },
    ],
  };
}

const KINDS = (['out', 'in'] as const).flatMap((direction) =>
  ([1, 2] as const).flatMap((qos) =>
    ([4, 5] as const).flatMap((version) =>
      (['publish', 'pubrel'] as const)
        .filter((deliversOn) => qos === 2 || deliversOn === 'publish')
        .flatMap((deliversOn) =>
          [false, true].map((powerCuts) => ({ direction, qos, version, deliversOn, powerCuts })),
        ),
    ),
  ),
);

/** Each packet that is written or read, each write of the disk, and each timer is a moment of its own, and so is what follows it. */
describe('a process that is killed at each moment of an exchange, one after another', () => {
  for (const kind of KINDS) {
    const { direction, qos, version, deliversOn, powerCuts } = kind;
    const how = powerCuts ? 'by a power cut' : 'alone';
    const server = qos === 2 ? `, a Server that delivers on ${deliversOn.toUpperCase()}` : '';
    for (const forgets of [false, true]) {
      const session = forgets ? 'lost' : 'kept';
      it(`keeps every promise: ${direction}, QoS ${qos}, MQTT ${version === 4 ? '3.1.1' : '5'}, killed ${how}, session ${session}${server}`, async () => {
        const whole = scenario(kind);
        const { moments, violation: before } = await play(whole);
        assert.equal(before, undefined);
        assert.ok(moments > 30, `${moments} moments`);
        for (let moment = 1; moment <= moments; moment++) {
          const { violation } = await play({ ...whole, killedAt: { moment, forgets } });
          assert.equal(violation, undefined, `killed at moment ${moment} of ${moments}`);
        }
      });
    }
  }
});
