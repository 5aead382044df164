import {
  Client,
  type ClientOptions,
  MemoryStore,
  MqttError,
  type PublishPacket,
  type SessionStore,
  type Subscription,
  type SubscriptionOptions,
  type Work,
  type Workable,
} from '../../src/index.ts';
import type { Dial } from '../../src/transport/dial.ts';
import { type Random, randomFrom, wholeNumber } from '../support/random.ts';
import type { Window } from '../../src/store/backlog.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { Disk } from './disk.ts';
import type { Inbound, Place, Wish } from './inbound.ts';
import type { Judge } from './judge.ts';
import type { Outbound } from './outbound.ts';
import { type Action, NO_LIMIT, type NodePlan, type Reaction, type Scenario, type WorkPlan } from './plan.ts';
import type { Server } from './server.ts';
import { labelOf } from './server-codec.ts';
import { ProcessClock, TIMERS, type VirtualTime } from './virtual-time.ts';

/** A stop takes no longer, in milliseconds; with the last turn of the event loop. */
const STOP_TIME = 2500;

/** Milliseconds after which a disk that could not be opened is tried again, and who waits for it looks again. */
const REOPEN_TIME = 10;

/** Birth and close message wait besides. */
const ANNOUNCEMENTS = 2;

/** Reactions of a run: more would answer each other for ever. */
const MOST_REACTIONS = 5;

/** A deploy that takes all nodes away and brings them back. Times in milliseconds. */
const EVERYBODY = { nodes: [0, 1, 2, 3], back: [true, true, true, true], gap: 30, prune: 10 };

/** One life of the client: from the constructor to `close`, or to the kill. */
interface Life {
  readonly client: Client;
  readonly clock: ProcessClock;
  readonly generation: number;
}

/** A node as it is between two deploys. */
interface Member {
  readonly receiver: {
    readonly ref: string;
    receive(packet: PublishPacket, filter: string, workable?: Workable): void;
  };
  readonly subscriptions: Subscription[];
}

/** How a process reaches the network. */
export interface Network {
  /** The dial of a process; nothing comes of it when the process is not alive. */
  dial(alive: () => boolean): Dial;
  /** The process is gone: its connection too. */
  abandon(): void;
}

/** The flows and their nodes: they do to the client what the steps say, and hear what it answers. */
export class Flows {
  readonly #time: VirtualTime;
  readonly #judge: Judge;
  readonly #scenario: Scenario;
  readonly #server: Server;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #random: Random;
  readonly #network: Network;
  readonly #places: readonly Place[];
  readonly #members = new Map<number, Member>();
  /** undefined: the session is in memory, and ends with the process. */
  readonly #disk: Disk | undefined;
  #process: ProcessClock;
  /** undefined: it is being opened. */
  #store: SessionStore | undefined;
  #life: Life | undefined;
  #generation = 0;
  #moved = false;
  #reactions = 0;
  /** Whether a callback of the client is on the stack. */
  #inside = false;
  #arrivals = 0;
  #stoppingSince: number | undefined;
  /** Messages that were published before the last stop began. */
  beforeStop = 0;
  #stops = 0;
  /** Ends the accounts of the stops of a process that is killed. */
  #killStops: (() => void)[] = [];
  /** Things that will go on by themselves. */
  #pending = 0;
  /** Ends what flows would work on for ever. */
  #endless: (() => void)[] = [];
  /** Nothing breaks any more, and every work has an end. */
  #isCalm = false;
  readonly #workRandom: Random;

  constructor(
    scenario: Scenario,
    server: Server,
    oracles: { readonly outbound: Outbound; readonly inbound: Inbound },
    random: Random,
    network: Network,
  ) {
    this.#time = server.time;
    this.#judge = server.judge;
    this.#scenario = scenario;
    this.#server = server;
    this.#outbound = oracles.outbound;
    this.#inbound = oracles.inbound;
    this.#random = random;
    const { seed, disk: slowest, powerCuts = false } = scenario;
    if (slowest !== undefined) this.#disk = new Disk(server.time, randomFrom(seed ^ 0xd15c), { slowest, powerCuts });
    this.#process = this.#begin();
    this.#network = network;
    this.#workRandom = randomFrom(scenario.seed ^ 0x3042);
    this.#places = scenario.nodes.map((_, index) => this.#inbound.place(`node ${index}`));
  }

  get clientId(): string {
    return this.#moved ? 'other' : 'client';
  }

  /** Before MQTT 5 the client has a limit of its own where nobody gives one. */
  get maximumInflight(): number {
    const { maximumInflight, protocolVersion } = this.#scenario.client;
    return maximumInflight ?? (protocolVersion === 5 ? NO_LIMIT : 20);
  }

  get isWriting(): boolean {
    return this.#disk?.isBusy === true;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Milliseconds since an orderly stop began, or undefined. */
  stopping(): number | undefined {
    return this.#stoppingSince === undefined ? undefined : this.#time.now - this.#stoppingSince;
  }

  /** Why the flows are not at rest, or undefined. */
  unrest(): string | undefined {
    if (this.isWriting) return 'the disk is being written';
    if (this.#pending > 0 || this.#life === undefined) return 'the flows are not ready';
    const { client } = this.#life;
    if (client.state.phase !== 'connected') return `the client is ${client.state.phase}`;
    if (client.waiting > 0) return `${client.waiting} messages wait for the Server`;
    if (this.#outbound.open > 0) return `${this.#outbound.open} messages are not settled`;
    return undefined;
  }

  /** A new client, with the nodes that are there from the beginning. */
  open(): void {
    if (this.#life !== undefined) return;
    const store = this.#store;
    if (store === undefined) return this.#later(REOPEN_TIME, () => this.open());
    this.#generation += 1;
    this.#outbound.opened();
    const clock = new ProcessClock(this.#time);
    const client = new Client(this.#options(clock, store));
    this.#life = { client, clock, generation: this.#generation };
    this.#judge.note(() => `-- client ${this.#generation} is opened as ${this.clientId}`);
    for (const [index, node] of this.#scenario.nodes.entries()) if (node.present) this.#subscribe(index);
    this.#inbound.opened();
    client.connect();
  }

  run(action: Action): void {
    this.#judge.note(() => `== ${JSON.stringify(action)}`);
    switch (action.kind) {
      case 'publish':
        for (let rest = action.count; rest > 0; rest--) this.#publish(action, action.reaction);
        return;
      case 'arrival':
        for (let rest = action.count; rest > 0; rest--) this.arrive(action);
        return;
      case 'subscribe':
        for (const node of action.nodes) this.#subscribe(node);
        return;
      case 'unsubscribe':
        for (const node of action.nodes) this.#unsubscribe(node);
        return;
      case 'flicker':
        return this.#flicker(action);
      case 'redeploy':
        return this.#redeploy(action);
      case 'disconnect':
        return this.#disconnect(action.gap, action.hasty);
      case 'reopen':
        return this.#reopen(action.gap, action.moves);
      case 'kill':
        return this.#kill(action.gap);
      case 'disk':
        return this.#disk?.troubled(action.trouble, action.duration);
      case 'cut':
      case 'cut-after':
      case 'restart':
      case 'refuse':
        throw new TypeError(`${action.kind} is not of the flows`);
    }
  }

  /** Another client publishes. */
  arrive({ qos, topic, retain }: Pick<Extract<Action, { kind: 'arrival' }>, 'qos' | 'topic' | 'retain'>): string {
    const label = `p${++this.#arrivals}`;
    this.#server.publish({ label, qos, topic, retain }, undefined);
    return label;
  }

  /** The label of the message; undefined: there is no client. */
  publish(
    message: Pick<Extract<Action, { kind: 'publish' }>, 'qos' | 'topic' | 'retain' | 'label'>,
  ): string | undefined {
    return this.#publish(message, 'nothing');
  }

  /** From now on nobody reacts to anything. */
  calm(): void {
    this.#reactions = MOST_REACTIONS;
    this.#isCalm = true;
    this.#disk?.calm();
    for (const end of this.#endless.splice(0)) end();
  }

  /** Back to work, whatever was going on. */
  resume(): void {
    if (this.#pending > 0) return;
    if (this.#life === undefined) return this.open();
    if (this.#life.client.state.phase === 'idle') this.#life.client.connect();
  }

  /** The last act; calls back when the client is closed. */
  close(closed: () => void): void {
    const life = this.#life;
    if (life === undefined) return closed();
    const close = async (): Promise<void> => {
      await life.client.close();
      if (this.#store instanceof DiskStore) await this.#store.close();
    };
    this.#stop(life, close, closed);
  }

  /** Labels of the messages that the next process would have. */
  get onDisk(): readonly string[] {
    return this.#disk?.labels ?? [];
  }

  /** Timers of the closed client, and of its store, that nobody cancelled. */
  get armed(): number {
    return this.#process.armed + (this.#life?.clock.armed ?? 0);
  }

  /** A process, which opens the session before its client does anything. */
  #begin(): ProcessClock {
    const clock = new ProcessClock(this.#time);
    this.#store = this.#disk === undefined ? new MemoryStore() : undefined;
    if (this.#disk !== undefined) this.#openDisk(this.#disk, clock);
    return clock;
  }

  #openDisk(disk: Disk, clock: ProcessClock): void {
    const report = (notice: MqttError): void => this.#judge.note(() => `   report: ${notice.message}`);
    const window = windowOf(this.#scenario.seed);
    DiskStore.on(disk.medium, { clock, window, fsync: this.#scenario.powerCuts === true, report }).then(
      (store) => (this.#store = store),
      () => this.#time.at(REOPEN_TIME, TIMERS, () => clock.alive && this.#openDisk(disk, clock)),
    );
  }

  #options(clock: ProcessClock, store: SessionStore): ClientOptions {
    const { client, birth, closing } = this.#scenario;
    const announcement = (qos: 0 | 1 | 2 | undefined, what: string): object =>
      qos === undefined ? {} : { [what === 'birth' ? 'birth' : 'closing']: this.#announcement(what, qos) };
    return {
      ...client,
      server: 'mqtt://model',
      clientId: this.clientId,
      keepAlive: 10,
      connectTimeout: 3000,
      backoff: { initial: 50, maximum: 1000, stableAfter: 2000 },
      store,
      clock,
      random: this.#random,
      dial: this.#network.dial(() => clock.alive),
      restored: (error, tell) => {
        this.#judge.note(() => `   a restored message failed: ${error.message}`);
        this.#outbound.restoredFailed();
        tell();
      },
      report: (notice) => this.#judge.note(() => `   report: ${notice.message}`),
      ...announcement(birth, 'birth'),
      ...announcement(closing, 'close'),
    };
  }

  #announcement(what: string, qos: 0 | 1 | 2): object {
    return { topic: 's/status', payload: `${what}${this.#generation}`, qos, retain: true };
  }

  #publish(
    message: Pick<Extract<Action, { kind: 'publish' }>, 'qos' | 'topic' | 'retain' | 'label'>,
    reaction: Reaction,
  ): string | undefined {
    const client = this.#life?.client;
    if (client === undefined) return undefined;
    const { qos, topic, retain } = message;
    const { number, label } = this.#outbound.published(message.label, qos, topic);
    this.#judge.note(() => `   ${label} is published at QoS ${qos}`);
    const bytes = Buffer.from(`${label}.`);
    client.publish(
      { topic, payload: number % 2 === 0 ? bytes : `${label}.`, qos, retain },
      (error) => {
        if (error instanceof MqttError && error.code === 'outbox-full') this.#checkFull(client);
        this.#outbound.settled(number, error ?? undefined);
        this.#react(reaction);
      },
      this.#scenario.settledBy,
    );
    // A flow may use its Buffer again.
    bytes.fill('!');
    const most = this.#mostWaiting() + ANNOUNCEMENTS;
    if (client.waiting > most) this.#judge.violation('limits are kept', `${client.waiting} messages wait, ${most} may`);
    return label;
  }

  #checkFull({ waiting }: Client): void {
    if (waiting >= this.#mostWaiting()) return;
    this.#judge.violation('limits are kept', `refused as one too many, ${waiting} wait, ${this.#mostWaiting()} may`);
  }

  #mostWaiting(): number {
    return this.#scenario.client.outbox?.maxMessages ?? Infinity;
  }

  #subscribe(index: number): void {
    const { node, place } = this.#node(index);
    const client = this.#life?.client;
    if (client === undefined || node === undefined || place === undefined) return;
    const member = this.#members.get(place.index) ?? this.#newMember(place.index, place.place, node);
    this.#members.set(place.index, member);
    for (const { filter, options } of node.filters) {
      if (member.subscriptions.some((subscription) => String(subscription.filter) === filter)) continue;
      // Noted first: the client may call the receiver at once.
      place.place.wishes.set(filter, this.#wish(place.place, filter, options));
      this.#judge.note(() => `   ${place.place.name} subscribes ${filter}`);
      const granted = (): void => this.#inbound.granted(place.place, filter);
      member.subscriptions.push(
        client.subscribe(filter, member.receiver, options, (outcome) => {
          if (outcome.granted) granted();
        }),
      );
    }
  }

  #wish({ wishes, kept }: Place, filter: string, options: SubscriptionOptions): Wish {
    const earlier = wishes.get(filter);
    const { deploying } = this.#inbound;
    if (earlier !== undefined) return { ...earlier, options, state: deploying ? 'returning' : 'active' };
    const { moment } = this.#time;
    const { since, granted } = kept.get(filter) ?? { since: moment, granted: Infinity };
    if (deploying) return { filter, options, since, granted, begun: Infinity, state: 'coming' };
    // Inside a callback it is too late for the message of that.
    return { filter, options, since, granted, begun: moment + (this.#inside ? 0.5 : 0), state: 'active' };
  }

  #newMember(index: number, place: Place, node: NodePlan): Member {
    const receive = (packet: PublishPacket, filter: string, workable?: Workable): void => {
      this.#inbound.received(place, labelOf(packet.payload), packet, filter);
      if (node.work !== undefined && workable !== undefined) this.#workOn(place, packet, workable.begin(), node.work);
      this.#react(node.reaction);
    };
    return { receiver: { ref: `node-${index}`, receive }, subscriptions: [] };
  }

  /** The flow has the message, and says when it is done with it. */
  #workOn(place: Place, packet: PublishPacket, work: Work, { most, repeats, refuses }: WorkPlan): void {
    const label = labelOf(packet.payload);
    const isRefused = refuses && this.#scenario.client.protocolVersion === 5 && this.#workRandom() < 0.3;
    this.#inbound.working(place, packet, work);
    const end = (): void => {
      const state = work.end(isRefused ? 0x83 : 0);
      if (isRefused) this.#inbound.refused(label);
      this.#judge.note(() => `   ${place.name} is done with ${label}, which was ${state}`);
      if (repeats && work.end() !== (state === 'left' ? 'left' : 'ended')) {
        this.#judge.violation('a work ends once', `${place.name} ended ${label} twice`);
      }
    };
    if (most !== undefined || this.#isCalm) this.#later(wholeNumber(this.#workRandom, 0, most ?? 30), end);
    else this.#endless.push(end);
  }

  #unsubscribe(index: number): void {
    const { place } = this.#node(index);
    if (place === undefined) return;
    const member = this.#members.get(place.index);
    if (member === undefined) return;
    this.#judge.note(() => `   ${place.place.name} unsubscribes`);
    this.#members.delete(place.index);
    for (const { filter } of member.subscriptions) {
      place.place.wishes.delete(filter);
      place.place.kept.delete(filter);
    }
    for (const subscription of member.subscriptions) subscription.unsubscribe();
  }

  #flicker(action: Extract<Action, { kind: 'flicker' }>): void {
    const { node, gap, times, topic, qos } = action;
    for (let third = 1; third <= 5; third++) {
      this.#later((gap * third) / 3, () => void this.arrive({ qos, topic, retain: false }));
    }
    this.#subscribe(node);
    this.#later(gap, () => {
      this.#unsubscribe(node);
      if (times > 1) this.#later(gap, () => this.#flicker({ ...action, times: times - 1 }));
    });
  }

  #redeploy({ nodes, back, gap, prune, arrived = false }: Omit<Extract<Action, { kind: 'redeploy' }>, 'kind'>): void {
    const life = this.#life;
    if (life === undefined) return;
    const leaving = nodes.filter((index) => index < this.#places.length && this.#members.has(index));
    if (leaving.length > 0) life.client.beginDeploy();
    for (const index of leaving) this.#release(index, arrived);
    this.#later(gap, () => {
      if (this.#life !== life) return;
      for (const index of leaving) if (back[index] === true) this.#subscribe(index);
    });
    this.#later(gap + prune, () => {
      if (this.#life === life) this.deployed();
    });
  }

  /** All that a deploy brings is there. */
  deployed(): void {
    this.#judge.note(() => '   pruned');
    this.#inbound.deployed();
    this.#life?.client.prune();
  }

  #release(index: number, arrived: boolean): void {
    const member = this.#members.get(index);
    const place = this.#places[index];
    if (member === undefined || place === undefined) return;
    this.#judge.note(() => `   ${place.name} is released`);
    this.#members.delete(index);
    for (const { filter } of member.subscriptions) {
      const wish = place.wishes.get(filter);
      if (wish?.state === 'coming') place.wishes.delete(filter);
      else if (wish !== undefined) wish.state = 'released';
    }
    this.#inbound.released(place, arrived);
    for (const subscription of member.subscriptions) subscription.release(() => arrived);
  }

  #disconnect(gap: number, hasty: boolean): void {
    const life = this.#life;
    if (life === undefined || this.#stoppingSince !== undefined) return;
    this.#stop(
      life,
      () => life.client.disconnect(),
      () => {
        if (!hasty) this.#later(gap, () => this.#life?.client.connect());
      },
    );
    if (hasty) life.client.connect();
  }

  #reopen(gap: number, moves: boolean): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    this.#inbound.closing();
    this.#stop(
      life,
      () => life.client.close(),
      () => {
        this.#leave();
        this.#later(gap, () => {
          if (moves) this.#move();
          this.open();
        });
      },
    );
  }

  /** Another client id, of which the Server still has a session. */
  #move(): void {
    this.#moved = !this.#moved;
    this.#outbound.sessionLost();
    this.#inbound.forgotten();
    if (this.#server.hasSession(this.clientId)) return;
    const filters = this.#scenario.nodes.flatMap((node) => node.filters.map(({ filter }) => filter));
    this.#server.leaveSession(this.clientId, filters, this.#scenario.client.protocolVersion === 4 ? 4 : 5);
  }

  #kill(gap: number): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    this.#leave();
    life.clock.kill();
    this.#process.kill();
    this.#network.abandon();
    for (const kill of this.#killStops) kill();
    this.#killStops = [];
    this.#pending -= this.#stops;
    this.#stops = 0;
    this.#stoppingSince = undefined;
    const remains = this.#disk?.kill();
    this.#outbound.killed(remains?.labels ?? [], remains?.isStale === true);
    if (remains === undefined || remains.isStale) this.#inbound.forgotten();
    else this.#inbound.killed();
    this.#process = this.#begin();
    this.#later(gap, () => this.open());
  }

  /** The client goes, and everybody with it. */
  #leave(): void {
    this.#inbound.left();
    this.#members.clear();
  }

  #stop(life: Life, stop: () => Promise<void>, then: () => void): void {
    this.#judge.note(() => `-- client ${life.generation} stops`);
    // One stop joins another that is under way.
    this.#stoppingSince ??= this.#time.now;
    this.#stops += 1;
    this.beforeStop = this.#outbound.count;
    this.#pending += 1;
    const late = this.#time.at(STOP_TIME, TIMERS, () =>
      this.#judge.violation('a stop takes two seconds', `it took more than ${STOP_TIME} ms`),
    );
    const end = (): void => {
      late.cancel();
      this.#pending -= 1;
      this.#stops -= 1;
      if (this.#stops === 0) this.#stoppingSince = undefined;
    };
    this.#killStops.push(() => late.cancel());
    const stopped = (): void => {
      if (!life.clock.alive) return;
      end();
      this.#judge.note(() => `-- client ${life.generation} has stopped`);
      then();
    };
    stop().then(stopped, (error: unknown) => this.#judge.violation('a stop does not fail', String(error)));
  }

  #react(reaction: Reaction): void {
    if (reaction === 'nothing' || this.#reactions >= MOST_REACTIONS) return;
    this.#reactions += 1;
    this.#judge.note(() => `   inside the callback: ${reaction}`);
    const outer = this.#inside;
    this.#inside = true;
    this.#doInside(reaction);
    this.#inside = outer;
  }

  #doInside(reaction: Exclude<Reaction, 'nothing'>): void {
    switch (reaction) {
      case 'publish':
        return void this.#publish({ qos: 1, topic: 'b/1', retain: false, label: 'm' }, 'nothing');
      case 'subscribe':
        return this.#subscribe(this.#reactions);
      case 'unsubscribe':
        return this.#unsubscribe(this.#reactions);
      case 'redeploy':
        // Not inside the call: a deploy closes nodes before they could hand on what they just got.
        return this.#time.stillInThisTurn(() => this.#redeploy(EVERYBODY));
      case 'edit':
        return this.#time.stillInThisTurn(() => this.#redeploy({ ...EVERYBODY, arrived: true }));
      case 'reopen':
        return this.#reopen(20, false);
      case 'disconnect':
        // At once, with what was written in this turn, or in order.
        return this.#scenario.seed % 2 === 0 ? this.#disconnect(20, false) : this.#life?.client.destroy();
    }
  }

  #later(delay: number, run: () => void): void {
    this.#pending += 1;
    this.#time.at(delay, TIMERS, () => {
      this.#pending -= 1;
      run();
    });
  }

  #node(index: number): { node?: NodePlan; place?: { readonly index: number; readonly place: Place } } {
    const at = index % this.#places.length;
    const [node, place] = [this.#scenario.nodes[at], this.#places[at]];
    return node === undefined || place === undefined ? {} : { node, place: { index: at, place } };
  }
}

/** Half of the disks have most of what waits alone. */
function windowOf(seed: number): Window {
  const random = randomFrom(seed ^ 0xbac1);
  const messages = random() < 0.5 ? 10_000 : wholeNumber(random, 1, 4);
  return { messages, bytes: 16 * 1024 * 1024 };
}
