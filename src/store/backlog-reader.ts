import { MqttError } from '../protocol/errors.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { FoundMessages, Read } from './backlog.ts';
import { why } from './database.ts';

/** Milliseconds after which a disk that could not be read is read again. */
const RETRY_TIME = 10_000;

export interface BacklogReaderOptions {
  readonly folder: string;
  /** Rejects where the disk does not answer. */
  readonly find: (sequences: readonly number[]) => Promise<FoundMessages>;
  readonly clock: Clock;
  /** Told what a person should know. */
  readonly report: (problem: MqttError) => void;
}

/** Reads what waits on disk alone. A disk that fails is asked again: what waits there waits for it. */
export class BacklogReader {
  readonly #options: BacklogReaderOptions;
  /** What is asked again later. */
  readonly #late = new Set<{ readonly timer: Timer; readonly read: Read }>();
  /** Whether it was told that the disk cannot be read. */
  #isTold = false;
  #isClosed = false;

  constructor(options: BacklogReaderOptions) {
    this.#options = options;
  }

  /** Calls `read` in a later turn, with nothing where the store is closed by then. */
  read(sequences: readonly number[], read: Read): void {
    const { folder, report } = this.#options;
    this.#answer(sequences, read).catch((error: unknown) => {
      report(new MqttError('store-failed', `what waits in ${folder} was read, and then: ${why(error)}`));
    });
  }

  /** Whoever still waits for something is told that it does not come. */
  close(): void {
    this.#isClosed = true;
    const late = [...this.#late];
    this.#late.clear();
    for (const { timer } of late) timer.cancel();
    for (const { read } of late) read(undefined);
  }

  async #answer(sequences: readonly number[], read: Read): Promise<void> {
    let found: FoundMessages | undefined;
    try {
      found = this.#isClosed ? undefined : await this.#options.find(sequences);
    } catch (error) {
      if (!this.#isClosed) return this.#readLater(error, sequences, read);
    }
    this.#isTold = false;
    read(found);
  }

  #readLater(error: unknown, sequences: readonly number[], read: Read): void {
    const { folder, clock, report } = this.#options;
    if (!this.#isTold) {
      const text = `what waits in ${folder} cannot be read: ${why(error)}; it is tried again every ${RETRY_TIME / 1000} s`;
      report(new MqttError('store-failed', text, { cause: error, retryable: true }));
    }
    this.#isTold = true;
    const timer = clock.timer(RETRY_TIME, () => {
      this.#late.delete(late);
      this.read(sequences, read);
    });
    const late = { timer, read };
    this.#late.add(late);
  }
}
