import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE_MS, within } from './events.ts';
import { accepts } from './ports.ts';

/** How a server of another project is run in the foreground. */
export interface ServerCommand {
  /** What errors call it. */
  readonly name: string;
  /** Absolute path, or a name in PATH. */
  readonly program: string;
  readonly args?: readonly string[];
  /** Its whole environment. Default: ours. */
  readonly env?: NodeJS.ProcessEnv;
  /** Ports of 127.0.0.1; it is started when it accepts connections on all of them. */
  readonly ports: readonly number[];
  /** Milliseconds that a start may take. Default {@link PATIENCE_MS}. */
  readonly startsWithin?: number;
}

/** A server process: started when its ports accept connections, ended by its own process id. */
export class ServerProcess {
  readonly #command: ServerCommand;
  #process: ChildProcess | undefined;
  #log = '';

  constructor(command: ServerCommand) {
    this.#command = command;
  }

  /** What it has written so far, over all its starts. */
  get log(): string {
    return this.#log;
  }

  /** The process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** @throws Error with the server's own words where it ends, or does not accept connections in time. */
  async start(): Promise<void> {
    const child = this.#spawn();
    const started = new AbortController();
    try {
      await Promise.race([this.#ended(child, started.signal), this.#listening(started.signal)]);
    } finally {
      started.abort();
    }
  }

  /** Sends a signal and waits until the process is gone; one that does not run is ended already. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await within(exited, `${this.#command.name} does not end`, this.#patience);
  }

  get #patience(): number {
    return this.#command.startsWithin ?? PATIENCE_MS;
  }

  #spawn(): ChildProcess {
    const { program, args = [], env } = this.#command;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: env ?? process.env });
    this.#process = child;
    endWithUs(child);
    for (const output of [child.stdout, child.stderr]) {
      output.on('data', (text: Buffer) => (this.#log += String(text)));
    }
    return child;
  }

  async #ended(child: ChildProcess, signal: AbortSignal): Promise<never> {
    const [code] = await once(child, 'exit', { signal });
    throw new Error(`${this.#command.name} ended with code ${String(code)}: ${this.#log}`);
  }

  async #listening(signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + this.#patience;
    for (const port of this.#command.ports) {
      while (!(await accepts(port))) {
        if (Date.now() > deadline) {
          throw new Error(`${this.#command.name} does not accept connections on port ${port}: ${this.#log}`);
        }
        await sleep(10, undefined, { signal });
      }
    }
  }
}

/** A test run which breaks off leaves no server behind. */
export function endWithUs(child: ChildProcess): void {
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
}

/** Between finding a free port and taking it another process may be quicker: then once more, with other ports. */
export async function onFreePorts<T extends { stop(): Promise<void> }>(
  prepare: () => Promise<T>,
  run: (server: T) => Promise<void>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const server = await prepare();
    try {
      await run(server);
      return server;
    } catch (error) {
      await server.stop();
      if (attempt === MOST_ATTEMPTS || !TAKEN.test(String(error))) throw error;
    }
  }
}

const MOST_ATTEMPTS = 5;
const TAKEN = /already in use|eaddrinuse/i;
