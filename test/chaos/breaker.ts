import { createWriteStream, type WriteStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type Random, randomFrom } from '../support/random.ts';
import { RealBroker } from '../support/real-broker.ts';
import type { Mark } from './evidence.ts';
import { chaosFlow, type FlowNode, sourceOf } from './flow.ts';
import { HandIn } from './hand-in.ts';
import { Excuses, type Incidents, type Span } from './incidents.ts';
import { judgeIncoming, judgeOutgoing, offencesOf, type Verdict } from './judge.ts';
import { Lanes } from './lanes.ts';
import { EMPTY_PAGE, type Ledger, readLedger } from './ledger.ts';
import { ChaosNodeRed } from './node-red.ts';
import { Observer } from './observer.ts';
import type { BrokerFault, DeployType, Fault, NodeRedFault, Step, StoreDamage, WireFault } from './plan.ts';
import { OPENING } from './steps.ts';
import { damage, logIn, since } from './store-damage.ts';
import { CHAOS_STREAMS, IN_STREAMS, OUT_STREAMS, type Setup, SETUPS, sizeOf, type Stream, titleOf } from './streams.ts';
import { Wire } from './wire.ts';

export interface BreakerOptions {
  readonly mosquitto: string;
  readonly seed: number;
  readonly steps: readonly Step[];
  readonly minutes: number;
  /** Messages a second, over all streams. */
  readonly rate: number;
  /** Of the sessions: `disk` or `fsync`. */
  readonly store: string;
  /** Whether every packet is written down too. */
  readonly trace: boolean;
  /** The folder in which all that is known is written down. Default: one in the system's, if something is found. */
  readonly keep?: string | undefined;
  /** Ends the run before its time. */
  readonly signal: AbortSignal;
  /** Told what happens. */
  readonly say: (line: string) => void;
}

export interface Outcome {
  readonly verdicts: readonly Verdict[];
  /** What should not have happened to the processes, and what the breaker itself could not do. */
  readonly problems: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  /** What the flows were told of failures, and how often. */
  readonly failures: ReadonlyMap<string, number>;
  /** The folder in which all that is known was written down. */
  readonly kept: string | undefined;
}

const TICK_MS = 100;
const LOOK_MS = 250;
const WARM_UP_MS = 60_000;
const DRAIN_MS = 120_000;
/** So long nothing more arrives, and nothing is told: all that ever will has. */
const QUIET_MS = 5000;
const DISK_BACK_MS = 60_000;
/** Of writing before a store is damaged: only that is. */
const DAMAGED_MS = 1000;
/** mosquitto writes down what it has after so many changes: what a kill takes from it is short. */
const BROKER = {
  persistence: true,
  // With its 20 it hangs up on 3.1.1 when ids that it takes for open, behind a kill, add up: docs/reliability.md.
  maxInflightMessages: 1000,
  lines: ['autosave_on_changes true', 'autosave_interval 100'],
};

/** Everything that runs, and what is done to it. */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #random: Random;
  readonly #folder: string;
  readonly #broker: RealBroker;
  readonly #handIn: HandIn;
  readonly #observer: Observer;
  readonly #wires = new Map<Setup, Wire>();
  readonly #proxies = new Map<Setup, FaultProxy>();
  readonly #next = new Map<Stream, number>();
  readonly #first = new Map<Stream, number>();
  readonly #counts = new Map<string, number>();
  readonly #problems: string[] = [];
  readonly #happened: string[] = [];
  readonly #lanes = new Lanes(
    (error) => void this.#problems.push(error instanceof Error ? `${error.stack}` : String(error)),
  );
  readonly #forgotten: Span[] = [];
  readonly #damaged: Record<string, Span[]> = {};
  #trace: WriteStream | undefined;
  #nodeRed: ChaosNodeRed | undefined;
  #edition = 0;

  private constructor(options: BreakerOptions, folder: string, broker: RealBroker, handIn: HandIn) {
    this.#options = options;
    this.#random = randomFrom(options.seed);
    this.#folder = folder;
    this.#broker = broker;
    this.#handIn = handIn;
    this.#observer = new Observer(broker.port, '+/out/#');
  }

  /** Starts everything, does what is planned, and ends everything. */
  static async run(options: BreakerOptions): Promise<Outcome> {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-chaos-'));
    const broker = await RealBroker.start(options.mosquitto, BROKER);
    const breaker = new Breaker(options, folder, broker, await HandIn.listen());
    try {
      return await breaker.#run();
    } finally {
      await breaker.#end();
    }
  }

  async #run(): Promise<Outcome> {
    const nodeRed = await this.#start();
    await this.#warmUp();
    this.#say('the flows receive');
    const traffic = this.#traffic();
    try {
      await this.#inflictAll(nodeRed);
    } finally {
      clearInterval(traffic);
    }
    this.#say('the plan is through');
    await this.#calm(nodeRed);
    return this.#outcome(nodeRed, readLedger(await readFile(this.#ledger, 'utf8')));
  }

  async #start(): Promise<ChaosNodeRed> {
    void this.#observer.run(); // never rejects
    if (this.#options.trace) this.#trace = createWriteStream(join(this.#folder, 'trace'));
    for (const setup of SETUPS) {
      const wire = new Wire(setup, this.#trace && ((line) => this.#trace?.write(`${line}\n`)));
      this.#wires.set(setup, wire);
      this.#proxies.set(setup, await FaultProxy.listen(this.#broker.port, wire.connection));
    }
    const nodeRed = await ChaosNodeRed.install(this.#flow(), this.#handIn, this.#ledger);
    this.#nodeRed = nodeRed;
    if (nodeRed.disk === undefined) this.#say('no disk can be mounted here: it is not filled');
    await nodeRed.start();
    return nodeRed;
  }

  /** Until a message has come to each mqtt-in: from then on each subscription is known to exist. */
  async #warmUp(): Promise<void> {
    const deadline = Date.now() + WARM_UP_MS;
    while (!(await this.#reached()) || !this.#observer.isSubscribed) {
      if (Date.now() > deadline) throw new Error(`the flows do not receive:\n${this.#nodeRed?.log.join('\n')}`);
      for (const stream of IN_STREAMS) this.#publish(stream);
      await this.#pause(LOOK_MS);
    }
    for (const stream of CHAOS_STREAMS) this.#first.set(stream, this.#next.get(stream) ?? 0);
  }

  async #reached(): Promise<boolean> {
    const { pages } = readLedger(await readFile(this.#ledger, 'utf8'));
    return IN_STREAMS.every(({ node }) => (pages.get(node)?.received.length ?? 0) > 0);
  }

  #traffic(): NodeJS.Timeout {
    let owing = 0;
    return setInterval(() => {
      owing += (this.#options.rate / CHAOS_STREAMS.length / 1000) * TICK_MS;
      for (; owing >= 1; owing -= 1) {
        for (const stream of OUT_STREAMS) this.#handOver(stream);
        for (const stream of IN_STREAMS) this.#publish(stream);
      }
    }, TICK_MS);
  }

  #handOver(stream: Stream): void {
    const number = this.#next.get(stream) ?? 0;
    if (this.#handIn.give(sourceOf(stream), number, sizeOf(number))) this.#next.set(stream, number + 1);
  }

  #publish(stream: Stream): void {
    const number = this.#next.get(stream) ?? 0;
    this.#observer.publish(stream, number);
    this.#next.set(stream, number + 1);
  }

  async #inflictAll(nodeRed: ChaosNodeRed): Promise<void> {
    const start = Date.now();
    for (const { at, fault } of this.#options.steps) {
      await this.#pause(Math.max(0, start + at - Date.now()));
      this.#inflict(fault, nodeRed);
    }
    await this.#pause(Math.max(0, start + this.#options.minutes * 60_000 - Date.now()));
    await this.#lanes.idle();
  }

  /** What concerns one process or connection happens one after the other; all else at its time. */
  #inflict(fault: Fault, nodeRed: ChaosNodeRed): void {
    switch (fault.kind) {
      case 'cut-bytes':
      case 'cut-step':
      case 'half-open':
      case 'trickle':
        return this.#onWire(fault);
      case 'broker-restart':
      case 'broker-kill':
        return this.#lanes.add('broker', () => this.#doing(fault, () => this.#toBroker(fault)));
      case 'node-red-kill':
      case 'node-red-stop':
      case 'deploy':
      case 'disk-full':
      case 'store-damage':
        if (fault.kind === 'disk-full' && nodeRed.disk === undefined) return;
        return this.#lanes.add('node-red', () => this.#doing(fault, () => this.#toNodeRed(fault, nodeRed)));
    }
  }

  #onWire(fault: WireFault): void {
    const setup = SETUPS[fault.connection];
    const proxy = setup && this.#proxies.get(setup);
    const wire = setup && this.#wires.get(setup);
    if (setup === undefined || proxy === undefined || wire === undefined)
      throw new TypeError(`no connection ${fault.connection}`);
    switch (fault.kind) {
      case 'cut-bytes':
        return proxy.cutAfterBytes(fault.bytes);
      case 'cut-step':
        wire.cuts.arm(fault.step, fault.spot);
        if (OPENING.includes(fault.step.packet)) proxy.cut();
        return;
      case 'half-open':
      case 'trickle':
        return this.#lanes.add(setup.id, () => this.#doing(fault, () => this.#hold(fault, proxy)));
    }
  }

  async #hold(fault: Extract<WireFault, { holdMs: number }>, proxy: FaultProxy): Promise<void> {
    if (fault.kind === 'trickle') proxy.trickle(true);
    else proxy.freeze(fault.towards === 'both' ? undefined : fault.towards);
    await this.#pause(fault.holdMs);
    if (fault.kind === 'half-open' && fault.ending === 'cut') proxy.cut();
    proxy.trickle(false);
    proxy.thaw();
  }

  async #toBroker({ kind, downMs }: BrokerFault): Promise<void> {
    const began = Date.now();
    await this.#broker.end(kind === 'broker-kill' ? 'SIGKILL' : 'SIGTERM');
    const gone = Date.now();
    if (kind === 'broker-kill') this.#forgotten.push({ from: (await this.#broker.savedAt()) ?? began, to: gone });
    await this.#pause(downMs);
    await this.#broker.startAgain();
  }

  async #toNodeRed(fault: NodeRedFault, nodeRed: ChaosNodeRed): Promise<void> {
    switch (fault.kind) {
      case 'node-red-kill':
        await nodeRed.kill();
        await this.#pause(fault.downMs);
        return nodeRed.start();
      case 'node-red-stop':
        await nodeRed.stop();
        await this.#pause(fault.downMs);
        return nodeRed.start();
      case 'deploy':
        return this.#deploy(nodeRed, fault.type);
      case 'disk-full':
        return this.#fillDisk(nodeRed, fault.holdMs);
      case 'store-damage':
        return this.#damageStore(nodeRed, fault);
    }
  }

  async #deploy(nodeRed: ChaosNodeRed, type: DeployType): Promise<void> {
    this.#edition += 1;
    await nodeRed.deploy(this.#flow(), type);
  }

  /** Nothing ends Node-RED before its sessions are on disk again: what it accepted meanwhile would be lost, as is said. */
  async #fillDisk(nodeRed: ChaosNodeRed, holdMs: number): Promise<void> {
    await nodeRed.disk?.fill();
    await this.#pause(holdMs);
    await nodeRed.disk?.free();
    const deadline = Date.now() + DISK_BACK_MS;
    while (nodeRed.told('is on disk again') < nodeRed.told('it is kept in memory until it can')) {
      if (Date.now() > deadline) throw new Error('a session does not come back to its disk');
      await this.#pause(LOOK_MS);
    }
  }

  async #damageStore(nodeRed: ChaosNodeRed, fault: StoreDamage): Promise<void> {
    const { id } = SETUPS[fault.connection] ?? { id: '' };
    const folder = nodeRed.storeOf(id);
    const from = Date.now();
    const before = await logIn(folder);
    await this.#pause(DAMAGED_MS);
    await nodeRed.kill();
    const now = await logIn(folder);
    if (now !== undefined) {
      await damage(now, since(before, now), { ...fault, random: this.#random });
      (this.#damaged[id] ??= []).push({ from, to: Date.now() });
    }
    await nodeRed.start();
  }

  async #doing(fault: Fault, act: () => Promise<void>): Promise<void> {
    const { kind } = fault;
    this.#happened.push(`${Date.now()} begins ${JSON.stringify(fault)}`);
    await act();
    this.#happened.push(`${Date.now()} ends ${kind}`);
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    this.#say(kind);
  }

  /** No more faults, until nothing changes any more. */
  async #calm(nodeRed: ChaosNodeRed): Promise<void> {
    for (const { cuts } of this.#wires.values()) cuts.disarm();
    for (const proxy of this.#proxies.values()) proxy.cutAfterBytes(Number.POSITIVE_INFINITY);
    const deadline = Date.now() + DRAIN_MS;
    let changed = Date.now();
    let before = '';
    while (Date.now() - changed < QUIET_MS || this.#observer.open > 0) {
      if (Date.now() > deadline) return void this.#problems.push(`no rest within ${DRAIN_MS / 1000} s: ${before}`);
      await this.#pause(LOOK_MS);
      const now = await this.#fingerprint();
      if (now !== before) changed = Date.now();
      before = now;
    }
    this.#problems.push(...nodeRed.problems);
  }

  async #fingerprint(): Promise<string> {
    const { size } = await stat(this.#ledger);
    const arrived = OUT_STREAMS.reduce((sum, stream) => sum + this.#observer.arrived(stream).length, 0);
    return `${size} bytes of ledger, ${arrived} arrivals, ${this.#observer.open} open`;
  }

  async #outcome(nodeRed: ChaosNodeRed, ledger: Ledger): Promise<Outcome> {
    const incidents: Incidents = {
      kills: nodeRed.kills,
      ends: nodeRed.ends,
      forgotten: this.#forgotten,
      damaged: this.#damaged,
    };
    const excuses = new Excuses(incidents);
    const verdicts = CHAOS_STREAMS.map((stream) => this.#judge(stream, ledger, excuses));
    for (const [setup, wire] of this.#wires) {
      this.#add('cut', wire.cuts.done + (this.#proxies.get(setup)?.cuts ?? 0));
      this.#add('cut at a step of the protocol', wire.cuts.done);
    }
    this.#add(
      'message',
      verdicts.reduce((sum, { sent }) => sum + sent, 0),
    );
    return {
      verdicts,
      problems: this.#problems,
      counts: this.#counts,
      failures: failuresIn(ledger),
      kept: await this.#kept(verdicts, nodeRed, incidents),
    };
  }

  #judge(stream: Stream, { pages }: Ledger, excuses: Excuses): Verdict {
    const { setup, qos } = stream;
    const wire = this.#wires.get(setup);
    const first = this.#first.get(stream) ?? 0;
    const counted = <T extends Mark>(marks: readonly T[] = []): T[] => marks.filter(({ number }) => number >= first);
    const page = pages.get(stream.node) ?? EMPTY_PAGE;
    const facts = { name: titleOf(stream), connection: setup.id, qos, isKept: setup.session === 'kept', page };
    if (stream.direction === 'out') {
      const arrivals = this.#observer.arrived(stream);
      return judgeOutgoing({ ...facts, arrivals, acknowledged: wire?.acknowledged.of(qos) ?? [] }, excuses);
    }
    const { done, had } = this.#observer.published(stream);
    const incoming = {
      ...facts,
      page: { ...page, received: counted(page.received) },
      published: counted(done),
      had: counted(had),
      taken: counted(wire?.taken.of(qos)),
      open: (wire?.open(qos) ?? []).filter((number) => number >= first),
    };
    return judgeIncoming(incoming, excuses);
  }

  /** @returns where; undefined: nothing was found, and nobody asked for it. */
  async #kept(verdicts: readonly Verdict[], nodeRed: ChaosNodeRed, incidents: Incidents): Promise<string | undefined> {
    const isClean = this.#problems.length === 0 && verdicts.every((verdict) => offencesOf(verdict).length === 0);
    if (isClean && this.#options.keep === undefined) return undefined;
    const folder = this.#options.keep ?? (await mkdtemp(join(tmpdir(), `posthorn-chaos-${this.#options.seed}-`)));
    await mkdir(folder, { recursive: true });
    const marks = CHAOS_STREAMS.map((stream) => ({
      stream: stream.node,
      arrived: this.#observer.arrived(stream),
      published: this.#observer.published(stream),
    }));
    await writeFile(join(folder, 'ledger'), await readFile(this.#ledger));
    await writeFile(join(folder, 'node-red.log'), nodeRed.log.join('\n'));
    await writeFile(join(folder, 'mosquitto.log'), this.#broker.log);
    await writeFile(join(folder, 'happened'), this.#happened.join('\n'));
    await writeFile(join(folder, 'incidents.json'), JSON.stringify(incidents, undefined, 1));
    await writeFile(join(folder, 'observer.json'), JSON.stringify(marks));
    if (this.#trace !== undefined) await copyFile(join(this.#folder, 'trace'), join(folder, 'trace'));
    return folder;
  }

  async #end(): Promise<void> {
    await this.#lanes.idle();
    await this.#nodeRed?.remove();
    this.#observer.close();
    await this.#handIn.close();
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
    await this.#broker.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #flow(): FlowNode[] {
    const portOf = (setup: Setup): number => this.#proxies.get(setup)?.port ?? 0;
    return chaosFlow({ portOf, edition: this.#edition, store: this.#options.store });
  }

  get #ledger(): string {
    return join(this.#folder, 'ledger');
  }

  #add(what: string, count: number): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + count);
  }

  #say(line: string): void {
    this.#options.say(line);
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#options.signal });
  }
}

function failuresIn({ pages }: Ledger): Map<string, number> {
  const failures = new Map<string, number>();
  for (const { failed } of pages.values()) {
    for (const { why } of failed) failures.set(why, (failures.get(why) ?? 0) + 1);
  }
  return failures;
}
