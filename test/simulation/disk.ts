import type { Batch, Database, Medium, Range } from '../../src/store/medium.ts';
import { decodeGone, decodeGroup, isGone } from '../../src/store/message-groups.ts';
import { decodeMessage } from '../../src/store/record-codec.ts';
import { deferred } from '../../src/util/deferred.ts';
import type { Random } from '../../src/util/clock.ts';
import { wholeNumber } from '../support/random.ts';
import { labelOf } from './server-codec.ts';
import { IO, TIMERS, type VirtualTime } from './virtual-time.ts';

type Change = readonly [key: string, value: Buffer | undefined];

/** `fails`: whatever is written or read is an error; `hangs`: it has no answer until the trouble is over. */
export type DiskTrouble = 'fails' | 'hangs';

export interface DiskKind {
  /** Milliseconds that the disk takes for anything at most. */
  readonly slowest: number;
  /** Processes end by a power cut: what the medium was not told to keep is lost. */
  readonly powerCuts: boolean;
}

/** What a kill left. */
export interface Remains {
  /** Labels of the messages on disk. */
  readonly labels: readonly string[];
  /** The process went on without its disk: what is there is of before. */
  readonly isStale: boolean;
}

/** Keys and values that outlive processes. It takes its time, sometimes fails or hangs, and a kill comes at any point. */
export class Disk {
  readonly time: VirtualTime;
  readonly #random: Random;
  readonly #kind: DiskKind;
  #rows: Map<string, Buffer> = new Map();
  /** What outlives a power cut. */
  #synced: ReadonlyMap<string, Buffer> = new Map();
  isTrusted = false;
  #process: DiskOfProcess | undefined;
  #trouble: DiskTrouble | undefined;
  #troubles = 0;
  /** What hangs. */
  #hanging: (() => void)[] = [];

  constructor(time: VirtualTime, random: Random, kind: DiskKind) {
    this.time = time;
    this.#random = random;
    this.#kind = kind;
  }

  /** For a new process. */
  get medium(): Medium {
    return (this.#process = new DiskOfProcess(this));
  }

  /** Whether something is being written or read, or goes on without the disk. */
  get isBusy(): boolean {
    return this.#trouble !== undefined || !this.isTrusted || (this.#process?.underWay ?? 0) > 0;
  }

  troubled(trouble: DiskTrouble, duration: number): void {
    this.#trouble = trouble;
    const own = ++this.#troubles;
    this.time.at(duration, TIMERS, () => {
      if (own === this.#troubles) this.calm();
    });
  }

  /** The disk works again. */
  calm(): void {
    this.#trouble = undefined;
    for (const work of this.#hanging.splice(0)) work();
  }

  /** A batch that is being written is there as a whole, or nothing of it. */
  kill(): Remains {
    const writing = this.#process?.kill() ?? [];
    this.#hanging = [];
    this.#trouble = undefined;
    // What was written before the batch is there if that is.
    if (this.#random() < 0.5) for (const changes of writing) this.apply(changes, true);
    else if (this.#kind.powerCuts) this.#rows = new Map(this.#synced);
    return { labels: this.labels, isStale: !this.isTrusted };
  }

  /** Labels of the messages on it. */
  get labels(): readonly string[] {
    const alone = this.rows({ gte: 'message/', lt: 'message0' }).map(([, value]) => value);
    const grouped = this.rows({ gte: 'group/', lt: 'group0' }).flatMap(([key, value]) => this.#leftOf(key, value));
    return [...grouped, ...alone].map((record) => labelOf(Buffer.from(decodeMessage(record).message.payload)));
  }

  #leftOf(key: string, group: Buffer): Buffer[] {
    const [, first = ''] = key.split('/');
    const gone = this.#rows.get(`gone/${first}`);
    const members = decodeGroup(Number(first), group);
    return members
      .filter((_, index) => gone === undefined || !isGone(decodeGone(gone), index))
      .map(({ record }) => record);
  }

  /** Something takes its time; `work` is told whether it fails. */
  whenDone(work: (fails: boolean) => void): void {
    this.time.at(wholeNumber(this.#random, 0, this.#kind.slowest), IO, () => {
      if (this.#trouble === 'hangs') this.#hanging.push(() => this.whenDone(work));
      else work(this.#trouble === 'fails');
    });
  }

  /** Whether what is told as failed was done all the same. */
  get isDoneAllTheSame(): boolean {
    return this.#random() < 0.3;
  }

  apply(changes: readonly Change[], sync: boolean): void {
    for (const [key, value] of changes) {
      if (value === undefined) this.#rows.delete(key);
      else this.#rows.set(key, value);
    }
    if (sync && this.#kind.powerCuts) this.#synced = new Map(this.#rows);
  }

  get(key: string): Buffer | undefined {
    return this.#rows.get(key);
  }

  rows({ gte = '', lt }: Range): [key: string, value: Buffer][] {
    const some = [...this.#rows].filter(([key]) => key >= gte && (lt === undefined || key < lt));
    return some.sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** The disk as one process has it, until that is killed. */
class DiskOfProcess implements Medium {
  readonly folder = 'disk';
  readonly database: Database;
  readonly #disk: Disk;
  #isAlive = true;
  /** A database that failed takes nothing until it is opened anew. */
  #state: 'open' | 'failed' | 'closed' = 'open';
  readonly #writing = new Set<readonly Change[]>();
  underWay = 0;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.database = {
      open: () => this.#open(),
      close: () => this.#close(),
      get: (key) => this.#do(() => disk.get(key)),
      getMany: (keys) => this.#do(() => keys.map((key) => disk.get(key))),
      put: (key, value) => this.#write([[key, value]], false),
      batch: () => this.#batch(),
      keys: ({ limit } = { limit: Infinity }) => ({
        all: () =>
          this.#do(() =>
            disk
              .rows({})
              .map(([key]) => key)
              .slice(0, limit),
          ),
      }),
      iterator: (range) => this.#iterator(range),
    };
  }

  /** @returns what was being written. */
  kill(): readonly (readonly Change[])[] {
    this.#isAlive = false;
    return [...this.#writing];
  }

  isTrusted(): Promise<boolean> {
    return this.#mark(() => this.#disk.isTrusted);
  }

  trust(): Promise<void> {
    return this.#mark(() => void (this.#disk.isTrusted = true));
  }

  distrust(): Promise<void> {
    return this.#mark(() => void (this.#disk.isTrusted = false));
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }

  leaveAtOnce(): void {}

  remove(): Promise<void> {
    return Promise.reject(new Error('nobody removes it here'));
  }

  /** A file beside the database works where that does not. */
  #mark<T>(work: () => T): Promise<T> {
    return this.#later((resolve) => void this.#disk.time.at(0, IO, () => this.#isAlive && resolve(work())));
  }

  #do<T>(work: () => T): Promise<T> {
    if (this.#state !== 'open') return Promise.reject(new Error(`the database is ${this.#state}`));
    return this.#later((resolve, reject) =>
      this.#disk.whenDone((fails) => {
        if (!this.#isAlive) return;
        if (fails) reject(new Error('no disk'));
        else resolve(work());
      }),
    );
  }

  #write(changes: readonly Change[], sync: boolean): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(new Error(`the database is ${this.#state}`));
    this.#writing.add(changes);
    return this.#later((resolve, reject) =>
      this.#disk.whenDone((fails) => {
        if (!this.#isAlive) return;
        this.#writing.delete(changes);
        if (!fails || this.#disk.isDoneAllTheSame) this.#disk.apply(changes, sync);
        if (fails) this.#state = 'failed';
        if (fails) reject(new Error('no space'));
        else resolve();
      }),
    );
  }

  #batch(): Batch {
    if (this.#state === 'closed') throw new Error('the database is closed');
    const changes: Change[] = [];
    return {
      put: (key, value) => void changes.push([key, Buffer.from(value)]),
      del: (key) => void changes.push([key, undefined]),
      write: ({ sync = false } = {}) => this.#write(changes, sync),
      close: () => Promise.resolve(),
    };
  }

  #open(): Promise<void> {
    this.#state = 'open';
    return this.#do(() => undefined);
  }

  #close(): Promise<void> {
    this.#state = 'closed';
    return Promise.resolve();
  }

  #iterator(range: Range): ReturnType<Database['iterator']> {
    const rows = this.#disk.rows(range);
    return { nextv: (size) => this.#do(() => rows.splice(0, size)), close: () => Promise.resolve() };
  }

  #later<T>(work: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    const { promise, resolve, reject } = deferred<T>();
    this.underWay += 1;
    const end = (): void => void (this.underWay -= 1);
    promise.then(end, end);
    work(resolve, reject);
    return promise;
  }
}
