import { DiskStore, MemoryStore, MqttError, type SessionStore, textOf } from '../../src/index.ts';
import { type After, after, atMost, pause } from './waits.ts';
import { joinSessions } from './join-sessions.ts';

/** Where a session is kept: in a folder of its own, or in memory. */
export interface Place {
  readonly folder: string | undefined;
  /** As for {@link DiskStore}. */
  readonly fsync: boolean;
}

/** Who uses a session: an object of its node. */
export interface SessionUser {
  /** Told what a person should know about the disk, and why the session is in memory instead. */
  report(problem: MqttError): void;
  /** The session is to be on disk from now on: the user lets go of it, calls `move`, and goes on with it. */
  moving(move: () => void): Promise<void>;
}

/** A session that is open, or being opened, which never fails, and is over within some 10 s. */
export interface Opened {
  readonly store: SessionStore | undefined;
  /** Whether that is all of it: not where memory stands in for a disk that cannot be used. */
  readonly isWhole: boolean;
  /** Whether some of it may be on a disk that cannot be used, but perhaps later. */
  readonly awaitsDisk: boolean;
  readonly opening: Promise<SessionStore>;
}

/** What a session is opened with; others in a test. */
export interface Tools {
  readonly after: After;
  readonly open: typeof DiskStore.open;
  readonly leaveBehind: typeof DiskStore.leaveBehind;
  readonly mayBeIn: typeof DiskStore.mayBeIn;
}

export const TOOLS: Tools = {
  after,
  open: (folder, options) => DiskStore.open(folder, options),
  leaveBehind: (folder) => DiskStore.leaveBehind(folder),
  mayBeIn: (folder) => DiskStore.mayBeIn(folder),
};

type Store = DiskStore | MemoryStore;

/** Milliseconds after which a disk that could not be used is tried again. */
const RETRY_TIME = 10_000;

/** Milliseconds that an opening may take before the connection goes on without the disk. */
const LONGEST_OPENING = 10_000;

/** Milliseconds that it may take to say on disk that the session goes on without it. */
const LONGEST_MARK = 1_000;

/** Milliseconds that a stop waits for the disk. */
const LONGEST_FLUSH = 1_000;

/**
 * The session of one config node, where it is kept. A disk that cannot be used keeps nobody waiting: the session is in
 * memory, and on disk, with what is there, as soon as it can be opened.
 */
export class KeptSession implements Opened {
  readonly place: Place;
  readonly opening: Promise<Store>;
  readonly #tools: Tools;
  #store: Store | undefined;
  /** Whether the folder may have a session, as far as that could be seen when it could not be opened. */
  #mayBeOnDisk = true;
  /** Where the session was before, until it is here. */
  #earlier: KeptSession | undefined;
  /** Objects of the node that exist, the oldest first: in a deploy the next may come before the last has closed. */
  readonly #users: SessionUser[] = [];
  /** Told what a person should know, also while no object of the node exists. */
  #listener: SessionUser | undefined;
  #fsync: boolean;
  /** The last try to open the folder, which may end at any time later. */
  #attempt: Promise<DiskStore | undefined> = Promise.resolve(undefined);
  /** Why the disk could not be used, as it was told last. */
  #problem: string | undefined;
  readonly #ended = new AbortController();

  /**
   * @param earlier where the session was kept before: what it has goes along.
   * @param free resolves when nobody works on the folder any more.
   */
  constructor(place: Place, earlier: KeptSession | undefined, free: Promise<void>, tools: Tools) {
    if (earlier !== undefined) earlier.#stop();
    this.#earlier = earlier;
    this.place = place;
    this.#fsync = place.fsync;
    this.#tools = tools;
    // At once, where there is nothing to wait for: a connection then begins with it.
    if (place.folder === undefined && earlier === undefined) this.#store = new MemoryStore();
    this.opening = this.#store === undefined ? this.#open(free) : Promise.resolve(this.#store);
  }

  get isWhole(): boolean {
    return this.#store !== undefined && (this.place.folder === undefined || this.#store instanceof DiskStore);
  }

  get awaitsDisk(): boolean {
    return !this.isWhole && this.#mayBeOnDisk;
  }

  /** Once it is open. */
  get store(): Store | undefined {
    return this.#store;
  }

  get isUsed(): boolean {
    return this.#users.length > 0;
  }

  /** A user comes, and says how what is written is to be kept. */
  use(user: SessionUser, fsync: boolean): void {
    this.#users.push(user);
    this.#listener = user;
    this.#fsync = fsync;
    if (this.#store instanceof DiskStore) this.#store.fsync = fsync;
  }

  /** The users of the session that was elsewhere before are this one's. */
  inherit({ users }: { readonly users: readonly SessionUser[] }): void {
    this.#users.push(...users);
  }

  get users(): readonly SessionUser[] {
    return this.#users;
  }

  /** The oldest user is gone. Resolves when what it had is on disk, or the disk takes too long. */
  async left(): Promise<void> {
    this.#users.shift();
    if (this.#store instanceof DiskStore) await atMost(LONGEST_FLUSH, this.#store.flush(), this.#tools.after);
  }

  /** The session ends: who waits for one of its messages is told. @returns how many do. */
  discard(error: MqttError, failing: (tell: () => void) => void): number {
    return (this.#store ?? this.#earlier?.store)?.discard(error, failing) ?? 0;
  }

  /**
   * The session is not kept here any more. Resolves when the folder is free, which may take as long as the disk does.
   * @param isGone whether it is gone for good; else it is kept elsewhere: what it never had of the disk stays there.
   */
  async letGo(isGone: boolean): Promise<void> {
    this.#stop();
    const disk = await this.#attempt;
    if (disk === undefined) return;
    try {
      const isElsewhere = this.#store === disk && disk.backlog.length === 0;
      await (isGone || isElsewhere ? disk.forget() : disk.close());
    } catch (error) {
      this.#report(`the session in ${disk.folder} could not be removed: ${textOf(error)}`);
    }
  }

  /** The disk is not tried again. */
  #stop(): void {
    this.#ended.abort();
  }

  async #open(free: Promise<void>): Promise<Store> {
    await this.#earlier?.opening;
    const store = await this.#firstStore(free);
    const earlier = this.#earlier?.store;
    if (earlier instanceof DiskStore && !(await earlier.bringBack())) this.#leavesBehind(earlier);
    if (earlier !== undefined) joinSessions(store, earlier.load());
    this.#earlier = undefined;
    this.#store = store;
    return store;
  }

  #leavesBehind({ backlog: { length }, folder }: DiskStore): void {
    const which = length === 1 ? '1 message' : `${length} messages`;
    this.#report(
      `${which} cannot be read from ${folder}: they stay there, and are sent when the session is kept there again`,
    );
  }

  async #firstStore(free: Promise<void>): Promise<Store> {
    const { folder } = this.place;
    if (folder === undefined) return new MemoryStore();
    this.#attempt = free.then(() => this.#opened(folder));
    const disk = await atMost(LONGEST_OPENING, this.#attempt, this.#tools.after);
    if (disk !== undefined) return disk;
    const isLate = this.#problem === undefined;
    const [mayBeOnDisk] = await Promise.all([this.#tools.mayBeIn(folder), isLate && this.#opensLate(folder)]);
    this.#mayBeOnDisk = mayBeOnDisk;
    // It never rejects: an attempt that fails is told, and another one follows.
    void this.#untilOnDisk(folder);
    return new MemoryStore({ isKept: false });
  }

  async #opensLate(folder: string): Promise<void> {
    const late = `the session cannot be kept in ${folder}: it takes more than ${LONGEST_OPENING / 1000} s to open`;
    this.#report(`${late}; it is in memory until it is open`);
    await atMost(LONGEST_MARK, this.#tools.leaveBehind(folder), this.#tools.after);
  }

  /** undefined: it could not be opened, which was told. */
  async #opened(folder: string): Promise<DiskStore | undefined> {
    const report = (problem: MqttError): void => this.#listener?.report(problem);
    try {
      return await this.#tools.open(folder, { fsync: this.#fsync, report });
    } catch (error) {
      this.#unusable(error);
      return undefined;
    }
  }

  /** Told once, however often it is tried. */
  #unusable(error: unknown): void {
    const problem = textOf(error);
    if (problem !== this.#problem) this.#report(`${problem}; it is in memory, and tried again every 10 s`);
    this.#problem = problem;
  }

  #report(text: string): void {
    this.#listener?.report(new MqttError('store-failed', text, { retryable: true }));
  }

  async #untilOnDisk(folder: string): Promise<void> {
    while (!(await this.#isMoved(await this.#attempt))) {
      await pause(RETRY_TIME, this.#ended.signal, this.#tools.after);
      if (this.#ended.signal.aborted) return;
      if ((await this.#attempt) === undefined) this.#attempt = this.#opened(folder);
    }
  }

  /** Whether nothing is left to do: the session is on disk now, or who let go of it takes care of the folder. */
  async #isMoved(disk: DiskStore | undefined): Promise<boolean> {
    if (this.#ended.signal.aborted) return true;
    if (disk === undefined) return false;
    const [user] = this.#users;
    const move = (): void => this.#move(disk, user);
    try {
      await (user === undefined ? move() : user.moving(move));
    } catch (error) {
      this.#report(`the session could not go on in ${disk.folder}: ${textOf(error)}`);
    }
    return this.#store === disk;
  }

  /** Nobody may use the session meanwhile; where somebody came since, it stays where it is until the next try. */
  #move(disk: DiskStore, user: SessionUser | undefined): void {
    const isLetGoOf = this.#users.every((one) => one === user) && this.#users.length < 2;
    if (this.#ended.signal.aborted || !isLetGoOf || this.#store === undefined) return;
    disk.fsync = this.#fsync;
    joinSessions(disk, this.#store.load());
    this.#store = disk;
    this.#problem = undefined;
    this.#report(`the session is on disk now, in ${disk.folder}`);
  }
}
