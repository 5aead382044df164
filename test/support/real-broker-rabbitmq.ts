import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { onFreePorts, ServerProcess } from './server-process.ts';

/** It boots an Erlang node, and its MQTT plugin waits six seconds for other members of a cluster. */
export const RABBITMQ_START_MS = 60_000;

interface RabbitMqPorts {
  readonly mqtt: number;
  /** Erlang's own: who talks to a node asks the port mapper (epmd) first. We run one of our own, so that it ends. */
  readonly epmd: number;
  readonly distribution: number;
}

/** A RabbitMQ server with its MQTT plugin on 127.0.0.1, in a folder of its own, as the user who runs the tests. */
export class RabbitMqBroker {
  readonly #folder: string;
  readonly #ports: RabbitMqPorts;
  readonly #portMapper: ServerProcess;
  readonly #process: ServerProcess;

  private constructor(program: string, folder: string, ports: RabbitMqPorts) {
    this.#folder = folder;
    this.#ports = ports;
    const env = environment(folder, ports);
    const args = ['-port', String(ports.epmd), '-address', '127.0.0.1'];
    this.#portMapper = new ServerProcess({ name: 'epmd', program: 'epmd', args, env, ports: [ports.epmd] });
    this.#process = new ServerProcess({
      name: 'RabbitMQ',
      program,
      env,
      ports: [ports.mqtt],
      startsWithin: RABBITMQ_START_MS,
    });
  }

  /**
   * Starts it; it accepts connections when the promise settles, after about ten seconds.
   *
   * @param program the path of its own start script, from `optionalTool('rabbitmq')`.
   * @throws Error with its own words where it does not start.
   */
  static async start(program: string): Promise<RabbitMqBroker> {
    return onFreePorts(() => RabbitMqBroker.#prepare(program), startBoth);

    async function startBoth(broker: RabbitMqBroker): Promise<void> {
      await broker.#portMapper.start();
      await broker.#process.start();
    }
  }

  static async #prepare(program: string): Promise<RabbitMqBroker> {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-rabbitmq-'));
    const ports = { mqtt: await freePort(), epmd: await freePort(), distribution: await freePort() };
    await mkdir(join(folder, 'home'));
    await writeFile(join(folder, 'rabbitmq.conf'), configuration(ports));
    await writeFile(join(folder, 'enabled_plugins'), '[rabbitmq_mqtt].\n');
    return new RabbitMqBroker(program, folder, ports);
  }

  get port(): number {
    return this.#ports.mqtt;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#ports.mqtt}`;
  }

  /** What it has written so far. */
  get log(): string {
    return this.#process.log;
  }

  /** Stops it, then its port mapper, and removes its folder. Stopping twice is harmless. */
  async stop(): Promise<void> {
    await this.#process.end('SIGTERM');
    await this.#portMapper.end('SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function configuration({ mqtt }: RabbitMqPorts): string {
  return `listeners.tcp = none
mqtt.listeners.tcp.default = 127.0.0.1:${mqtt}
mqtt.allow_anonymous = true
log.console = true
log.console.level = warning
log.file = false
`;
}

function environment(folder: string, { epmd, distribution }: RabbitMqPorts): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: join(folder, 'home'), // its cookie file
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: 'posthorn@localhost',
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'), // or what the machine's own server is told counts for ours
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    // Its start script becomes the server instead of waiting for it: the process that we start is the one that we end.
    detached: 'true',
  };
}
