import type { ConnectionLife } from './connection-life.ts';
import type { Essence } from './connection-settings.ts';
import { type FlowListener, LONGEST_DEPLOY, type Stop } from './flow-events.ts';

/** Connections whose node a deploy has closed, until it has made the next one. */
export class ParkedLives implements Partial<FlowListener> {
  readonly #parked = new Map<string, ConnectionLife>();
  /** What those need that nobody took, or not as they were; by the id of the node. */
  readonly #ending = new Map<string, Promise<void>>();
  readonly #failed: (error: unknown) => void;
  #keeps: Stop['keeps'] = () => false;
  #timer: NodeJS.Timeout | undefined;

  /** @param failed told what is thrown where a connection ends that nobody took. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  stopping({ keeps }: Stop): void {
    this.#keeps = keeps;
  }

  /** What did not come is gone for good. */
  started(): void {
    this.#over(true);
  }

  unstarted(): void {
    this.#over(false);
  }

  stopped(): void {
    this.#over(false);
  }

  /** Keeps a connection for the node that the deploy makes under this id; false: it makes none that is the same. */
  park(id: string, life: ConnectionLife): boolean {
    if (!this.#keeps(id)) return false;
    this.#parked.set(id, life);
    this.#timer ??= setTimeout(() => this.#over(false), LONGEST_DEPLOY).unref();
    return true;
  }

  /** The connection that waits for a node of this id with these settings; one with others ends. */
  take(id: string, essence: Essence | undefined): ConnectionLife | undefined {
    const life = this.#parked.get(id);
    this.#parked.delete(id);
    if (life === undefined || life.isFor(essence)) return life;
    this.#end(id, life, false);
    return undefined;
  }

  /** Resolves when the connection of before has ended, which a new one of this id has to wait for; undefined: there is none. */
  ending(id: string): Promise<void> | undefined {
    return this.#ending.get(id);
  }

  #over(areGone: boolean): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#keeps = () => false;
    for (const [id, life] of this.#parked) this.#end(id, life, areGone);
    this.#parked.clear();
  }

  /** Behind what else ends of this id. */
  #end(id: string, life: ConnectionLife, isGone: boolean): void {
    const ending = Promise.all([this.#ending.get(id), life.end(isGone).catch(this.#failed)]).then(() => undefined);
    this.#ending.set(id, ending);
    void ending.finally(() => this.#ending.get(id) === ending && this.#ending.delete(id));
  }
}
