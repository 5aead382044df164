import assert from 'node:assert/strict';
import type { IPublishPacket, ISubscribePacket, Packet } from 'mqtt-packet';
import type { Subscription } from '../../../src/client/client.ts';
import type { PublishPacket } from '../../../src/protocol/packet.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import type { Receiver, Work, Workable } from '../../../src/router/router.ts';
import { type Random, randomFrom, wholeNumber } from '../../support/random.ts';
import { VirtualClient } from '../../support/virtual-client.ts';
import { matches } from '../router/naive.ts';

const FILTERS = ['t/+', 't/#', 't/1'] as const;
const TOPICS = ['t/1', 't/2'] as const;
const STATES = ['on', 'off'] as const;

const SEEDS = 100;
const STEPS = 60;

function pick<T>(random: Random, list: readonly T[]): T {
  return list[wholeNumber(random, 0, list.length - 1)] ?? assert.fail('an empty list');
}

/** A node that counts by content, and may keep what it gets for a while. */
class Counter implements Receiver {
  readonly ref: string;
  readonly filter: string;
  readonly wantsRetained: boolean;
  /** Since when the Server has its subscription for sure. */
  settled = false;
  holds: boolean;
  subscription: Subscription | undefined;
  readonly got = new Map<string, number>();
  /** What was published for it. */
  readonly due = new Map<string, number>();
  /** Topics of which something was retained when it came. */
  readonly retained = new Set<string>();
  readonly #works: Work[] = [];

  constructor(ref: string, filter: string, wantsRetained: boolean, holds: boolean) {
    this.ref = ref;
    this.filter = filter;
    this.wantsRetained = wantsRetained;
    this.holds = holds;
  }

  receive({ topic, payload }: PublishPacket, _filter: TopicFilter, workable?: Workable): void {
    count(this.got, `${topic} ${payload.toString()}`);
    if (this.holds && workable !== undefined) this.#works.push(workable.begin());
  }

  release(most = Infinity): void {
    for (const work of this.#works.splice(0, most)) work.end();
  }

  /** What it has not got. */
  get missing(): string[] {
    const live = [...this.due].filter(([content, times]) => (this.got.get(content) ?? 0) < times);
    const topics = new Set([...this.got.keys()].map((content) => content.split(' ')[0]));
    const retained = [...this.retained].filter((topic) => this.wantsRetained && !topics.has(topic));
    return [...live.map(([content]) => content), ...retained.map((topic) => `${topic}, as it was retained`)].map(
      (what) => `${this.ref} at ${this.filter}: ${what}`,
    );
  }
}

function count(counts: Map<string, number>, content: string): void {
  counts.set(content, (counts.get(content) ?? 0) + 1);
}

/** A Server with little in flight, that answers PINGREQ when it likes, and states of two topics that are one of two. */
class House {
  readonly #random: Random;
  readonly #version: 4 | 5;
  readonly #merges: boolean;
  readonly #inFlight: number;
  readonly #client: VirtualClient;
  readonly #held = new Map<string, { readonly keepsFlag: boolean; readonly identifier: number | undefined }>();
  readonly #retained = new Map<string, string>();
  readonly #queue: IPublishPacket[] = [];
  readonly #sent = new Set<number>();
  #packetId = 0;
  #pings = 0;
  #names = 0;
  nodes: Counter[] = [];

  constructor(random: Random, version: 4 | 5) {
    this.#random = random;
    this.#version = version;
    this.#merges = random() < 0.25;
    this.#inFlight = pick(random, [1, 2, 5]);
    const kept = random() < 0.5;
    const expiry = version === 5 && kept ? { sessionExpiryInterval: 3600 } : {};
    this.#client = new VirtualClient({ protocolVersion: version, cleanStart: !kept, ...expiry });
    this.#client.server.answers = {
      subscribe: (packet) => this.#subscribe(packet),
      unsubscribe: ({ messageId, unsubscriptions }) => {
        for (const filter of unsubscriptions) this.#held.delete(filter);
        return {
          cmd: 'unsuback',
          ...(messageId !== undefined && { messageId }),
          granted: unsubscriptions.map(() => 0),
        };
      },
      puback: ({ messageId }) => {
        this.#sent.delete(messageId ?? 0);
        setImmediate(() => this.#send());
        return undefined;
      },
      pingreq: () => {
        this.#pings += 1;
        return undefined;
      },
    };
  }

  async live(): Promise<void> {
    await this.#client.connected();
    for (let step = 0; step < STEPS; step++) {
      this.#act(this.#random());
      if (this.#random() < 0.7) await this.#settle();
    }
    for (let turn = 0; turn < 40; turn++) {
      this.#pong();
      for (const node of this.nodes) {
        node.holds = false;
        node.release();
      }
      await this.#settle();
    }
    this.#client.client.destroy();
  }

  #act(chance: number): void {
    if (chance < 0.2) this.#come();
    else if (chance < 0.28) this.#go();
    else if (chance < 0.7) this.#publish(pick(this.#random, TOPICS), pick(this.#random, STATES), this.#random() < 0.6);
    else if (chance < 0.85) for (const node of this.nodes) node.release(1);
    else this.#pong();
  }

  #come(): void {
    if (this.nodes.length >= 6) return;
    const wantsRetained = this.#random() < 0.7;
    const node = new Counter(`node ${++this.#names}`, pick(this.#random, FILTERS), wantsRetained, this.#random() < 0.3);
    node.subscription = this.#client.subscribe(node.filter, node, {
      qos: 1,
      retainAsPublished: this.#random() < 0.7,
      retainHandling: wantsRetained ? 0 : 2,
    });
    this.nodes.push(node);
  }

  #go(): void {
    if (this.nodes.length === 0) return;
    const node = pick(this.#random, this.nodes);
    node.subscription?.unsubscribe();
    node.release();
    this.nodes = this.nodes.filter((other) => other !== node);
  }

  #publish(topic: string, state: string, retain: boolean): void {
    if (retain) this.#retained.set(topic, state);
    const by = [...this.#held].filter(([filter]) => matches(filter, topic)).map(([, held]) => held);
    if (this.#merges && by.length > 0) {
      const identifiers = by.flatMap(({ identifier }) => identifier ?? []);
      this.#copy(topic, state, retain && by.some(({ keepsFlag }) => keepsFlag), identifiers);
    } else for (const one of by) this.#copy(topic, state, retain && one.keepsFlag, [one.identifier ?? []].flat());
    for (const node of this.nodes)
      if (node.settled && matches(node.filter, topic)) count(node.due, `${topic} ${state}`);
    this.#send();
  }

  #subscribe({ messageId, subscriptions, properties }: ISubscribePacket): Packet {
    const identifier = properties?.subscriptionIdentifier;
    for (const { topic: filter, rap, rh } of subscriptions) {
      this.#held.set(filter, { keepsFlag: rap === true, identifier });
      if (rh === 2) continue;
      for (const [topic, state] of this.#retained)
        if (matches(filter, topic)) this.#copy(topic, state, true, [identifier ?? []].flat());
    }
    setImmediate(() => this.#send());
    return { cmd: 'suback', ...(messageId !== undefined && { messageId }), granted: subscriptions.map(() => 1) };
  }

  #copy(topic: string, payload: string, retain: boolean, identifiers: readonly number[]): void {
    const tells = this.#version === 5 && identifiers.length > 0;
    const properties = tells ? { properties: { subscriptionIdentifier: [...identifiers] } } : {};
    this.#queue.push({ cmd: 'publish', topic, payload, qos: 1, dup: false, retain, ...properties });
  }

  #send(): void {
    while (this.#sent.size < this.#inFlight) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#packetId += 1;
      this.#sent.add(this.#packetId);
      this.#client.server.connection.send({ ...next, messageId: this.#packetId });
    }
  }

  #pong(): void {
    for (; this.#pings > 0; this.#pings--) this.#client.server.connection.send({ cmd: 'pingresp' });
  }

  async #settle(): Promise<void> {
    await this.#client.settle();
    for (const node of this.nodes) {
      if (node.settled) continue;
      node.settled = true;
      for (const topic of this.#retained.keys()) if (matches(node.filter, topic)) node.retained.add(topic);
    }
  }
}

describe('Nodes come and go while messages with equal contents are published, and what is retained comes a few at a time', () => {
  for (const version of [4, 5] as const) {
    it(`version ${version}: each live message reaches each node, and a new one has what is retained`, async () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const house = new House(randomFrom(seed), version);
        await house.live();
        assert.deepEqual(
          house.nodes.flatMap(({ missing }) => missing),
          [],
          `seed ${seed}`,
        );
      }
    });
  }
});
