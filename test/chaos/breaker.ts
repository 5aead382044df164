import { createWriteStream, type WriteStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../support/fault-proxy.ts';
import { randomFrom } from '../support/random.ts';
import { RealBroker, type RealBrokerOptions } from '../support/real-broker.ts';
import { Faults } from './faults.ts';
import { chaosFlow, type FlowNode } from './flow.ts';
import { HandIn } from './hand-in.ts';
import { verdictsOn } from './hearing.ts';
import type { Incidents } from './incidents.ts';
import { offencesOf, type Verdict } from './judge.ts';
import { type Ledger, readLedger } from './ledger.ts';
import { failuresIn } from './failures.ts';
import { ChaosNodeRed } from './node-red.ts';
import { Observer } from './observer.ts';
import { changesToSave, type Step } from './plan.ts';
import { IN_STREAMS, OUT_STREAMS, type Setup, SETUPS } from './streams.ts';
import { Traffic } from './traffic.ts';
import { Wire } from './wire.ts';

export interface BreakerOptions {
  readonly mosquitto: string;
  readonly seed: number;
  readonly steps: readonly Step[];
  readonly minutes: number;
  /** Messages a second, over all streams. */
  readonly rate: number;
  /** Of the sessions: `disk`, `fsync`, or `memory`, which breaks promises. */
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

const LOOK_MS = 250;
const WARM_UP_MS = 60_000;
const DRAIN_MS = 120_000;
/** So long nothing more arrives, and nothing is told: all that ever will has. */
const QUIET_MS = 5000;
/** Everything that runs, from its beginning to its end. */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #folder: string;
  readonly #broker: RealBroker;
  readonly #handIn: HandIn;
  readonly #observer: Observer;
  readonly #traffic: Traffic;
  readonly #wires = new Map<Setup, Wire>();
  readonly #proxies = new Map<Setup, FaultProxy>();
  #trace: WriteStream | undefined;
  #nodeRed: ChaosNodeRed | undefined;
  #faults: Faults | undefined;
  #edition = 0;

  private constructor(options: BreakerOptions, folder: string, broker: RealBroker, handIn: HandIn) {
    this.#options = options;
    this.#folder = folder;
    this.#broker = broker;
    this.#handIn = handIn;
    this.#observer = new Observer(broker.port, '+/out/#');
    this.#traffic = new Traffic(handIn, this.#observer);
  }

  /** Starts everything, does what is planned, and ends everything. */
  static async run(options: BreakerOptions): Promise<Outcome> {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-chaos-'));
    const broker = await RealBroker.start(options.mosquitto, brokerOptions(options.seed));
    const breaker = new Breaker(options, folder, broker, await HandIn.listen());
    try {
      return await breaker.#run();
    } finally {
      await breaker.#end();
    }
  }

  async #run(): Promise<Outcome> {
    void this.#observer.run(); // never rejects
    await this.#listen();
    const nodeRed = await this.#install();
    const faults = this.#faultsOn(nodeRed);
    await nodeRed.start();
    await this.#warmUp(nodeRed);
    this.#options.say('the flows receive');
    this.#traffic.start(this.#options.rate);
    await this.#inflictAll(faults);
    this.#traffic.stop();
    this.#options.say('the plan is through');
    const isCalm = await this.#calm(faults);
    return this.#outcome(nodeRed, faults, isCalm ? [] : [`no rest within ${DRAIN_MS / 1000} s`]);
  }

  /** A proxy for each connection, with a wire tap. */
  async #listen(): Promise<void> {
    const trace = this.#options.trace ? createWriteStream(this.#inFolder('trace')) : undefined;
    this.#trace = trace;
    for (const setup of SETUPS) {
      const wire = new Wire(setup, trace && ((line) => trace.write(`${line}\n`)));
      this.#wires.set(setup, wire);
      this.#proxies.set(setup, await FaultProxy.listen(this.#broker.port, wire.connection));
    }
  }

  async #install(): Promise<ChaosNodeRed> {
    const nodeRed = await ChaosNodeRed.install(this.#flow(), this.#handIn, this.#inFolder('ledger'));
    if (nodeRed.disk === undefined) this.#options.say('no disk can be mounted here: it is not filled');
    return (this.#nodeRed = nodeRed);
  }

  #faultsOn(nodeRed: ChaosNodeRed): Faults {
    const targets = {
      broker: this.#broker,
      nodeRed,
      wires: this.#wires,
      proxies: this.#proxies,
      nextFlow: () => this.#nextFlow(),
    };
    const { seed, signal, say } = this.#options;
    return (this.#faults = new Faults(targets, { random: randomFrom(seed), signal, say }));
  }

  /** Until a message has come to each mqtt-in: from then on each subscription is known to exist. */
  async #warmUp(nodeRed: ChaosNodeRed): Promise<void> {
    const deadline = Date.now() + WARM_UP_MS;
    while (!(await this.#reached()) || !this.#observer.isSubscribed) {
      if (Date.now() > deadline) throw new Error(`the flows do not receive:\n${nodeRed.log.join('\n')}`);
      this.#traffic.probe();
      await this.#pause(LOOK_MS);
    }
  }

  async #reached(): Promise<boolean> {
    const { pages } = await this.#ledger();
    return IN_STREAMS.every(({ node }) => (pages.get(node)?.received.length ?? 0) > 0);
  }

  async #inflictAll(faults: Faults): Promise<void> {
    const { steps, minutes } = this.#options;
    const start = Date.now();
    for (const { at, fault } of steps) {
      await this.#pause(Math.max(0, start + at - Date.now()));
      if (fault.kind !== 'disk-full' || this.#nodeRed?.disk !== undefined) faults.inflict(fault);
    }
    await this.#pause(Math.max(0, start + minutes * 60_000 - Date.now()));
    await faults.through();
  }

  /** No more faults, until nothing changes any more. @returns whether it came to that. */
  async #calm(faults: Faults): Promise<boolean> {
    faults.disarm();
    const deadline = Date.now() + DRAIN_MS;
    let changed = Date.now();
    let before = '';
    while (Date.now() - changed < QUIET_MS || this.#observer.open > 0) {
      if (Date.now() > deadline) return false;
      await this.#pause(LOOK_MS);
      const now = await this.#fingerprint();
      if (now !== before) changed = Date.now();
      before = now;
    }
    return true;
  }

  async #fingerprint(): Promise<string> {
    const { size } = await stat(this.#inFolder('ledger'));
    const arrived = OUT_STREAMS.reduce((sum, stream) => sum + this.#observer.arrived(stream).length, 0);
    return `${size} ${arrived} ${this.#observer.open}`;
  }

  async #outcome(nodeRed: ChaosNodeRed, faults: Faults, restless: readonly string[]): Promise<Outcome> {
    const ledger = await this.#ledger();
    const { kills, ends } = nodeRed;
    const incidents = { kills, ends, forgotten: faults.forgotten, damaged: faults.damaged, dials: this.#dials };
    const firstOf = this.#traffic.firstOf.bind(this.#traffic);
    const verdicts = verdictsOn({ ledger, observer: this.#observer, wires: this.#wires, firstOf }, incidents);
    const problems = [...faults.problems, ...nodeRed.problems, ...restless];
    const isClean = problems.length === 0 && verdicts.every((verdict) => offencesOf(verdict).length === 0);
    return {
      verdicts,
      problems,
      counts: this.#counted(faults, verdicts),
      failures: failuresIn(ledger),
      kept: isClean && this.#options.keep === undefined ? undefined : await this.#keep(nodeRed, faults, incidents),
    };
  }

  #counted(faults: Faults, verdicts: readonly Verdict[]): Map<string, number> {
    const atSteps = [...this.#wires.values()].reduce((sum, { cuts }) => sum + cuts.done, 0);
    const others = [...this.#proxies.values()].reduce((sum, { cuts }) => sum + cuts, 0);
    return new Map([
      ...faults.counts,
      ['cut', atSteps + others],
      ['cut at a step of the protocol', atSteps],
      ['message', verdicts.reduce((sum, { sent }) => sum + sent, 0)],
    ]);
  }

  /** Writes down all that is known. @returns where */
  async #keep(nodeRed: ChaosNodeRed, faults: Faults, incidents: Incidents): Promise<string> {
    const { keep, seed } = this.#options;
    const folder = keep ?? (await mkdtemp(join(tmpdir(), `posthorn-chaos-${seed}-`)));
    await mkdir(folder, { recursive: true });
    await copyFile(this.#inFolder('ledger'), join(folder, 'ledger'));
    if (this.#trace !== undefined) await finished(this.#trace.end());
    if (this.#trace !== undefined) await copyFile(this.#inFolder('trace'), join(folder, 'trace'));
    await writeDown(folder, {
      'node-red.log': nodeRed.log.join('\n'),
      'mosquitto.log': this.#broker.log,
      happened: faults.happened.join('\n'),
      'incidents.json': JSON.stringify(incidents, undefined, 1),
      'observer.json': JSON.stringify(this.#observer.seen),
    });
    return folder;
  }

  async #end(): Promise<void> {
    this.#traffic.stop();
    await this.#faults?.through();
    await this.#nodeRed?.remove();
    this.#observer.close();
    await this.#handIn.close();
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
    await this.#broker.stop();
    this.#trace?.end();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #nextFlow(): FlowNode[] {
    this.#edition += 1;
    return this.#flow();
  }

  #flow(): FlowNode[] {
    const portOf = (setup: Setup): number => this.#proxies.get(setup)?.port ?? 0;
    return chaosFlow({ portOf, edition: this.#edition, store: this.#options.store });
  }

  get #dials(): Record<string, readonly number[]> {
    return Object.fromEntries([...this.#wires].map(([{ id }, { dials }]) => [id, dials]));
  }

  async #ledger(): Promise<Ledger> {
    return readLedger(await readFile(this.#inFolder('ledger'), 'utf8'));
  }

  #inFolder(name: string): string {
    return join(this.#folder, name);
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#options.signal });
  }
}

function brokerOptions(seed: number): RealBrokerOptions {
  return {
    persistence: true,
    // With its 20 it hangs up on 3.1.1 when ids that it takes for open, behind a kill, add up: docs/reliability.md.
    maxInflightMessages: 1000,
    lines: ['autosave_on_changes true', `autosave_interval ${changesToSave(seed)}`],
  };
}

async function writeDown(folder: string, texts: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
}
