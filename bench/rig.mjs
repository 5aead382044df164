import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flowFor, topicOf, WATCHED } from './flows.mjs';
import { HelperProcess } from './helper-process.mjs';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const SMALL = { kind: 'buffer', bytes: 64 };

/** One implementation under one case: a Node-RED process and, where it needs one, the MQTT peer's. */
export class Rig {
  #case;
  #messages;
  #folder;
  #peer;
  #nodeRed;

  constructor(benchCase, messages, folder, peer) {
    this.#case = benchCase;
    this.#messages = messages;
    this.#folder = folder;
    this.#peer = peer;
  }

  /**
   * Starts the processes; all is connected and subscribed when the promise settles.
   *
   * @param {import('./implementations.mjs').Implementation} implementation
   * @param {import('./cases.mjs').Case} benchCase
   * @param {number} messages per measured window
   */
  static async start(implementation, benchCase, messages) {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-bench-'));
    const rig = new Rig(benchCase, messages, folder, peerFor(benchCase, messages));
    try {
      await rig.#start(implementation);
      return rig;
    } catch (error) {
      await rig.stop();
      throw new Error(`${implementation.name}, ${benchCase.name}: ${error.message}`, { cause: error });
    }
  }

  /**
   * Lets messages pass and measures the Node-RED process meanwhile.
   *
   * @returns {Promise<{ cpuMicros: number, wallMicros: number, longestGapMs: number | undefined, messages: number }>}
   */
  async measure() {
    await this.#nodeRed.ask({ type: 'arm', messages: this.#messages, watchTimers: this.#case.watchTimers }); // before the first message
    const window = this.#nodeRed.ask({ type: 'window', send: this.#messages });
    await Promise.all([window, this.#case.direction === 'in' ? this.#peer.ask({ type: 'flood' }) : undefined]);
    if (this.#case.direction === 'out') {
      await this.#peer.ask({ type: 'expect-publishes', count: this.#messages });
    }
    return { ...(await window), messages: this.#messages };
  }

  /** Ends the processes and removes their folder. */
  async stop() {
    await Promise.all([this.#nodeRed?.end(), this.#peer?.end()]);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #start(implementation) {
    const port = this.#peer === undefined ? 0 : (await this.#peer.ask({ type: 'listen' })).port;
    await prepareUserDirectory(this.#folder, implementation, flowFor(implementation, this.#case, port));
    this.#nodeRed = new HelperProcess('node-red/main.mjs', { userDir: this.#folder });
    const watched = this.#case.direction === 'none' ? undefined : WATCHED;
    await this.#nodeRed.ask({ type: 'start', watched });
    if (this.#case.direction === 'in') {
      await this.#peer.ask({ type: 'expect-subscriptions', count: this.#case.nodes });
    }
  }
}

function peerFor({ direction, qos, nodes, subscriptionIds, payload = SMALL }, messages) {
  if (direction === 'none') {
    return undefined;
  }
  const topics = Array.from({ length: nodes }, (_, index) => topicOf(index));
  return new HelperProcess('peer/main.mjs', {
    topics,
    qos,
    count: messages,
    subscriptionIds,
    payload,
  });
}

async function prepareUserDirectory(folder, { module, folder: packageFolder = PACKAGE }, flow) {
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'bench-user-directory', private: true }));
  await writeFile(join(folder, 'flows.json'), JSON.stringify(flow));
  if (module !== undefined) {
    const link = join(folder, 'node_modules', module);
    await mkdir(dirname(link), { recursive: true });
    await symlink(packageFolder, link, 'dir');
  }
}
