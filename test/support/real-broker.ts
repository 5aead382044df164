import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { writeConfiguration } from './real-broker-config.ts';
import type { RealBrokerOptions, RealBrokerPorts } from './real-broker-config.ts';
import { onFreePorts, ServerProcess } from './server-process.ts';

export type { RealBrokerOptions } from './real-broker-config.ts';

/** A mosquitto process on 127.0.0.1 with a folder of its own for configuration and data. */
export class RealBroker {
  readonly #folder: string;
  readonly #ports: RealBrokerPorts;
  readonly #process: ServerProcess;

  private constructor(program: string, folder: string, ports: RealBrokerPorts) {
    this.#folder = folder;
    this.#ports = ports;
    this.#process = new ServerProcess({
      name: 'mosquitto',
      program,
      args: ['-c', join(folder, 'mosquitto.conf')],
      ports: [ports.mqtt, ports.webSocket].filter((port) => port !== undefined),
    });
  }

  /**
   * Starts mosquitto; it accepts connections when the promise settles.
   *
   * @param program its path, from `optionalTool('mosquitto')`.
   * @throws Error with mosquitto's own words where it does not start.
   */
  static async start(program: string, options: RealBrokerOptions = {}): Promise<RealBroker> {
    return onFreePorts(
      () => RealBroker.#prepare(program, options),
      (broker) => broker.#process.start(),
    );
  }

  static async #prepare(program: string, options: RealBrokerOptions): Promise<RealBroker> {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-mosquitto-'));
    const webSocket = options.webSocket === true ? await freePort() : undefined;
    const ports = { mqtt: await freePort(), webSocket };
    await writeConfiguration(folder, ports, options);
    return new RealBroker(program, folder, ports);
  }

  get port(): number {
    return this.#ports.mqtt;
  }

  /** The address for a client, such as `mqtt://127.0.0.1:40123`. */
  get url(): string {
    return `mqtt://127.0.0.1:${this.#ports.mqtt}`;
  }

  /** The address for MQTT over WebSocket, where the options asked for it. */
  get webSocketUrl(): string | undefined {
    return this.#ports.webSocket === undefined ? undefined : `ws://127.0.0.1:${this.#ports.webSocket}`;
  }

  /** What mosquitto has written so far. */
  get log(): string {
    return this.#process.log;
  }

  /** The process id while it runs. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Stops it by SIGTERM, so that it writes down what is to be kept, and starts it again on the same port. */
  async restart(): Promise<void> {
    await this.end('SIGTERM');
    await this.startAgain();
  }

  /** Kills it by SIGKILL, so that it writes nothing, and starts it again on the same port. */
  async crash(): Promise<void> {
    await this.end('SIGKILL');
    await this.startAgain();
  }

  /** Ends its process, until {@link startAgain}. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#process.end(signal);
  }

  /** On the same port, with what it had written down. */
  async startAgain(): Promise<void> {
    await this.#process.start();
  }

  /** When it last wrote down what is to be kept, in milliseconds since 1970; undefined: never. */
  async savedAt(): Promise<number | undefined> {
    return stat(join(this.#folder, 'mosquitto.db')).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined, // there is no such file yet
    );
  }

  /** Stops it and removes its folder. Stopping twice is harmless. */
  async stop(): Promise<void> {
    await this.#process.end('SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }
}
