import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { onFreePorts, ServerProcess } from './server-process.ts';

/** It sends a message at QoS 1 again, on the same connection, that is not acknowledged for so long. NATS's default: 30 s. */
const ACK_WAIT = '1s';

/** A NATS server with its MQTT gateway on 127.0.0.1: MQTT 3.1.1 at QoS 0 and 1, sessions in a folder of its own. */
export class NatsBroker {
  readonly #folder: string;
  readonly #port: number;
  readonly #process: ServerProcess;

  private constructor(program: string, folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.#process = new ServerProcess({
      name: 'nats-server',
      program,
      args: ['-c', join(folder, 'nats.conf')],
      ports: [port],
    });
  }

  /**
   * Starts it; it accepts connections when the promise settles.
   *
   * @param program its path, from `optionalTool('nats-server')`.
   * @throws Error with its own words where it does not start.
   */
  static async start(program: string): Promise<NatsBroker> {
    return onFreePorts(
      () => NatsBroker.#prepare(program),
      (broker) => broker.#process.start(),
    );
  }

  static async #prepare(program: string): Promise<NatsBroker> {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-nats-'));
    const port = await freePort();
    await writeFile(join(folder, 'nats.conf'), await configuration(folder, port));
    return new NatsBroker(program, folder, port);
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** What it has written so far. */
  get log(): string {
    return this.#process.log;
  }

  /** Stops it and removes its folder. Stopping twice is harmless. */
  async stop(): Promise<void> {
    await this.#process.end('SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** MQTT needs JetStream, which is where NATS keeps sessions and QoS 1 messages, and JetStream a server name. */
async function configuration(folder: string, port: number): Promise<string> {
  return `server_name: posthorn
listen: "127.0.0.1:${await freePort()}"
jetstream { store_dir: "${folder}" }
mqtt { listen: "127.0.0.1:${port}", ack_wait: "${ACK_WAIT}" }
`;
}
