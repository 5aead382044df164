import assert from 'node:assert/strict';
import type { SubscriptionLink } from '../../../src/client/subscription-link.ts';
import { Subscriptions } from '../../../src/client/subscriptions.ts';
import type { SubscriptionOutcome } from '../../../src/client/outcome.ts';
import { type ServerLimits, serverLimits } from '../../../src/connection/server-limits.ts';
import { type MqttError, PacketTooLarge, SubscriptionRefused } from '../../../src/protocol/errors.ts';
import type {
  PacketId,
  PublishPacket,
  SubscribePacket,
  SubscriptionOptions,
  UnsubscribePacket,
} from '../../../src/protocol/packet.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { overlaps } from '../../../src/router/overlap.ts';
import { FilterTree } from '../../../src/router/filter-tree.ts';
import { type Receiver, Router } from '../../../src/router/router.ts';
import type { PendingRequest } from '../../../src/session/requests.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';
import { allFilters } from '../router/naive.ts';

const asFilter = (text: string): TopicFilter => text as TopicFilter;
const OPTIONS: SubscriptionOptions = { qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 };
const MQTT5 = { cmd: 'connect', protocolVersion: 5, clientId: 'c', cleanStart: true, keepAlive: 0 } as const;
const LIMITS = serverLimits(MQTT5, {});

/** MQTT 5, and the Server keeps the session: a filter that another one covers is not on the wire. */
const KEPT = { sessionExpiryInterval: 3600, subscriptionIdentifiersAvailable: true };

type Sent = { readonly packet: SubscribePacket | UnsubscribePacket; readonly request: PendingRequest };

/** One connection's link, which notes what is sent. */
class Link implements SubscriptionLink {
  readonly limits: ServerLimits;
  readonly mqtt5: boolean;
  readonly sent: Sent[] = [];
  /** A packet with more filters than this is too large for the Server. */
  mostFilters = Infinity;
  ids = Infinity;
  handed = 0;
  #last = 0;

  constructor(limits: Partial<ServerLimits> = {}, mqtt5 = true) {
    this.limits = { ...LIMITS, ...limits };
    this.mqtt5 = mqtt5;
  }

  takePacketId(): PacketId | undefined {
    if (this.ids === 0) return undefined;
    this.ids -= 1;
    this.#last += 1;
    return this.#last as PacketId;
  }

  send(packet: SubscribePacket | UnsubscribePacket, request: PendingRequest): void {
    const count = packet.cmd === 'subscribe' ? packet.subscriptions.length : packet.filters.length;
    if (count > this.mostFilters) throw new PacketTooLarge(packet.cmd, 100, 50);
    this.sent.push({ packet, request });
  }

  /** Those who wait for the Server's answers, unless they are told at once. */
  waiting: (() => void)[] | undefined;
  barriers = 0;
  /** Those who wait until what came is acknowledged, while it is not. */
  working: (() => void)[] | undefined;

  acknowledged(reached: () => void): void {
    if (this.working === undefined) reached();
    else this.working.push(reached);
  }

  barrier(reached: () => void): void {
    this.barriers += 1;
    if (this.waiting === undefined) reached();
    else this.waiting.push(reached);
  }

  /** The SUBSCRIBE packets since the last call. */
  subscribes(): SubscribePacket[] {
    return this.#take().flatMap(({ packet }) => (packet.cmd === 'subscribe' ? [packet] : []));
  }

  /** Filters by packet, `-` in front of those that are unsubscribed, since the last call. */
  lines(): string[] {
    return this.#take().map(({ packet }) =>
      packet.cmd === 'subscribe'
        ? packet.subscriptions.map(({ filter }) => filter).join(' ')
        : packet.filters.map((filter) => `-${filter}`).join(' '),
    );
  }

  /** Answers everything that was sent, with these codes or by granting what was asked. */
  grant(codes?: readonly number[]): void {
    for (const { packet, request } of this.#answerable()) {
      if (packet.cmd === 'subscribe') request.answered(codes ?? packet.subscriptions.map(({ qos }) => qos), 'why');
      else
        request.answered(
          packet.filters.map(() => 0),
          undefined,
        );
    }
  }

  /** Answers everything that was sent, filter by filter. */
  answer(granted: (filter: string) => boolean): void {
    for (const { packet, request } of this.#answerable()) {
      if (packet.cmd === 'unsubscribe') request.answered([], undefined);
      else
        request.answered(
          packet.subscriptions.map(({ filter, qos }) => (granted(filter) ? qos : 0x87)),
          undefined,
        );
    }
  }

  #taken = 0;
  #answered = 0;

  #take(): Sent[] {
    const fresh = this.sent.slice(this.#taken);
    this.#taken = this.sent.length;
    return fresh;
  }

  #answerable(): Sent[] {
    const fresh = this.sent.slice(this.#answered);
    this.#answered = this.sent.length;
    return fresh;
  }
}

class Someone implements Receiver {
  readonly ref: string | undefined;
  readonly outcomes: SubscriptionOutcome[] = [];
  readonly hear = (outcome: SubscriptionOutcome): void => void this.outcomes.push(outcome);

  received = 0;

  constructor(ref?: string) {
    this.ref = ref;
  }

  receive(): void {
    this.received += 1;
  }
}

/** The error of the only outcome. */
function refusal({ outcomes }: Someone): MqttError {
  const [outcome, ...others] = outcomes;
  if (outcome === undefined || outcome.granted) return assert.fail('it was not refused');
  assert.equal(others.length, 0);
  return outcome.error;
}

interface Scene {
  readonly router: Router;
  readonly subscriptions: Subscriptions;
  readonly link: Link;
  add(filter: string, options?: Partial<SubscriptionOptions>, someone?: Someone): Someone;
  /** Sends what changed, and tells the filters by packet. */
  flush(): string[];
  /** Adds somebody, and the Server grants all that is asked for. */
  granted(filter: string, options?: Partial<SubscriptionOptions>, someone?: Someone): Someone;
}

function scene(link = new Link(), perPacket = 8, store = new MemoryStore()): Scene {
  const router = new Router();
  const subscriptions = new Subscriptions(router, perPacket, store);
  return {
    router,
    subscriptions,
    link,
    add(filter, options = {}, someone = new Someone()) {
      subscriptions.add(asFilter(filter), someone, { ...OPTIONS, ...options }, someone.hear);
      return someone;
    },
    flush() {
      subscriptions.flush(link);
      return link.lines();
    },
    granted(filter, options, someone) {
      const added = this.add(filter, options, someone);
      this.flush();
      this.link.grant();
      return added;
    },
  };
}

/** The same settings with another connection. */
function reconnected(old: Scene, sessionPresent: boolean, link = new Link()): Scene {
  old.subscriptions.disconnected();
  old.subscriptions.connected(sessionPresent);
  return {
    ...old,
    link,
    flush() {
      old.subscriptions.flush(link);
      return link.lines();
    },
  };
}

/** Sends what changed, and tells the identifier of the last SUBSCRIBE; 0: there was none. */
function askedAs({ subscriptions, link }: Scene): number {
  subscriptions.flush(link);
  return link.subscribes().at(-1)?.subscriptionIdentifier ?? 0;
}

/** A publication at QoS 1 as it comes by these identifiers. */
function live(topic: string, subscriptionIdentifiers: readonly number[], retained?: string): PublishPacket {
  return {
    cmd: 'publish',
    topic,
    payload: Buffer.from(retained ?? ''),
    qos: 1,
    retain: retained !== undefined,
    dup: false,
    packetId: 1 as PacketId,
    properties: { subscriptionIdentifiers },
  };
}

/** In a session that has just begun. */
function begun(link?: Link): Scene {
  const one = scene(link);
  one.subscriptions.connected(false);
  return one;
}

describe('Subscriptions', () => {
  it('asks for a filter once, whoever wants it', () => {
    const one = scene();
    for (let n = 0; n < 5; n++) one.add('a');
    assert.deepEqual(one.flush(), ['a']);
    one.link.grant();
    assert.equal(one.subscriptions.pending, false);
    assert.deepEqual(one.flush(), []);
  });

  it('sends at most eight filters per packet: 50 in 7', () => {
    const one = scene();
    for (let n = 0; n < 50; n++) one.add(`t/${n}`);
    const packets = one.flush();
    assert.deepEqual(
      packets.map((line) => line.split(' ').length),
      [8, 8, 8, 8, 8, 8, 2],
    );
  });

  it('sends as many filters per packet as it is told', () => {
    const one = scene(new Link(), 1);
    for (const filter of ['a', 'b', 'c']) one.add(filter);
    assert.deepEqual(one.flush(), ['a', 'b', 'c']);
  });

  describe('options of several receivers', () => {
    const rows: readonly (readonly [string, readonly Partial<SubscriptionOptions>[], Partial<SubscriptionOptions>])[] =
      [
        ['the highest QoS', [{ qos: 0 }, { qos: 2 }, { qos: 1 }], { qos: 2 }],
        ['No Local only if all want it', [{ noLocal: true }, { noLocal: false }], { noLocal: false }],
        ['No Local if all want it', [{ noLocal: true }, { noLocal: true }], { noLocal: true }],
        [
          'Retain As Published if one wants it',
          [{ retainAsPublished: false }, { retainAsPublished: true }],
          { retainAsPublished: true },
        ],
        ['retained messages if one wants them', [{ retainHandling: 2 }, { retainHandling: 0 }], { retainHandling: 0 }],
        [
          'no retained messages if none wants them',
          [{ retainHandling: 2 }, { retainHandling: 2 }],
          { retainHandling: 2 },
        ],
        ['only if new, if all say so', [{ retainHandling: 1 }, { retainHandling: 1 }], { retainHandling: 1 }],
        [
          'always, if one wants them whether it is new or not',
          [{ retainHandling: 1 }, { retainHandling: 0 }, { retainHandling: 1 }],
          { retainHandling: 0 },
        ],
        [
          'only if new, beside one that wants none',
          [{ retainHandling: 1 }, { retainHandling: 2 }],
          { retainHandling: 1 },
        ],
      ];
    for (const [what, wishes, expected] of rows) {
      it(`are merged: ${what}`, () => {
        const one = scene();
        for (const wish of wishes) one.add('a', wish);
        one.subscriptions.flush(one.link);
        const [sent] = one.link.subscribes()[0]?.subscriptions ?? [];
        assert.deepEqual({ ...sent, ...expected }, sent);
      });
    }

    it('a node that is new gets what is retained though its filter is not: the Server would say that it is none', () => {
      const one = scene();
      one.granted('a', { retainHandling: 1 });
      one.add('a', { retainHandling: 1 });
      one.subscriptions.flush(one.link);
      assert.equal(one.link.subscribes()[0]?.subscriptions[0]?.retainHandling, 0);
    });

    it('a node that comes between SUBSCRIBE and SUBACK still gets what is retained', () => {
      const one = scene();
      one.add('a');
      one.flush();
      one.add('a');
      one.link.grant();
      one.subscriptions.flush(one.link);
      assert.equal(one.link.subscribes()[0]?.subscriptions[0]?.retainHandling, 0);
    });

    it('have no No Local on a shared subscription [MQTT-3.8.3-4]', () => {
      const one = scene();
      one.add('$share/g/a', { noLocal: true });
      one.subscriptions.flush(one.link);
      assert.equal(one.link.subscribes()[0]?.subscriptions[0]?.noLocal, false);
    });

    it('are asked for again when a new receiver needs more, and when one goes that needed it', () => {
      const one = scene();
      one.granted('a', { qos: 0, retainHandling: 2 });
      const more = one.add('a', { qos: 2, retainHandling: 2 });
      one.subscriptions.flush(one.link);
      one.link.grant();
      assert.deepEqual(
        one.link.subscribes().map(({ subscriptions: [only] }) => only?.qos),
        [2],
      );
      one.subscriptions.remove(asFilter('a'), more);
      one.subscriptions.flush(one.link);
      assert.deepEqual(
        one.link.subscribes().map(({ subscriptions: [only] }) => only?.qos),
        [0],
      );
    });
  });

  describe('Subscription Identifiers', () => {
    it('are another for every packet, and never 0', () => {
      const one = scene();
      for (let n = 0; n < 50; n++) one.add(`t/${n}`);
      one.subscriptions.flush(one.link);
      const identifiers = one.link.subscribes().map((packet) => packet.subscriptionIdentifier ?? 0);
      assert.equal(new Set(identifiers).size, 7);
      assert.ok(identifiers.every((identifier) => identifier >= 1 && identifier <= 268_435_455));
    });

    it('are never shared by filters that overlap', () => {
      const one = scene();
      const filters = ['#', 'a/#', 'a/+', 'a/b', 'b', '+', 'c/d', '+/d', '$SYS/#', '$SYS/a', 'x/1', 'x/2', 'x/+', 'y'];
      for (const filter of filters) one.add(filter);
      const packets = one.flush().map((line) => line.split(' ').map(asFilter));
      assert.deepEqual(packets.flat().sort(), [...filters].sort());
      for (const packet of packets) {
        for (const [index, filter] of packet.entries()) {
          for (const other of packet.slice(index + 1))
            assert.equal(overlaps(filter, other), false, `${filter} ${other}`);
        }
      }
    });

    it('are not used where the Server has none [MQTT-3.2.2.3.12]', () => {
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }));
      one.add('a');
      one.subscriptions.flush(one.link);
      assert.equal(one.link.subscribes()[0]?.subscriptionIdentifier, undefined);
    });
  });

  describe('without Subscription Identifiers a message must not come twice', () => {
    const none = { subscriptionIdentifiersAvailable: false };

    it('a filter that another one covers stays off the wire', () => {
      const one = scene(new Link(none));
      for (const filter of ['a/b', 'a/#', 'a/+', 'c']) one.add(filter);
      assert.deepEqual(one.flush(), ['a/# c']);
    });

    it('a filter that two others cover stays with the one that serves it', () => {
      for (const [first, second] of [
        ['a/+/c', '+/b/c'],
        ['+/b/c', 'a/+/c'],
      ] as const) {
        const one = scene(new Link(none));
        one.add('a/b/c', { qos: 2 });
        one.granted(first, { qos: 0 });
        one.add(second, { qos: 0, retainHandling: 2 });
        assert.deepEqual(one.flush(), [second]);
      }
    });

    it('a filter that two others cover stays with the one that serves it, also where both are there', () => {
      for (const [first, second] of [
        ['a/+/c', '+/b/c'],
        ['+/b/c', 'a/+/c'],
      ] as const) {
        const one = scene(new Link(none));
        one.granted(first, { qos: 0 });
        one.add('a/b/c', { qos: 2 });
        one.granted(second, { qos: 0 });
        one.add('a/b/c', { qos: 1, retainHandling: 2 });
        assert.deepEqual(one.flush(), []);
      }
    });

    it('the covered one is told the outcome too', () => {
      const one = scene(new Link(none));
      const someone = one.add('a/b', { qos: 2 });
      one.granted('a/#', { qos: 0 });
      assert.deepEqual(someone.outcomes, [{ granted: true, qos: 2 }]);
    });

    it('the covered one is asked for when the covering one is refused, or goes', () => {
      const refused = scene(new Link(none));
      refused.add('a/b');
      const all = refused.add('a/#');
      refused.flush();
      refused.link.grant([0x87]);
      assert.deepEqual(refused.flush(), ['a/b']);
      assert.equal(all.outcomes[0]?.granted, false);

      const gone = scene(new Link(none));
      gone.add('a/b');
      const other = gone.granted('a/#');
      gone.subscriptions.remove(asFilter('a/#'), other);
      assert.deepEqual(gone.flush(), ['a/b', '-a/#']);
    });
  });

  describe('without Subscription Identifiers, among 10,000 filters', () => {
    const none = { subscriptionIdentifiersAvailable: false };
    /** A dozen looks at one wish are plenty: to merge it, to compare it, to tell its outcome. */
    const FEW = 100;

    /** Options that count how often somebody looks at them. */
    function counted(): { options: SubscriptionOptions; looks: () => number } {
      let looks = 0;
      const options: SubscriptionOptions = {
        ...OPTIONS,
        get qos() {
          looks += 1;
          return 1 as const;
        },
      };
      return { options, looks: () => looks };
    }

    /** All granted; `looks` counts the wishes of them that were looked at since then. */
    function many(): { one: Scene; looks: () => number; nodes: Someone[] } {
      const one = scene(new Link(none), 1000);
      const { options, looks } = counted();
      const nodes = Array.from({ length: 10_000 }, (_, n) => {
        const node = new Someone(`n${n}`);
        one.subscriptions.add(asFilter(`t/${n % 100}/${n}`), node, options, node.hear);
        return node;
      });
      one.flush();
      one.link.grant();
      one.flush();
      const before = looks();
      return { one, nodes, looks: () => looks() - before };
    }

    it('one more is planned without looking at the others', () => {
      const { one, looks } = many();
      one.add('new');
      assert.deepEqual(one.flush(), ['new']);
      one.link.grant();
      one.add('t/7/+/deeper/#');
      assert.deepEqual(one.flush(), ['t/7/+/deeper/#']);
      assert.ok(looks() < FEW, `${looks()} looks`);
    });

    it('one that covers some is planned with those alone', () => {
      const { one, looks } = many();
      const covering = one.add('t/7/+');
      assert.deepEqual(one.flush(), ['t/7/+']);
      one.link.grant();
      assert.equal(one.flush().join(' ').split(' ').length, 100);
      one.link.grant();
      one.subscriptions.remove(asFilter('t/7/+'), covering);
      assert.deepEqual(one.flush().join(' ').split(' ').length, 101);
      assert.ok(looks() < 20 * 100, `${looks()} looks`);
    });

    it('a partial deploy of one node looks at its filter alone', () => {
      const { one, looks, nodes } = many();
      const filter = asFilter('t/7/107');
      one.subscriptions.release(filter, nodes[107] ?? assert.fail());
      one.add(filter, { retainHandling: 2 }, new Someone('n107'));
      one.subscriptions.prune();
      assert.deepEqual(one.flush(), []);
      assert.ok(looks() < FEW, `${looks()} looks`);
    });
  });

  it('without Subscription Identifiers every filter is served by one on the wire, and none by two, whatever happens, 20 seeds', () => {
    const filters = allFilters(3);
    for (let seed = 1; seed <= 20; seed++) {
      const random = randomFrom(seed);
      const pick = (): string => filters[wholeNumber(random, 0, filters.length - 1)] ?? '#';
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }), 1);
      const there = new Map<string, Someone>();
      const refused = new Set<string>();
      const wire = new Set<string>();
      for (let step = 0; step < 80; step++) {
        const filter = pick();
        const node = there.get(filter);
        if (node !== undefined) {
          one.subscriptions.remove(asFilter(filter), node);
          there.delete(filter);
          refused.delete(filter);
        } else {
          there.set(filter, one.add(filter));
          refused.delete(filter);
        }
        while (one.subscriptions.pending) {
          for (const line of one.flush()) {
            if (line.startsWith('-')) wire.delete(line.slice(1));
            else wire.add(line);
          }
          const fresh = [...wire].filter((each) => there.has(each));
          const no = random() < 0.2 ? fresh.at(-1) : undefined;
          one.link.answer((asked) => {
            if (asked !== no) return true;
            wire.delete(asked);
            refused.add(asked);
            return false;
          });
        }
        const covering = new FilterTree<string>();
        for (const each of wire) covering.set(each, each);
        for (const each of wire) assert.deepEqual(covering.covering(each), [each], `seed ${seed}, step ${step}`);
        for (const each of there.keys()) {
          const served = covering.covering(each).length > 0 || refused.has(each);
          assert.ok(served, `seed ${seed}, step ${step}: ${each} is not served`);
        }
        assert.ok(wire.size <= there.size);
      }
    }
  });

  describe('copies of a message for several filters (3.3.4)', () => {
    /** A copy by each identifier that was asked for, as a Server sends them that does not merge them. */
    function publish({ router }: Scene, identifiers: readonly (number | undefined)[]): void {
      for (const identifier of identifiers) {
        router.deliver({
          cmd: 'publish',
          topic: 'a/b',
          payload: Buffer.alloc(0),
          qos: 0,
          retain: false,
          dup: false,
          packetId: undefined,
          properties: { subscriptionIdentifiers: identifier === undefined ? [] : [identifier] },
        });
      }
    }

    function identifiers({ subscriptions, link }: Scene): (number | undefined)[] {
      subscriptions.flush(link);
      return link.subscribes().map((packet) => packet.subscriptionIdentifier);
    }

    it('are one message for a receiver of both', () => {
      const one = scene();
      const someone = one.add('a/#');
      one.add('a/b', {}, someone);
      const both = identifiers(one);
      one.link.grant();
      publish(one, both);
      assert.equal(someone.received, 1);
    });

    it('are one message for each receiver, though one of them took its filter up again without asking', () => {
      const one = scene();
      const stays = one.add('a/#', { retainHandling: 2 });
      const goes = one.add('a/b', { retainHandling: 2 });
      const both = identifiers(one);
      one.link.grant();
      one.subscriptions.release(asFilter('a/b'), goes);
      const comes = one.add('a/b', { retainHandling: 2 });
      assert.deepEqual(identifiers(one), []);
      publish(one, both);
      assert.deepEqual([stays.received, comes.received], [1, 1]);
    });

    it('reach a receiver whose other filter was just unsubscribed, and is asked for again', () => {
      const one = scene();
      const someone = one.add('a/#');
      one.add('a/b');
      const [, narrow] = identifiers(one);
      one.link.grant();
      one.subscriptions.remove(asFilter('a/#'), someone);
      identifiers(one);
      for (const filter of ['a/#', 'a/b']) one.add(filter, {}, someone);
      identifiers(one);
      publish(one, [narrow]);
      assert.equal(someone.received, 1);
    });

    it('reach a receiver whose other filter was refused, or is not answered yet', () => {
      for (const code of [0x87, undefined]) {
        for (const [first, second] of [
          ['a/#', 'a/b'],
          ['a/b', 'a/#'],
        ] as const) {
          const one = scene();
          const someone = one.add(first);
          const [identifier] = identifiers(one);
          one.link.grant();
          one.add(second, {}, someone);
          identifiers(one);
          if (code !== undefined) one.link.grant([code]);
          publish(one, [identifier]);
          assert.equal(someone.received, 1, `${second} ${code}`);
        }
      }
    });

    it('reach a receiver after a reconnect whose first filter is not answered yet', () => {
      const one = scene();
      const someone = one.add('a/#');
      one.add('a/b', {}, someone);
      one.subscriptions.flush(one.link);
      one.link.grant();
      for (const index of [0, 1]) {
        const two = reconnected(one, false);
        const both = identifiers(two);
        two.link.sent[index]?.request.answered([1], undefined);
        const before = someone.received;
        publish(two, [both[index]]);
        assert.equal(someone.received, before + 1);
      }
    });
  });

  describe('after a full deploy, with the session of before', () => {
    /** The next client of the same store, connected with the session. */
    function redeployed(store: MemoryStore): Scene {
      const next = scene(new Link(), 8, store);
      next.subscriptions.connected(true);
      return next;
    }

    function copies({ router }: Scene, identifiers: readonly number[]): void {
      for (const identifier of identifiers) {
        router.deliver({
          cmd: 'publish',
          topic: 'a/b',
          payload: Buffer.alloc(0),
          qos: 1,
          retain: false,
          dup: false,
          packetId: 1 as PacketId,
          properties: { subscriptionIdentifiers: [identifier] },
        });
      }
    }

    function identifiersOf({ subscriptions, link }: Scene): number[] {
      subscriptions.flush(link);
      return link.subscribes().map(({ subscriptionIdentifier = 0 }) => subscriptionIdentifier);
    }

    it("what was queued by the filter that covered a node's own reaches that node", () => {
      const store = new MemoryStore();
      const one = scene(new Link(KEPT), 8, store);
      for (const filter of ['a/#', 'a/b']) one.add(filter);
      const queued = identifiersOf(one);
      assert.equal(queued.length, 1);
      one.link.grant();
      one.subscriptions.disconnected();
      for (const wider of [[], ['#']]) {
        const two = scene(new Link(KEPT), 8, store);
        two.subscriptions.connected(true);
        const nodes = ['a/#', 'a/b', ...wider].map((filter) => two.add(filter));
        copies(two, queued);
        identifiersOf(two);
        two.link.grant();
        copies(two, queued);
        assert.deepEqual(
          nodes.slice(0, 2).map(({ received }) => received),
          [2, 2],
        );
      }
    });

    it('a filter that an earlier process had, and whose end it could not store, comes by the one that covers it', () => {
      const store = new MemoryStore();
      scene(new Link(KEPT), 8, store).granted('a/b');
      const next = scene(new Link(KEPT), 8, store);
      next.subscriptions.connected(true);
      const node = next.add('a/b');
      next.add('a/#');
      const asked = identifiersOf(next);
      copies(next, asked);
      assert.equal(node.received, 1);
      next.link.grant();
      assert.deepEqual(next.flush(), ['-a/b']);
      copies(next, asked);
      assert.equal(node.received, 2);
    });

    it('a filter whose UNSUBSCRIBE was not answered may have been served by the one that covers it', () => {
      const store = new MemoryStore();
      const one = scene(new Link(KEPT), 8, store);
      one.add('a/b');
      identifiersOf(one);
      one.link.grant();
      one.add('a/#');
      const [queued = 0] = identifiersOf(one);
      one.link.sent
        .find(({ packet }) => packet.cmd === 'subscribe' && packet.subscriptionIdentifier === queued)
        ?.request.answered([1], undefined);
      assert.deepEqual(one.flush(), ['-a/b']);
      one.subscriptions.disconnected();
      const two = scene(new Link(KEPT), 8, store);
      two.subscriptions.connected(true);
      const node = two.add('a/b');
      two.add('a/#');
      copies(two, [queued]);
      assert.equal(node.received, 1);
    });

    it('what was queued comes once per node, not once per filter', () => {
      for (const retainHandling of [0, 2] as const) {
        const store = new MemoryStore();
        const one = scene(new Link(), 8, store);
        for (const filter of ['a/#', 'a/b']) one.add(filter, { retainHandling });
        const queued = identifiersOf(one);
        one.link.grant();
        one.subscriptions.disconnected();
        const two = redeployed(store);
        const nodes = ['a/#', 'a/b'].map((filter) => two.add(filter, { retainHandling }));
        copies(two, queued);
        assert.deepEqual(
          nodes.map(({ received }) => received),
          [1, 1],
        );
        // Asked for again for what is retained, while the queue goes on.
        identifiersOf(two);
        copies(two, queued);
        two.link.grant();
        copies(two, queued);
        assert.deepEqual(
          nodes.map(({ received }) => received),
          [3, 3],
        );
      }
    });

    it('and a node on both filters gets it once', () => {
      const store = new MemoryStore();
      const one = scene(new Link(), 8, store);
      for (const filter of ['a/#', 'a/b']) one.add(filter);
      const queued = identifiersOf(one);
      one.link.grant();
      const two = redeployed(store);
      const node = two.add('a/#');
      two.add('a/b', {}, node);
      copies(two, queued);
      assert.equal(node.received, 1);
    });

    it('a copy for a filter that no node has taken up yet is not given to the others', () => {
      const store = new MemoryStore();
      const one = scene(new Link(), 8, store);
      for (const filter of ['a/#', 'a/b']) one.add(filter);
      const queued = identifiersOf(one);
      one.link.grant();
      const two = redeployed(store);
      const first = two.add('a/#');
      copies(two, queued);
      assert.equal(first.received, 1);
    });

    it('what the Server should have is asked for once more: an answer may have been lost with the client before', () => {
      const store = new MemoryStore();
      const one = scene(new Link(), 8, store);
      one.add('a', { qos: 2, noLocal: true, retainHandling: 2 });
      one.flush();
      one.link.grant([1]);
      const two = redeployed(store);
      const node = two.add('a', { qos: 2, noLocal: true, retainHandling: 2 });
      assert.deepEqual(two.flush(), ['a']);
      two.link.grant([1]);
      assert.deepEqual(node.outcomes, [{ granted: true, qos: 1 }]);
      two.subscriptions.prune();
      assert.deepEqual(two.flush(), []);
    });

    it('what no node takes up is unsubscribed with the pruning, and forgotten', () => {
      const store = new MemoryStore();
      const one = scene(new Link(), 8, store);
      one.granted('a');
      const two = redeployed(store);
      assert.deepEqual(two.flush(), []);
      two.subscriptions.prune();
      assert.deepEqual(two.flush(), ['-a']);
      two.link.grant();
      assert.deepEqual(store.load().subscriptions, []);
    });
  });

  describe('outcomes', () => {
    it('are told to every receiver, with the QoS that was granted', () => {
      const one = scene();
      const both = [one.add('a', { qos: 2 }), one.add('a', { qos: 0 })];
      one.flush();
      one.link.grant([1]);
      for (const { outcomes } of both) assert.deepEqual(outcomes, [{ granted: true, qos: 1 }]);
    });

    it('are told per filter, in the order of the request', () => {
      const one = scene();
      const [good, bad] = [one.add('good'), one.add('bad')];
      one.flush();
      one.link.grant([2, 0x87]);
      assert.deepEqual(good.outcomes, [{ granted: true, qos: 2 }]);
      const error = refusal(bad);
      assert.ok(error instanceof SubscriptionRefused);
      assert.deepEqual([error.filter, error.reasonCode], ['bad', 0x87]);
      assert.match(error.message, /broker refused the subscription to bad \(0x87 Not authorized: why\)/);
    });

    it('are not told again because something else is asked for', () => {
      const one = scene();
      const first = one.granted('a', { retainHandling: 2 });
      const second = one.add('a', { retainHandling: 2 });
      one.flush();
      assert.deepEqual([first.outcomes.length, second.outcomes.length], [1, 1]);
    });

    it('of an earlier SUBSCRIBE are not taken for those of a later one', () => {
      const one = scene();
      const someone = one.add('a', { qos: 1, retainHandling: 2 });
      one.flush();
      one.add('a', { qos: 2, retainHandling: 2 });
      one.flush();
      const [first, second] = one.link.sent;
      first?.request.answered([0x80], undefined);
      assert.deepEqual(someone.outcomes, []);
      second?.request.answered([2], undefined);
      assert.deepEqual(someone.outcomes, [{ granted: true, qos: 2 }]);
    });

    it('of a receiver that has gone are told to nobody', () => {
      const one = scene();
      const someone = one.add('a');
      one.flush();
      one.subscriptions.remove(asFilter('a'), someone);
      one.link.grant();
      assert.deepEqual(someone.outcomes, []);
    });

    it('a refused filter is not asked for again on this connection', () => {
      const one = scene();
      one.add('a');
      one.flush();
      one.link.grant([0x87]);
      assert.deepEqual(one.flush(), []);
      one.add('b');
      assert.deepEqual(one.flush(), ['b']);
    });

    it('a packet that is too large for the Server is a refusal, not the end of the connection', () => {
      const one = scene();
      one.link.mostFilters = 0;
      const both = [one.add('a'), one.add('b')];
      assert.deepEqual(one.flush(), []);
      for (const someone of both) assert.ok(refusal(someone) instanceof PacketTooLarge);
    });

    it('a packet that is too large with all its filters is sent with fewer', () => {
      const one = scene();
      one.link.mostFilters = 1;
      const all = ['a', 'b', 'c'].map((filter) => one.add(filter));
      assert.deepEqual(one.flush(), ['a', 'b', 'c']);
      one.link.grant();
      for (const { outcomes } of all) assert.deepEqual(outcomes, [{ granted: true, qos: 1 }]);
    });
  });

  describe('No Local', () => {
    const OWN_TOO = { granted: true, qos: 1, unmet: 'no-local' };
    const MET = { granted: true, qos: 1 };

    it('that another node’s wish takes away is told, and told again when it is back', () => {
      const one = scene();
      const loop = one.granted('a', { noLocal: true });
      assert.deepEqual(loop.outcomes, [MET]);
      const other = one.granted('a');
      assert.deepEqual([loop.outcomes.at(-1), other.outcomes], [OWN_TOO, [MET]]);
      one.subscriptions.remove(asFilter('a'), other);
      one.flush();
      one.link.grant();
      assert.deepEqual(loop.outcomes.at(-1), MET);
    });

    it('that does not come into force is told though nothing has to be asked', () => {
      const one = scene();
      one.granted('a', { retainHandling: 2 });
      const late = one.add('a', { noLocal: true, retainHandling: 2 });
      assert.deepEqual(one.flush(), []);
      assert.deepEqual(late.outcomes, [OWN_TOO]);
    });

    it('is not in force before MQTT 5', () => {
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }, false));
      const alone = one.granted('a', { noLocal: true });
      assert.deepEqual(alone.outcomes, [OWN_TOO]);
    });

    it('of a filter that another one covers is told', () => {
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }));
      const inner = one.add('a/b', { noLocal: true });
      one.granted('a/#');
      assert.deepEqual(inner.outcomes, [OWN_TOO]);
    });
  });

  describe('a refusal of more than was granted before', () => {
    it('leaves the others what they had: it is asked for once more as it was', () => {
      const one = scene();
      const runs = one.granted('a', { qos: 0, retainHandling: 2 });
      const wantsMore = one.add('a', { qos: 2, retainHandling: 2 });
      one.flush();
      one.link.grant([0x87]);
      one.subscriptions.flush(one.link);
      assert.deepEqual(
        one.link.subscribes().map(({ subscriptions: [only] }) => only?.qos),
        [0],
      );
      one.link.grant();
      const granted = { granted: true, qos: 0 };
      assert.deepEqual(runs.outcomes, [granted, granted]);
      assert.deepEqual([wantsMore.outcomes[0]?.granted, wantsMore.outcomes[1]], [false, granted]);
      assert.deepEqual(one.flush(), []);
      one.add('b');
      assert.deepEqual(one.flush(), ['b']);
    });

    it('and of that too is a refusal for all, and the Server is told that nobody has it', () => {
      const one = scene();
      const runs = one.granted('a', { qos: 0, retainHandling: 2 });
      one.add('a', { qos: 2, retainHandling: 2 });
      one.flush();
      one.link.grant([0x87]);
      assert.deepEqual(one.flush(), ['a']);
      one.link.grant([0x87]);
      assert.equal(runs.outcomes.at(-1)?.granted, false);
      assert.deepEqual(one.flush(), ['-a']);
      one.link.grant();
      assert.deepEqual(one.flush(), []);
    });

    /** A Server that granted QoS 0, and then refused QoS 2. */
    function limited(): Scene {
      const one = scene();
      one.granted('a', { qos: 0, retainHandling: 2 });
      one.add('a', { qos: 2, retainHandling: 2 });
      one.flush();
      one.link.grant([0x87]);
      one.flush();
      one.link.grant();
      return one;
    }

    function askedNow({ subscriptions, link }: Scene): (number | undefined)[] {
      subscriptions.flush(link);
      return link.subscribes().map(({ subscriptions: [only] }) => only?.qos);
    }

    it('is asked for again on the next connection, with the session and without', () => {
      for (const sessionPresent of [true, false]) {
        assert.deepEqual(askedNow(reconnected(limited(), sessionPresent)), [2]);
      }
    });

    it('is asked for again for a new node', () => {
      const one = limited();
      assert.deepEqual(askedNow(one), []);
      one.add('a', { qos: 1, retainHandling: 2 });
      assert.deepEqual(askedNow(one), [2]);
    });

    it('is known by what was wanted, though that was asked for without the flag at first', () => {
      const one = begun();
      one.add('a', { qos: 1, retainAsPublished: false });
      askedNow(one);
      one.link.grant();
      one.add('a', { qos: 2 });
      assert.deepEqual(askedNow(one), [2]);
      one.link.answer(() => false);
      assert.deepEqual(askedNow(one), [1]);
    });

    it('that comes before the answer to another change still leaves what was granted', () => {
      const one = scene();
      one.add('a', { qos: 0, retainHandling: 2 });
      askedNow(one);
      one.link.grant();
      for (const qos of [1, 2] as const) {
        one.add('a', { qos, retainHandling: 2 });
        askedNow(one);
      }
      one.link.answer(() => false);
      assert.deepEqual(askedNow(one), [0]);
    });

    it('and of that too keeps no message from a node that has it by another filter', () => {
      const one = scene();
      const both = one.add('a/#', { qos: 1, retainHandling: 2 });
      one.add('a/b', { qos: 1, retainHandling: 2 }, both);
      one.subscriptions.flush(one.link);
      const identifiers = one.link.subscribes().map(({ subscriptionIdentifier = 0 }) => subscriptionIdentifier);
      one.link.grant();
      one.add('a/#', { qos: 2, retainHandling: 2 });
      for (let refusals = 0; refusals < 2; refusals++) {
        one.flush();
        one.link.answer(() => false);
      }
      one.router.deliver(live('a/b', [identifiers[1] ?? 0]));
      assert.equal(both.received, 1);
    });

    it('is in the store until the Server has confirmed that it has nothing', () => {
      const store = new MemoryStore();
      const one = scene(new Link(), 8, store);
      one.granted('a', { qos: 0, retainHandling: 2 });
      one.add('a', { qos: 2, retainHandling: 2 });
      for (let refusals = 0; refusals < 2; refusals++) {
        one.flush();
        one.link.answer(() => false);
      }
      assert.deepEqual(one.flush(), ['-a']);
      assert.equal(store.load().subscriptions.length, 1);
      one.link.grant();
      assert.deepEqual(store.load().subscriptions, []);
    });
  });

  describe('a filter that the broker has, wanted otherwise than it was made', () => {
    /** A node of before, one that comes, and what is sent for its sake. */
    function sentFor(
      first: Partial<SubscriptionOptions>,
      second: Partial<SubscriptionOptions>,
      link = new Link(),
    ): string[] {
      const one = scene(link);
      one.granted('a', { retainHandling: 2, ...first });
      one.add('a', { retainHandling: 2, ...second });
      return one.flush();
    }

    it('is left first where No Local changes: mosquitto goes on with the first', () => {
      assert.deepEqual(sentFor({ noLocal: true }, {}), ['-a', 'a']);
    });

    it('is left first where QoS 0 is not enough any more, or is again: RabbitMQ goes on with both', () => {
      assert.deepEqual(sentFor({ qos: 0 }, { qos: 1 }), ['-a', 'a']);
      const one = scene();
      one.add('a', { qos: 0 });
      const better = one.granted('a', { qos: 1 });
      one.subscriptions.remove(asFilter('a'), better);
      assert.deepEqual(one.flush(), ['-a', 'a']);
    });

    it('is not left for another QoS or a flag, nor for what MQTT 3.1.1 does not have: nobody may miss a message', () => {
      assert.deepEqual(sentFor({ qos: 1 }, { qos: 2 }), ['a']);
      assert.deepEqual(sentFor({ retainAsPublished: false }, { retainAsPublished: true }), ['a']);
      const before5 = new Link({ subscriptionIdentifiersAvailable: false }, false);
      assert.deepEqual(sentFor({ noLocal: true }, {}, before5), ['a']);
    });

    it('is left first by the next client of a session, too', () => {
      const store = new MemoryStore();
      const before = scene(new Link(), 8, store);
      before.granted('a', { noLocal: true });
      const after = scene(new Link(), 8, store);
      after.subscriptions.connected(true);
      after.add('a');
      after.subscriptions.prune();
      assert.deepEqual(after.flush(), ['-a', 'a']);
    });

    it('is not left in a session that has just begun', () => {
      const one = scene();
      one.granted('a', { noLocal: true, retainHandling: 2 });
      one.add('a', { retainHandling: 2 });
      one.flush();
      assert.deepEqual(reconnected(one, false).flush(), ['a']);
    });

    it('is left once on a connection, whatever else is asked for before the answers', () => {
      const one = scene();
      one.granted('a', { noLocal: true, retainHandling: 2 });
      one.add('a', { retainHandling: 2 });
      one.flush();
      const again = reconnected(one, true);
      assert.deepEqual(again.flush(), ['-a', 'a']);
      for (let refusals = 0; refusals < 3; refusals++) {
        one.add('a', { qos: 2, retainHandling: 0 });
        assert.deepEqual(again.flush(), ['a']);
        again.link.answer(() => false);
        again.flush();
      }
    });

    it('is left by the next client of a session where it is not known how far the one before came', () => {
      const store = new MemoryStore();
      const before = scene(new Link(), 8, store);
      const first = before.granted('a', { noLocal: true });
      before.subscriptions.remove(asFilter('a'), first);
      before.add('a');
      before.flush();
      const after = scene(new Link(), 8, store);
      after.subscriptions.connected(true);
      after.add('a', { noLocal: true });
      assert.deepEqual(after.flush(), ['-a', 'a']);
    });

    it('is left once more after a connection that ended before the UNSUBACK, until the Server has granted it', () => {
      const one = scene();
      one.granted('a', { noLocal: true, retainHandling: 2 });
      one.add('a', { retainHandling: 2 });
      assert.deepEqual(one.flush(), ['-a', 'a']);
      assert.deepEqual(reconnected(one, true).flush(), ['-a', 'a']);
      const again = reconnected(one, true);
      assert.deepEqual(again.flush(), ['-a', 'a']);
      again.link.grant();
      one.add('a', { qos: 2, retainHandling: 2 });
      assert.deepEqual(reconnected(one, true).flush(), ['a']);
    });

    it('gets its messages, whichever of both the Server answers last', () => {
      const one = scene();
      const node = one.granted('a', { noLocal: true, retainHandling: 2 });
      one.add('a', { retainHandling: 2 });
      one.subscriptions.flush(one.link);
      const identifier = one.link.subscribes()[0]?.subscriptionIdentifier ?? 0;
      one.link.grant();
      one.router.deliver(live('a', [identifier]));
      assert.equal(node.received, 1);
      assert.deepEqual(one.flush(), []);
    });
  });

  describe('while what is retained comes for a new node, with Retain As Published', () => {
    /** A lamp's node that runs and has its state `off`, and another one whose SUBSCRIBE is on its way. */
    function lamp(first: Partial<SubscriptionOptions> = {}): { one: Scene; runs: Someone; now: () => number } {
      const one = begun();
      const now = (): number => askedAs(one);
      const runs = one.add('lamp', first);
      const identifier = now();
      one.link.grant();
      one.router.deliver(live('lamp', [identifier], 'off'));
      runs.received = 0;
      one.link.waiting = [];
      return { one, runs, now };
    }

    it('the node that runs gets each live message, and not once more what it had', () => {
      const { one, runs, now } = lamp();
      const fresh = one.add('lamp');
      const identifier = now();
      one.router.deliver(live('lamp', [identifier], 'off'));
      assert.deepEqual([runs.received, fresh.received], [0, 1]);
      one.link.grant();
      for (const state of ['on', 'off']) one.router.deliver(live('lamp', [identifier], state));
      assert.deepEqual([runs.received, fresh.received], [2, 3]);
    });

    it('a node that comes meanwhile and wants nothing of it does not get it either, as long as it comes', () => {
      const { one, now } = lamp();
      one.add('lamp');
      const identifier = now();
      const late = one.add('lamp', { retainHandling: 2 });
      one.router.deliver(live('lamp', [identifier], 'off'));
      assert.equal(late.received, 0);
      one.router.deliver(live('lamp', [identifier], 'on'));
      assert.equal(late.received, 1);
    });

    it('the node that runs gets nothing once more where the broker sends it a few at a time', () => {
      const { one, runs, now } = lamp();
      one.add('lamp');
      const identifier = now();
      one.link.grant();
      const retained = (): boolean => one.router.deliver(live('lamp', [identifier], 'off'));
      const answer = (): void => one.link.waiting?.splice(0).forEach((reached) => reached());
      retained();
      answer();
      for (const _ of [1, 2, 3]) {
        assert.equal(one.link.waiting?.length, 1, 'asks once more');
        answer();
      }
      assert.equal(one.link.waiting?.length, 0);
      assert.equal(runs.received, 0);
    });

    it('a node that runs without the flag gets nothing once more, for a new node that wants it', () => {
      const { one, runs, now } = lamp({ retainAsPublished: false });
      one.router.deliver({ ...live('lamp', [], 'on'), retain: false });
      runs.received = 0;
      one.add('lamp');
      one.subscriptions.flush(one.link);
      const [packet] = one.link.subscribes();
      assert.equal(packet?.subscriptions[0]?.retainAsPublished, false);
      one.link.grant();
      one.router.deliver(live('lamp', [packet.subscriptionIdentifier ?? 0], 'on'));
      assert.equal(runs.received, 0);
      for (const _ of [1, 2, 3, 4]) one.link.waiting?.splice(0).forEach((reached) => reached());
      one.subscriptions.flush(one.link);
      assert.equal(one.link.subscribes()[0]?.subscriptions[0]?.retainAsPublished, true);
      assert.ok(now() === 0);
    });

    it('a live message that was queued when the flag was kept reaches a node that wants nothing retained', () => {
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }));
      one.subscriptions.connected(false);
      const runs = one.add('lamp', { retainAsPublished: false, retainHandling: 2 });
      const keepsFlag = one.granted('lamp', { retainHandling: 2 });
      one.subscriptions.remove(asFilter('lamp'), keepsFlag);
      one.flush();
      one.link.grant();
      one.add('lamp', { retainAsPublished: false });
      assert.deepEqual(one.flush(), ['lamp']);
      one.router.deliver(live('lamp', [], 'on'));
      assert.equal(runs.received, 1);
    });

    it('a node that wants nothing retained gets none where the broker sends it a few at a time, but each live message', () => {
      const { one, runs, now } = lamp({ retainHandling: 2, retainAsPublished: false });
      one.add('lamp');
      const identifier = now();
      one.link.grant();
      const answer = (): void => one.link.waiting?.splice(0).forEach((reached) => reached());
      const comes = (payload: string): boolean => one.router.deliver(live('lamp', [identifier], payload));
      comes('retained');
      answer();
      assert.equal(one.link.waiting?.length, 1, 'asks once more');
      assert.equal(runs.received, 0);
      // A broker that goes on with the flag although it was asked not to.
      for (const state of ['on', 'off']) comes(state);
      assert.equal(runs.received, 2);
      for (const _ of [1, 2, 3]) answer();
      assert.equal(one.link.waiting.length, 0);
    });

    it('a node that wants nothing retained gets none while what another filter brings keeps it back', () => {
      const { one, runs, now } = lamp({ retainHandling: 2, retainAsPublished: false });
      one.add('lamp');
      one.add('o/#');
      const identifier = now();
      one.link.grant();
      const answer = (): void => one.link.waiting?.splice(0).forEach((reached) => reached());
      for (const topic of ['o/1', 'o/2', 'o/3', 'o/4']) {
        one.router.deliver(live(topic, [identifier], 'state'));
        answer();
      }
      one.router.deliver(live('lamp', [identifier], 'old'));
      assert.equal(runs.received, 0);
      for (const _ of [1, 2, 3, 4]) answer();
      assert.equal(one.link.waiting?.length, 0);
    });

    it('a second new node while that comes: neither SUBSCRIBE brings a running node anything retained', () => {
      for (const first of [{ retainHandling: 2 }, { retainHandling: 0 }] as const) {
        const { one, runs, now } = lamp({ ...first, retainAsPublished: false });
        const [second, third] = [one.add('lamp'), one.add('lamp')];
        const identifiers = [now()];
        one.link.grant();
        const late = one.add('lamp');
        identifiers.push(now());
        one.link.grant();
        for (const identifier of identifiers) one.router.deliver(live('lamp', [identifier], 'on'));
        assert.deepEqual([runs.received, second.received, third.received, late.received], [0, 1, 1, 2]);
      }
    });

    it('a node that comes while that comes, and wants none of it, gets none', () => {
      const { one, runs, now } = lamp({ retainHandling: 2, retainAsPublished: false });
      const fresh = one.add('lamp');
      const identifier = now();
      one.link.grant();
      const late = one.add('lamp', { retainHandling: 2, retainAsPublished: false });
      one.router.deliver(live('lamp', [identifier], 'on'));
      assert.deepEqual([runs.received, fresh.received, late.received], [0, 1, 0]);
    });

    it('what comes by several filters is live, though the node wants nothing retained', () => {
      const { one, runs, now } = lamp({ retainHandling: 2 });
      one.add('lamp');
      const identifier = now();
      one.link.grant();
      const packet = live('lamp', [identifier, identifier + 1], 'on');
      one.router.deliver(packet);
      assert.equal(runs.received, 1);
    });

    it('a node that wants nothing retained gets none of it, and everything when it has come', () => {
      const { one, runs, now } = lamp({ retainHandling: 2, retainAsPublished: false });
      one.add('lamp');
      const identifier = now();
      one.link.grant();
      one.router.deliver(live('lamp', [identifier], 'retained'));
      assert.equal(runs.received, 0);
      one.link.waiting?.forEach((reached) => reached());
      one.router.deliver(live('lamp', [identifier], 'live'));
      assert.equal(runs.received, 1);
    });

    it('what was asked for first being there does not mean that what was asked for last is', () => {
      const { one, runs, now } = lamp({ retainHandling: 2, retainAsPublished: false });
      one.add('lamp');
      now();
      one.link.grant();
      one.add('lamp');
      const identifier = now();
      one.link.waiting?.forEach((reached) => reached());
      one.router.deliver(live('lamp', [identifier], 'retained'));
      assert.equal(runs.received, 0);
    });

    it('the new node gone before it has come, the others get each live message', () => {
      const { one, runs, now } = lamp({ retainAsPublished: false });
      one.add('lamp', { retainHandling: 2 });
      now();
      one.link.grant();
      const fresh = one.add('lamp');
      now();
      one.subscriptions.remove(asFilter('lamp'), fresh);
      const identifier = now();
      one.router.deliver(live('lamp', [identifier], 'on'));
      assert.equal(runs.received, 1);
    });

    it('in a session of an earlier client each live message reaches a node that wants nothing retained: the flag may have been kept', () => {
      const one = scene();
      one.subscriptions.connected(true);
      const [none, all] = [one.add('lamp', { retainHandling: 2 }), one.add('lamp')];
      one.router.deliver(live('lamp', [askedAs(one)], 'on'));
      assert.deepEqual([none.received, all.received], [1, 1]);
    });

    it('a filter that the broker has with the flag is asked for with it: it may go on with it whatever is asked', () => {
      const { one } = lamp({ retainHandling: 2 });
      one.add('lamp');
      one.subscriptions.flush(one.link);
      assert.equal(one.link.subscribes()[0]?.subscriptions[0]?.retainAsPublished, true);
    });

    it('a filter that was gone from the broker is asked for without the flag again', () => {
      const one = begun();
      const first = one.granted('lamp');
      one.subscriptions.remove(asFilter('lamp'), first);
      one.flush();
      one.link.grant();
      one.add('lamp', { retainHandling: 2 });
      one.add('lamp');
      one.subscriptions.flush(one.link);
      assert.equal(one.link.subscribes()[0]?.subscriptions[0]?.retainAsPublished, false);
    });

    it('each live message reaches a node that wants nothing retained, where the broker goes on with the flag', () => {
      const { one, runs, now } = lamp({ retainHandling: 2 });
      one.add('lamp');
      const identifier = now();
      one.link.grant();
      one.router.deliver(live('lamp', [identifier], 'on'));
      assert.equal(runs.received, 1);
    });

    it('nodes that come together: who wants nothing retained gets none of it, and the flag is asked for when it has come', () => {
      const one = begun();
      const [none, all] = [one.add('lamp', { retainHandling: 2 }), one.add('lamp')];
      one.link.waiting = [];
      one.subscriptions.flush(one.link);
      const [packet] = one.link.subscribes();
      one.link.grant();
      one.router.deliver(live('lamp', [packet?.subscriptionIdentifier ?? 0], 'on'));
      assert.deepEqual([none.received, all.received], [0, 1]);
      for (const _ of [1, 2, 3, 4]) one.link.waiting.splice(0).forEach((reached) => reached());
      assert.deepEqual(one.flush(), ['lamp'], 'no message is missed for the sake of a flag');
    });

    it('the second of two equal live messages reaches the node that runs, of a topic of which nothing was retained', () => {
      const one = begun();
      const runs = one.granted('t/+');
      one.link.waiting = [];
      one.add('t/+');
      const identifier = askedAs(one);
      one.link.grant();
      for (let times = 0; times < 2; times++) one.router.deliver(live('t/1', [identifier], 'alive'));
      assert.equal(runs.received, 2);
    });

    it('it is over though messages with the flag go on, of topics that had one: no live message is taken for it then', () => {
      const { one, runs, now } = lamp();
      const other = one.granted('other/+');
      one.add('lamp');
      const identifier = now();
      one.link.grant();
      for (let times = 0; times < 8; times++) {
        one.router.deliver(live(`other/${times % 3}`, [identifier], `${times}`));
        one.link.waiting?.splice(0).forEach((reached) => reached());
      }
      assert.equal(one.link.waiting?.length, 0, 'it is over');
      assert.equal(other.received, 8);
      // What was retained of the lamp had expired.
      one.router.deliver(live('lamp', [identifier], 'off'));
      assert.equal(runs.received, 1);
    });

    it('a node that keeps the flag and wants nothing retained gets each live message, where the first one came without identifier', () => {
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }));
      one.subscriptions.connected(false);
      one.granted('t/+', { retainAsPublished: false });
      const late = one.granted('t/+', { retainHandling: 2 });
      for (const state of ['on', 'off']) one.router.deliver(live('t/1', [], state));
      assert.equal(late.received, 2);
    });

    it('nothing is sent to learn its end where everybody gets everything', () => {
      const one = scene();
      one.granted('lamp');
      assert.equal(one.link.barriers, 0);
    });
  });

  describe('what is retained comes for a new node, and another filter keeps the flag', () => {
    it('a node that wants nothing retained gets none of it: the copy says for which filter it is', () => {
      const one = begun();
      const [runs, keeps] = [
        one.add('s/#', { retainHandling: 2, retainAsPublished: false }),
        one.add('#', { retainHandling: 2 }),
      ];
      one.flush();
      one.link.grant();
      const fresh = one.add('s/#');
      one.router.deliver(live('s/1', [askedAs(one)], 'retained'));
      assert.deepEqual([runs.received, keeps.received, fresh.received], [0, 0, 1]);
    });

    /** Before MQTT 5, with a node on `s/#` that runs. */
    function before5(options: Partial<SubscriptionOptions> = {}): { one: Scene; runs: Someone } {
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }, false));
      const runs = one.granted('s/#', options);
      return { one, runs };
    }

    it('before MQTT 5 a node that wants nothing retained gets none of it, however often it comes', () => {
      const { one, runs } = before5({ retainHandling: 2 });
      one.add('s/#');
      one.flush();
      for (let times = 0; times < 3; times++) one.router.deliver(live('s/1', [], 'old'));
      assert.equal(runs.received, 0);
    });

    it('before MQTT 5 a running node gets what is its own all the same, where that is still on its way', () => {
      const { one, runs } = before5();
      one.router.deliver(live('s/1', [], 'one'));
      one.add('s/#');
      one.flush();
      for (const _ of ['its own', 'for the other one']) one.router.deliver(live('s/2', [], 'two'));
      assert.equal(runs.received, 2);
    });

    it('before MQTT 5 a running node gets nothing again, a state neither that has changed since', () => {
      const { one, runs } = before5();
      one.router.deliver(live('s/1', [], 'off'));
      one.router.deliver({ ...live('s/1', [], 'on'), retain: false });
      assert.equal(runs.received, 2);
      const fresh = one.granted('#');
      one.router.deliver(live('s/1', [], 'on'));
      assert.deepEqual([runs.received, fresh.received], [2, 1]);
    });
  });

  describe('what the Server may have although it did not say so', () => {
    it('is unsubscribed when nobody wants it any more', () => {
      const one = scene();
      const someone = one.add('a');
      one.flush();
      one.subscriptions.disconnected();
      one.subscriptions.remove(asFilter('a'), someone);
      one.subscriptions.connected(true);
      assert.deepEqual(one.flush(), ['-a']);
      one.link.grant();
      assert.deepEqual(one.flush(), []);
    });

    it('is unsubscribed once more where the first UNSUBSCRIBE was lost as well', () => {
      const one = scene();
      const node = one.add('a');
      one.flush();
      const second = reconnected(one, true);
      one.subscriptions.remove(asFilter('a'), node);
      assert.deepEqual(second.flush(), ['-a']);
      assert.deepEqual(reconnected(one, true).flush(), ['-a']);
    });

    it('is unsubscribed by the next client of the session', () => {
      const store = new MemoryStore();
      const before = scene(new Link(), 8, store);
      before.add('a');
      before.flush();
      before.subscriptions.disconnected();
      const after = scene(new Link(), 8, store);
      after.subscriptions.connected(true);
      after.subscriptions.prune();
      assert.deepEqual(after.flush(), ['-a']);
      after.link.grant();
      assert.deepEqual(store.load().subscriptions, []);
    });

    it('is not unsubscribed first where it is wanted as before: nobody may miss a message', () => {
      const store = new MemoryStore();
      const before = scene(new Link(), 8, store);
      before.add('a', { retainHandling: 2 });
      before.flush();
      before.subscriptions.disconnected();
      const after = scene(new Link(), 8, store);
      after.add('a', { retainHandling: 2 });
      after.subscriptions.connected(true);
      after.subscriptions.prune();
      assert.deepEqual(after.flush(), ['a']);
    });

    it('wanted again after that, it is left first: what was there may have had other options', () => {
      const one = scene();
      const node = one.granted('a', { retainHandling: 2 });
      one.subscriptions.remove(asFilter('a'), node);
      one.flush();
      one.subscriptions.disconnected();
      one.add('a', { noLocal: true, retainHandling: 2 });
      one.subscriptions.connected(true);
      one.subscriptions.flush(one.link);
      assert.deepEqual(one.link.lines(), ['-a', 'a']);
    });

    it('is unsubscribed when it is refused', () => {
      const one = scene();
      one.add('a');
      one.flush();
      const two = reconnected(one, true);
      assert.deepEqual(two.flush(), ['a']);
      two.link.grant([0x87]);
      assert.deepEqual(two.flush(), ['-a']);
      two.link.grant();
      assert.deepEqual(two.flush(), []);
    });

    it('is nothing after a connection without its session', () => {
      const one = scene();
      const someone = one.add('a');
      one.flush();
      one.subscriptions.disconnected();
      one.subscriptions.remove(asFilter('a'), someone);
      one.subscriptions.connected(false);
      assert.deepEqual(one.flush(), []);
    });
  });

  describe('what the Server does not offer is not asked for [MQTT-3.2.2.3.11] [MQTT-3.2.2.3.13]', () => {
    const rows: readonly (readonly [string, Partial<ServerLimits>, string, RegExp])[] = [
      ['wildcards', { wildcardSubscriptionAvailable: false }, 'a/#', /wildcard subscriptions/],
      ['wildcards', { wildcardSubscriptionAvailable: false }, '+', /wildcard subscriptions/],
      ['wildcards behind a share name', { wildcardSubscriptionAvailable: false }, '$share/g/#', /wildcard/],
      ['shared subscriptions', { sharedSubscriptionAvailable: false }, '$share/g/a', /shared subscriptions/],
    ];
    for (const [what, limits, filter, problem] of rows) {
      it(`${what}: ${filter}`, () => {
        const one = scene(new Link(limits));
        const someone = one.add(filter);
        const other = one.add('plain');
        assert.deepEqual(one.flush(), ['plain']);
        const error = refusal(someone);
        assert.equal(error.code, 'not-supported');
        assert.match(error.message, problem);
        one.link.grant();
        assert.equal(other.outcomes.length, 1);
      });
    }

    it('is asked for on a connection to a Server that does', () => {
      const one = scene(new Link({ wildcardSubscriptionAvailable: false }));
      one.add('#');
      one.flush();
      assert.deepEqual(reconnected(one, false).flush(), ['#']);
      const kept = scene(new Link({ wildcardSubscriptionAvailable: false }));
      kept.add('#');
      kept.flush();
      assert.deepEqual(reconnected(kept, true).flush(), ['#']);
    });
  });

  describe('after a reconnect', () => {
    it('what left since the session of a killed broker was written is left once more, behind what is wanted', () => {
      const one = scene(new Link(KEPT));
      one.subscriptions.connected(false);
      const [wide, gone] = [one.granted('x/#'), one.granted('y')];
      one.granted('x/1');
      one.subscriptions.remove(asFilter('x/#'), wide);
      one.subscriptions.remove(asFilter('y'), gone);
      assert.deepEqual(one.flush(), ['x/1', '-x/# -y']);
      one.link.grant();
      one.subscriptions.disconnected();
      one.subscriptions.connected(true, 'subscriptions');
      const two = { ...one, link: new Link(KEPT) };
      one.subscriptions.flush(two.link);
      assert.deepEqual(two.link.lines(), ['x/1', '-x/# -y']);
    });

    /** What is retained for `a` is asked for by a SUBSCRIBE that is answered; then the Server is killed, and has its session. */
    function killedBehindAnswer(one: Scene, meanwhile: () => void = () => undefined): Link {
      one.flush();
      one.link.grant();
      meanwhile();
      one.subscriptions.disconnected();
      one.subscriptions.connected(true, 'subscriptions');
      const link = new Link(KEPT);
      one.subscriptions.flush(link);
      return link;
    }

    /** Somebody is new at `a`, and the Server answers no PINGREQ before the test calls what waits. */
    function unanswered(): { one: Scene; waiting: (() => void)[] } {
      const one = begun(new Link(KEPT));
      const waiting: (() => void)[] = [];
      one.link.waiting = waiting;
      one.add('a');
      return { one, waiting };
    }

    const bringsRetained = (link: Link): boolean[] =>
      link.subscribes().map(({ subscriptions }) => subscriptions[0]?.retainHandling !== 2);

    it('what a killed broker retains, and had not sent behind its answer, is asked for once more', () => {
      for (const others of [[], [{ retainHandling: 2 }], [{}]] as const) {
        const one = begun(new Link(KEPT));
        // One that wants nothing retained, or had it: then it is withheld something.
        for (const options of others) one.granted('a', options);
        one.link.waiting = [];
        one.add('a');
        assert.deepEqual(bringsRetained(killedBehindAnswer(one)), [true], JSON.stringify(others));
      }
    });

    it('what is retained is not asked for once more where the connection was calm behind the answer', () => {
      for (const others of [[], [{ retainHandling: 2 }], [{}]] as const) {
        const one = begun(new Link(KEPT));
        for (const options of others) one.granted('a', options);
        one.add('a');
        assert.deepEqual(bringsRetained(killedBehindAnswer(one)), [false], JSON.stringify(others));
      }
    });

    it('a message that comes behind the answer may stand in front of what is retained: then it is not calm yet', () => {
      for (const busyFor of [0, 1, 2]) {
        const { one, waiting } = unanswered();
        const link = killedBehindAnswer(one, () => {
          // Three are answered; with a message between two of them they begin anew.
          for (let answer = 0; answer < 3; answer++) {
            if (answer < busyFor) one.link.handed += 1;
            waiting.shift()?.();
          }
        });
        assert.deepEqual(bringsRetained(link), [busyFor > 0], `busy for ${busyFor}`);
      }
    });

    it('while flows work on what came the broker may have no room for it: nothing is asked before they are done', () => {
      for (const done of [false, true]) {
        const one = begun(new Link(KEPT));
        const working: (() => void)[] = [];
        one.link.working = working;
        one.add('a');
        const link = killedBehindAnswer(one, () => {
          assert.equal(one.link.barriers, 0);
          if (done) for (let next = working.shift(); next !== undefined; next = working.shift()) next();
        });
        assert.deepEqual(bringsRetained(link), [!done], `done: ${done}`);
      }
    });

    it('on a connection that is never calm it counts as had after six answers, and is not asked about any more', () => {
      const { one, waiting } = unanswered();
      const link = killedBehindAnswer(one, () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          one.link.handed += 1;
          next();
        }
      });
      assert.deepEqual([bringsRetained(link), one.link.barriers], [[false], 6]);
    });

    it('unless what is retained still comes between them: then there is more of it', () => {
      const one = begun(new Link(KEPT));
      const waiting: (() => void)[] = [];
      one.link.waiting = waiting;
      one.add('a/+', { retainAsPublished: false });
      one.subscriptions.flush(one.link);
      const by = one.link.subscribes()[0]?.subscriptionIdentifier;
      const link = killedBehindAnswer(one, () => {
        for (let answer = 0; answer < 20; answer++) {
          one.link.handed += 1;
          one.router.deliver(live(`a/${answer}`, [by ?? 0], 'x'));
          waiting.shift()?.();
        }
      });
      assert.deepEqual(bringsRetained(link), [true]);
    });

    it('what is retained comes late where flows keep the broker from sending it, and not to those who had it', () => {
      const one = begun(new Link(KEPT));
      const earlier = one.granted('a/+', { retainAsPublished: false });
      const late = one.add('a/+', { retainAsPublished: false });
      one.subscriptions.flush(one.link);
      const by = one.link.subscribes().at(-1)?.subscriptionIdentifier;
      // Calm at once: nothing comes before the flows are done.
      one.link.grant();
      one.router.deliver(live('a/1', [by ?? 0], 'x'));
      assert.deepEqual([earlier.received, late.received], [0, 1]);
      one.router.deliver({ ...live('a/1', [by ?? 0]), retain: false });
      assert.deepEqual([earlier.received, late.received], [1, 2], 'what is live comes to both');
    });

    it('nor to a node that came behind it and wants nothing retained', () => {
      const one = begun(new Link(KEPT));
      one.granted('a/+', { retainAsPublished: false });
      one.add('a/+', { retainAsPublished: false });
      one.subscriptions.flush(one.link);
      const by = one.link.subscribes().at(-1)?.subscriptionIdentifier;
      one.link.grant();
      const none = one.add('a/+', { retainAsPublished: false, retainHandling: 2 });
      one.router.deliver(live('a/1', [by ?? 0], 'x'));
      assert.equal(none.received, 0);
    });

    it('nor while it comes for a first node, from whom nobody had it before', () => {
      const one = begun();
      one.add('a/+', { retainAsPublished: false });
      const by = askedAs(one);
      const none = one.add('a/+', { retainAsPublished: false, retainHandling: 2 });
      one.router.deliver(live('a/1', [by], 'x'));
      assert.equal(none.received, 0);
    });

    it('at QoS 0 there is more of it, too, while it still comes; live messages with the flag look like it once a topic', () => {
      for (const topics of [20, 3]) {
        const one = begun(new Link(KEPT));
        const waiting: (() => void)[] = [];
        one.link.waiting = waiting;
        one.add('a/+');
        one.subscriptions.flush(one.link);
        const by = one.link.subscribes()[0]?.subscriptionIdentifier ?? 0;
        const link = killedBehindAnswer(one, () => {
          for (let answer = 0; answer < 20; answer++) {
            one.router.deliver({ ...live(`a/${answer % topics}`, [by], 'x'), qos: 0 });
            waiting.shift()?.();
          }
        });
        assert.deepEqual(bringsRetained(link), [topics === 20], `${topics} topics`);
      }
    });

    it('and without Subscription Identifiers all of it is taken to have come then: a live message has the flag when somebody asks for that', () => {
      const one = begun(new Link({ ...KEPT, subscriptionIdentifiersAvailable: false }));
      const earlier = one.granted('a/+', { retainAsPublished: false });
      one.add('a/+', { retainAsPublished: true });
      one.subscriptions.flush(one.link);
      one.link.grant();
      one.subscriptions.flush(one.link);
      one.link.grant();
      const { properties: _none, ...packet } = live('a/1', [], 'x');
      one.router.deliver({ ...packet, properties: undefined });
      assert.equal(earlier.received, 1);
    });

    it('one answer is not calm yet: at QoS 2 the next message takes two round trips', () => {
      const { one, waiting } = unanswered();
      const link = killedBehindAnswer(one, () => {
        waiting.shift()?.();
        waiting.shift()?.();
      });
      assert.deepEqual(bringsRetained(link), [true]);
    });

    it('what is retained is asked for once more where the connection ends before it came, and then no more', () => {
      const one = begun(new Link(KEPT));
      one.link.waiting = [];
      one.add('a');
      one.flush();
      one.link.grant();
      const two = reconnected(one, true, new Link(KEPT));
      two.subscriptions.flush(two.link);
      assert.deepEqual(bringsRetained(two.link), [true], 'at QoS 0 the rest is lost with the connection');
      two.link.grant();
      assert.deepEqual(reconnected(two, true, new Link(KEPT)).flush(), []);
    });

    it('what comes at QoS 1 or 2 is in the session, and so is the rest, unless that may be an older one: it is not asked for once more', () => {
      for (const doubt of ['none', 'subscriptions'] as const) {
        for (const qos of [0, 1] as const) {
          const one = begun(new Link(KEPT));
          one.link.waiting = [];
          one.add('a/+');
          one.flush();
          one.link.grant();
          one.router.deliver({ ...live('a/1', [], 'x'), qos });
          one.subscriptions.disconnected();
          one.subscriptions.connected(true, doubt);
          const link = new Link(KEPT);
          one.subscriptions.flush(link);
          assert.equal(bringsRetained(link).includes(true), qos === 0 || doubt !== 'none', `${doubt}, QoS ${qos}`);
        }
      }
    });

    for (const mqtt5 of [true, false]) {
      describe(`that finds what is retained on its way, over a kept session, with MQTT ${mqtt5 ? 5 : '3.1.1'}`, () => {
        const limits = { ...KEPT, subscriptionIdentifiersAvailable: mqtt5 };

        /** The copy of `a/<number>` that comes by a SUBSCRIBE; on 3.1.1 nothing says by which. */
        const copy = (by: number | undefined, payload = 'x', number = 1): PublishPacket => ({
          ...live(`a/${number}`, [by ?? 0], payload),
          ...(mqtt5 ? {} : { properties: undefined }),
        });

        interface Broken {
          readonly one: Scene;
          /** Who had what is retained, and who asked for it when the network broke. */
          readonly earlier: Someone;
          readonly late: Someone;
          /** The identifier of the SUBSCRIBE for the latter. */
          readonly by: number | undefined;
        }

        /** Two nodes of `a/+`; the second asks for what is retained, and hears an answer or not. */
        function asked(isAnswered: boolean, retainAsPublished = false): Broken {
          const one = begun(new Link(limits, mqtt5));
          const earlier = one.granted('a/+', { retainAsPublished });
          one.router.deliver(copy(one.link.subscribes().at(-1)?.subscriptionIdentifier));
          one.link.waiting = [];
          const late = one.add('a/+', { retainAsPublished });
          one.subscriptions.flush(one.link);
          const by = one.link.subscribes().at(-1)?.subscriptionIdentifier;
          if (isAnswered) one.link.grant();
          return { one, earlier, late, by };
        }

        /** The next connection with this session; the identifier of its SUBSCRIBE, and whether that brings what is retained. */
        function resumed(
          { one }: Broken,
          ...doubts: readonly ('none' | 'subscriptions' | 'session')[]
        ): number | undefined {
          for (const doubt of doubts) {
            one.subscriptions.disconnected();
            one.subscriptions.connected(true, doubt);
          }
          const link = new Link(limits, mqtt5);
          one.subscriptions.flush(link);
          const [subscribe] = link.subscribes();
          assert.equal(subscribe?.subscriptions[0]?.retainHandling, 0);
          return subscribe.subscriptionIdentifier;
        }

        for (const [how, isAnswered, doubts] of [
          ['breaks behind the SUBACK', true, ['none']],
          ['breaks before the SUBACK', false, ['none']],
          ['breaks before the SUBACK, and the broker may be older', false, ['subscriptions']],
          ['breaks behind the SUBACK, and the broker may be older', true, ['subscriptions']],
          ['breaks, and the next CONNACK is lost', true, ['session']],
          ['breaks before the SUBACK, and the next CONNACK is lost', false, ['session']],
        ] as const) {
          it(`each of it comes once to the new node, from the session or anew, where the network ${how}`, () => {
            for (const [inSession, dup] of [
              [true, true],
              [true, false],
              [false, false],
            ] as const) {
              const broken = asked(isAnswered);
              const { one, late, earlier, by } = broken;
              const next = resumed(broken, ...doubts);
              const had = earlier.received;
              if (inSession) one.router.deliver({ ...copy(by), dup });
              one.router.deliver(copy(next));
              assert.equal(late.received, 1, `in the session: ${inSession}, DUP ${dup}`);
              if (!inSession && doubts[0] !== 'session') assert.equal(earlier.received, had, 'who had it');
              one.router.deliver({ ...copy(next, 'y'), retain: false });
              assert.equal(late.received, 2, 'what is live comes');
            }
          });
        }

        it('what had come before a killed broker came back without it comes once, and so does the rest', () => {
          const broken = asked(true);
          const { one, late, by } = broken;
          one.router.deliver(copy(by));
          const next = resumed(broken, 'subscriptions');
          for (let number = 1; number <= 5; number++) one.router.deliver(copy(next, 'x', number));
          assert.equal(late.received, 5);
        });

        it('who comes in between gets all of it, though a neighbour had it, and that one nothing twice', () => {
          const broken = asked(true);
          const { one, late, by } = broken;
          one.router.deliver(copy(by));
          // The link breaks, and another node comes before it is up.
          const joined = one.add('a/+', { retainAsPublished: false });
          const second = resumed(broken, 'none');
          const third = resumed(broken, 'none');
          assert.notEqual([second, third], []);
          one.router.deliver(copy(third));
          assert.deepEqual([late.received, joined.received], [1, 1]);
        });

        it('and who comes while it is on its way for another', () => {
          const broken = asked(true);
          const { one, late, by } = broken;
          one.router.deliver(copy(by));
          const joined = one.add('a/+', { retainAsPublished: false });
          one.subscriptions.flush(one.link);
          one.link.grant();
          const next = resumed(broken, 'subscriptions');
          one.router.deliver(copy(next));
          assert.deepEqual([late.received, joined.received], [1, 1]);
        });

        it('what was withheld of it for another node that joined comes behind the break', () => {
          const broken = asked(true);
          const { one, late } = broken;
          one.add('a/+', { retainAsPublished: false });
          one.subscriptions.flush(one.link);
          const second = one.link.subscribes().at(-1)?.subscriptionIdentifier;
          one.link.grant();
          // Of the two that come on each topic, one is the first node's: it may be either.
          one.router.deliver(copy(second, 'x', 2));
          const next = resumed(broken, 'subscriptions');
          one.router.deliver(copy(next, 'x', 2));
          assert.equal(late.received, 1);
        });

        it('what is still coming to it is not withheld for a node whose SUBSCRIBE the broker never got', () => {
          const broken = asked(true);
          const { one, late, by } = broken;
          one.add('a/+', { retainAsPublished: false });
          one.subscriptions.flush(one.link);
          one.router.deliver(copy(by));
          assert.equal(late.received, 1);
        });

        it('what one SUBSCRIBE after another brought comes once, also where it is sent again', () => {
          const broken = asked(true);
          const { one, late, by } = broken;
          one.router.deliver(copy(by));
          const second = resumed(broken, 'subscriptions');
          const third = resumed(broken, 'subscriptions');
          for (const identifier of [by, second]) one.router.deliver({ ...copy(identifier), dup: true });
          one.router.deliver(copy(third));
          assert.equal(late.received, 1);
          one.router.deliver({ ...copy(third, 'y'), dup: true });
          assert.equal(late.received, 2, 'another content');
        });

        it('what is sent again may be live where live messages have the flag, and comes', () => {
          const broken = asked(true, mqtt5);
          const { one, late, by } = broken;
          one.router.deliver(copy(by));
          resumed(broken, 'subscriptions');
          one.router.deliver({ ...copy(by), dup: true });
          assert.equal(late.received, mqtt5 ? 2 : 1);
        });

        it('who takes the place of a node of before gets it anew', () => {
          const broken = asked(true);
          const { one } = broken;
          const before = one.add('a/+', { retainAsPublished: false }, new Someone('node'));
          one.subscriptions.flush(one.link);
          one.link.grant();
          for (let copies = 0; copies < 2; copies++) {
            one.router.deliver(copy(one.link.subscribes().at(-1)?.subscriptionIdentifier));
          }
          assert.ok(before.received > 0);
          one.subscriptions.release(asFilter('a/+'), before);
          const back = one.add('a/+', { retainAsPublished: false }, new Someone('node'));
          one.subscriptions.flush(one.link);
          one.link.grant();
          const next = resumed(broken, 'subscriptions');
          one.router.deliver(copy(next));
          assert.equal(back.received, 1);
        });

        it('a state that was retained before comes again, where a live message has changed it meanwhile', () => {
          const broken = asked(true);
          const { one, late, by } = broken;
          one.router.deliver({ ...copy(by, 'on'), qos: 0 });
          one.router.deliver({ ...copy(by, 'off'), qos: 0, retain: false });
          const next = resumed(broken, 'none');
          one.router.deliver({ ...copy(next, 'on'), qos: 0 });
          assert.equal(late.received, 3);
        });

        it('in another session all of it comes anew', () => {
          const broken = asked(true);
          const { one, late, by } = broken;
          one.router.deliver(copy(by));
          resumed(broken, 'subscriptions');
          one.subscriptions.disconnected();
          one.subscriptions.connected(false);
          const link = new Link(limits, mqtt5);
          one.subscriptions.flush(link);
          one.router.deliver(copy(link.subscribes().at(-1)?.subscriptionIdentifier));
          assert.equal(late.received, 2);
        });

        it('a live message of another content is not taken for it', () => {
          const broken = asked(true, mqtt5);
          const { one, late, by } = broken;
          const next = resumed(broken, 'none');
          one.router.deliver(copy(by, 'old'));
          one.router.deliver(copy(next, 'new'));
          assert.equal(late.received, 2);
        });

        it('messages that come again and again with the same content are each published', () => {
          // Before MQTT 5 a live message has no RETAIN flag.
          if (!mqtt5) return;
          for (const inSession of [true, false]) {
            const broken = asked(true, true);
            const { one, late, by } = broken;
            const next = resumed(broken, 'none');
            if (inSession) one.router.deliver(copy(by));
            for (let times = 0; times < 4; times++) one.router.deliver(copy(next));
            assert.equal(late.received, 4, `in the session: ${inSession}`);
          }
        });
      });
    }

    it('of another session is asked at once, whatever was on its way', () => {
      for (const [sessionPresent, doubt] of [
        [false, 'none'],
        [true, 'session'],
      ] as const) {
        const { one } = unanswered();
        one.flush();
        one.link.grant();
        one.subscriptions.disconnected();
        one.subscriptions.connected(sessionPresent, doubt);
        const link = new Link(KEPT);
        link.waiting = [];
        one.subscriptions.flush(link);
        assert.deepEqual(bringsRetained(link), [true], doubt);
      }
    });

    it('in another session what comes twice is published twice', () => {
      const one = begun(new Link(KEPT));
      one.link.waiting = [];
      const someone = one.add('a');
      one.flush();
      one.link.grant();
      // The link breaks, and then the session is lost.
      for (const sessionPresent of [true, false]) {
        one.subscriptions.disconnected();
        one.subscriptions.connected(sessionPresent);
      }
      const link = new Link(KEPT);
      one.subscriptions.flush(link);
      const identifier = link.subscribes().at(-1)?.subscriptionIdentifier ?? 0;
      for (const payload of ['x', 'x']) one.router.deliver(live('a', [identifier], payload));
      assert.equal(someone.received, 2);
    });

    it('what came for one SUBSCRIBE is in the session, though the answer to another one came since', () => {
      const one = scene(new Link(KEPT), 1);
      one.subscriptions.connected(false);
      one.link.waiting = [];
      one.add('a');
      one.add('b');
      one.flush();
      const [first, second] = one.link.sent;
      first?.request.answered([2], undefined);
      one.router.deliver(live('a', [], 'x'));
      second?.request.answered([2], undefined);
      const two = reconnected(one, true, new Link(KEPT));
      assert.deepEqual(two.flush(), ['b']);
    });

    it('a message of another filter says nothing about what a new node is owed', () => {
      const one = begun(new Link(KEPT));
      one.granted('b');
      one.link.waiting = [];
      one.add('a');
      one.flush();
      one.link.grant();
      one.router.deliver(live('b', [], 'x'));
      assert.deepEqual(reconnected(one, true, new Link(KEPT)).flush(), ['a']);
    });

    it('a filter that did without Retain As Published for a while is asked for with it on the next connection', () => {
      const one = begun(new Link(KEPT));
      one.granted('a', { retainAsPublished: false });
      one.link.waiting = [];
      one.add('a', { retainAsPublished: true });
      one.flush();
      one.link.grant();
      one.router.deliver(live('a', [], 'x'));
      const link = new Link(KEPT);
      const two = reconnected(one, true, link);
      assert.equal(two.subscriptions.pending, true);
      two.subscriptions.flush(link);
      assert.equal(link.subscribes().at(-1)?.subscriptions[0]?.retainAsPublished, true);
    });

    it('what a node wanted only if its subscription is new is not asked for once more', () => {
      const one = begun(new Link(KEPT));
      one.link.waiting = [];
      one.add('a', { retainHandling: 1 });
      assert.deepEqual(bringsRetained(killedBehindAnswer(one)), [false]);
    });

    it('costs no PINGREQ where the session ends with the connection, and there is nobody to be withheld it', () => {
      const one = begun();
      one.granted('a');
      assert.equal(one.link.barriers, 0);
    });

    it('what left and came back, or left in another session, is not left once more', () => {
      for (const present of [true, false]) {
        const one = scene(new Link(KEPT));
        one.subscriptions.connected(false);
        const gone = one.granted('a');
        one.subscriptions.remove(asFilter('a'), gone);
        one.flush();
        one.link.grant();
        if (present) one.granted('a');
        one.subscriptions.disconnected();
        one.subscriptions.connected(present);
        one.subscriptions.disconnected();
        one.subscriptions.connected(true, 'subscriptions');
        const link = new Link(KEPT);
        one.subscriptions.flush(link);
        assert.deepEqual(link.lines(), present ? ['a'] : []);
      }
    });

    it('what was granted stays though the broker refuses it behind a restart: it may not be ready to say', () => {
      const one = scene(new Link(KEPT));
      one.subscriptions.connected(false);
      const someone = one.granted('a');
      one.subscriptions.disconnected();
      one.subscriptions.connected(true, 'subscriptions');
      const link = new Link(KEPT);
      one.subscriptions.flush(link);
      link.grant([0x87]);
      one.subscriptions.flush(link);
      assert.deepEqual(link.lines(), ['a']);
      assert.equal(someone.outcomes.at(-1)?.granted, false, 'it is told');
      one.router.deliver(live('a', []));
      assert.equal(someone.received, 1);
      for (const doubt of ['none', 'subscriptions', 'none'] as const) {
        one.subscriptions.disconnected();
        one.subscriptions.connected(true, doubt);
        const next = new Link(KEPT);
        one.subscriptions.flush(next);
        next.grant([0x87]);
        one.subscriptions.flush(next);
        assert.deepEqual(next.lines(), ['a'], 'asked for again on each connection, and never given up');
      }
    });

    it('what a broker that refuses it goes on to deliver comes once to each node of a filter that overlaps it', () => {
      const one = scene(new Link(KEPT));
      one.subscriptions.connected(false);
      const refused = new Someone();
      one.add('a/+', {}, refused);
      const first = askedAs(one);
      one.link.grant();
      one.subscriptions.disconnected();
      one.subscriptions.connected(true, 'subscriptions');
      const two = { ...one, link: new Link(KEPT) };
      const other = one.add('+/1', {});
      const both = askedAs(two);
      two.link.answer((filter) => filter === '+/1');
      one.subscriptions.flush(two.link);
      for (const identifier of [first, both]) one.router.deliver(live('a/1', [identifier]));
      assert.deepEqual([refused.received, other.received], [1, 1]);
    });

    it('a copy that a filter would have brought, which the broker may not have any more, keeps no message back', () => {
      for (const doubt of ['none', 'subscriptions'] as const) {
        const one = scene(new Link(KEPT));
        one.subscriptions.connected(false);
        const someone = new Someone();
        one.add('a/+', { qos: 1 }, someone);
        const first = askedAs(one);
        one.link.grant();
        one.add('+/1', { qos: 1 }, someone);
        const second = askedAs(one);
        one.link.grant();
        // It has them both: of one message a copy by each comes.
        for (const identifier of [first, second]) one.router.deliver(live('a/1', [identifier]));
        assert.equal(someone.received, 1);
        one.subscriptions.disconnected();
        one.subscriptions.connected(true, doubt);
        one.router.deliver(live('a/1', [second]));
        assert.equal(someone.received, doubt === 'none' ? 1 : 2, doubt);
      }
    });

    it('without the session asks for everything, once', () => {
      const one = scene();
      for (const filter of ['a', 'b', 'c']) one.add(filter);
      one.flush();
      one.link.grant();
      const two = reconnected(one, false);
      assert.deepEqual(two.flush(), ['a b c']);
      assert.deepEqual(two.flush(), []);
    });

    it('with the session asks for nothing that was granted', () => {
      const one = scene();
      for (const filter of ['a', 'b']) one.add(filter);
      one.flush();
      one.link.grant();
      assert.deepEqual(reconnected(one, true).flush(), []);
    });

    it('with the session asks for what was refused, not answered, or is new', () => {
      const one = scene(new Link(), 1);
      one.granted('granted');
      one.add('refused');
      one.flush();
      one.link.grant([0x80]);
      one.add('unanswered');
      one.flush();
      one.add('new');
      assert.deepEqual(reconnected(one, true).flush().sort(), ['new', 'refused', 'unanswered']);
    });

    it('an answer for the earlier connection is not taken for one of the new', () => {
      const one = scene();
      const someone = one.add('a');
      one.flush();
      const two = reconnected(one, false);
      two.flush();
      one.link.grant([0x80]);
      assert.deepEqual(someone.outcomes, []);
      two.link.grant();
      assert.deepEqual(someone.outcomes, [{ granted: true, qos: 1 }]);
    });

    it('without the session asks for what is retained, which a node had before', () => {
      const one = scene();
      one.granted('a');
      const two = reconnected(one, false);
      two.subscriptions.flush(two.link);
      assert.equal(two.link.subscribes()[0]?.subscriptions[0]?.retainHandling, 0);
    });

    it('a filter whose change was not answered is not sure: what comes by another one is not left out', () => {
      const one = scene();
      const both = one.add('a/#', { retainHandling: 2 });
      one.add('a/b', { retainHandling: 2 }, both);
      one.subscriptions.flush(one.link);
      const identifiers = one.link.subscribes().map(({ subscriptionIdentifier = 0 }) => subscriptionIdentifier);
      one.link.grant();
      one.add('a/#', { qos: 2, retainHandling: 2 });
      one.flush();
      reconnected(one, true);
      one.router.deliver(live('a/b', [identifiers[1] ?? 0]));
      assert.equal(both.received, 1);
    });

    it('without Subscription Identifiers what they allowed is put in order', () => {
      const none = { subscriptionIdentifiersAvailable: false };
      const one = scene(new Link(none));
      one.granted('a/b', { retainHandling: 2 });
      const two = reconnected(one, true);
      two.add('a/#', { retainHandling: 2 });
      assert.deepEqual(two.flush(), ['a/#']);
      two.link.grant();
      const three = reconnected(two, true, new Link(none));
      three.add('x');
      assert.deepEqual(three.flush(), ['x', '-a/b']);
    });

    it('unsubscribes what went while there was no connection, if the Server still has it', () => {
      const one = scene();
      const someone = one.add('a');
      one.granted('b');
      one.subscriptions.disconnected();
      one.subscriptions.remove(asFilter('a'), someone);
      one.subscriptions.connected(true);
      assert.deepEqual(one.flush(), ['-a']);
    });

    it('does not unsubscribe what the Server has not any more', () => {
      const one = scene();
      const someone = one.granted('a');
      one.subscriptions.disconnected();
      one.subscriptions.remove(asFilter('a'), someone);
      one.subscriptions.connected(false);
      assert.deepEqual(one.flush(), []);
    });
  });

  describe('the end of a subscription', () => {
    it('unsubscribes when the last receiver goes, at most eight filters per packet', () => {
      const one = scene();
      const someone = new Someone();
      const filters = Array.from({ length: 10 }, (_, n) => `t/${n}`);
      for (const filter of filters) one.add(filter, {}, someone);
      one.granted('t/0');
      for (const filter of filters) one.subscriptions.remove(asFilter(filter), someone);
      assert.deepEqual(
        one.flush().map((line) => line.split(' ').filter((filter) => filter.startsWith('-')).length),
        [8, 1],
      );
    });

    it('takes fewer filters per packet where the Server takes none of that size', () => {
      const one = scene();
      const all = ['a', 'b', 'c', 'd'].map((filter) => [asFilter(filter), one.add(filter)] as const);
      one.flush();
      one.link.grant();
      for (const [filter, someone] of all) one.subscriptions.remove(filter, someone);
      one.link.mostFilters = 2;
      assert.deepEqual(one.flush(), ['-a -b', '-c -d']);
    });

    it('does not unsubscribe what was never asked for, or was refused', () => {
      const one = scene();
      const [never, refused] = [one.add('never'), one.add('refused')];
      one.subscriptions.remove(asFilter('never'), never);
      one.flush();
      one.link.grant([0x87]);
      one.subscriptions.remove(asFilter('refused'), refused);
      assert.deepEqual(one.flush(), []);
    });

    it('comes before its time: removed and added again before anything is sent costs nothing', () => {
      const one = scene();
      const someone = one.granted('a', { retainHandling: 2 });
      one.subscriptions.remove(asFilter('a'), someone);
      one.add('a', { retainHandling: 2 });
      assert.deepEqual(one.flush(), []);
    });

    it('asks again for what was unsubscribed', () => {
      const one = scene();
      const someone = one.granted('a');
      one.subscriptions.remove(asFilter('a'), someone);
      assert.deepEqual(one.flush(), ['-a']);
      one.add('a');
      assert.deepEqual(one.flush(), ['a']);
    });

    it('that is wanted again before its answer: copies for it are still told from others', () => {
      const one = scene();
      const identifiers = (): number[] => {
        one.subscriptions.flush(one.link);
        return one.link.subscribes().map(({ subscriptionIdentifier = 0 }) => subscriptionIdentifier);
      };
      const all = one.add('a/#', { retainHandling: 2 });
      const goes = one.add('a/b', { retainHandling: 2 });
      const [first = 0] = identifiers();
      one.link.grant();
      one.subscriptions.remove(asFilter('a/b'), goes);
      one.flush();
      const comes = one.add('a/b', { retainHandling: 2 });
      const [second = 0] = identifiers();
      one.link.grant();
      for (const identifier of [first, second]) one.router.deliver(live('a/b', [identifier]));
      assert.deepEqual([all.received, comes.received], [1, 1]);
    });

    for (const [why, goes] of [
      ['needed more of it', 'a/#'],
      ['covered it', '#'],
    ] as const) {
      it(`before MQTT 5 brings nothing retained again to the node that stays, where the one that goes ${why}`, () => {
        const one = scene(new Link({ subscriptionIdentifiersAvailable: false }, false));
        const node = one.add('a/#', { qos: 1 });
        const other = one.granted(goes, { qos: 2 });
        one.subscriptions.remove(asFilter(goes), other);
        assert.equal(one.flush()[0], 'a/#');
        one.link.grant();
        one.router.deliver(live('a/b', [], 'retained'));
        assert.equal(node.received, 0);
        one.router.deliver(live('a/b', []));
        assert.equal(node.received, 1);
      });
    }

    describe('what the Server had queued for it', () => {
      /** A node on `a/b` and another one on `a/#`, which was asked for before or after it, and is gone. */
      function gone(
        first: 'a/b' | 'a/#',
        options: Partial<SubscriptionOptions> = {},
      ): { one: Scene; node: Someone; own: number; left: number } {
        const one = scene();
        const identifiers = new Map<string, number>();
        const added = new Map<string, Someone>();
        for (const filter of first === 'a/b' ? ['a/b', 'a/#'] : ['a/#', 'a/b']) {
          added.set(filter, one.add(filter, options));
          identifiers.set(filter, askedAs(one));
          one.link.grant();
        }
        one.subscriptions.remove(asFilter('a/#'), added.get('a/#') ?? assert.fail());
        assert.deepEqual(one.flush(), ['-a/#']);
        one.link.grant();
        const [own = 0, left = 0] = [identifiers.get('a/b'), identifiers.get('a/#')];
        return { one, node: added.get('a/b') ?? assert.fail(), own, left };
      }

      for (const retained of [undefined, 'retained'])
        it(`is not for a node that has a copy of its own${retained === undefined ? '' : ', retained neither'}`, () => {
          const { one, node, own, left } = gone('a/b');
          one.router.deliver(live('a/b', [left], retained));
          assert.equal(node.received, 0);
          one.router.deliver(live('a/b', [own], retained));
          assert.equal(node.received, 1);
        });

      it('is not for a node that has a copy of its own, while its filter is left and asked for again', () => {
        const { one, node, own, left } = gone('a/b', { noLocal: true });
        one.add('a/b');
        assert.deepEqual(one.flush(), ['-a/b', 'a/b']);
        for (const identifier of [left, own]) one.router.deliver(live('a/b', [identifier]));
        assert.equal(node.received, 1);
      });

      it('is for a node that came later, until a copy of its own tells that it has all of them', () => {
        const { one, node, own, left } = gone('a/#');
        one.router.deliver(live('a/b', [left]));
        assert.equal(node.received, 1);
        one.router.deliver(live('a/b', [own]));
        assert.equal(node.received, 2);
        one.router.deliver(live('a/b', [left]));
        assert.equal(node.received, 2);
      });

      it('is not for a node that was told so by a copy of before its filter was asked for again, for a new node', () => {
        const { one, node, own, left } = gone('a/#');
        one.add('a/b');
        one.flush();
        one.router.deliver(live('a/b', [own]));
        one.router.deliver(live('a/b', [left]));
        assert.equal(node.received, 1);
      });

      it('is for a node whose filter was asked for otherwise since: a copy of before tells nothing then', () => {
        for (const options of [{ qos: 1 }, { noLocal: false }] as const) {
          const { one, node, own, left } = gone('a/#', { qos: 2, noLocal: true });
          one.subscriptions.remove(asFilter('a/b'), node);
          const other = one.add('a/b', { qos: 2, noLocal: true, ...options });
          one.flush();
          one.router.deliver(live('a/b', [own]));
          one.link.grant();
          one.router.deliver(live('a/b', [left]));
          assert.equal(other.received, 2);
        }
      });

      it('is for a node that wants it again', () => {
        const one = scene();
        const node = one.add('a/b');
        const identifier = askedAs(one);
        one.link.grant();
        one.subscriptions.remove(asFilter('a/b'), node);
        one.flush();
        const again = one.add('a/b');
        one.link.grant();
        one.flush();
        one.router.deliver(live('a/b', [identifier]));
        assert.equal(again.received, 1);
      });
    });

    it('a released filter stays with the Server until it is pruned', () => {
      const one = scene();
      const someone = one.granted('a');
      one.subscriptions.release(asFilter('a'), someone);
      assert.deepEqual(one.flush(), []);
      one.subscriptions.prune();
      assert.deepEqual(one.flush(), ['-a']);
    });

    it('a released filter that is taken up again is neither asked for nor unsubscribed', () => {
      const one = scene();
      const someone = one.granted('a', { retainHandling: 2 });
      one.subscriptions.release(asFilter('a'), someone);
      one.add('a', { retainHandling: 2 });
      assert.deepEqual(one.flush(), []);
      one.subscriptions.prune();
      assert.deepEqual(one.flush(), []);
    });

    it('a released subscription keeps its options while somebody may come back', () => {
      const one = scene();
      const goes = one.add('a', { qos: 2, retainHandling: 2 });
      one.granted('a', { qos: 0, retainHandling: 2 });
      one.subscriptions.release(asFilter('a'), goes);
      one.add('a', { qos: 0, retainHandling: 2 });
      assert.deepEqual(one.flush(), []);
      one.subscriptions.prune();
      one.subscriptions.flush(one.link);
      assert.equal(one.link.subscribes()[0]?.subscriptions[0]?.qos, 0);
    });

    it('a filter is not unsubscribed while a released node may come back to it, though another one leaves it', () => {
      const one = scene();
      const [redeployed, deleted] = [one.add('a', {}, new Someone('n1')), one.add('a', {}, new Someone('n2'))];
      one.flush();
      one.link.grant();
      const vacancy = one.subscriptions.release(asFilter('a'), redeployed);
      one.subscriptions.remove(asFilter('a'), deleted);
      assert.deepEqual(one.flush(), []);
      assert.equal(vacancy?.state, 'awaited');
      one.subscriptions.prune();
      assert.equal(vacancy.state, 'given-up');
      assert.deepEqual(one.flush(), ['-a']);
    });

    it('a released filter still serves those that it covers', () => {
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }));
      const all = one.add('a/#', {}, new Someone('n1'));
      one.add('a/b');
      assert.deepEqual(one.flush(), ['a/#']);
      one.link.grant();
      one.subscriptions.release(asFilter('a/#'), all);
      one.add('a/c', { retainHandling: 2 });
      assert.deepEqual(one.flush(), []);
      one.subscriptions.prune();
      assert.deepEqual(one.flush(), ['a/b a/c', '-a/#']);
    });

    it('a released filter that another one covers goes on without it', () => {
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }));
      const all = one.add('a/#');
      const goes = one.add('a/b', {}, new Someone('n1'));
      assert.deepEqual(one.flush(), ['a/#']);
      one.link.grant();
      one.subscriptions.release(asFilter('a/b'), goes);
      one.subscriptions.remove(asFilter('a/#'), all);
      one.subscriptions.flush(one.link);
      assert.deepEqual(
        one.link.subscribes().flatMap(({ subscriptions }) => subscriptions),
        [{ filter: 'a/b', ...OPTIONS, retainHandling: 2 }],
      );
      one.link.grant();
      one.subscriptions.prune();
      assert.deepEqual(one.flush(), ['-a/b']);
    });

    it('a filter stays on the wire until the broker has granted the one that covers it, and for good if it refuses', () => {
      for (const limits of [{ subscriptionIdentifiersAvailable: false }, KEPT]) {
        const one = scene(new Link(limits));
        one.add('plant/alarm');
        assert.deepEqual(one.flush(), ['plant/alarm']);
        one.link.grant();
        const wide = one.add('#');
        assert.deepEqual(one.flush(), ['#']);
        one.link.answer(() => false);
        assert.deepEqual(one.flush(), []);
        one.subscriptions.disconnected();
        one.subscriptions.connected(true);
        assert.deepEqual(one.flush(), ['#']);
        one.link.answer(() => true);
        assert.deepEqual(one.flush(), ['-plant/alarm']);
        one.link.grant();
        one.subscriptions.remove(asFilter('#'), wide);
        assert.deepEqual(one.flush(), ['plant/alarm', '-#']);
      }
    });

    describe('beside one that covers it', () => {
      function copy({ router }: Scene, subscriptionIdentifier: number | undefined): void {
        const packet = live('a/b', subscriptionIdentifier === undefined ? [] : [subscriptionIdentifier], 'x');
        router.deliver({ ...packet, retain: false });
      }

      /** A node on `a/b`, another one on `a/#` that was just granted, and their identifiers. */
      function covered(): { one: Scene; node: Someone; wide: Someone; own: number; cover: number } {
        const one = scene(new Link(KEPT));
        const node = one.add('a/b');
        const own = askedAs(one);
        one.link.grant();
        const wide = one.add('a/#', { retainHandling: 2 });
        const cover = askedAs(one);
        one.link.grant();
        assert.deepEqual(one.flush(), ['-a/b']);
        return { one, node, wide, own, cover };
      }

      it('each message comes once, by its own filter until that is unsubscribed', () => {
        const { one, node, own, cover } = covered();
        for (const each of [cover, own]) copy(one, each);
        assert.equal(node.received, 1);
        one.link.grant();
        copy(one, cover);
        assert.equal(node.received, 2);
      });

      it('the other one coming and going a hundred times, it misses nothing that came by that one alone', () => {
        const { one, node, wide } = covered();
        one.subscriptions.remove(asFilter('a/#'), wide);
        one.flush();
        one.link.grant();
        for (let times = 1; times <= 100; times++) {
          const other = one.add('a/#', { retainHandling: 2 });
          const by = askedAs(one);
          one.link.grant();
          assert.deepEqual(one.flush(), ['-a/b']);
          one.subscriptions.remove(asFilter('a/#'), other);
          assert.deepEqual(one.flush(), ['a/b', '-a/#']);
          one.link.sent.at(-3)?.request.answered([0], undefined);
          copy(one, by);
          one.link.grant();
          assert.equal(node.received, times);
        }
      });

      it('what comes with the identifier of a SUBSCRIBE for the other one that is not answered is for it too', () => {
        const one = scene(new Link(KEPT));
        const node = one.granted('a/b');
        one.granted('a/#', { retainHandling: 2 });
        one.add('a/#', { retainHandling: 2, qos: 2 });
        one.subscriptions.flush(one.link);
        const [asked, leaves] = one.link.sent.slice(-2);
        leaves?.request.answered([0], undefined);
        copy(one, asked?.packet.cmd === 'subscribe' ? asked.packet.subscriptionIdentifier : undefined);
        assert.equal(node.received, 1);
      });

      it('a new node on it gets what is retained, though the other one is new as well', () => {
        const one = scene(new Link(KEPT));
        one.granted('a/b');
        one.link.waiting = [];
        const [wide, fresh] = [one.add('#'), one.add('a/b')];
        const first = askedAs(one);
        one.link.grant();
        one.router.deliver(live('a/b', [first], 'state'));
        one.flush();
        one.link.grant();
        one.subscriptions.flush(one.link);
        const second = one.link.subscribes().at(-1);
        assert.equal(second?.subscriptions[0]?.retainHandling, 0);
        one.link.grant();
        one.router.deliver(live('a/b', [second.subscriptionIdentifier ?? 0], 'state'));
        assert.deepEqual([wide.received, fresh.received], [1, 1]);
        assert.deepEqual(
          one.flush().filter((line) => !line.startsWith('-')),
          [],
        );
      });

      it('of two that cover it, in the next client it comes by the one that the broker has', () => {
        for (const [has, added] of [
          ['+/b', 'a/#'],
          ['a/#', '+/b'],
        ] as const) {
          const store = new MemoryStore();
          const first = scene(new Link(KEPT), 8, store);
          first.granted(has);
          const next = scene(new Link(KEPT), 8, store);
          next.subscriptions.connected(true);
          next.add(added);
          const node = next.add('a/b');
          next.add(has);
          next.subscriptions.flush(next.link);
          const again = next.link.subscribes().find(({ subscriptions: [first] }) => first?.filter === has);
          copy(next, again?.subscriptionIdentifier);
          assert.equal(node.received, 1);
        }
      });

      it('a node that wants nothing retained gets none of what the other one still brings when it joins it', () => {
        const one = begun(new Link(KEPT));
        const node = one.granted('a/b', { retainHandling: 2 });
        one.link.waiting = [];
        const wide = one.add('#');
        const cover = askedAs(one);
        one.link.grant();
        assert.deepEqual(one.flush(), ['-a/b']);
        one.link.grant();
        one.router.deliver(live('a/b', [cover], 'old'));
        assert.deepEqual([node.received, wide.received], [0, 1]);
      });

      it('a live message reaches it that is like what the other one has brought already', () => {
        const one = begun(new Link(KEPT));
        const node = one.add('a/b');
        one.router.deliver(live('a/b', [askedAs(one)], 'on'));
        one.link.grant();
        one.link.waiting = [];
        one.add('#');
        const cover = askedAs(one);
        one.router.deliver(live('a/b', [cover], 'on'));
        one.link.grant();
        assert.deepEqual(one.flush(), ['-a/b']);
        one.link.grant();
        node.received = 0;
        one.router.deliver(live('a/b', [cover], 'on'));
        assert.equal(node.received, 1);
      });

      it('the other one keeps the options with which it was asked for, while what is retained comes', () => {
        const one = begun(new Link(KEPT));
        one.granted('a/b', { retainAsPublished: false });
        one.link.waiting = [];
        one.granted('#');
        assert.deepEqual(one.flush(), ['-a/b']);
        for (const _ of [1, 2, 3, 4]) one.link.waiting.splice(0).forEach((reached) => reached());
        assert.deepEqual(one.flush(), ['#']);
      });

      it('gets nothing retained once more, though that comes a few at a time, and first by the other one', () => {
        const one = scene(new Link(KEPT));
        const node = one.add('a/b');
        const own = askedAs(one);
        one.link.grant();
        one.router.deliver(live('a/b', [own], 'state'));
        assert.equal(node.received, 1);
        one.link.waiting = [];
        const wide = one.add('#');
        const cover = askedAs(one);
        one.link.grant();
        one.subscriptions.flush(one.link);
        one.router.deliver(live('c', [cover], 'of another topic'));
        one.link.waiting.splice(0).forEach((reached) => reached());
        one.link.grant();
        one.router.deliver(live('a/b', [cover], 'state'));
        assert.deepEqual([node.received, wide.received], [1, 2]);
      });

      it('a third one that covers both taking over, it misses nothing that came by the second one alone', () => {
        const { one, node, cover } = covered();
        one.add('#', { retainHandling: 2 });
        assert.deepEqual(one.flush(), ['#']);
        one.link.sent.at(-2)?.request.answered([0], undefined);
        copy(one, cover);
        assert.equal(node.received, 1);
      });

      for (const how of ['answered', 'not answered before the connection ends']) {
        it(`the other one gone before its UNSUBSCRIBE is ${how}, it misses nothing that came by that one alone`, () => {
          const { one, node, cover, wide } = covered();
          one.subscriptions.remove(asFilter('a/#'), wide);
          assert.deepEqual(one.flush(), ['a/b', '-a/#']);
          const [, leaves, own] = one.link.sent.slice(-4).map(({ request }) => request);
          if (how === 'answered') leaves?.answered([0], undefined);
          else one.subscriptions.disconnected();
          copy(one, cover);
          assert.equal(node.received, 1);
          own?.answered([1], undefined);
          copy(one, cover);
          assert.equal(node.received, 2);
        });
      }

      it('its messages come by either where it is not known whether the UNSUBSCRIBE arrived', () => {
        const { one, node, own, cover } = covered();
        one.subscriptions.disconnected();
        for (const each of [cover, own]) copy(one, each);
        assert.equal(node.received, 2);
      });

      it('it stays in a session that may be another one as well, until the other is granted', () => {
        const one = scene(new Link(KEPT));
        one.granted('a/b');
        one.add('#');
        one.subscriptions.disconnected();
        one.subscriptions.connected(true, 'session');
        assert.deepEqual(one.flush(), ['#']);
        one.link.answer(() => true);
        assert.deepEqual(one.flush(), ['-a/b']);
      });

      it('refused itself it gets what the other brings', () => {
        const one = scene(new Link(KEPT));
        const node = one.add('a/b', { retainHandling: 2 });
        one.flush();
        one.add('a/#', { retainHandling: 2 });
        one.subscriptions.flush(one.link);
        const identifier = one.link.subscribes().at(-1)?.subscriptionIdentifier;
        one.link.answer((filter) => filter === 'a/#');
        copy(one, identifier);
        assert.equal(node.received, 1);
      });
    });

    it('an UNSUBSCRIBE that was not answered before the connection ended is sent again on the next', () => {
      const one = scene(new Link(KEPT));
      one.granted('a/b');
      one.granted('a/#', { retainHandling: 2 });
      assert.deepEqual(one.flush(), ['-a/b']);
      one.subscriptions.disconnected();
      one.subscriptions.connected(true);
      assert.deepEqual(one.flush(), ['-a/b']);
      one.link.grant();
      one.subscriptions.disconnected();
      one.subscriptions.connected(true);
      assert.deepEqual(one.flush(), []);
    });

    it('is sent on the next connection where neither it nor the SUBSCRIBE before it was answered', () => {
      const one = scene();
      const node = one.add('a');
      one.flush();
      one.subscriptions.remove(asFilter('a'), node);
      assert.deepEqual(one.flush(), ['-a']);
      const next = reconnected(one, true);
      assert.deepEqual(next.flush(), ['-a']);
      next.link.grant();
      assert.deepEqual(reconnected(next, true).flush(), []);
    });

    it('one that a refused filter would have served is asked for with what is retained', () => {
      const one = scene(new Link(KEPT));
      for (const filter of ['#', 'plant/alarm']) one.add(filter);
      assert.deepEqual(one.flush(), ['#']);
      one.link.answer(() => false);
      one.subscriptions.flush(one.link);
      const asked = one.link.subscribes().flatMap(({ subscriptions }) => subscriptions);
      assert.deepEqual(
        asked.map(({ filter, retainHandling }) => [filter, retainHandling]),
        [['plant/alarm', 0]],
      );
    });

    it('a filter does not stay for long because the one that covers it is asked for again', () => {
      const one = scene(new Link(KEPT));
      one.granted('a/b');
      one.add('a/#', { retainHandling: 2 });
      assert.deepEqual(one.flush(), ['a/#']);
      one.link.grant();
      one.add('a/#');
      assert.deepEqual(one.flush(), ['a/#', '-a/b']);
    });

    it('one that is added while the filter that covers it is not answered yet gets its messages', () => {
      const one = scene(new Link(KEPT));
      one.add('a/#', { retainHandling: 2 });
      one.subscriptions.flush(one.link);
      const [{ subscriptionIdentifier = 0 } = assert.fail()] = one.link.subscribes();
      const late = one.add('a/b', { retainHandling: 2 });
      assert.deepEqual(one.flush(), []);
      one.link.grant();
      assert.equal(late.outcomes.length, 1);
      one.router.deliver({
        cmd: 'publish',
        topic: 'a/b',
        payload: Buffer.alloc(0),
        qos: 1,
        retain: false,
        dup: false,
        packetId: 1 as PacketId,
        properties: { subscriptionIdentifiers: [subscriptionIdentifier] },
      });
      assert.equal(late.received, 1);
    });

    it('a vacancy that another filter covers meanwhile is awaited still', () => {
      const one = scene(new Link({ subscriptionIdentifiersAvailable: false }));
      const goes = one.granted('a/b', {}, new Someone('n1'));
      const vacancy = one.subscriptions.release(asFilter('a/b'), goes);
      one.add('a/#');
      assert.deepEqual(one.flush(), ['a/#']);
      one.link.grant();
      assert.deepEqual(one.flush(), ['-a/b']);
      one.link.grant();
      assert.equal(vacancy?.state, 'awaited');
      const back = one.add('a/b', { retainHandling: 2 }, new Someone('n1'));
      assert.deepEqual(vacancy.state, { receiver: back, filter: 'a/b' });
      assert.deepEqual(one.flush(), []);
    });

    it('that is too large for the Server does no harm', () => {
      const one = scene();
      const someone = new Someone();
      for (const filter of ['a', 'b']) one.add(filter, {}, someone);
      one.flush();
      one.link.grant();
      one.link.mostFilters = 1;
      for (const filter of ['a', 'b']) one.subscriptions.remove(asFilter(filter), someone);
      assert.doesNotThrow(() => one.flush());
    });
  });

  describe('what a Server retains for topics alone, as RabbitMQ does', () => {
    const before5 = (): Link => {
      const link = new Link({ subscriptionIdentifiersAvailable: false }, false);
      link.waiting = [];
      return link;
    };
    /** The Server answered all that was sent. */
    const reach = (link: Link): void => {
      for (const reached of link.waiting?.splice(0) ?? []) reached();
    };
    /** The Server grants what was asked at QoS 1, and has sent all that it retains for it, which is nothing. */
    const bringsNothing = (one: Scene): void => {
      one.flush();
      one.link.grant([1]);
      reach(one.link);
    };
    const kept = (topic: string): PublishPacket => ({ ...live(topic, [], 'kept'), properties: undefined });

    it('is asked for in the place of covered filters, in one write with their UNSUBSCRIBE', () => {
      const one = scene(before5());
      const [wild, named] = [one.add('a/#'), one.add('a/1')];
      one.add('a/+');
      assert.deepEqual(one.flush(), ['a/#']);
      one.link.grant([1]);
      assert.deepEqual(one.flush(), []);
      assert.equal(one.subscriptions.unsettled, true);
      reach(one.link);
      assert.equal(one.subscriptions.pending, true);
      assert.deepEqual(one.flush(), ['a/1', '-a/1']);
      one.router.deliver(kept('a/1'));
      one.link.grant([1]);
      assert.deepEqual(one.flush(), []);
      assert.deepEqual([wild.received, named.received], [1, 1]);
      reach(one.link);
      assert.equal(one.subscriptions.unsettled, false);
    });

    it('is asked for again only for who comes later', () => {
      const one = scene(before5());
      one.add('a/#');
      const first = one.add('a/1');
      bringsNothing(one);
      one.flush();
      one.router.deliver(kept('a/1'));
      one.link.grant([1]);
      const later = one.add('a/1');
      const other = one.add('a/2');
      assert.deepEqual(one.flush(), ['a/#']);
      one.link.grant([1]);
      reach(one.link);
      assert.deepEqual(one.flush(), ['a/1 a/2', '-a/1 -a/2']);
      one.router.deliver(kept('a/1'));
      assert.deepEqual([first.received, later.received, other.received], [1, 1, 0]);
    });

    const KNOWN: readonly { why: string; granted?: number; other?: number; retained?: string; link?: () => Link }[] = [
      { why: 'grants QoS 2, which RabbitMQ has not', granted: 2 },
      { why: 'has QoS 2 for another filter', granted: 1, other: 2 },
      { why: 'sent something retained by the wildcard', retained: 'a/1' },
      { why: 'sent something retained for another topic', retained: 'a/other' },
      { why: 'has MQTT 5, where the flag does not tell', link: () => new Link({ sessionExpiryInterval: 60 }) },
    ];
    for (const { why, granted = 1, other = 1, retained, link = before5 } of KNOWN) {
      it(`is not asked for where the Server ${why}`, () => {
        const one = scene(link());
        one.add('a/#', { qos: 2 });
        one.add('a/1');
        one.add('b');
        one.flush();
        one.link.grant([granted, other]);
        if (retained !== undefined) one.router.deliver(kept(retained));
        reach(one.link);
        assert.deepEqual(one.flush(), []);
        assert.equal(one.subscriptions.unsettled, false);
      });
    }

    it('is not asked for where no node wants it, nor for a shared subscription', () => {
      const one = scene(before5());
      one.add('a/#');
      one.add('a/1', { retainHandling: 2 });
      one.add('$share/g/a/2');
      one.flush();
      one.link.grant([1, 1]);
      reach(one.link);
      assert.deepEqual(one.flush(), []);
    });

    it('is not asked for by itself once more when the Server turns out to have QoS 2', () => {
      const one = scene(before5());
      one.add('a/#');
      one.add('a/1');
      bringsNothing(one);
      assert.deepEqual(
        one.link.sent.map(({ packet }) => packet.cmd),
        ['subscribe'],
      );
      one.subscriptions.flush(one.link);
      const [ask] = one.link.subscribes().slice(-1);
      assert.equal(ask?.subscriptions[0]?.qos, 2);
      one.link.grant([2]);
      one.add('a/2');
      bringsNothing(one);
      assert.deepEqual(one.flush(), []);
    });

    it('that came late of a topic that was asked for says nothing of wildcards', () => {
      const one = scene(before5());
      one.add('a/#');
      one.add('a/1');
      bringsNothing(one);
      one.flush();
      // Behind the UNSUBACK: the in-flight window was full.
      one.link.grant([1]);
      one.router.deliver(kept('a/1'));
      one.add('a/2');
      bringsNothing(one);
      assert.deepEqual(one.flush(), ['a/2', '-a/2']);
    });

    it('that comes by a subscription of its own says nothing of wildcards', () => {
      const one = scene(before5());
      one.add('b');
      one.add('a/#');
      one.add('a/1');
      one.flush();
      one.link.grant([1, 1]);
      one.router.deliver(kept('b'));
      reach(one.link);
      assert.deepEqual(one.flush(), ['a/1', '-a/1']);
    });

    it('that comes late by a subscription of its own that is leaving says nothing of wildcards', () => {
      const one = scene(before5());
      one.granted('a/1', { qos: 1 });
      one.link.lines();
      one.add('a/#');
      one.add('a/2');
      assert.deepEqual(one.flush(), ['a/#']);
      one.link.grant([1]);
      assert.deepEqual(one.flush(), ['-a/1']);
      one.router.deliver(kept('a/1'));
      reach(one.link);
      assert.deepEqual(one.flush(), ['a/2', '-a/2']);
    });

    it('is asked for on the next connection where this one ended before', () => {
      for (const when of ['in doubt', 'missed', 'asked'] as const) {
        const one = scene(before5());
        one.add('a/#');
        one.add('a/1');
        one.flush();
        one.link.grant([1]);
        if (when !== 'in doubt') reach(one.link);
        if (when === 'asked') one.flush();
        const two = reconnected(one, true, before5());
        // What may have arrived is left once more.
        assert.deepEqual(two.flush(), when === 'asked' ? ['a/#', '-a/1'] : ['a/#']);
        two.link.grant([1]);
        reach(two.link);
        assert.deepEqual(two.flush(), ['a/1', '-a/1']);
      }
    });

    it('is not asked for on the next connection when two in a row ended for it: the Server may hang up on that', () => {
      let one = scene(before5());
      one.add('a/#');
      one.add('a/1');
      const asks: boolean[] = [];
      for (const outcome of ['ends', 'answered', ...Array.from({ length: 10 }, () => 'ends')]) {
        one.flush();
        one.link.grant([1]);
        reach(one.link);
        asks.push(one.flush().includes('a/1'));
        if (outcome === 'answered') one.link.grant([1]);
        one = reconnected(one, false, before5());
      }
      // It may have been something else, such as a message on which the Server hangs up: it is tried ever more rarely.
      const [yes, no] = [true, false];
      assert.deepEqual(asks, [yes, yes, yes, yes, no, yes, no, no, yes, no, no, no]);
    });

    it('is asked for when there is a packet id for it', () => {
      const one = scene(before5());
      one.add('a/#');
      one.add('a/1');
      bringsNothing(one);
      one.link.ids = 0;
      assert.deepEqual(one.flush(), []);
      one.link.ids = 1;
      assert.deepEqual(one.flush(), ['a/1']);
      one.link.ids = 1;
      assert.deepEqual(one.flush(), ['-a/1']);
    });

    it('is not asked for any more where the node is gone', () => {
      const one = scene(before5());
      one.add('a/#');
      const named = one.add('a/1');
      one.add('a/2');
      one.flush();
      one.link.grant([1]);
      one.subscriptions.remove(asFilter('a/1'), named);
      reach(one.link);
      assert.deepEqual(one.flush(), ['a/2', '-a/2']);
    });

    it('is not asked for beside a subscription of its own that the filter has by then, which stays', () => {
      const one = scene(before5());
      const wild = one.add('a/#');
      one.add('a/1');
      one.flush();
      one.link.grant([1]);
      one.subscriptions.remove(asFilter('a/#'), wild);
      assert.deepEqual(one.flush(), ['a/1', '-a/#']);
      reach(one.link);
      assert.deepEqual(one.flush(), []);
    });
  });

  it('waits for packet ids when all are in flight', () => {
    const one = scene(new Link(), 1);
    const someone = one.add('a');
    one.link.ids = 0;
    assert.deepEqual(one.flush(), []);
    assert.equal(one.subscriptions.pending, true);
    one.link.ids = 1;
    assert.deepEqual(one.flush(), ['a']);
    one.link.grant();
    one.subscriptions.remove(asFilter('a'), someone);
    assert.deepEqual(one.flush(), []);
    one.link.ids = 1;
    assert.deepEqual(one.flush(), ['-a']);
  });
});
