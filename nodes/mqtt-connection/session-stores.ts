import { DiskStore, MemoryStore, MqttError, type SessionStore, type StoredSession, textOf } from '../../src/index.ts';
import { Spread } from './spread.ts';

/** Where a session is kept: in a folder of its own, or in memory. */
export interface Place {
  readonly folder: string | undefined;
  /** As for {@link DiskStore}. */
  readonly fsync: boolean;
}

/** Milliseconds that a stop waits for the disk. */
const LONGEST_FLUSH = 1_000;

type Report = (problem: MqttError) => void;
type Store = DiskStore | MemoryStore;

interface Kept {
  readonly place: Place;
  readonly report: Report;
  readonly opening: Promise<Store>;
  /** Once it is open. */
  store: Store | undefined;
  /** Objects of the node that exist: in a deploy the next may come before the last has closed. */
  users: number;
}

/** A session that is open, or being opened, which never fails. */
export interface Opened {
  readonly store: SessionStore | undefined;
  readonly opening: Promise<SessionStore>;
}

/** Sessions by config node: they outlive redeploys, and on disk the process; they end when their node is removed. */
export class SessionStores {
  readonly #byNode = new Map<string, Kept>();
  /** Of nodes that were removed, until their folders are gone. */
  readonly #ending = new Map<string, Promise<void>>();
  /** Messages that failed with their session: there may be very many at once. */
  readonly #failures: Spread;

  /** @param failed told what is thrown when somebody is told that his message failed. */
  constructor(failed: (error: unknown) => void) {
    this.#failures = new Spread(failed);
  }

  /**
   * The session of a node that was made; {@link left} or {@link remove} ends that. Elsewhere than before, it moves.
   * @param report told what a person should know about the disk, and why the session is in memory instead.
   */
  of(id: string, place: Place, report: Report): Opened {
    const before = this.#byNode.get(id);
    const kept = before !== undefined && isThere(before, place) ? before : this.#open(id, place, report, before);
    if (kept.store instanceof DiskStore) kept.store.fsync = place.fsync;
    kept.users += 1;
    return kept;
  }

  /** The node was closed, and may come back. Resolves when what it had is on disk, or the disk takes too long. */
  async left(id: string): Promise<void> {
    const kept = this.#byNode.get(id);
    if (kept === undefined) return;
    kept.users -= 1;
    if (kept.store instanceof DiskStore) await atMost(LONGEST_FLUSH, kept.store.flush());
  }

  /** A deploy is over: nodes that did not come back are gone. @returns how many messages failed by that; each is told so. */
  prune(): number {
    const gone = [...this.#byNode].filter(([, { users }]) => users <= 0);
    return gone.reduce((sum, [id]) => sum + this.remove(id), 0);
  }

  /** The node is gone for good. @returns how many messages failed by that; each is told so. */
  remove(id: string): number {
    const kept = this.#byNode.get(id);
    if (kept === undefined) return 0;
    this.#byNode.delete(id);
    if (kept.place.folder !== undefined) {
      const ending = forgotten(kept.opening, kept.report).finally(() => this.#ending.delete(id));
      this.#ending.set(id, ending);
    }
    const error = new MqttError('closed', 'the connection was removed before the broker had the message');
    return kept.store === undefined ? 0 : this.#discard(kept.store, error);
  }

  /** The process ends, and what lives in its memory with it. @returns how many messages failed by that. */
  end(): number {
    const error = new MqttError('closed', 'Node-RED ended before the broker had the message, which only memory kept');
    const stores = [...this.#byNode.values()].map(({ store }) => store);
    this.#byNode.clear();
    const lost = stores.map((store) =>
      store instanceof DiskStore ? store.unwritten : store === undefined ? 0 : this.#discard(store, error),
    );
    return lost.reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when every message that failed has been told so, and the folders of removed nodes are gone. */
  async told(): Promise<void> {
    await Promise.all([this.#failures.idle(), ...this.#ending.values()]);
  }

  #open(id: string, place: Place, report: Report, before: Kept | undefined): Kept {
    const users = before?.users ?? 0;
    const kept =
      place.folder === undefined && before === undefined
        ? inMemory(place, report)
        : this.#onDisk(id, place, report, before);
    kept.users = users;
    this.#byNode.set(id, kept);
    return kept;
  }

  #onDisk(id: string, place: Place, report: Report, before: Kept | undefined): Kept {
    const opening = (this.#ending.get(id) ?? Promise.resolve()).then(async () => {
      kept.store = await moved(before?.opening, place, report);
      return kept.store;
    });
    const kept: Kept = { place, report, opening, store: undefined, users: 0 };
    return kept;
  }

  #discard(store: Store, error: Error): number {
    return store.discard(error, (tell) => this.#failures.add(tell));
  }
}

async function atMost(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function inMemory(place: Place, report: Report): Kept {
  const store = new MemoryStore();
  return { place, report, store, opening: Promise.resolve(store), users: 0 };
}

/** What the session had elsewhere goes with it. It is let go of there when it is here. */
async function moved(before: Promise<Store> | undefined, place: Place, report: Report): Promise<Store> {
  const earlier = await before;
  const store = await opened(place, report);
  if (earlier !== undefined) fill(store, earlier.load());
  if (earlier instanceof DiskStore) await letGo(earlier, report);
  return store;
}

async function opened({ folder, fsync }: Place, report: Report): Promise<Store> {
  if (folder === undefined) return new MemoryStore();
  try {
    return await DiskStore.open(folder, { fsync, report });
  } catch (error) {
    report(error instanceof MqttError ? error : new MqttError('store-failed', String(error)));
    return new MemoryStore();
  }
}

/** Behind what is there already: a disk that could not be used for a while. */
function fill(store: SessionStore, session: StoredSession): void {
  const { identity, outgoing: there } = store.load();
  const last = there.at(-1)?.sequence ?? 0;
  for (const message of session.outgoing) store.put({ ...message, sequence: last + message.sequence });
  if (identity !== undefined) return;
  if (session.identity !== undefined) store.saveIdentity(session.identity);
  for (const packetId of session.received) store.saveReceived(packetId);
  for (const subscription of session.subscriptions) store.saveSubscription(subscription);
}

async function forgotten(opening: Promise<Store>, report: Report): Promise<void> {
  const store = await opening;
  if (store instanceof DiskStore) await letGo(store, report);
}

async function letGo(store: DiskStore, report: Report): Promise<void> {
  try {
    await store.forget();
  } catch (error) {
    report(new MqttError('store-failed', `the session in ${store.folder} could not be removed: ${textOf(error)}`));
  }
}

/** A session that is in memory because the disk could not be used is tried there again. */
function isThere({ place, store }: Kept, { folder }: Place): boolean {
  return place.folder === folder && !(folder !== undefined && store instanceof MemoryStore);
}
