import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/index.ts';
import { type Random, randomFrom, wholeNumber } from '../support/random.ts';
import { RealBroker } from '../support/real-broker.ts';
import { NodeRedUnderTest } from './node-red.ts';

/** A stream of messages whose receiver acknowledges behind its work. */
export interface Stream {
  readonly version: 4 | 5;
  readonly qos: 1 | 2;
}

/** What became of a stream. */
export interface Worked extends Stream {
  readonly published: number;
  /** Messages whose work was never done, though nothing else is left to come: acknowledged without it. */
  readonly missing: number;
  /** Messages whose work was done more than once: it was killed behind it, before the acknowledgement. */
  readonly again: number;
}

export interface WorksOptions {
  readonly mosquitto: string;
  readonly kills: number;
  /** Of all streams. */
  readonly messages: number;
  /** Milliseconds that a flow works on a message at most. */
  readonly workMs: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

const STREAMS: readonly Stream[] = [
  { version: 4, qos: 1 },
  { version: 4, qos: 2 },
  { version: 5, qos: 1 },
  { version: 5, qos: 2 },
];

/** Messages of a stream that the publisher gives at once. */
const BATCH = 20;

/** Milliseconds without a work behind which nothing is left to come. */
const QUIET = 4000;

/**
 * Messages cross mosquitto to flows that write each down and then acknowledge it, while the process of Node-RED is killed:
 * what was acknowledged was done.
 */
export class Works {
  readonly #options: WorksOptions;
  readonly #random: Random;
  readonly #broker: RealBroker;
  readonly #publisher: Client;
  readonly #folder: string;
  #nodeRed: NodeRedUnderTest;

  static async run(options: WorksOptions): Promise<Worked[]> {
    const broker = await RealBroker.start(options.mosquitto);
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-works-'));
    const nodeRed = await NodeRedUnderTest.start();
    const works = new Works(options, broker, folder, nodeRed);
    try {
      return await works.#run();
    } finally {
      await works.#end();
    }
  }

  private constructor(options: WorksOptions, broker: RealBroker, folder: string, nodeRed: NodeRedUnderTest) {
    this.#options = options;
    this.#random = randomFrom(options.seed);
    this.#broker = broker;
    this.#folder = folder;
    this.#nodeRed = nodeRed;
    this.#publisher = new Client({ server: broker.url, clientId: 'publisher' });
  }

  async #run(): Promise<Worked[]> {
    await this.#nodeRed.deploy(this.#flows(), 'full');
    // The sessions have to exist before anything is published for them.
    await sleep(1000);
    this.#publisher.connect();
    const publishing = this.#publish();
    for (let kills = 0; kills < this.#options.kills; kills++) {
      await sleep(wholeNumber(this.#random, 300, 2500));
      await this.#nodeRed.kill();
      this.#options.say(`kill ${kills + 1}`);
      this.#nodeRed = await this.#nodeRed.startAgain();
    }
    await publishing;
    await this.#calm();
    return Promise.all(STREAMS.map((stream) => this.#worked(stream)));
  }

  async #end(): Promise<void> {
    await this.#publisher.close();
    await this.#nodeRed.stop();
    await this.#broker.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #each(): number {
    return Math.floor(this.#options.messages / STREAMS.length);
  }

  /** As fast as the broker takes them, but over all the kills. */
  async #publish(): Promise<void> {
    const pause = (this.#options.kills * 2000) / Math.max(1, this.#each / BATCH);
    for (let number = 0; number < this.#each; number += BATCH) {
      await Promise.all(STREAMS.map((stream) => this.#batch(stream, number)));
      await sleep(pause);
    }
  }

  async #batch(stream: Stream, from: number): Promise<void> {
    const count = Math.min(BATCH, this.#each - from);
    await Promise.all(
      Array.from({ length: count }, (_, offset) => this.#give(topicOf(stream), stream.qos, String(from + offset))),
    );
  }

  #give(topic: string, qos: 1 | 2, payload: string): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#publisher.publish({ topic, payload, qos }, (error) => (error ? reject(error) : resolve())),
    );
  }

  async #calm(): Promise<void> {
    for (let before = -1, now = await this.#lines(); before !== now; now = await this.#lines()) {
      before = now;
      await sleep(QUIET);
    }
  }

  async #lines(): Promise<number> {
    const all = await Promise.all(STREAMS.map((stream) => this.#done(stream)));
    return all.reduce((sum, { length }) => sum + length, 0);
  }

  async #done(stream: Stream): Promise<string[]> {
    const text = await readFile(this.#fileOf(stream), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  async #worked(stream: Stream): Promise<Worked> {
    const done = await this.#done(stream);
    const different = new Set(done);
    const all = Array.from({ length: this.#each }, (_, number) => String(number));
    const missing = all.filter((number) => !different.has(number)).length;
    return { ...stream, published: this.#each, missing, again: done.length - different.size };
  }

  #fileOf(stream: Stream): string {
    return join(this.#folder, topicOf(stream).replaceAll('/', '-'));
  }

  #flows(): object[] {
    return [{ id: 'tab', type: 'tab', label: 'tab' }, ...STREAMS.flatMap((stream) => this.#flowOf(stream))];
  }

  #flowOf(stream: Stream): object[] {
    const { version, qos } = stream;
    const id = `${version}${qos}`;
    const place = { z: 'tab', x: 0, y: 0 };
    return [
      {
        id: `c${id}`,
        type: 'mqtt-connection',
        broker: '127.0.0.1',
        port: this.#broker.port,
        clientid: `works-${id}`,
        protocolVersion: String(version),
        cleansession: false,
        sessionExpiry: 3600,
        // Half of the sessions are on disk.
        sessionStore: qos === 2 ? 'disk' : 'memory',
      },
      {
        ...place,
        id: `in${id}`,
        type: 'mqtt-in',
        broker: `c${id}`,
        topic: topicOf(stream),
        qos: String(qos),
        datatype: 'utf8',
        acknowledge: 'flow',
        atOnce: '20',
        wires: [[`work${id}`]],
      },
      {
        ...place,
        id: `work${id}`,
        type: 'reliability-worker',
        file: this.#fileOf(stream),
        ms: this.#options.workMs,
        wires: [[`ack${id}`]],
      },
      { ...place, id: `ack${id}`, type: 'mqtt-ack', reasonCode: '', wires: [[]] },
    ];
  }
}

function topicOf({ version, qos }: Stream): string {
  return `works/${version}/${qos}`;
}
