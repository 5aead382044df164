import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../support/fault-proxy.ts';
import { randomFrom, type Random, wholeNumber } from '../support/random.ts';
import { RealBroker } from '../support/real-broker.ts';
import { type Fault, type FaultCounts, shuffled } from './faults.ts';
import { flowUnderTest } from './flow.ts';
import { type Entry, incoming, outgoing } from './ledger.ts';
import { type DeployType, type Given, type HostReport, NodeRedUnderTest } from './node-red.ts';
import { Observer } from './observer.ts';
import { filterOf, type Place, type Setup, SETUPS, sinkOf, type Stream, STREAMS } from './streams.ts';
import { WireTap } from './wire-tap.ts';

export interface LongRunOptions {
  readonly mosquitto: string;
  readonly counts: FaultCounts;
  /** Messages a second, per connection and direction: half of them at QoS 1, half at QoS 2. */
  readonly rate: number;
  /** Milliseconds between two faults. */
  readonly everyMs: number;
  readonly seed: number;
  /** Where the built package lies. Default: this checkout. */
  readonly packageFolder?: string | undefined;
  /** Told what happens. */
  readonly say?: (line: string) => void;
}

const DEPLOYS: readonly DeployType[] = ['nodes', 'flows', 'full'];
const LONGEST_STOP_MS = 1500;
const LONGEST_PACKETS = 2000;
const WARM_UP_MS = 30_000;
const DRAIN_MS = 45_000;
/** So long nothing more arrives, and nothing is told: all that ever will has. */
const QUIET_MS = 2500;
const LOOK_MS = 250;
const OUT = STREAMS.filter(({ direction }) => direction === 'out');
const IN = STREAMS.filter(({ direction }) => direction === 'in');

/** Messages in both directions through mosquitto while connections are cut, the broker restarts and flows are deployed. */
export class LongRun {
  readonly #options: LongRunOptions;
  readonly #random: Random;
  readonly #broker: RealBroker;
  readonly #observer: Observer;
  readonly #nodeRed: NodeRedUnderTest;
  readonly #taps = new Map<Setup, WireTap>();
  readonly #proxies = new Map<Setup, FaultProxy>();
  #publishing: NodeJS.Timeout | undefined;
  #edition = 0;
  #firstCounted = 0;

  private constructor(options: LongRunOptions, broker: RealBroker, nodeRed: NodeRedUnderTest) {
    this.#options = options;
    this.#random = randomFrom(options.seed);
    this.#broker = broker;
    this.#nodeRed = nodeRed;
    this.#observer = new Observer(broker.url);
  }

  /** Starts everything, lets it run and ends it. @returns an entry per stream and place. */
  static async run(options: LongRunOptions): Promise<Entry[]> {
    const broker = await RealBroker.start(options.mosquitto, { persistence: true });
    const nodeRed = await NodeRedUnderTest.start(options.packageFolder);
    const run = new LongRun(options, broker, nodeRed);
    try {
      return await run.#run();
    } finally {
      await run.#end();
    }
  }

  async #run(): Promise<Entry[]> {
    await this.#start();
    await this.#traffic(true);
    for (const fault of shuffled(this.#options.counts, this.#random)) {
      await sleep(this.#options.everyMs * (0.5 + this.#random()));
      await this.#inflict(fault);
    }
    await sleep(this.#options.everyMs);
    await this.#traffic(false);
    return this.#entries(await this.#drained());
  }

  async #start(): Promise<void> {
    await this.#observer.watch(OUT);
    for (const setup of SETUPS) {
      const tap = new WireTap(setup);
      this.#taps.set(setup, tap);
      this.#proxies.set(setup, await FaultProxy.listen(this.#broker.port, tap.connection));
    }
    await this.#deploy('full');
    await this.#warmUp();
  }

  /** Until a message has come to every place: from then on each subscription is known to exist. */
  async #warmUp(): Promise<void> {
    const deadline = Date.now() + WARM_UP_MS;
    while (!reachedEverywhere(await this.#nodeRed.report())) {
      if (Date.now() > deadline) throw new Error(`the flows do not receive: ${this.#nodeRed.log}`);
      for (const stream of IN) this.#observer.publish(stream);
      await sleep(LOOK_MS);
    }
    this.#firstCounted = this.#observer.nextNumber;
  }

  async #traffic(on: boolean): Promise<void> {
    const everyMs = 2000 / this.#options.rate; // two streams share the rate of a connection and direction
    clearInterval(this.#publishing);
    if (on) this.#publishing = setInterval(() => IN.forEach((stream) => this.#observer.publish(stream)), everyMs);
    const nodes = OUT.map(({ node }) => node);
    await this.#nodeRed.generate(nodes, on ? everyMs : 0);
  }

  async #inflict(fault: Fault): Promise<void> {
    this.#options.say?.(fault);
    switch (fault) {
      case 'cut':
        for (const proxy of this.#proxies.values()) proxy.cutAfterBytes(wholeNumber(this.#random, 1, LONGEST_PACKETS));
        return;
      case 'restart':
        return this.#broker.restart();
      case 'deploy':
        return this.#deploy(DEPLOYS[this.#edition % DEPLOYS.length] ?? 'full');
      case 'stop':
        return this.#nodeRed.restartFlows(wholeNumber(this.#random, 1, LONGEST_STOP_MS));
    }
  }

  async #deploy(type: DeployType): Promise<void> {
    this.#edition += 1;
    const port = (setup: Setup): number => this.#proxies.get(setup)?.port ?? 0;
    await this.#nodeRed.deploy(flowUnderTest(port, this.#edition), type);
  }

  /** What has become of all, when nothing changes any more. */
  async #drained(): Promise<HostReport> {
    const deadline = Date.now() + DRAIN_MS;
    let changed = Date.now();
    let report = await this.#nodeRed.report();
    let before = this.#fingerprint(report);
    while (Date.now() < deadline && (Date.now() - changed < QUIET_MS || this.#observer.open > 0)) {
      await sleep(LOOK_MS);
      report = await this.#nodeRed.report();
      const now = this.#fingerprint(report);
      if (now !== before) changed = Date.now();
      before = now;
    }
    return report;
  }

  #fingerprint(report: HostReport): string {
    const arrivals = Object.values(report.arrivals).reduce((sum, { length }) => sum + length, 0);
    const told = Object.values(report.given).reduce((sum, { done, failed }) => sum + done.length + failed.length, 0);
    const observed = OUT.reduce((sum, stream) => sum + this.#observer.arrived(stream).length, 0);
    return `${arrivals} ${told} ${observed}`;
  }

  #entries(report: HostReport): Entry[] {
    return [
      ...OUT.map((stream) => this.#outgoing(stream, report)),
      ...IN.flatMap((stream) => (['node', 'wider'] as const).map((place) => this.#incoming(stream, place, report))),
    ];
  }

  #outgoing(stream: Stream, { given }: HostReport): Entry {
    const nothing: Given = { accepted: 0, done: [], failed: [] };
    return outgoing(nameOf(stream), isExact(stream), given[stream.node] ?? nothing, this.#observer.arrived(stream));
  }

  #incoming(stream: Stream, place: Place, report: HostReport): Entry {
    const counts = (number: number): boolean => number >= this.#firstCounted;
    const sent = this.#observer.published(stream).filter(counts);
    const taken = this.#taps.get(stream.setup)?.owed(stream.topic, filterOf(stream, place)) ?? new Set();
    // A kept session was there all the time: all that the broker took over from the publisher must arrive.
    const owed = stream.setup.session === 'kept' ? sent : [...taken].filter(counts);
    const arrivals = arrivalsAt(stream, place, report).filter(counts);
    return incoming(`${nameOf(stream)}, ${place}`, isExact(stream), sent, new Set(owed), arrivals);
  }

  async #end(): Promise<void> {
    clearInterval(this.#publishing);
    await this.#nodeRed.stop();
    await this.#observer.close();
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
    await this.#broker.stop();
  }
}

function reachedEverywhere(report: HostReport): boolean {
  return IN.every((stream) =>
    (['node', 'wider'] as const).every((place) => arrivalsAt(stream, place, report).length > 0),
  );
}

function arrivalsAt(stream: Stream, place: Place, { arrivals }: HostReport): readonly number[] {
  return arrivals[`${stream.topic} ${sinkOf(stream, place)}`] ?? [];
}

function isExact({ setup, qos }: Stream): boolean {
  return setup.session === 'kept' && qos === 2;
}

function nameOf({ setup, direction, qos }: Stream): string {
  return `${setup.version === 4 ? '3.1.1' : '5'} ${setup.session} ${direction} QoS ${qos}`;
}
