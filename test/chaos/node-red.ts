import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FlowNode as PackedFlowNode, NodeRed } from '../package/support/node-red.ts';
import { packTarball } from '../package/support/tarball.ts';
import { createUserDirectory, type UserDirectory } from '../package/support/user-directory.ts';
import type { FlowNode } from './flow.ts';
import type { HandIn } from './hand-in.ts';
import type { Span } from './incidents.ts';
import type { DeployType } from './plan.ts';
import { SmallDisk } from './small-disk.ts';

const RECONNECT_MS = 500;

/** Node-RED as a user has it, with the packed package, in a user directory of its own, over one process after another. */
export class ChaosNodeRed {
  /** What it printed, with the time of each line. */
  readonly log: string[] = [];
  /** From the signal until the process was gone. */
  readonly kills: Span[] = [];
  readonly ends: number[] = [];
  /** What should not have happened to a process. */
  readonly problems: string[] = [];
  /** Where the sessions are, if that could be mounted. */
  readonly disk: SmallDisk | undefined;
  readonly #userDirectory: UserDirectory;
  readonly #handIn: HandIn;
  #process: NodeRed | undefined;
  #isEnding = false;

  private constructor(userDirectory: UserDirectory, handIn: HandIn, disk: SmallDisk | undefined) {
    this.#userDirectory = userDirectory;
    this.#handIn = handIn;
    this.disk = disk;
  }

  /** Installs it; nothing runs yet. */
  static async install(flows: readonly FlowNode[], handIn: HandIn, ledger: string): Promise<ChaosNodeRed> {
    const tarball = await packTarball();
    const userDirectory = await createUserDirectory(tarball);
    tarball.remove();
    await writeFile(join(userDirectory.path, 'settings.js'), settings(handIn.port, ledger));
    await writeFile(join(userDirectory.path, 'flows.json'), JSON.stringify(flows));
    const disk = await SmallDisk.mount(join(userDirectory.path, 'posthorn'));
    return new ChaosNodeRed(userDirectory, handIn, disk);
  }

  /** Where the session of a connection is. */
  storeOf(connection: string): string {
    return join(this.#userDirectory.path, 'posthorn', connection, 'session');
  }

  /** Settles when the flows have started. */
  async start(): Promise<void> {
    this.#isEnding = false;
    await this.#handIn.starting(async () => {
      const hear = (line: string): void => void this.log.push(`${Date.now()} ${line}`);
      const started = await NodeRed.start(this.#userDirectory.path, hear);
      this.#process = started;
      void started.ended().then(() => this.#ended()); // never rejects: `exit` has no error
    });
  }

  async kill(): Promise<void> {
    const from = Date.now();
    this.#isEnding = true;
    await this.#process?.kill();
    this.kills.push({ from, to: Date.now() });
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    const from = Date.now();
    this.#isEnding = true;
    try {
      await this.#process?.stop();
    } catch (error) {
      this.problems.push(`Node-RED does not end in order: ${String(error)}`);
      await this.#process?.ended();
      this.kills.push({ from, to: Date.now() });
    }
  }

  /** Settles when the flows have started again. */
  async deploy(flows: readonly FlowNode[], type: DeployType): Promise<void> {
    await this.#handIn.starting(async () => this.#process?.deploy(flows as readonly PackedFlowNode[], type));
  }

  /** How many lines of the log have these words. */
  told(words: string): number {
    return this.log.filter((line) => line.includes(words)).length;
  }

  /** Ends it whatever happens, and removes its user directory. */
  async remove(): Promise<void> {
    await this.stop();
    await this.disk?.unmount();
    await rm(this.#userDirectory.path, { recursive: true, force: true });
  }

  #ended(): void {
    this.ends.push(Date.now());
    if (!this.#isEnding) this.problems.push(`Node-RED ended by itself: ${this.log.slice(-20).join('\n')}`);
  }
}

function settings(port: number, ledger: string): string {
  const values = {
    uiHost: '127.0.0.1',
    uiPort: 0,
    flowFile: 'flows.json',
    credentialSecret: 'chaos',
    nodesDir: join(__dirname, 'nodes'),
    disableEditor: true,
    mqttReconnectTime: RECONNECT_MS,
    telemetry: { enabled: false, updateNotification: false },
    chaos: { port, ledger },
  };
  return `module.exports = ${JSON.stringify(values, undefined, 2)};\n`;
}
