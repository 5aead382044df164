import type { Side } from '../support/fault-link.ts';
import { type Random, randomFrom, wholeNumber } from '../support/random.ts';
import { PROTOCOL_STEPS, type ProtocolStep, type Spot, SPOTS } from './steps.ts';

export type DeployType = 'nodes' | 'flows' | 'full';

/** What is done to one connection; `connection` is an index of SETUPS. Times are in milliseconds, here and below. */
export type WireFault =
  | { readonly kind: 'cut-bytes'; readonly connection: number; readonly bytes: number }
  | { readonly kind: 'cut-step'; readonly connection: number; readonly step: ProtocolStep; readonly spot: Spot }
  | {
      readonly kind: 'half-open';
      readonly connection: number;
      /** Nothing comes there any more. */
      readonly towards: Side | 'both';
      readonly holdMs: number;
      readonly ending: 'thaw' | 'cut';
    }
  | { readonly kind: 'trickle'; readonly connection: number; readonly holdMs: number };

export interface BrokerFault {
  readonly kind: 'broker-restart' | 'broker-kill';
  readonly downMs: number;
}

/** What a process that ends has not got rid of: before, on all connections nothing comes to one side, or to both. */
export interface Silence {
  readonly towards: Side | 'both';
  /** 0: there is none. */
  readonly ms: number;
}

/** Node-RED is killed, and the end of what it wrote to the store of a connection is cut off or made garbage. */
export interface StoreDamage {
  readonly kind: 'store-damage';
  readonly connection: number;
  readonly manner: 'truncate' | 'garbage';
  /** How much of what it wrote there in its last seconds, from 0 to 1. */
  readonly share: number;
  readonly silence: Silence;
}

export type NodeRedFault =
  | { readonly kind: 'node-red-kill' | 'node-red-stop'; readonly downMs: number; readonly silence: Silence }
  | { readonly kind: 'deploy'; readonly type: DeployType }
  | { readonly kind: 'disk-full'; readonly holdMs: number }
  | StoreDamage;

export type Fault = WireFault | BrokerFault | NodeRedFault;

export type FaultKind = Fault['kind'];

export interface Step {
  /** Milliseconds since the beginning. */
  readonly at: number;
  readonly fault: Fault;
}

/** How often a minute, on average. */
const PER_MINUTE: Readonly<Record<FaultKind, number>> = {
  'cut-bytes': 6,
  'cut-step': 6,
  'half-open': 1.5,
  trickle: 1,
  'broker-restart': 1.2,
  'broker-kill': 1.2,
  'node-red-kill': 1.2,
  'node-red-stop': 1.2,
  deploy: 2,
  'disk-full': 0.15,
  'store-damage': 0.3,
};

const CONNECTIONS = 4;
const DEPLOYS: readonly DeployType[] = ['nodes', 'flows', 'full'];
const SIDES = ['both', 'client', 'server'] as const;
const MINUTE = 60_000;

/** After how many changes mosquitto writes down what it has: a kill takes from it what came since. */
export function changesToSave(seed: number): number {
  return [20, 100, 500][Math.abs(seed) % 3] ?? 20;
}

/** What happens in a run: the same for the same seed and length, and for each kind at least once. */
export function plan(seed: number, minutes: number, spared: ReadonlySet<FaultKind> = new Set()): Step[] {
  const random = randomFrom(seed);
  const kinds = (Object.keys(PER_MINUTE) as FaultKind[]).flatMap((kind) =>
    Array<FaultKind>(Math.max(1, Math.round(PER_MINUTE[kind] * minutes))).fill(kind),
  );
  const draws = new Draws(random);
  return kinds
    .map((kind) => ({ at: Math.floor(random() * minutes * MINUTE), fault: draws.fault(kind) }))
    .filter(({ fault }) => !spared.has(fault.kind))
    .sort((one, other) => one.at - other.at);
}

/** The details of faults. Steps of the protocol and deploys go round, so that each has its turn. */
class Draws {
  readonly #random: Random;
  readonly #steps: readonly { readonly step: ProtocolStep; readonly spot: Spot }[];
  #nextStep = 0;
  #nextDeploy = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#steps = PROTOCOL_STEPS.flatMap((step) => SPOTS.map((spot) => ({ step, spot, order: random() })))
      .sort((one, other) => one.order - other.order)
      .map(({ step, spot }) => ({ step, spot }));
  }

  fault(kind: FaultKind): Fault {
    const connection = this.#whole(0, CONNECTIONS - 1);
    switch (kind) {
      case 'cut-bytes':
        return { kind, connection, bytes: this.#whole(1, 6000) };
      case 'cut-step':
        return { kind, connection, ...this.#turn() };
      case 'half-open':
        return {
          kind,
          connection,
          towards: this.#pick(SIDES),
          holdMs: this.#whole(100, 12_000),
          ending: this.#pick(['thaw', 'cut'] as const),
        };
      case 'trickle':
        return { kind, connection, holdMs: this.#whole(200, 3000) };
      case 'broker-restart':
      case 'broker-kill':
        return { kind, downMs: this.#downMs() };
      case 'node-red-kill':
      case 'node-red-stop':
        return { kind, downMs: this.#downMs(), silence: this.#silence() };
      case 'deploy':
        this.#nextDeploy += 1;
        return { kind, type: DEPLOYS[this.#nextDeploy % DEPLOYS.length] ?? 'full' };
      case 'disk-full':
        return { kind, holdMs: this.#whole(1000, 8000) };
      case 'store-damage':
        return {
          kind,
          connection,
          manner: this.#pick(['truncate', 'garbage'] as const),
          share: this.#random(),
          silence: this.#silence(),
        };
    }
  }

  #downMs(): number {
    return this.#whole(0, 3) === 0 ? this.#whole(500, 3000) : this.#whole(0, 200);
  }

  #silence(): Silence {
    const towards = this.#pick(SIDES);
    return { towards, ms: this.#whole(0, 2) === 0 ? 0 : this.#whole(150, 3000) };
  }

  #turn(): { readonly step: ProtocolStep; readonly spot: Spot } {
    const turn = this.#steps[this.#nextStep % this.#steps.length];
    this.#nextStep += 1;
    if (turn === undefined) throw new TypeError('the protocol has steps');
    return turn;
  }

  #whole(least: number, most: number): number {
    return wholeNumber(this.#random, least, most);
  }

  #pick<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.#random() * choices.length)];
    if (choice === undefined) throw new TypeError('nothing to choose from');
    return choice;
  }
}
