import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskStore } from '../../src/index.ts';

/**
 * Sessions on disk that no connection goes on with: flows were replaced while Node-RED was not running, or a person chose
 * memory in them. What waits there would wait for ever, unsaid. They may be another Node-RED's of the same user directory.
 */
export class ForgottenSessions {
  readonly #tell: (text: string) => void;
  /** Folders whose sessions were looked at, once for each process. */
  readonly #seen = new Set<string>();

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
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
    for (const name of await namesIn(root)) {
      const folder = join(root, name);
      if (await DiskStore.mayBeIn(folder)) await hold(folder, () => this.#look(folder));
    }
  }

  async #look(folder: string): Promise<void> {
    const count = (await DiskStore.waitingIn(folder)) ?? 0;
    if (count > 0) this.#tell(forgotten(count, folder));
  }
}

/** None where it is not there, or no folder. */
function namesIn(root: string): Promise<string[]> {
  return readdir(root).catch(() => []);
}

function forgotten(count: number, folder: string): string {
  const [which, they] = count === 1 ? ['1 message waits', 'it is'] : [`${count} messages wait`, 'they are'];
  const then = `${they} sent when the connection of that id is there again, and keeps its session on disk`;
  return `MQTT: ${which} in ${folder}, where no connection of these flows keeps its session: ${then}`;
}
