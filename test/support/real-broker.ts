import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE_MS, within } from './events.ts';
import { accepts, freePort } from './ports.ts';
import { writeConfiguration } from './real-broker-config.ts';
import type { RealBrokerOptions, RealBrokerPorts } from './real-broker-config.ts';

export type { RealBrokerOptions } from './real-broker-config.ts';

const ATTEMPTS = 5;

/** A mosquitto process on 127.0.0.1 with a folder of its own for configuration and data. */
export class RealBroker {
  readonly #program: string;
  readonly #folder: string;
  readonly #ports: RealBrokerPorts;
  #process: ChildProcess | undefined;
  #log = '';

  private constructor(program: string, folder: string, ports: RealBrokerPorts) {
    this.#program = program;
    this.#folder = folder;
    this.#ports = ports;
  }

  /**
   * Starts mosquitto; it accepts connections when the promise settles.
   *
   * @param program its path, from `optionalTool('mosquitto')`.
   * @throws Error with mosquitto's own words where it does not start.
   */
  static async start(program: string, options: RealBrokerOptions = {}): Promise<RealBroker> {
    for (let attempt = 1; ; attempt += 1) {
      const broker = await RealBroker.#prepare(program, options);
      try {
        await broker.#run();
        return broker;
      } catch (error) {
        await broker.stop();
        // Between finding a free port and taking it another process may have been quicker.
        if (attempt === ATTEMPTS || !String(error).includes('already in use')) {
          throw error;
        }
      }
    }
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
    return this.#log;
  }

  /** The process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Stops it by SIGTERM, so that it writes down what is to be kept, and starts it again on the same port. */
  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.#run();
  }

  /** Kills it by SIGKILL, so that it writes nothing, and starts it again on the same port. */
  async crash(): Promise<void> {
    await this.#end('SIGKILL');
    await this.#run();
  }

  /** Stops it and removes its folder. Stopping twice is harmless. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #run(): Promise<void> {
    const child = spawn(this.#program, ['-c', join(this.#folder, 'mosquitto.conf')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    endWithUs(child);
    for (const output of [child.stdout, child.stderr]) {
      output.on('data', (text: Buffer) => (this.#log += String(text)));
    }
    const started = new AbortController();
    try {
      const failed = once(child, 'exit', { signal: started.signal }).then(([code]) => {
        throw new Error(`mosquitto ended with code ${String(code)}: ${this.#log}`);
      });
      await Promise.race([failed, this.#listening(started.signal)]);
    } finally {
      started.abort();
    }
  }

  async #listening(signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    const ports = [this.#ports.mqtt, this.#ports.webSocket].filter((port) => port !== undefined);
    for (const port of ports) {
      while (!(await accepts(port))) {
        if (Date.now() > deadline) {
          throw new Error(`mosquitto does not accept connections on port ${port}: ${this.#log}`);
        }
        await sleep(10, undefined, { signal });
      }
    }
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const exited = once(child, 'exit');
    child.kill(signal);
    await within(exited, 'mosquitto does not end');
  }
}

/** A test run which breaks off leaves no broker behind. */
function endWithUs(child: ChildProcess): void {
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
}
