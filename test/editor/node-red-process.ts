import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const CHECKOUT = join(__dirname, '..', '..');
const PACKAGE = '@posthorn/node-red-mqtt';

/** A Node-RED process with the built package in a user directory of its own, listening on a free port of 127.0.0.1. */
export class NodeRedProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #userDir: string;

  private constructor(child: ChildProcess, userDir: string, port: number) {
    this.#child = child;
    this.#userDir = userDir;
    this.url = `http://127.0.0.1:${port}/`;
  }

  /**
   * Starts it.
   *
   * @param packageFolder where the built package lies; default: the checkout
   * @throws Error where Node-RED ends before it listens
   */
  static async start(packageFolder: string = CHECKOUT): Promise<NodeRedProcess> {
    const userDir = createUserDir(packageFolder);
    const host = join(__dirname, 'node-red-host.mjs');
    // Node-RED must come from the checkout, so the child starts there; its own files go to the user directory.
    const child = spawn(process.execPath, [host, userDir], { cwd: CHECKOUT, stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      return new NodeRedProcess(child, userDir, await portOf(child));
    } catch (error) {
      rmSync(userDir, { recursive: true, force: true });
      throw error;
    }
  }

  /** Ends Node-RED and removes its user directory. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.stdin?.end();
      await ended;
    }
    rmSync(this.#userDir, { recursive: true, force: true });
  }
}

function createUserDir(packageFolder: string): string {
  const userDir = mkdtempSync(join(tmpdir(), 'posthorn-editor-'));
  const link = join(userDir, 'node_modules', PACKAGE);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(packageFolder, link, 'dir');
  const manifest = { name: 'editor-tests', private: true, dependencies: { [PACKAGE]: '*' } };
  writeFileSync(join(userDir, 'package.json'), JSON.stringify(manifest));
  // The tips of the editor's sidebar fail now and then, where a slow machine has not made their place yet.
  const user = { editor: { view: { 'view-show-tips': false } } };
  writeFileSync(join(userDir, '.config.users.json'), JSON.stringify({ _: user }));
  return userDir;
}

async function portOf(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new TypeError('the child must have a pipe as its output');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{"port":')) return (JSON.parse(line) as { port: number }).port;
  }
  throw new Error('Node-RED ended before it was listening');
}
