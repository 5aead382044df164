import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DiskStore } from '../../src/index.ts';

/** What a session is opened with; others in a test. */
type Open = typeof DiskStore.open;

/**
 * Sessions on disk that no connection goes on with: flows were replaced while Node-RED was not running, or a person chose
 * memory in them. What waits there would wait for ever, unsaid.
 */
export class ForgottenSessions {
  readonly #tell: (text: string) => void;
  readonly #open: Open;
  /** Folders whose sessions were looked at, once for each process. */
  readonly #seen = new Set<string>();

  constructor(tell: (text: string) => void, open: Open = (folder, options) => DiskStore.open(folder, options)) {
    this.#tell = tell;
    this.#open = open;
  }

  /**
   * Looks at each session in the folders of `root`, one after another, and tells of those where messages wait.
   * @param hold keeps everybody from a folder until `look` is through; undefined: somebody has it.
   */
  async lookIn(
    root: string,
    hold: (folder: string, look: () => Promise<void>) => Promise<void> | undefined,
  ): Promise<void> {
    if (this.#seen.has(root)) return;
    this.#seen.add(root);
    for (const name of namesIn(root)) {
      const folder = join(root, name);
      if (DiskStore.isIn(folder)) await hold(folder, () => this.#look(folder));
    }
  }

  async #look(folder: string): Promise<void> {
    try {
      const store = await this.#open(folder, { report: ({ message }) => this.#tell(`MQTT: ${message}`) });
      const count = store.load().outgoing.length + store.backlog.length;
      await store.close();
      if (count > 0) this.#tell(forgotten(count, folder));
    } catch {
      // Another process has it, or it is no folder of a session.
    }
  }
}

/** None where it is not there, or no folder. */
function namesIn(root: string): string[] {
  try {
    return readdirSync(root);
  } catch {
    return [];
  }
}

function forgotten(count: number, folder: string): string {
  const [which, they] = count === 1 ? ['1 message waits', 'it is'] : [`${count} messages wait`, 'they are'];
  const then = `${they} sent when the connection of that id is there again, and keeps its session on disk`;
  return `MQTT: ${which} in ${folder}, where no connection of the flows keeps its session: ${then}; if not wanted, remove the folder`;
}
