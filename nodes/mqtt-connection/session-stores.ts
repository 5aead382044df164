import { DiskStore, MqttError } from '../../src/index.ts';
import { KeptSession, type Opened, type Place, type SessionUser, TOOLS, type Tools } from './kept-session.ts';
import { Spread } from './spread.ts';
import { atMost } from './waits.ts';

export type { Opened, Place, SessionUser } from './kept-session.ts';

/** Milliseconds that the end of a node waits for the folders of those that were removed. */
const LONGEST_REMOVAL = 1_000;

/** Sessions by config node: they outlive redeploys, and on disk the process; they end when their node is removed. */
export class SessionStores {
  readonly #byNode = new Map<string, KeptSession>();
  /** Of nodes that were removed, or keep their session elsewhere now, until their folders are free. */
  readonly #ending = new Map<string, Promise<void>>();
  /** Messages that failed with their session: there may be very many at once. */
  readonly #failures: Spread;
  readonly #tools: Tools;

  /** @param failed told what is thrown when somebody is told that his message failed. */
  constructor(failed: (error: unknown) => void, tools: Partial<Tools> = {}) {
    this.#failures = new Spread(failed);
    this.#tools = { ...TOOLS, ...tools };
  }

  /** The session of a node that was made; {@link left} or {@link remove} ends that. Elsewhere than before, it moves. */
  of(id: string, place: Place, user: SessionUser): Opened {
    const before = this.#byNode.get(id);
    const kept = before?.place.folder === place.folder && before !== undefined ? before : this.#open(id, place, before);
    kept.use(user, place.fsync);
    return kept;
  }

  /** Whether there is a session of this node, which may not run. */
  has(id: string): boolean {
    return this.#byNode.has(id);
  }

  /** Nobody opens the folder until `work`, which never fails, is through. undefined: a session of a node is, or was, in it. */
  hold(id: string, folder: string, work: () => Promise<void>): Promise<void> | undefined {
    if (this.#byNode.get(id)?.place.folder === folder || this.#ending.has(id)) return undefined;
    const working = work();
    this.#end(id, working);
    return working;
  }

  /** The node was closed, and may come back. Resolves when what it had is on disk, or the disk takes too long. */
  async left(id: string): Promise<void> {
    await this.#byNode.get(id)?.left();
  }

  /** A deploy is over: nodes that did not come back are gone. @returns how many messages failed by that; each is told so. */
  prune(): number {
    const gone = [...this.#byNode].filter(([, { isUsed }]) => !isUsed);
    return gone.reduce((sum, [id]) => sum + this.remove(id), 0);
  }

  /** The node is gone for good. @returns how many messages failed by that; each is told so. */
  remove(id: string): number {
    const kept = this.#byNode.get(id);
    if (kept === undefined) return 0;
    this.#byNode.delete(id);
    this.#end(id, kept.letGo(true));
    return this.#discard(kept, 'the connection was removed before the broker had the message');
  }

  /** The process ends, and what lives in its memory with it. @returns how many messages failed by that. */
  end(): number {
    const sessions = [...this.#byNode.values()];
    this.#byNode.clear();
    const lost = sessions.map((kept) => {
      if (!(kept.store instanceof DiskStore))
        return this.#discard(kept, 'Node-RED ended before the broker had the message, which only memory kept');
      kept.store.leaveAtExit();
      return kept.store.unwritten;
    });
    return lost.reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when every message that failed has been told so, and the folders of removed nodes are gone, or the disk takes too long. */
  async told(): Promise<void> {
    const gone = Promise.all(this.#ending.values());
    await Promise.all([this.#failures.idle(), atMost(LONGEST_REMOVAL, gone, this.#tools.after)]);
  }

  #open(id: string, place: Place, before: KeptSession | undefined): KeptSession {
    const kept = new KeptSession(place, before, this.#ending.get(id) ?? Promise.resolve(), this.#tools);
    this.#byNode.set(id, kept);
    if (before === undefined) return kept;
    kept.inherit(before);
    // When it is here; the folder may take its time.
    this.#end(
      id,
      kept.opening.then(() => before.letGo(false)),
    );
    return kept;
  }

  /** Behind what else ends there. */
  #end(id: string, ending: Promise<void>): void {
    const both = Promise.all([this.#ending.get(id), ending]).then(() => undefined);
    this.#ending.set(id, both);
    // It never rejects: what cannot be removed is told.
    void both.finally(() => this.#ending.get(id) === both && this.#ending.delete(id));
  }

  #discard(kept: KeptSession, why: string): number {
    return kept.discard(new MqttError('closed', why), (tell) => this.#failures.add(tell));
  }
}
