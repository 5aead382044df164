import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const CHECKOUT = join(__dirname, '..', '..');
const PACKAGE = '@posthorn/node-red-mqtt';

export interface NodeRedOptions {
  /** `httpAdminRoot`, with a slash at both ends. Default `/`. */
  readonly root?: string;
  /** `adminAuth`: permissions by the name of the user, whose password is his name. Default: nobody has to log in. */
  readonly users?: Readonly<Record<string, string | readonly string[]>>;
}

/** A Node-RED process with the built package in a user directory of its own, listening on a free port of 127.0.0.1. */
export class NodeRedProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #userDir: string;

  private constructor(child: ChildProcess, userDir: string, port: number, root: string) {
    this.#child = child;
    this.#userDir = userDir;
    this.url = `http://127.0.0.1:${port}${root}`;
  }

  /**
   * Starts it.
   *
   * @param packageFolder where the built package lies; default: the checkout
   * @throws Error where Node-RED ends before it listens
   */
  static async start(packageFolder: string = CHECKOUT, options: NodeRedOptions = {}): Promise<NodeRedProcess> {
    const userDir = createUserDir(packageFolder);
    const host = join(__dirname, 'node-red-host.mjs');
    // Node-RED must come from the checkout, so the child starts there; its own files go to the user directory.
    const node = process.env['POSTHORN_NODE'] ?? process.execPath;
    const child = spawn(node, [host, userDir, JSON.stringify(options)], {
      cwd: CHECKOUT,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      return new NodeRedProcess(child, userDir, await portOf(child), options.root ?? '/');
    } catch (error) {
      rmSync(userDir, { recursive: true, force: true });
      throw error;
    }
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Deploys flows. @param token of who may. */
  async deploy(flows: readonly object[], token?: string): Promise<void> {
    const response = await fetch(new URL('flows', this.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'Node-RED-API-Version': 'v2', ...bearer(token) },
      body: JSON.stringify({ flows }),
    });
    if (response.status !== 200) throw new Error(`Node-RED answered the deploy with ${response.status}`);
  }

  /** The token of a user of {@link NodeRedOptions.users}. */
  async logIn(name: string): Promise<string> {
    const response = await fetch(new URL('auth/token', this.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_id: 'node-red-admin',
        grant_type: 'password',
        scope: '',
        username: name,
        password: name,
      }),
    });
    return ((await response.json()) as { access_token: string }).access_token;
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

/** What a request of who has this token needs besides. */
export function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
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
