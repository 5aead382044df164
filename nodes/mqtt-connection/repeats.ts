import { LateMap } from '../../src/util/late-map.ts';

/** Milliseconds in which what is of one kind is counted, behind the first. */
const WINDOW = 1000;
/** Kinds that are counted at once; one more is written as it comes. */
const MOST_KINDS = 100;

interface Repeated {
  count: number;
  last: string;
}

/** Many lines of one kind become one, and another with their number. */
export class Repeats {
  readonly #write: (text: string) => void;
  readonly #longest: number;
  readonly #kinds = new LateMap<string, Repeated>();
  #window = WINDOW;
  /** Whether anything came in this window. */
  #goesOn = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param longest milliseconds between two lines at most: they are twice as many each time, until one passes in which
   *   nothing came. Default: one second, and what comes behind it is a first one again.
   */
  constructor(write: (text: string) => void, longest: number = WINDOW) {
    this.#write = write;
    this.#longest = longest;
  }

  /** Whether it is the first of its kind, and to be written; every further one is for {@link count}. */
  isFirst(kind: string): boolean {
    this.#goesOn = true;
    if (this.#kinds.has(kind)) return false;
    if (this.#kinds.size < MOST_KINDS) this.#kinds.set(kind, { count: 0, last: '' });
    this.#timer ??= setTimeout(() => this.#over(), this.#window).unref();
    return true;
  }

  count(kind: string, text: string): void {
    const repeated = this.#kinds.get(kind);
    if (repeated === undefined) return;
    repeated.count += 1;
    repeated.last = text;
  }

  /** Writes what is counted so far: what comes next in the log is of another time. */
  tell(): void {
    for (const repeated of this.#kinds.values()) {
      const { count, last } = repeated;
      if (count > 0)
        this.#write(count === 1 ? `1 more like this: ${last}` : `${count} more like this, the last: ${last}`);
      repeated.count = 0;
    }
  }

  /** Writes what is counted; what comes next is a first one, if anything does. */
  end(): void {
    this.tell();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#window = WINDOW;
    this.#kinds.clear();
  }

  #over(): void {
    if (!this.#goesOn || this.#longest === WINDOW) return this.end();
    this.tell();
    this.#goesOn = false;
    this.#window = Math.min(this.#window * 2, this.#longest);
    this.#timer = setTimeout(() => this.#over(), this.#window).unref();
  }
}
