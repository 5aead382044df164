import assert from 'node:assert/strict';
import {
  delivered,
  failure,
  Mailbox,
  numbered,
  type Outcome,
  publish,
  subscribe,
  useBench,
} from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

/** From 20 in flight to 1 it takes five halvings, then a message is tried three times alone. */
const MOST_CONNECTIONS = 10;
const MESSAGES = 100;

// Before MQTT 5 a server cannot say how many messages in flight it allows, or how large they may be: it hangs up.
describe('mosquitto: limits that 3.1.1 has no word for', () => {
  const bench = useBench();

  for (const maxInflightMessages of [1, 10]) {
    describe(`max_inflight_messages ${maxInflightMessages}`, () => {
      const broker = useMosquitto({ maxInflightMessages });

      it(`${MESSAGES} QoS 2 messages all arrive, on at most ${MOST_CONNECTIONS} connections`, async () => {
        const { mailbox, connections } = await cross(broker().port, () =>
          numbered(MESSAGES).map((payload) => ({
            topic: 't',
            payload,
            qos: 2 as const,
          })),
        );
        // The broker forgets a clean session with each hang-up: what it had then is sent again, and may come twice.
        assert.deepEqual([...new Set(mailbox.texts)], numbered(MESSAGES));
        assert.ok(connections <= MOST_CONNECTIONS, `${connections} connections`);
      });
    });
  }

  describe('max_packet_size 1000', () => {
    const broker = useMosquitto({ lines: ['max_packet_size 1000'] });

    it('one message above it is set aside and told, and what stands behind it arrives', async () => {
      const { mailbox, connections, refused } = await cross(broker().port, () => [
        {
          topic: 't',
          payload: 'x'.repeat(2000),
          qos: 1 as const,
          refused: true,
        },
        ...numbered(MESSAGES).map((payload) => ({
          topic: 't',
          payload,
          qos: 1 as const,
        })),
      ]);
      assert.deepEqual([...new Set(mailbox.texts)], numbered(MESSAGES));
      assert.equal(refused.length, 1);
      assert.ok(connections <= MOST_CONNECTIONS, `${connections} connections`);
    });
  });

  interface Planned {
    readonly topic: string;
    readonly payload: string;
    readonly qos: 1 | 2;
    readonly refused?: boolean;
  }

  interface Crossing {
    readonly mailbox: Mailbox;
    readonly connections: number;
    readonly refused: readonly Error[];
  }

  /** Publishes what is planned, through a proxy that counts connections, and waits until all is settled and came. */
  async function cross(port: number, plan: () => readonly Planned[]): Promise<Crossing> {
    const mailbox = new Mailbox();
    const receiver = bench.client(`mqtt://127.0.0.1:${port}`, {
      clientId: 'receiver',
    });
    subscribe(receiver, 't', mailbox);
    receiver.connect();
    await mailbox.outcomes.take('no SUBACK');
    const proxy = await FaultProxy.listen(port);
    const sender = bench.client(`mqtt://127.0.0.1:${proxy.port}`, {
      clientId: 'sender',
      protocolVersion: 4,
    });
    try {
      const planned = plan().map((each) => ({
        ...each,
        outcome: publish(sender, each),
      }));
      sender.connect();
      const good = planned.filter(({ refused }) => refused !== true);
      await Promise.all(good.map(({ outcome }) => delivered(outcome)));
      const refused = await Promise.all(planned.filter((each) => each.refused === true).map(told));
      await until(() => new Set(mailbox.texts).size >= good.length, 'all came');
      assert.ok(planned.every(({ outcome }) => outcome.times === 1));
      return { mailbox, connections: proxy.connections, refused };
    } finally {
      await sender.close();
      await proxy.close();
    }
  }

  async function told({ outcome }: { readonly outcome: Outcome }): Promise<Error> {
    return failure(outcome);
  }
});
