import { Backlog, type Read, type Window } from '../../src/store/backlog.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import type { StoredMessage } from '../../src/store/session-store.ts';

/** A store whose messages behind a window are on a disk, which answers when a test says so. */
export class PagedStore extends MemoryStore {
  readonly backlog: Backlog;
  /** What is on the disk. */
  readonly records = new Map<number, StoredMessage>();
  /** Sequences of each read, in order. */
  readonly asked: (readonly number[])[] = [];
  #reads: (() => void)[] = [];
  #isClosed = false;

  constructor({ messages = 2, bytes = 1_000_000 }: Partial<Window> = {}) {
    super();
    this.backlog = new Backlog(
      { messages, bytes },
      {
        write: (message) => void this.records.set(message.sequence, message),
        read: (sequences, read) => this.#ask(sequences, read),
        took: (message) => super.put(message),
      },
    );
  }

  #ask(sequences: readonly number[], read: Read): void {
    this.asked.push(sequences);
    this.#reads.push(() => {
      read(this.#isClosed ? undefined : sequences.map((sequence) => this.records.get(sequence)));
    });
  }

  override put(message: StoredMessage): void {
    super.put(message);
    this.records.set(message.sequence, message);
  }

  override remove(sequence: number): void {
    super.remove(sequence);
    this.backlog.written(sequence);
    this.records.delete(sequence);
  }

  /** All that was given to the disk is on it. */
  written(): void {
    for (const { sequence } of this.backlog.unwritten) this.backlog.written(sequence);
  }

  /** What is being read has been; what is read by that is not yet. */
  answer(): void {
    const reads = this.#reads;
    this.#reads = [];
    for (const read of reads) read();
  }

  /** Everything that is read, and all that is read by that. */
  answerAll(): void {
    while (this.#reads.length > 0) this.answer();
  }

  close(): void {
    this.#isClosed = true;
  }
}
