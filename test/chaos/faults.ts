import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from '../support/fault-proxy.ts';
import type { Random } from '../support/random.ts';
import type { RealBroker } from '../support/real-broker.ts';
import type { FlowNode } from './flow.ts';
import { LATE_MS, type Span } from './incidents.ts';
import { Lanes } from './lanes.ts';
import type { ChaosNodeRed } from './node-red.ts';
import type { BrokerFault, DeployType, Fault, NodeRedFault, Silence, StoreDamage, WireFault } from './plan.ts';
import { OPENING } from './steps.ts';
import { damage, logIn, since } from './store-damage.ts';
import { type Setup, SETUPS } from './streams.ts';
import type { Wire } from './wire.ts';

type ProcessEnd = Extract<NodeRedFault, { kind: 'node-red-kill' | 'node-red-stop' }>;

/** What faults are done to. */
export interface Targets {
  readonly broker: RealBroker;
  readonly nodeRed: ChaosNodeRed;
  readonly wires: ReadonlyMap<Setup, Wire>;
  readonly proxies: ReadonlyMap<Setup, FaultProxy>;
  /** The flows in another edition. */
  readonly nextFlow: () => FlowNode[];
}

export interface FaultsOptions {
  readonly random: Random;
  /** Ends every wait. */
  readonly signal: AbortSignal;
  /** Told what has happened. */
  readonly say: (line: string) => void;
}

const LOOK_MS = 250;
const DISK_BACK_MS = 60_000;
/** Of writing before a store is damaged: only that is. */
const DAMAGED_MS = 1000;

/** Does what the plan says, and writes down when. */
export class Faults {
  /** How often each kind has happened, but those that wait for a byte or a packet. */
  readonly counts = new Map<string, number>();
  /** With the time of each line. */
  readonly happened: string[] = [];
  /** What could not be done. */
  readonly problems: string[] = [];
  /** As {@link Incidents} has them. */
  readonly forgotten: Span[] = [];
  readonly damaged: Record<string, Span[]> = {};
  readonly #targets: Targets;
  readonly #options: FaultsOptions;
  readonly #lanes = new Lanes((error) => void this.problems.push(textOf(error)));

  constructor(targets: Targets, options: FaultsOptions) {
    this.#targets = targets;
    this.#options = options;
  }

  /** What concerns one process or connection happens one after the other; all else at its time. */
  inflict(fault: Fault): void {
    switch (fault.kind) {
      case 'cut-bytes':
      case 'cut-step':
      case 'half-open':
      case 'trickle':
        return this.#onWire(fault);
      case 'broker-restart':
      case 'broker-kill':
        return this.#inLane('broker', fault, () => this.#toBroker(fault));
      case 'node-red-kill':
      case 'node-red-stop':
      case 'deploy':
      case 'disk-full':
      case 'store-damage':
        return this.#inLane('node-red', fault, () => this.#toNodeRed(fault));
    }
  }

  /** Resolves when all that was begun is through. */
  async through(): Promise<void> {
    await this.#lanes.idle();
  }

  /** What waits for a byte or a packet happens no more. */
  disarm(): void {
    for (const { cuts } of this.#targets.wires.values()) cuts.disarm();
    for (const proxy of this.#targets.proxies.values()) proxy.cutAfterBytes(Number.POSITIVE_INFINITY);
  }

  #inLane(lane: string, fault: Fault, act: () => Promise<void>): void {
    const { kind } = fault;
    this.#lanes.add(lane, async () => {
      this.#note(`begins ${JSON.stringify(fault)}`);
      await act();
      this.#note(`ends ${kind}`);
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      this.#options.say(kind);
    });
  }

  #onWire(fault: WireFault): void {
    const setup = SETUPS[fault.connection];
    const proxy = setup && this.#targets.proxies.get(setup);
    const wire = setup && this.#targets.wires.get(setup);
    if (setup === undefined || proxy === undefined || wire === undefined) {
      throw new TypeError(`no connection ${fault.connection}`);
    }
    switch (fault.kind) {
      case 'cut-bytes':
        this.#note(`armed ${JSON.stringify(fault)}`);
        return proxy.cutAfterBytes(fault.bytes);
      case 'cut-step':
        this.#note(`armed ${JSON.stringify(fault)}`);
        wire.cuts.arm(fault.step, fault.spot);
        if (OPENING.includes(fault.step.packet)) proxy.cut();
        return;
      case 'half-open':
      case 'trickle':
        return this.#inLane(setup.id, fault, () => this.#hold(fault, proxy));
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
    const { broker } = this.#targets;
    const began = Date.now();
    await broker.end(kind === 'broker-kill' ? 'SIGKILL' : 'SIGTERM');
    const to = Date.now();
    if (kind === 'broker-kill') this.forgotten.push({ from: (await broker.savedAt()) ?? began, to });
    // All that it had sent is read before another one speaks.
    await this.#pause(Math.max(downMs, 2 * LATE_MS));
    await broker.startAgain();
  }

  async #toNodeRed(fault: NodeRedFault): Promise<void> {
    switch (fault.kind) {
      case 'node-red-kill':
      case 'node-red-stop':
        return this.#startAgain(fault);
      case 'deploy':
        return this.#deploy(fault.type);
      case 'disk-full':
        return this.#fillDisk(fault.holdMs);
      case 'store-damage':
        return this.#damageStore(fault);
    }
  }

  async #startAgain({ kind, downMs, silence }: ProcessEnd): Promise<void> {
    const { nodeRed } = this.#targets;
    await this.#silenced(silence, () => (kind === 'node-red-kill' ? nodeRed.kill() : nodeRed.stop()));
    await this.#pause(downMs);
    await nodeRed.start();
  }

  /** What is on its way, and what waits, when the process ends. */
  async #silenced({ towards, ms }: Silence, end: () => Promise<void>): Promise<void> {
    const proxies = ms === 0 ? [] : [...this.#targets.proxies.values()];
    for (const proxy of proxies) proxy.freeze(towards === 'both' ? undefined : towards);
    await this.#pause(ms);
    await end();
    for (const proxy of proxies) proxy.thaw();
  }

  async #deploy(type: DeployType): Promise<void> {
    await this.#targets.nodeRed.deploy(this.#targets.nextFlow(), type);
  }

  /** Nothing ends Node-RED before its sessions are on disk again: what it accepted meanwhile would be lost, as is said. */
  async #fillDisk(holdMs: number): Promise<void> {
    const { nodeRed } = this.#targets;
    await nodeRed.disk?.fill();
    await this.#pause(holdMs);
    await nodeRed.disk?.free();
    const deadline = Date.now() + DISK_BACK_MS;
    while (nodeRed.told('is on disk again') < nodeRed.told('it is kept in memory until it can')) {
      if (Date.now() > deadline) throw new Error('a session does not come back to its disk');
      await this.#pause(LOOK_MS);
    }
  }

  async #damageStore(fault: StoreDamage): Promise<void> {
    const { nodeRed } = this.#targets;
    const { id } = SETUPS[fault.connection] ?? { id: '' };
    const from = Date.now();
    const before = await logIn(nodeRed.storeOf(id));
    await this.#pause(DAMAGED_MS);
    await this.#silenced(fault.silence, () => nodeRed.kill());
    const now = await logIn(nodeRed.storeOf(id));
    if (now !== undefined) {
      await damage(now, since(before, now), { ...fault, random: this.#options.random });
      (this.damaged[id] ??= []).push({ from, to: Date.now() });
    }
    await nodeRed.start();
  }

  #note(line: string): void {
    this.happened.push(`${Date.now()} ${line}`);
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#options.signal });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
