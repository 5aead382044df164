import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { deferred } from '../../../src/util/deferred.ts';
import { within } from '../../support/events.ts';
import { endWithUs } from '../../support/server-process.ts';
import { nodeExecutable, nodeRedFolder } from './checkout.ts';

/** A node as a flow file holds it. */
export interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

const START_PATIENCE_MS = 60_000;
const DEPLOY_PATIENCE_MS = 10_000;
const STOP_PATIENCE_MS = 10_000;
const MOST_LINES = 200;
const ADDRESS = /http:\/\/127\.0\.0\.1:\d+\//;

/** A real Node-RED in a process of its own, asked by its admin API. */
export class NodeRed {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /**
   * Starts it on a user directory whose settings say port 0.
   *
   * @param hear told each line of its log
   * @throws Error with all that it printed, where it does not come to listen
   */
  static async start(userDirectory: string, hear?: (line: string) => void): Promise<NodeRed> {
    const script = join(nodeRedFolder(), 'red.js');
    const child = spawn(nodeExecutable(), [script, '--userDir', userDirectory], {
      cwd: userDirectory,
      // A Node-RED that looks beyond its user directory shall find nothing of the person's own either.
      env: { ...process.env, HOME: userDirectory, USERPROFILE: userDirectory, NODE_RED_HOME: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    endWithUs(child);
    try {
      return new NodeRed(child, await within(addressOf(child, hear), 'Node-RED listens', START_PATIENCE_MS));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** The process id. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Settles when the process is gone, for whatever reason. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }

  /** Ends the process without a word. */
  async kill(): Promise<void> {
    const ended = this.ended();
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** @throws Error with status and answer, where it is not 200 */
  async getText(path: string, accept: string = '*/*'): Promise<string> {
    return this.#ask(path, { headers: { accept } });
  }

  /** The caller knows what the admin API answers there. */
  async getJson<T>(path: string): Promise<T> {
    return JSON.parse(await this.getText(path, 'application/json')) as T;
  }

  /** Replaces all flows. Node-RED answers when it has taken them, a moment before they have started. */
  async deploy(flows: readonly FlowNode[], type: 'nodes' | 'flows' | 'full' = 'full'): Promise<void> {
    const versions = { 'Node-RED-API-Version': 'v2', 'Node-RED-Deployment-Type': type };
    const headers = { 'content-type': 'application/json', ...versions };
    await this.#ask('flows', { method: 'POST', headers, body: JSON.stringify({ flows }) });
  }

  /** Presses the button of an Inject node; one just deployed may not be there yet, so it is asked until it is. */
  async inject(id: string): Promise<void> {
    const deadline = Date.now() + DEPLOY_PATIENCE_MS;
    const press = async (): Promise<number> => (await this.#fetch(`inject/${id}`, { method: 'POST' })).status;
    let status = await press();
    while (status === 404 && Date.now() < deadline) {
      await sleep(20);
      status = await press();
    }
    if (status !== 200) throw new Error(`Node-RED answers ${status} to the button of ${id}`);
  }

  /** @throws Error where it does not end in order: a node that holds it up would be ended with it here, unseen. */
  async stop(): Promise<void> {
    const exited = this.ended();
    this.#child.kill('SIGTERM');
    try {
      await within(exited, 'Node-RED ends', STOP_PATIENCE_MS);
    } catch (error) {
      this.#child.kill('SIGKILL');
      throw error;
    }
  }

  async #ask(path: string, request: RequestInit): Promise<string> {
    const response = await this.#fetch(path, request);
    const text = await response.text();
    if (!response.ok) throw new Error(`Node-RED answers ${response.status} to ${path}: ${text}`);
    return text;
  }

  async #fetch(path: string, request: RequestInit): Promise<Response> {
    return fetch(new URL(path, this.url), request);
  }
}

/** Its address, from the one line of its log that holds it, in whatever language. */
async function addressOf(child: ChildProcess, hear?: (line: string) => void): Promise<string> {
  const lines: string[] = [];
  const found = deferred<string>();
  // Read to its end, or the log would fill the pipe.
  const log = createInterface(child.stdout as Readable);
  log.on('line', (line) => {
    hear?.(line);
    const address = ADDRESS.exec(line)?.[0];
    if (address !== undefined) found.resolve(address);
    else if (lines.length < MOST_LINES) lines.push(line);
  });
  log.once('close', () => found.reject(new Error(`Node-RED ended before it listened:\n${lines.join('\n')}`)));
  return found.promise;
}
