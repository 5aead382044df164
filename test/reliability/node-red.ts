import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inbox } from '../support/inbox.ts';

const CHECKOUT = join(__dirname, '..', '..');
const PACKAGE = '@posthorn/node-red-mqtt';
const START_MS = 60_000;
const ANSWER_MS = 20_000;
const END_MS = 10_000;
const RECONNECT_MS = 200;

export type DeployType = 'nodes' | 'flows' | 'full';

/** What an mqtt-out was given, by number from 0, and what it told. */
export interface Given {
  readonly accepted: number;
  readonly done: readonly number[];
  readonly failed: readonly number[];
  /** The last error. */
  readonly why?: string;
}

export interface HostReport {
  /** By the id of the mqtt-out. */
  readonly given: Readonly<Record<string, Given>>;
  /** By `topic sink`: numbers in the order in which they arrived. */
  readonly arrivals: Readonly<Record<string, readonly number[]>>;
}

/** What was seen since {@link NodeRedUnderTest.watch}. */
export interface Watched {
  /** Of a timer of 5 ms. */
  readonly longestGapMs: number;
  /** Of the process (RSS), since {@link NodeRedUnderTest.flatFrom}, if that was called. */
  readonly leastBytes: number;
  readonly mostBytes: number;
  /** Bytes of the heap behind a garbage collection, about: the least before {@link NodeRedUnderTest.flatFrom}, and since. */
  readonly heapBefore: number;
  readonly leastHeap: number;
  /** Messages by sink that only counts. */
  readonly counts: Readonly<Record<string, number>>;
}

interface Answer {
  readonly id: number;
  readonly answer: unknown;
}

/** A Node-RED process with a built package, on 127.0.0.1, in a user directory of its own; deployed by its admin API. */
export class NodeRedUnderTest {
  readonly #child: ChildProcess;
  readonly #userDir: string;
  readonly #answers: Inbox<Answer>;
  #url = '';
  #log = '';

  private constructor(child: ChildProcess, userDir: string) {
    this.#child = child;
    this.#userDir = userDir;
    this.#answers = new Inbox();
    child.on('message', (message) => this.#answers.put(message as Answer));
    child.once('exit', (code) => this.#answers.end(new Error(`Node-RED ended with code ${String(code)}: ${this.log}`)));
    for (const output of [child.stdout, child.stderr]) {
      output?.on('data', (text: Buffer) => (this.#log += String(text)));
    }
  }

  /**
   * Starts it without a flow.
   *
   * @param packageFolder where the built package lies. Default: this checkout.
   * @param nodeOptions for Node.js.
   */
  static async start(packageFolder: string = CHECKOUT, nodeOptions: readonly string[] = []): Promise<NodeRedUnderTest> {
    return NodeRedUnderTest.#startIn(await createUserDir(packageFolder), nodeOptions);
  }

  /** Starts it again, behind {@link kill} or {@link end}, with the flows and all else that it had on disk. */
  startAgain(): Promise<NodeRedUnderTest> {
    return NodeRedUnderTest.#startIn(this.#userDir);
  }

  static async #startIn(userDir: string, nodeOptions: readonly string[] = []): Promise<NodeRedUnderTest> {
    const options = JSON.stringify({ userDir, reconnectTime: RECONNECT_MS });
    const child = fork(join(__dirname, 'host.mjs'), [options], {
      cwd: CHECKOUT,
      execArgv: [...nodeOptions],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const nodeRed = new NodeRedUnderTest(child, userDir);
    const { answer } = await nodeRed.#answers.take('Node-RED does not start', START_MS);
    nodeRed.#url = `http://127.0.0.1:${(answer as { port: number }).port}/`;
    return nodeRed;
  }

  /** What Node-RED has printed so far. */
  get log(): string {
    return this.#log;
  }

  /** Settles when the flows have started again. */
  async deploy(flows: readonly object[], type: DeployType): Promise<void> {
    await this.#starting(() =>
      this.#post('flows', { flows }, { 'Node-RED-API-Version': 'v2', 'Node-RED-Deployment-Type': type }),
    );
  }

  /** Stops the flows as the editor's menu does, and starts them after `pauseMs` milliseconds. */
  async restartFlows(pauseMs: number): Promise<void> {
    await this.#post('flows/state', { state: 'stop' });
    await sleep(pauseMs);
    await this.#starting(() => this.#post('flows/state', { state: 'start' }));
  }

  /** From now on each of these mqtt-out nodes gets a message every `everyMs` milliseconds; 0: none any more. */
  async generate(nodes: readonly string[], everyMs: number): Promise<void> {
    await this.#ask({ type: 'generate', nodes, everyMs });
  }

  /** This mqtt-out gets so many messages of `size` bytes, their numbers from 0 on, a few hundred at a time. */
  async fill(node: string, messages: number, size: number): Promise<void> {
    await this.#ask({ type: 'fill', node, messages, size });
  }

  /** Of how many of them it was told that they are done. */
  async filled(): Promise<number> {
    return (await this.#ask({ type: 'filled' })) as number;
  }

  async report(): Promise<HostReport> {
    return (await this.#ask({ type: 'report' })) as HostReport;
  }

  /** From now on its event loop and memory are watched. */
  async watch(): Promise<void> {
    await this.#ask({ type: 'watch' });
  }

  /** From now on the memory is to be flat. */
  async flatFrom(): Promise<void> {
    await this.#ask({ type: 'flat-from' });
  }

  async watched(): Promise<Watched> {
    return (await this.#ask({ type: 'watched' })) as Watched;
  }

  /** Ends its process without a word. */
  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Ends Node-RED and removes its user directory. */
  async stop(): Promise<void> {
    await this.end();
    await rm(this.#userDir, { recursive: true, force: true });
  }

  /** Ends Node-RED in order. */
  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      const force = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
      this.#child.kill('SIGTERM');
      await ended;
      clearTimeout(force);
    }
  }

  async #starting(act: () => Promise<void>): Promise<void> {
    const before = (await this.#ask({ type: 'starts' })) as number;
    await act();
    const deadline = Date.now() + START_MS;
    while (((await this.#ask({ type: 'starts' })) as number) === before) {
      if (Date.now() > deadline) throw new Error('the flows do not start');
      await sleep(20);
    }
  }

  async #post(path: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const response = await fetch(new URL(path, this.#url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`Node-RED answers ${response.status} to ${path}: ${await response.text()}`);
  }

  /** One question at a time: the next answer is its answer. */
  async #ask(question: object): Promise<unknown> {
    this.#child.send(question);
    return (await this.#answers.take('Node-RED does not answer', ANSWER_MS)).answer;
  }
}

async function createUserDir(packageFolder: string): Promise<string> {
  const userDir = await mkdtemp(join(tmpdir(), 'posthorn-long-run-'));
  const link = join(userDir, 'node_modules', PACKAGE);
  await mkdir(dirname(link), { recursive: true });
  await symlink(packageFolder, link, 'dir');
  const manifest = { name: 'long-run', private: true, dependencies: { [PACKAGE]: '*' } };
  await writeFile(join(userDir, 'package.json'), JSON.stringify(manifest));
  return userDir;
}
