import { MqttError } from '../../src/index.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { type Random, randomFrom, wholeNumber } from '../support/random.ts';
import { ConnectionWatch } from './connection-watch.ts';
import { Flows } from './flows.ts';
import { Inbound } from './inbound.ts';
import { Judge, type Violation } from './judge.ts';
import { Link } from './link.ts';
import { Outbound } from './outbound.ts';
import { type Action, type Scenario, TOPICS } from './plan.ts';
import { Server } from './server.ts';
import { IO, TIMERS, VirtualTime } from './virtual-time.ts';

/**
 * Milliseconds of virtual time in which everything comes to rest when nothing breaks any more. Long, because of several
 * messages that the Server hangs up on each one more takes four times as many connections.
 */
const REST_TIME = 1_500_000;

/** Milliseconds for which nothing happens at rest. */
const QUIET_TIME = 100;

/** Turns of the event loop that a run may take. */
const MOST_TURNS = 30_000;

export interface Outcome {
  /** How many things happened until all was at rest for the first time. */
  readonly moments: number;
  readonly violation: Violation | undefined;
  readonly trace: readonly string[];
}

/** Plays a scenario: its steps, then rest, a probe of every path, an orderly end, and the accounts. */
export async function play(scenario: Scenario, tracing = false): Promise<Outcome> {
  const world = new World(scenario, tracing);
  await world.run();
  return { violation: world.judge.broken, trace: world.judge.lines, moments: world.moments };
}

class World {
  readonly judge: Judge;
  moments = 0;
  readonly #scenario: Scenario;
  readonly #time: VirtualTime;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #server: Server;
  readonly #flows: Flows;
  readonly #links: Link[] = [];
  readonly #watches: ConnectionWatch[] = [];
  #turns = 0;

  constructor(scenario: Scenario, tracing: boolean) {
    this.judge = new Judge(tracing);
    this.#scenario = scenario;
    this.#time = new VirtualTime(this.judge);
    this.#outbound = new Outbound(this.judge, this.#time, {
      outbox: scenario.client.outbox,
      disk: scenario.disk,
      settledBy: scenario.settledBy,
    });
    this.#inbound = new Inbound(this.#time, this.judge, scenario.server.keepsOptions === true);
    this.#server = new Server(scenario.server, this.#time, this.judge, this.#outbound, this.#inbound);
    const oracles = { outbound: this.#outbound, inbound: this.#inbound };
    this.#flows = new Flows(scenario, this.#server, oracles, withoutChance(randomFrom(scenario.seed ^ 0x5eed)), {
      dial: (alive) => (_server, _options, signal) => this.#dial(alive, signal),
      abandon: () => this.#links.at(-1)?.abandon(),
    });
  }

  async run(): Promise<void> {
    this.#time.at(0, TIMERS, () => this.#flows.open());
    const end = this.#schedule();
    this.#time.passed = (moment) => this.#mayKill(moment);
    await this.#turnUntil(() => this.#time.now >= end);
    this.#calm();
    await this.#rest('after the last step');
    this.moments = this.#time.moment;
    await this.#probe();
    await this.#close();
    if (this.judge.broken === undefined) this.#outbound.finish(this.#flows.onDisk);
  }

  /** Returns when the last step is over. */
  #schedule(): number {
    let delay = 1;
    for (const [index, { after, action }] of this.#scenario.steps.entries()) {
      delay += after;
      this.#time.at(delay, index % 2 === 0 ? TIMERS : IO, () => this.#step(action));
    }
    return this.#time.now + delay + 1;
  }

  #step(action: Action): void {
    const link = this.#links.at(-1);
    switch (action.kind) {
      case 'cut':
        return link?.cut(action.mode);
      case 'cut-after':
        this.judge.note(() => `== ${JSON.stringify(action)}`);
        return link?.cutAfter(action.direction, action.bytes, action.mode);
      case 'restart':
        return this.#restart(action);
      case 'refuse':
        this.judge.note(() => `== ${JSON.stringify(action)}`);
        this.#server.refusals = action.count;
        return this.#server.disconnect(this.#flows.clientId, action.code);
      default:
        return this.#flows.run(action);
    }
  }

  #mayKill(moment: number): void {
    const { killedAt } = this.#scenario;
    if (killedAt?.moment !== moment) return;
    if (killedAt.forgets) this.#restart({ kind: 'restart', forgets: true, down: 5 });
    this.#flows.run({ kind: 'kill', gap: 20 });
  }

  #restart({ forgets, older = false, down }: Extract<Action, { kind: 'restart' }>): void {
    const lost = forgets ? ', forgets everything,' : older ? ', with older sessions,' : '';
    this.judge.note(() => `-- the Server restarts${lost} and is away for ${down} ms`);
    this.#server.up = false;
    this.#server.restart(forgets, older);
    this.#time.at(down, TIMERS, () => {
      this.#server.up = true;
    });
  }

  /** Nothing breaks any more. */
  #calm(): void {
    this.judge.note(() => '-- nothing breaks any more');
    this.#server.up = true;
    this.#server.refusals = 0;
    for (const link of this.#links) link.calm();
    this.#flows.calm();
  }

  /** Always progress: in the end everything is settled, acknowledged, connected and idle. */
  async #rest(when: string): Promise<void> {
    const until = this.#time.now + REST_TIME;
    let restSince: number | undefined;
    await this.#turnUntil(() => {
      this.#flows.resume();
      if (this.#unrest() !== undefined) restSince = undefined;
      else if (restSince === undefined) {
        restSince = this.#time.now;
        // Something to come to, on an idle event loop.
        this.#time.at(QUIET_TIME, TIMERS, () => undefined);
      }
      return this.#time.now >= until || (restSince !== undefined && this.#time.now >= restSince + QUIET_TIME);
    });
    const unrest = this.#unrest();
    if (unrest !== undefined) this.judge.violation('always progress', `${when}: ${unrest}`);
  }

  #unrest(): string | undefined {
    return this.#watches.at(-1)?.unrest() ?? this.#flows.unrest() ?? this.#server.unrest(this.#flows.clientId);
  }

  /** Every path works: a message on each topic reaches each node, and the flows' messages the Server. */
  async #probe(): Promise<void> {
    if (this.judge.broken !== undefined) return;
    this.judge.note(() => '-- the probe');
    this.#flows.deployed();
    await this.#rest('before the probe');
    this.#checkRetained();
    const { moment } = this.#time;
    const probes: { readonly topic: string; readonly label: string }[] = [];
    for (const topic of TOPICS) {
      for (const qos of [1, 2] as const)
        probes.push({ topic, label: this.#flows.arrive({ qos, topic, retain: false }) });
    }
    const topic = TOPICS[Math.abs(this.#scenario.seed) % TOPICS.length] ?? TOPICS[0];
    const own = this.#flows.publish({ qos: 1, topic, retain: false, label: 'm' });
    this.#flows.publish({ qos: 2, topic: 'probe', retain: false, label: 'm' });
    const connections = this.#links.length;
    await this.#rest('after the probe');
    // Without a session the Server forgets what was on its way.
    if (this.#scenario.client.cleanStart === true && this.#links.length > connections) return;
    for (const probe of probes) this.#inbound.checkReached(probe.label, probe.topic, moment);
    if (!this.#isRemembered) return;
    // One that came back older goes on with the No Local of then, if it goes on with the first.
    const { isOwnKnown } = this.#inbound;
    if (own !== undefined && isOwnKnown) this.#inbound.checkOwn(own, topic, moment, this.#hasNoLocal);
    this.#inbound.checkWanted(this.#server.filtersOf(this.#flows.clientId));
  }

  /** Not with MQTT 5 where the Server sends it for topics alone: beside a wildcard it is a limit. */
  #checkRetained(): void {
    const { server, client } = this.#scenario;
    if (server.retainsByTopic === true && client.protocolVersion === 5) return;
    for (const retained of this.#server.retained) {
      this.#inbound.checkRetained(retained, (filter) => this.#server.retainsFor(filter, retained.topic));
    }
  }

  /**
   * A process that is killed takes with it what it knew of its session; of one that another process left nothing is known.
   * What left since a killed Server wrote its sessions only the client knows that saw it leave.
   */
  get #isRemembered(): boolean {
    const { steps, nodes, killedAt } = this.#scenario;
    if (killedAt !== undefined) return false;
    const actions = steps.map(({ action }) => action);
    if (actions.some((action) => action.kind === 'kill' || (action.kind === 'reopen' && action.moves))) return false;
    const reactions = [...actions, ...nodes].map((each) => ('reaction' in each ? each.reaction : 'nothing'));
    const reopens = reactions.includes('reopen') || actions.some(({ kind }) => kind === 'reopen');
    return !reopens || !actions.some((action) => action.kind === 'restart' && action.older === true);
  }

  get #hasNoLocal(): boolean {
    return this.#scenario.client.protocolVersion === 5;
  }

  async #close(): Promise<void> {
    if (this.judge.broken !== undefined) return;
    let closed = false;
    const close = (): void =>
      this.#flows.close(() => {
        closed = true;
      });
    this.#time.at(0, TIMERS, close);
    await this.#turnUntil(() => closed);
    const until = this.#time.now + 5000;
    this.#time.at(5000, TIMERS, () => undefined);
    await this.#turnUntil(() => this.#time.now >= until);
    if (this.#flows.armed > 0)
      this.judge.violation('every timer has an end', `${this.#flows.armed} are left after close`);
  }

  async #turnUntil(reached: () => boolean): Promise<void> {
    while (this.judge.broken === undefined && !reached()) {
      if (!(await this.#time.turn())) return;
      this.#turns += 1;
      if (this.#turns > MOST_TURNS) this.judge.violation('always progress', 'it never comes to rest');
    }
  }

  #dial(alive: () => boolean, signal: AbortSignal): Promise<Transport> {
    const number = this.#links.length + 1;
    const random = randomFrom((this.#scenario.seed + number * 0x9e3779b1) | 0);
    const name = `#${number}`;
    const { judge } = this;
    return new Promise<Transport>((resolve, reject) => {
      const watch = new ConnectionWatch(name, judge, this.#outbound, this.#inbound, this.#flows);
      const link = new Link(this.#time, judge, this.#scenario.manner, random, watch);
      link.accept(this.#server.accept(link));
      this.#links.push(link);
      this.#watches.push(watch);
      const timer = this.#time.at(wholeNumber(random, 0, 5), IO, () => {
        if (!alive()) return;
        if (this.#server.up) return resolve(link);
        const cause = Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED' });
        reject(new MqttError('unreachable', cause.message, { cause, retryable: true }));
      });
      signal.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason as Error);
      });
    });
  }
}

/**
 * Never twice the same of 65,535 numbers. One process in so many begins at the packet id of the one before, and then a
 * Server may take a message for a repetition: the ids make that improbable, and nobody promises more.
 */
function withoutChance(random: Random): Random {
  const drawn = new Set<number>();
  return () => {
    for (;;) {
      const value = random();
      const id = Math.floor(value * 65_535);
      if (drawn.has(id)) continue;
      drawn.add(id);
      return value;
    }
  };
}
