import { execFile, spawnSync } from 'node:child_process';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MEBIBYTES = 64;
const run = promisify(execFile);

/** A disk of its own, in memory, that can be filled. */
export class SmallDisk {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    process.once('exit', this.#unmountNow);
  }

  /** @returns undefined where this user may not mount one; the folder is an ordinary one then. */
  static async mount(folder: string): Promise<SmallDisk | undefined> {
    await mkdir(folder, { recursive: true });
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${MEBIBYTES}m`, 'tmpfs', folder]);
      return new SmallDisk(folder);
    } catch {
      return undefined; // not root, or no such system: said by who asked
    }
  }

  async fill(): Promise<void> {
    const block = Buffer.alloc(1024 * 1024);
    await writeFile(this.#filler, '');
    for (let size = block.length; size > 0; size = Math.floor(size / 2)) {
      while (await this.#add(block.subarray(0, size)));
    }
  }

  async free(): Promise<void> {
    await rm(this.#filler, { force: true });
  }

  async unmount(): Promise<void> {
    process.off('exit', this.#unmountNow);
    await run('umount', [this.#folder]);
  }

  /** A run that breaks off leaves none behind; lazily, for who uses it is only just being ended. */
  readonly #unmountNow = (): void => {
    spawnSync('umount', ['--lazy', this.#folder]);
  };

  get #filler(): string {
    return join(this.#folder, 'filler');
  }

  async #add(bytes: Buffer): Promise<boolean> {
    return appendFile(this.#filler, bytes).then(
      () => true,
      () => false, // full: that is what it is for
    );
  }
}
